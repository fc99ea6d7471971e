//! Someone who walks through a page of the documents, and types its commands.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::pages::{Page, page, root};
use crate::support::receiver::Receiver;
use crate::support::sender::Sender;

/// What no test can do, by its beginning, and why.
pub const NOT_HERE: [(&str, &str, &str); 5] = [
    ("README.md", "cargo run", "is what built the program under test"),
    ("README.md", "scripts/test", "is what runs this test"),
    ("docs/handlers/rust.md", "cargo run --example", "cargo builds the examples with the tests"),
    ("docs/run/docker.md", "docker ", "needs Docker; the tests of `confined` build on the Dockerfile"),
    // Certificates of a CA, systemd and root. `confined` takes its steps as far as they go without.
    ("docs/run/systemd.md", "", "needs systemd"),
];

/// What runs until Ctrl+C, so it is the last line of its block: the receiver,
const RECEIVER: &str = "tradecloud-webhook";
/// and a simulated Tradecloud.
const PLATFORM: &str = "tradecloud-webhook simulate ";

/// The commands of a block, each on one line, without what is not for here.
fn commands(page: &str, block: &str) -> Vec<String> {
    let lines: Vec<_> = block.replace("\\\n", " ").lines().map(str::to_owned).collect();
    let is_not_here = |line: &str| NOT_HERE.iter().any(|(path, start, _)| *path == page && line.starts_with(start));
    lines.into_iter().filter(|line| !line.is_empty() && !line.starts_with('#') && !is_not_here(line)).collect()
}

/// The blocks of a page that hold commands; a script that is shown is none.
pub fn blocks(page: &Page) -> Vec<Vec<String>> {
    let shown = page.blocks("sh").into_iter().filter(|block| !block.starts_with("#!"));
    shown.map(|block| commands(&page.path, &block)).filter(|commands| !commands.is_empty()).collect()
}

/// Whether something has the form of a UUID.
fn is_id(text: &str) -> bool {
    let dashes = text.char_indices().filter(|(_, letter)| *letter == '-').map(|(at, _)| at);
    text.len() == 36
        && dashes.eq([8, 13, 18, 23])
        && text.chars().all(|letter| letter == '-' || letter.is_ascii_hexdigit())
}

/// A newcomer with a page before them, who types each block of it in a shell beside the receiver.
pub struct Walk {
    pub page: Page,
    pub receiver: Receiver,
    blocks: Vec<Vec<String>>,
    typed: BTreeSet<usize>,
    /// What was set in earlier blocks.
    variables: String,
    /// What to type for what the page has.
    pub replaced: Vec<(String, String)>,
    /// What `ID`, and the ids that are shown, stand for.
    pub id: String,
    /// What runs in a terminal of its own until Ctrl+C.
    running: Option<Running>,
}

/// A simulated Tradecloud, as a page starts it; killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Walk {
    pub fn new(path: &str, receiver: Receiver) -> Self {
        let page = page(path);
        for folder in ["tests", "examples"] {
            std::os::unix::fs::symlink(root().join(folder), receiver.path(folder)).unwrap();
        }
        let program = Path::new(env!("CARGO_BIN_EXE_tradecloud-webhook")).parent().unwrap().display();
        let variables = format!("set -eu\nexport PATH=\"{program}:$PATH\"\n");
        let blocks = blocks(&page);
        Self {
            page,
            receiver,
            blocks,
            typed: BTreeSet::new(),
            variables,
            replaced: Vec::new(),
            id: String::new(),
            running: None,
        }
    }

    /// Beside a receiver without a configuration, as the README starts it.
    pub fn of_first_run(path: &str) -> Self {
        let mut receiver = first_run();
        receiver.restart();
        let mut walk = Self::new(path, receiver);
        walk.know_the_receiver();
        walk
    }

    /// Its addresses are not those of the page.
    pub fn know_the_receiver(&mut self) {
        let listening = self.receiver.log().into_iter().find(|line| line["message"] == "listening").unwrap();
        self.replaced.push(("https://localhost:8443".to_owned(), self.receiver.url("")));
        self.replaced.push(("127.0.0.1:8081".to_owned(), listening["admin"].as_str().unwrap().to_owned()));
    }

    /// What the README has set.
    pub fn knows_what_the_readme_has_set(&mut self) {
        let readme = page("README.md");
        let set =
            blocks(&readme).concat().into_iter().filter(|line| line.starts_with("export ") || line.starts_with("url="));
        let set: Vec<_> = set.map(|line| self.as_typed(&line)).collect();
        self.variables += &(set.join("\n") + "\n");
    }

    pub fn as_typed(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (written, typed) in &self.replaced {
            line = line.replace(written, typed);
        }
        if self.id.is_empty() {
            return line;
        }
        line.split(' ')
            .map(|word| if word == "ID" || is_id(word) { &*self.id } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Types the block that has this in it, and returns what it printed.
    pub fn types(&mut self, part: &str) -> String {
        let has = |block: &Vec<String>| block.iter().any(|line| line.contains(part));
        let index = self.blocks.iter().position(has).unwrap_or_else(|| panic!("{} has no {part}", self.page.path));
        self.typed.insert(index);
        let mut lines: Vec<_> = self.blocks[index].iter().map(|line| self.as_typed(line)).collect();
        let runs = lines.last().filter(|line| *line == RECEIVER || line.starts_with(PLATFORM)).cloned();
        lines.truncate(lines.len() - usize::from(runs.is_some()));
        let script = format!("{}{}", self.variables, lines.join("\n"));
        let output = self.receiver.shell(&script);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{script}\n{said}{}", String::from_utf8_lossy(&output.stderr));
        let sets = |line: &&String| line.starts_with("export ") || line.split(' ').next().unwrap().contains('=');
        self.variables += &lines.iter().filter(sets).map(|line| line.clone() + "\n").collect::<String>();
        match runs {
            Some(line) if line == RECEIVER => self.receiver.restart(),
            Some(line) => self.run(&line),
            None => {}
        }
        said
    }

    /// Runs something in a terminal of its own.
    fn run(&mut self, line: &str) {
        let terminal = std::fs::File::create(self.receiver.path("terminal")).unwrap();
        let script = format!("{}exec {line}", self.variables);
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(self.receiver.folder());
        self.running = Some(Running(command.stdin(Stdio::null()).stdout(terminal).spawn().unwrap()));
    }

    /// What stands in that terminal.
    pub fn terminal(&self) -> String {
        std::fs::read_to_string(self.receiver.path("terminal")).unwrap()
    }

    /// Ctrl+C in that terminal: what it has said, to its last words.
    pub fn interrupts(&mut self) -> String {
        let mut running = self.running.take().expect("nothing runs");
        assert!(Command::new("kill").args(["-INT", &running.0.id().to_string()]).status().unwrap().success());
        let begun = Instant::now();
        while running.0.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not end: {}", self.terminal());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.terminal()
    }

    /// Sets a variable for what is typed from now on.
    pub fn sets(&mut self, name: &str, value: &str) {
        self.variables.extend(["export ", name, "=", value, "\n"]);
    }

    /// That nothing of the page was left out.
    pub fn has_typed_all(&self) {
        let left: Vec<_> = (0..self.blocks.len()).filter(|index| !self.typed.contains(index)).collect();
        assert!(
            left.is_empty(),
            "{} has more: {:?}",
            self.page.path,
            left.iter().map(|index| &self.blocks[*index]).collect::<Vec<_>>()
        );
    }

    /// Waits until all events are in that state, but for those that are in one of the others.
    pub async fn all_are(&self, state: &str, others: &[&str]) -> Vec<Value> {
        let is = |event: &Value| event["state"] == state || others.iter().any(|other| event["state"] == *other);
        self.receiver.inbox_until(|events| !events.is_empty() && events.iter().all(is)).await
    }

    /// A sender to a receiver with the certificate and password of a first run.
    pub fn sender(&self) -> Sender {
        let read = |name: &str| std::fs::read_to_string(self.receiver.path(name)).unwrap();
        Sender::new(self.receiver.url("/webhooks/tradecloud"), read("certs/dev-ca.pem").into())
            .basic("tradecloud", &read("certs/dev-password"))
    }
}

/// One in an empty folder, which is to make its set-up itself.
pub fn first_run() -> Receiver {
    Receiver::bare()
        .setting("SERVER__LISTEN", "127.0.0.1:0")
        .setting("ADMIN__LISTEN", "127.0.0.1:0")
        .setting("LOG__FORMAT", "json")
}
