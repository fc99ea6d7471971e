//! Every command of the documents works as it is written, in the order of its page.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::examples::Erp;
use crate::configuration::OF_THE_TESTS;
use crate::support::eventually;
use crate::support::pages::{Page, file, page, pages, root};
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, Sender};
use crate::support::server::free_port;

/// The pages that a test of this file walks through.
const WALKED: [&str; 10] = [
    "README.md",
    "docs/alarms.md",
    "docs/configure.md",
    "docs/connect.md",
    "docs/credentials.md",
    "docs/events.md",
    "docs/handlers/README.md",
    "docs/handlers/exec.md",
    "docs/replay.md",
    "docs/trouble.md",
];

/// What no test can do, by its beginning, and why.
const NOT_HERE: [(&str, &str, &str); 5] = [
    ("README.md", "cargo run", "is what built the program under test"),
    ("README.md", "scripts/test", "is what runs this test"),
    ("docs/handlers/rust.md", "cargo run --example", "cargo builds the examples with the tests"),
    ("docs/run/docker.md", "docker ", "needs Docker; the tests of `confined` build on the Dockerfile"),
    // Certificates of a CA, systemd and root. `confined` takes its steps as far as they go without.
    ("docs/run/systemd.md", "", "needs systemd"),
];

/// The commands of a block, each on one line, without what is not for here.
fn commands(page: &str, block: &str) -> Vec<String> {
    let lines: Vec<_> = block.replace("\\\n", " ").lines().map(str::to_owned).collect();
    let is_not_here = |line: &str| NOT_HERE.iter().any(|(path, start, _)| *path == page && line.starts_with(start));
    lines.into_iter().filter(|line| !line.is_empty() && !line.starts_with('#') && !is_not_here(line)).collect()
}

/// The blocks of a page that hold commands; a script that is shown is none.
fn blocks(page: &Page) -> Vec<Vec<String>> {
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
struct Walk {
    page: Page,
    receiver: Receiver,
    blocks: Vec<Vec<String>>,
    typed: BTreeSet<usize>,
    /// What was set in earlier blocks.
    variables: String,
    /// What to type for what the page has.
    replaced: Vec<(String, String)>,
    /// What `ID`, and the ids that are shown, stand for.
    id: String,
}

impl Walk {
    fn new(path: &str, receiver: Receiver) -> Self {
        let page = page(path);
        for folder in ["tests", "examples"] {
            std::os::unix::fs::symlink(root().join(folder), receiver.path(folder)).unwrap();
        }
        let program = Path::new(env!("CARGO_BIN_EXE_tradecloud-webhook")).parent().unwrap().display();
        let variables = format!("set -eu\nexport PATH=\"{program}:$PATH\"\n");
        let blocks = blocks(&page);
        Self { page, receiver, blocks, typed: BTreeSet::new(), variables, replaced: Vec::new(), id: String::new() }
    }

    /// Beside a receiver without a configuration, as the README starts it.
    fn of_first_run(path: &str) -> Self {
        let mut receiver = first_run();
        receiver.restart();
        let mut walk = Self::new(path, receiver);
        walk.know_the_receiver();
        walk
    }

    /// Its addresses are not those of the page.
    fn know_the_receiver(&mut self) {
        let listening = self.receiver.log().into_iter().find(|line| line["message"] == "listening").unwrap();
        self.replaced.push(("https://localhost:8443".to_owned(), self.receiver.url("")));
        self.replaced.push(("127.0.0.1:8081".to_owned(), listening["admin"].as_str().unwrap().to_owned()));
    }

    /// What the README has set.
    fn knows_what_the_readme_has_set(&mut self) {
        let readme = page("README.md");
        let set =
            blocks(&readme).concat().into_iter().filter(|line| line.starts_with("export ") || line.starts_with("url="));
        let set: Vec<_> = set.map(|line| self.as_typed(&line)).collect();
        self.variables += &(set.join("\n") + "\n");
    }

    fn as_typed(&self, line: &str) -> String {
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
    fn types(&mut self, part: &str) -> String {
        let has = |block: &Vec<String>| block.iter().any(|line| line.contains(part));
        let index = self.blocks.iter().position(has).unwrap_or_else(|| panic!("{} has no {part}", self.page.path));
        self.typed.insert(index);
        let lines: Vec<_> = self.blocks[index].iter().map(|line| self.as_typed(line)).collect();
        let script = format!("{}{}", self.variables, lines.join("\n"));
        let output = self.receiver.shell(&script);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{script}\n{said}{}", String::from_utf8_lossy(&output.stderr));
        let sets = |line: &&String| line.starts_with("export ") || line.split(' ').next().unwrap().contains('=');
        self.variables += &lines.iter().filter(sets).map(|line| line.clone() + "\n").collect::<String>();
        said
    }

    /// That nothing of the page was left out.
    fn has_typed_all(&self) {
        let left: Vec<_> = (0..self.blocks.len()).filter(|index| !self.typed.contains(index)).collect();
        assert!(
            left.is_empty(),
            "{} has more: {:?}",
            self.page.path,
            left.iter().map(|index| &self.blocks[*index]).collect::<Vec<_>>()
        );
    }

    /// Waits until all events are in that state, but for those that are in one of the others.
    async fn all_are(&self, state: &str, others: &[&str]) -> Vec<Value> {
        let is = |event: &Value| event["state"] == state || others.iter().any(|other| event["state"] == *other);
        self.receiver.inbox_until(|events| !events.is_empty() && events.iter().all(is)).await
    }

    /// A sender to a receiver with the certificate and password of a first run.
    fn sender(&self) -> Sender {
        let read = |name: &str| std::fs::read_to_string(self.receiver.path(name)).unwrap();
        Sender::new(self.receiver.url("/webhooks/tradecloud"), read("certs/dev-ca.pem").into())
            .basic("tradecloud", &read("certs/dev-password"))
    }
}

fn first_run() -> Receiver {
    Receiver::bare()
        .setting("SERVER__LISTEN", "127.0.0.1:0")
        .setting("ADMIN__LISTEN", "127.0.0.1:0")
        .setting("LOG__FORMAT", "json")
}

#[test]
fn every_page_with_commands_is_walked_or_says_why_not() {
    let with_commands: Vec<_> =
        pages().into_iter().filter(|page| !blocks(page).is_empty()).map(|page| page.path).collect();

    assert_eq!(with_commands, WALKED);
    for (path, start, _) in NOT_HERE {
        let blocks = page(path).blocks("sh");
        assert!(
            blocks.iter().any(|block| block.lines().any(|line| line.starts_with(start))),
            "{path}: {start} is not there"
        );
    }
}

#[tokio::test]
async fn the_first_five_minutes_go_as_the_readme_says() {
    let mut walk = Walk::of_first_run("README.md");
    let shown = walk.page.blocks("text");

    eventually("the receiver says how to try it", async || walk.receiver.printed().contains("curl")).await;
    let introduction = walk.receiver.printed();
    for line in shown[1].lines().filter(|line| !line.contains('…')) {
        assert!(introduction.contains(&walk.as_typed(line)), "{line}\n{introduction}");
    }
    assert!(walk.types("--data-binary").contains(r#""status":"stored""#));
    let sent = walk.types("send --sample order");
    assert!(sent.contains(shown[2].lines().last().unwrap()), "{sent}");
    let events = walk.all_are("done", &[]).await;
    assert_eq!(events.len(), 4, "each of them is an event of its own: {events:#?}");
    walk.id = events[1]["id"].as_str().unwrap().to_owned();
    let listed = walk.types("events list");
    let files = listed.lines().filter(|line| line.contains(".json") && !line.starts_with(' '));
    assert_eq!(files.count(), 4, "{listed}");
    assert!(listed.contains(&walk.id), "{listed}");
    walk.has_typed_all();
}

#[tokio::test]
async fn a_sample_finds_its_way_from_outside() {
    let mut walk = Walk::of_first_run("docs/connect.md");
    let url = format!("{} --ca certs/dev-ca.pem", walk.receiver.url("/webhooks/tradecloud"));
    let password = std::fs::read_to_string(walk.receiver.path("certs/dev-password")).unwrap();
    walk.replaced.push(("https://webhooks.example.com/webhooks/tradecloud".to_owned(), url));
    walk.replaced.push(("the password".to_owned(), password.trim().to_owned()));

    assert!(walk.types("send --sample order").starts_with("delivered"));
    walk.has_typed_all();
}

#[tokio::test]
async fn a_sample_finds_its_way_through_the_good_start_once_its_machine_is_let_in() {
    let receiver = Receiver::prepared("");
    let start = page("docs/configure.md").blocks("toml").remove(0);
    receiver.configure(|_| start.replace("0.0.0.0:8443", "127.0.0.1:0"));
    assert!(receiver.run(&["secret"]).status.success());
    let mut receiver = receiver.setting("LOG__FORMAT", "json").setting("ADMIN__LISTEN", "127.0.0.1:0");
    receiver.restart();
    let (url, program) = (receiver.url("/webhooks/tradecloud"), env!("CARGO_BIN_EXE_tradecloud-webhook"));
    let send = || {
        let basic = "\"tradecloud:$(cat certs/portal-password)\"";
        let output = receiver.shell(&format!("{program} send --sample order --url {url} --ca ca.pem --basic {basic}"));
        String::from_utf8(output.stdout).unwrap()
    };

    let before = send();
    receiver.configure(|text| text.replace("\"tradecloud-acceptance\"]", "\"tradecloud-acceptance\", \"127.0.0.1\"]"));
    assert!(receiver.hang_up().await.contains("configuration reloaded"));
    let let_in = send();
    receiver.configure(|text| text.replace(", \"127.0.0.1\"]", "]"));
    assert!(receiver.hang_up().await.contains("configuration reloaded"));

    assert!(before.starts_with("lost        403") && before.contains("to `allow_from` of the endpoint"), "{before}");
    assert!(let_in.starts_with("delivered   202"), "{let_in}");
    assert!(send().starts_with("lost        403"));
}

#[test]
fn the_good_start_passes_the_check() {
    let receiver = Receiver::prepared("");
    let start = page("docs/configure.md").blocks("toml").remove(0);
    std::fs::write(receiver.path("config/receiver.toml"), start).unwrap();
    assert!(receiver.run(&["secret"]).status.success());
    let mut walk = Walk::new("docs/configure.md", receiver);

    let said = walk.types("check");

    assert_eq!(said.matches("The configuration is valid.").count(), 2, "{said}");
    let mut warnings = said.lines().filter(|line| line.starts_with("warning: "));
    assert!(warnings.all(|line| line.contains(OF_THE_TESTS)), "{said}");
    walk.has_typed_all();
}

#[test]
fn a_password_is_made_as_shown() {
    let receiver = Receiver::prepared("");
    let mut walk = Walk::new("docs/credentials.md", receiver);

    let said = walk.types("secret --name");

    assert_eq!(said, walk.page.block("text"));
    walk.has_typed_all();
}

#[tokio::test]
async fn orders_are_read_with_jq_and_in_python() {
    let mut walk = Walk::of_first_run("docs/events.md");
    walk.knows_what_the_readme_has_set();
    let ca = ["send", "--sample", "order", "--sample", "shipment", "--ca", "certs/dev-ca.pem"];
    let (url, password) = (
        walk.receiver.url("/webhooks/tradecloud"),
        std::fs::read_to_string(walk.receiver.path("certs/dev-password")).unwrap(),
    );
    let credentials = format!("tradecloud:{}", password.trim());
    assert!(walk.receiver.run(&[&ca[..], &["--url", &url, "--basic", &credentials]].concat()).status.success());
    walk.all_are("done", &[]).await;
    let shown = walk.page.section("Python").block("text");

    let with_jq = walk.types("jq -r");
    let in_python = walk.types("python3");

    assert_eq!(in_python, shown);
    // jq before 1.7 drops the zeros at the end.
    let without_zeros = |text: &str| text.replace("1200.000", "1200").replace("34.560", "34.56");
    assert_eq!(without_zeros(&with_jq), without_zeros(&shown));
    walk.has_typed_all();
}

#[tokio::test]
async fn the_receiver_is_asked_how_it_is() {
    let mut walk = Walk::of_first_run("docs/alarms.md");

    assert!(walk.types("readyz").contains("ready"));
    walk.has_typed_all();
}

#[tokio::test]
async fn a_handler_catches_up() {
    let mut receiver = Receiver::with("");
    assert!(receiver.sender().send(crate::support::sender::order_event("1")).await.is_delivered());
    receiver.terminate();
    let example = page("docs/handlers/README.md").block("toml");
    let of_all = example
        .lines()
        .filter(|line| !line.starts_with("by ") && !line.starts_with("companies ") && !line.starts_with("events "));
    let of_all: String = of_all.map(|line| line.to_owned() + "\n").collect();
    receiver.configure(|text| text + &of_all);
    receiver.restart();
    let mut walk = Walk::new("docs/handlers/README.md", receiver);

    walk.types("--handler disk");

    walk.all_are("done", &[]).await;
    assert_eq!(std::fs::read_dir(walk.receiver.path("data/events")).unwrap().count(), 1);
    walk.has_typed_all();
}

#[test]
fn a_program_is_tried_without_a_receiver() {
    let mut walk = Walk::new("docs/handlers/exec.md", Receiver::bare());

    walk.types("import-order");

    let taken = std::fs::read_dir(walk.receiver.path("imported")).unwrap().map(|entry| entry.unwrap().file_name());
    let event: Value = serde_json::from_str(&file("tests/fixtures/samples/order-event.json")).unwrap();
    assert_eq!(taken.collect::<Vec<_>>(), [format!("{}.json", event["meta"]["messageId"].as_str().unwrap()).as_str()]);
    walk.has_typed_all();
}

#[tokio::test]
async fn what_fails_is_found_and_mended_as_the_page_says() {
    let mut receiver = first_run();
    receiver.expects_error("rejected: a dead letter");
    receiver.restart();
    receiver.terminate();
    let erp = free_port();
    let configuration = page("docs/trouble.md").block("toml").replace("127.0.0.1:9000", &format!("127.0.0.1:{erp}"));
    std::fs::create_dir(receiver.path("config")).unwrap();
    std::fs::write(receiver.path("config/receiver.toml"), configuration).unwrap();
    receiver.restart();
    let mut walk = Walk::new("docs/trouble.md", receiver);
    walk.know_the_receiver();
    walk.knows_what_the_readme_has_set();

    // The ERP is down.
    let order = file("src/cli/samples/order.json").replace("{{messageId}}", "5f0c7e9b-0000-4000-8000-000000000001");
    assert!(walk.sender().send(Message::json(order)).await.is_delivered());
    walk.id = walk.receiver.inbox()[0]["id"].as_str().unwrap().to_owned();
    let said = walk.types("send --sample order");
    assert!(said.starts_with("delivered   202") && said.contains("pending"), "{said}");
    let shown = walk.page.blocks("text").remove(0);
    let first = shown.lines().next().unwrap().split(',').next().unwrap();
    assert!(said.contains(first), "{first}: {said}");
    assert!(walk.types("--number PO-4500012345").contains(&walk.id));

    // It is back.
    let running = Erp::start(walk.receiver.folder(), &["--port", &erp.to_string()]);
    walk.types("--all --state pending");
    walk.all_are("done", &[]).await;

    // It rejects an order, and is away when somebody has another try.
    let nameless = Message::json(r#"{"eventName": "OrderIssuedByBuyer", "orderEvent": {"orderId": "nameless"}}"#);
    assert!(walk.sender().send(nameless).await.is_delivered());
    let events = walk.all_are("done", &["dead"]).await;
    let is_dead = |event: &&Value| event["state"] == "dead";
    let first =
        std::mem::replace(&mut walk.id, events.iter().find(is_dead).unwrap()["id"].as_str().unwrap().to_owned());
    drop(running);
    let said = walk.types("events discard ID");
    assert!(said.contains("the order has no purchase order number"), "{said}");
    assert_eq!(walk.receiver.inbox().iter().filter(|event| event["state"] == "discarded").count(), 1);
    assert_eq!(std::fs::read_to_string(walk.receiver.path("events.jsonl")).unwrap().lines().count(), 3);

    // Once more, and what nobody wanted.
    let _running = Erp::start(walk.receiver.folder(), &["--port", &erp.to_string()]);
    walk.id = first;
    walk.types("deliver ID --handler erp");
    walk.types("--state unwanted");
    walk.all_are("done", &["discarded"]).await;
    walk.has_typed_all();
}

#[tokio::test]
async fn recordings_are_sent_as_the_page_says() {
    let mut walk = Walk::of_first_run("docs/replay.md");
    walk.knows_what_the_readme_has_set();
    let shown = walk.page.block("text");
    let without_time = |line: &str| line.split(" ms").last().unwrap().to_owned();

    let said = walk.types("--dry-run");

    let sent = said.lines().skip_while(|line| !line.starts_with("delivered"));
    assert!(said.starts_with("would send"), "{said}");
    assert_eq!(sent.map(without_time).collect::<Vec<_>>(), shown.lines().map(without_time).collect::<Vec<_>>());
    walk.has_typed_all();
}

#[test]
fn every_option_of_every_command_is_told() {
    let receiver = Receiver::bare();
    let text = page("docs/commands.md").text;
    let mut told = 0;
    for command in [
        &["serve"][..],
        &["check"],
        &["send"],
        &["replay"],
        &["events", "list"],
        &["events", "show"],
        &["events", "order"],
        &["events", "deliver"],
        &["events", "discard"],
        &["events", "erase"],
        &["events", "export"],
        &["inbox", "backup"],
        &["inbox", "verify"],
        &["inbox", "restore"],
        &["fetch", "order"],
        &["fetch", "shipment"],
        &["backfill"],
        &["secret"],
        &["simulate"],
    ] {
        let help = String::from_utf8(receiver.run(&[command, &["--help"]].concat()).stdout).unwrap();
        assert!(
            text.contains(&format!("`{}", command.join(" "))) || text.contains(&format!(" {}`", command.join(" "))),
            "{command:?} is not told"
        );
        // An option begins its line, after its short form if it has one.
        let lines = help.lines().map(|line| line.trim_start().trim_start_matches("-o, ").trim_start_matches("-h, "));
        for line in lines.filter(|line| line.starts_with("--")) {
            let option = line.split([' ', '=', '[']).next().unwrap();
            if !["--help", "--version"].contains(&option) {
                assert!(text.contains(&format!("`{option}")), "{option} of {command:?} is not told");
                told += 1;
            }
        }
    }
    assert!(told > 40, "the options were not found: {told}");
}
