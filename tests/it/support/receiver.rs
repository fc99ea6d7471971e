//! The receiver itself: the built program, in a folder of its own, on ports of its own.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::certificates;
use super::raw::Connection;
use super::sender::Sender;

/// The credentials every test receiver knows.
pub const USERNAME: &str = "tradecloud";
pub const PASSWORD: &str = "correct horse battery staple";
pub const TOKEN: &str = "a-token-that-nobody-guesses";

const PROGRAM: &str = env!("CARGO_BIN_EXE_tradecloud-webhook");
const PATIENCE: Duration = Duration::from_secs(90);
/// What the log says of a new configuration.
const RELOADED: [&str; 3] = ["configuration reloaded", "configuration read again", "is refused as a whole"];

/// Errors of a receiver whose back end fails.
pub const BACK_END_FAILS: [&str; 1] = ["the handler is down"];

/// Errors of a receiver whose inbox cannot be written or read for a while.
pub const STORE_FAILS: [&str; 6] = [
    "the inbox cannot write",
    "an event could not be stored",
    "a refused body could not be kept",
    "cannot load an event",
    "cannot look for work",
    "cannot note how a delivery ended",
];

/// What the reading of a log may take once the process is gone.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// A receiver in a temporary folder. Killed when dropped; a test fails then on an ERROR that it did not expect.
pub struct Receiver {
    folder: TempDir,
    /// Programs to run every command under, such as `nsenter`.
    inside: Vec<String>,
    environment: Vec<(String, String)>,
    process: Option<Process>,
    /// What was logged by each process that has listened.
    logs: Vec<(Log, JoinHandle<()>)>,
    /// Parts of the messages of errors that are no surprise.
    expected: Mutex<Vec<String>>,
}

type Log = Arc<Mutex<Vec<Value>>>;

struct Process {
    child: Child,
    log: Log,
    printed: Arc<Mutex<String>>,
    public: u16,
    admin: u16,
}

impl Receiver {
    /// One that only stores.
    pub fn start() -> Self {
        Self::with("")
    }

    /// One with these further lines of configuration.
    pub fn with(configuration: &str) -> Self {
        let mut receiver = Self::prepared(configuration);
        receiver.restart();
        receiver
    }

    /// A folder with certificate and configuration, without a process yet.
    ///
    /// `[server]`, `[auth]`, `[admin]` and `[log]` are there; say `server.limits.body = "1 KiB"` and the
    /// like before the first table of your own.
    pub fn prepared(configuration: &str) -> Self {
        let receiver = Self::bare();
        certificates::make(receiver.folder());
        let whole = format!(
            r#"server.listen = "127.0.0.1:0"
admin.listen = "127.0.0.1:0"
log.format = "json"
log.level = "debug"
auth.portal = {{ type = "basic", username = "{USERNAME}", password = "{PASSWORD}" }}
auth.token = {{ type = "bearer", token = "{TOKEN}" }}
{configuration}
"#
        );
        std::fs::create_dir(receiver.path("config")).unwrap();
        write_private(&receiver.path("config/receiver.toml"), &whole);
        receiver
    }

    /// An empty folder.
    pub fn bare() -> Self {
        let folder = tempfile::Builder::new().prefix("tradecloud-webhook-").tempdir().unwrap();
        Self {
            folder,
            inside: Vec::new(),
            environment: Vec::new(),
            process: None,
            logs: Vec::new(),
            expected: Mutex::default(),
        }
    }

    /// Sets a variable of the environment for everything that is run: `SERVER__LISTEN`, without prefix.
    pub fn setting(self, name: &str, value: &str) -> Self {
        self.variable(&format!("TRADECLOUD_WEBHOOK__{name}"), value)
    }

    /// The same for one that is not the program's own.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has its inbox in the PostgreSQL database at `url`.
    pub fn inbox_at(self, url: &str) -> Self {
        self.setting("INBOX__STORE", "postgres").setting("INBOX__URL", url)
    }

    /// What [`Receiver::inbox_at`] was told.
    pub fn inbox_url(&self) -> Option<&str> {
        self.environment.iter().find(|(name, _)| name.ends_with("INBOX__URL")).map(|(_, url)| url.as_str())
    }

    /// Runs the receiver and every other command under other programs that change what they see.
    pub fn inside(mut self, programs: Vec<String>) -> Self {
        self.run_inside(programs);
        self
    }

    /// The same, from the next one on.
    pub fn run_inside(&mut self, programs: Vec<String>) {
        self.inside = programs;
    }

    /// The folder it works in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in its folder.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Starts it, or starts it again with what is in its folder, and waits until it listens.
    pub fn restart(&mut self) {
        if let Err((status, log)) = self.try_restart() {
            panic!("the receiver ended with {status}:\n{log:#?}");
        }
    }

    /// The same for one that may end instead: with which status, and what it has said.
    pub fn try_restart(&mut self) -> Result<(), (ExitStatus, Vec<Value>)> {
        assert!(self.process.is_none(), "it runs already");
        let mut command = self.command(&["serve"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        let (stdout, lines) = (BufReader::new(child.stdout.take().unwrap()), Arc::clone(&printed));
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                *lines.lock().unwrap() += &(line + "\n");
            }
        });
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let lines = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let entry = serde_json::from_str(&line).unwrap_or_else(|_| Value::String(line.clone()));
                lines.lock().unwrap().push(entry);
            }
        });
        let started = Instant::now();
        let listening = loop {
            let found = log.lock().unwrap().iter().find(|entry: &&Value| entry["message"] == "listening").cloned();
            if let Some(found) = found {
                break found;
            }
            if let Some(status) = child.try_wait().unwrap() {
                reader.join().unwrap();
                return Err((status, log.lock().unwrap().clone()));
            }
            assert!(started.elapsed() < PATIENCE, "the receiver does not listen:\n{:#?}", log.lock().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        };
        let port = |key: &str| listening[key].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        self.logs.push((Arc::clone(&log), reader));
        self.process = Some(Process { child, log, printed, public: port("address"), admin: port("admin") });
        Ok(())
    }

    /// A sender with the right Basic credentials.
    pub fn sender(&self) -> Sender {
        Sender::new(self.url("/webhooks/tradecloud"), self.ca()).basic(USERNAME, PASSWORD)
    }

    /// A connection over TLS on which a test writes what it likes.
    pub fn connect(&self) -> Connection {
        Connection::open(self.public_port(), &self.ca())
    }

    /// Its CA, in PEM.
    pub fn ca(&self) -> Vec<u8> {
        std::fs::read(self.path("ca.pem")).unwrap()
    }

    /// A URL of the public address.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.public_port())
    }

    /// The port of the public address.
    pub fn public_port(&self) -> u16 {
        self.process().public
    }

    /// The port of the admin address.
    pub fn admin_port(&self) -> u16 {
        self.process().admin
    }

    /// Asks the admin address; the status and the text.
    pub async fn admin(&self, path: &str) -> (u16, String) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let url = format!("http://127.0.0.1:{}{path}", self.process().admin);
        let answer = reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process().child.id()
    }

    /// The most memory that was resident so far, in bytes.
    pub fn most_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// Everything it has logged, an object per line.
    pub fn log(&self) -> Vec<Value> {
        self.process().log.lock().unwrap().clone()
    }

    /// Everything it has written to standard output.
    pub fn printed(&self) -> String {
        self.process().printed.lock().unwrap().clone()
    }

    /// An ERROR whose message has this in it belongs to the test, whether it comes before or after this call. Any other
    /// fails it.
    pub fn expects_error(&self, message: &str) {
        self.expected.lock().unwrap().push(message.to_owned());
    }

    /// The same for several.
    pub fn expects_errors(&self, messages: &[&str]) {
        for message in messages {
            self.expects_error(message);
        }
    }

    /// Waits until a line of its log has that message, which may be an ERROR then; returns the line.
    pub async fn logged(&self, message: &str) -> Value {
        self.expects_error(message);
        let started = Instant::now();
        loop {
            let found = self
                .log()
                .into_iter()
                .find(|entry| entry["message"].as_str().is_some_and(|text| text.contains(message)));
            if let Some(found) = found {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "not logged: {message}\n{:#?}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until something is logged that is about a new configuration, after the first `seen` lines of
    /// the log; returns the message.
    pub async fn reloaded_since(&self, seen: usize) -> String {
        self.expects_error(RELOADED[2]);
        let started = Instant::now();
        loop {
            let log = self.log();
            let mut messages = log[seen..].iter().filter_map(|entry| entry["message"].as_str());
            if let Some(message) = messages.find(|message| RELOADED.iter().any(|text| message.contains(text))) {
                return message.to_owned();
            }
            assert!(started.elapsed() < PATIENCE, "nothing was reloaded nor refused\n{log:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGHUP; waits until the configuration has been read, and returns what the log says of it.
    pub async fn hang_up(&self) -> String {
        let seen = self.log().len();
        self.signal("-HUP");
        self.reloaded_since(seen).await
    }

    /// Changes the configuration file, by putting another one in its place.
    pub fn configure(&self, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.path("config/receiver.toml")).unwrap();
        self.replace("config/receiver.toml", &change(text));
    }

    /// Puts another file in the place of one, as most editors do.
    pub fn replace(&self, relative: &str, text: &str) {
        let new = self.path(&format!("{relative}.new"));
        write_private(&new, text);
        std::fs::rename(new, self.path(relative)).unwrap();
    }

    /// SIGKILL: no chance to do anything.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it does not run");
        process.child.kill().unwrap();
        process.child.wait().unwrap();
    }

    /// SIGTERM, without waiting for the end.
    pub fn ask_to_end(&self) {
        self.signal("-TERM");
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.take().expect("it does not run").child.wait().unwrap()
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.ask_to_end();
        self.wait()
    }

    /// SIGTERM, and waits for the end while the test's own connections go on, so that they can say goodbye.
    pub async fn end(&mut self) -> ExitStatus {
        self.ask_to_end();
        let mut process = self.process.take().expect("it does not run");
        loop {
            if let Some(status) = process.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Runs another command of the program in the same folder, to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        to_its_end(&mut self.command(arguments))
    }

    /// The same, with a standard output that nobody reads any more.
    pub fn run_unread(&self, arguments: &[&str]) -> Output {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        wait_for(self.command(arguments).stdout(writer))
    }

    /// The same with another variable of the environment, which need not be a text.
    pub fn run_with_variable(&self, command: &str, name: &str, value: &OsStr) -> Output {
        to_its_end(self.command(&[command]).env(name, value))
    }

    /// Runs a line of the shell in the same folder.
    pub fn shell(&self, line: &str) -> Output {
        to_its_end(Command::new("sh").args(["-c", line]).current_dir(self.folder()))
    }

    /// The body of an event or a refused body, as the inbox has it.
    pub fn body_of(&self, id: &str) -> Vec<u8> {
        let output = self.run(&["events", "show", id, "--body"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        output.stdout
    }

    /// Runs `events …`, which must succeed, and reads its JSON lines.
    pub fn events(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[&["events"], arguments].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "events {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    }

    /// Every event in the inbox, the oldest first.
    pub fn inbox(&self) -> Vec<Value> {
        let mut events = self.events(&["list", "--json", "--limit", "1000000"]);
        events.reverse();
        events
    }

    /// Waits until `condition` holds for what is in the inbox.
    pub async fn inbox_until(&self, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let events = self.inbox();
            if condition(&events) {
                return events;
            }
            if started.elapsed() >= PATIENCE {
                // Most often what is not done is what is looked for, and it would be lost among those that are.
                let (done, others): (Vec<_>, Vec<_>) = events.iter().partition(|event| event["state"] == "done");
                let shown = if others.is_empty() { &done } else { &others };
                panic!("the inbox never came so far; {} are done, {} not:\n{shown:#?}", done.len(), others.len());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("it does not run")
    }

    /// Another command of the program in the same folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        // For measurements, which are to be those of an optimised program.
        let program = std::env::var("MEASURED_PROGRAM").unwrap_or_else(|_| PROGRAM.to_owned());
        let line = [&self.inside[..], &[program]].concat();
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).args(arguments);
        command.current_dir(self.folder()).envs(self.environment.iter().cloned());
        command
    }
}

/// Runs a program that must end by itself.
fn to_its_end(command: &mut Command) -> Output {
    wait_for(command.stdout(Stdio::piped()))
}

fn wait_for(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (pid, (done, ended)) = (child.id(), mpsc::channel());
    std::thread::spawn(move || done.send(child.wait_with_output()));
    ended.recv_timeout(PATIENCE).map_or_else(
        |_| {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            panic!("did not end: {command:?}");
        },
        Result::unwrap,
    )
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
        // A test that has failed says why, and a second panic would end all of them.
        if !std::thread::panicking() {
            let unexpected = self.unexpected_errors();
            assert!(unexpected.is_empty(), "the receiver logged what no test expected:\n{unexpected:#?}");
        }
    }
}

impl Receiver {
    /// The errors in its logs, and the texts of panics, but for those that the test knows of.
    fn unexpected_errors(&mut self) -> Vec<Value> {
        let expected = self.expected.lock().unwrap().clone();
        let mut unexpected = Vec::new();
        for (log, reader) in self.logs.drain(..) {
            // A program that it has started may hold the other end open for longer.
            let ended = Instant::now();
            while !reader.is_finished() && ended.elapsed() < LAST_WORDS {
                std::thread::sleep(Duration::from_millis(1));
            }
            let log = log.lock().unwrap();
            let is_expected = |text: &str| expected.iter().any(|part| text.contains(part));
            let is_unexpected =
                |line: &&Value| error(line).is_some_and(|text| !is_expected(text)) && !has_taken_nothing(line, &log);
            unexpected.extend(log.iter().filter(is_unexpected).cloned());
        }
        unexpected
    }
}

/// Whether the line says that a handler is down that has not taken what a test had for it. How many attempts there are
/// before the test is over is a matter of time, and so is whether that is said.
fn has_taken_nothing(line: &Value, log: &[Value]) -> bool {
    let is_of = |message: &str, line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with(message));
    is_of(BACK_END_FAILS[0], line)
        && log.iter().any(|other| is_of("not delivered", other) && other["handler"] == line["handler"])
}

/// The message of a line that is an ERROR, or the line of a panic.
fn error(line: &Value) -> Option<&str> {
    if let Some(text) = line.as_str() {
        return Some(text).filter(|text| text.contains(" ERROR ") || text.contains("panicked at"));
    }
    line["message"].as_str().filter(|_| line["level"] == "ERROR")
}

/// Writes a file that only its owner may read, as an operator should.
pub fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
