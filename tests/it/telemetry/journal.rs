//! Lines for the journal of systemd, and lines as text for whoever reads them elsewhere.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::support::receiver::Receiver;

const PATIENCE: Duration = Duration::from_secs(90);

/// Where the standard error of a receiver is read.
struct Reading {
    from: Box<dyn Read + Send>,
    /// The receiver has ended, so that a file does not grow any more.
    ended: Arc<AtomicBool>,
}

/// What the receiver has for its standard error, and where that is read.
fn place(kind: &str, receiver: &Receiver) -> (OwnedFd, Reading) {
    let ended = Arc::new(AtomicBool::new(false));
    let (writer, from) = open(kind, receiver, &ended);
    (writer, Reading { from, ended })
}

fn open(kind: &str, receiver: &Receiver, ended: &Arc<AtomicBool>) -> (OwnedFd, Box<dyn Read + Send>) {
    match kind {
        "pipe" => {
            let (reader, writer) = std::io::pipe().unwrap();
            (writer.into(), Box::new(reader))
        }
        // As systemd has it.
        "socket" => {
            let (reader, writer) = UnixStream::pair().unwrap();
            (writer.into(), Box::new(reader))
        }
        _ => {
            let path = receiver.path("log");
            let writer = File::create(&path).unwrap();
            (writer.into(), Box::new(Growing(File::open(path).unwrap(), Arc::clone(ended))))
        }
    }
}

/// A file that a receiver writes until it has ended.
struct Growing(File, Arc<AtomicBool>);

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            // Asked before the last look.
            let ended = self.1.load(Ordering::Acquire);
            let read = self.0.read(buffer)?;
            if read > 0 || ended {
                return Ok(read);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn metadata(file: &OwnedFd) -> Metadata {
    std::fs::metadata(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap()
}

/// Everything that a receiver says from its start to its end, with a new configuration that is wrong in between.
fn said(receiver: &Receiver, mut command: Command, reading: Reading) -> Vec<String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    // It has the other end alone.
    drop(command);
    let text = Arc::new(Mutex::new(String::new()));
    let Reading { mut from, ended } = reading;
    let reading = std::thread::spawn({
        let text = Arc::clone(&text);
        move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                *text.lock().unwrap() += &String::from_utf8_lossy(&buffer[..read]);
            }
        }
    });
    until(&mut child, &text, "listening");
    receiver.configure(|text| text + "\nnobody_knows_this = 1\n");
    until(&mut child, &text, "is refused as a whole");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    ended.store(true, Ordering::Release);
    reading.join().unwrap();
    text.lock().unwrap().lines().map(str::to_owned).collect()
}

fn until(child: &mut Child, text: &Mutex<String>, words: &str) {
    let begun = Instant::now();
    while !text.lock().unwrap().contains(words) {
        let ended = child.try_wait().unwrap();
        if ended.is_some() || begun.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("{ended:?}, and no {words}:\n{}", text.lock().unwrap());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A receiver that writes text, and warns of something at the start.
fn receiver() -> Receiver {
    let receiver = Receiver::prepared("handlers.disk = { type = 'file', directory = 'out', paused = true }");
    receiver.configure(|text| text.replace("log.format = \"json\"", "log.format = \"text\""));
    receiver
}

#[rstest]
fn in_the_journal_each_line_says_how_urgent_it_is_and_leaves_the_time_to_it(
    #[values("pipe", "socket", "file")] kind: &str,
) {
    let receiver = receiver();
    let (stderr, reading) = place(kind, &receiver);
    let (device, inode) = (metadata(&stderr).dev(), metadata(&stderr).ino());
    let mut command = receiver.command(&["serve"]);
    command.env("JOURNAL_STREAM", format!("{device}:{inode}")).stderr(stderr);

    let lines = said(&receiver, command, reading);

    for line in &lines {
        let (priority, rest) = line.split_at(3);
        let level = rest.split(' ').next().unwrap();
        let expected = match level {
            "ERROR" => "<3>",
            "WARN" => "<4>",
            "INFO" => "<6>",
            _ => "<7>",
        };
        assert_eq!(priority, expected, "{line}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&level), "there is a time: {line}");
    }
    for start in
        ["<3>ERROR ", "<4>WARN paused: its events wait in the inbox handler=disk", "<6>INFO listening address="]
    {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start}: {lines:#?}");
    }
}

/// Whoever starts it may have inherited the variable, and lead its log elsewhere.
#[rstest]
fn a_log_that_does_not_lead_to_the_journal_has_times_and_no_priorities(#[values("pipe", "file")] kind: &str) {
    let receiver = receiver();
    let (stderr, reading) = place(kind, &receiver);
    let (device, inode) = (metadata(&stderr).dev(), metadata(&stderr).ino());
    let mut command = receiver.command(&["serve"]);
    command.env("JOURNAL_STREAM", format!("{device}:{}", inode + 1)).stderr(stderr);

    let lines = said(&receiver, command, reading);

    for line in &lines {
        let (time, _) = line.split_once(' ').unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{line}");
    }
    assert!(lines.iter().any(|line| line.contains(" ERROR the new configuration is refused")), "{lines:#?}");
}

#[test]
fn what_keeps_it_from_starting_is_urgent_in_the_journal() {
    let receiver = receiver();
    receiver.configure(|text| text + "\nnobody_knows_this = 1\n");
    let (stderr, mut reading) = place("socket", &receiver);
    let (device, inode) = (metadata(&stderr).dev(), metadata(&stderr).ino());
    let mut command = receiver.command(&["serve"]);
    command.env("JOURNAL_STREAM", format!("{device}:{inode}")).stderr(stderr).stdin(Stdio::null());

    assert_eq!(command.status().unwrap().code(), Some(78));

    drop(command);
    let mut text = String::new();
    reading.from.read_to_string(&mut text).unwrap();
    assert!(text.contains("nobody_knows_this"), "{text}");
    assert!(text.lines().all(|line| line.starts_with("<3>") || line.starts_with("<4>")), "{text}");
}

/// Of text, which people read. What programs read is in UTC, whatever the key says.
#[rstest]
#[case("text", "+14:00 ")]
#[case("json", "Z\"")]
fn the_times_of_a_log_as_text_are_those_of_the_time_zone(#[case] form: &str, #[case] zone: &str) {
    let receiver = receiver();
    receiver.configure(|text| {
        let text = text.replace("log.format = \"text\"", &format!("log.format = \"{form}\""));
        format!("log.time_zone = \"Pacific/Kiritimati\"\n{text}")
    });
    let (stderr, reading) = place("pipe", &receiver);
    let mut command = receiver.command(&["serve"]);
    command.stderr(stderr);

    let lines = said(&receiver, command, reading);

    for line in &lines {
        let time = line.strip_prefix("{\"timestamp\":\"").unwrap_or(line);
        let time = &time[..time.find([' ', '"']).unwrap()];
        assert!(
            time.parse::<jiff::Timestamp>().is_ok() && line.contains(&format!("{}{}", &time[..26], zone)),
            "{line}"
        );
    }
    let expires = lines.iter().find(|line| line.contains("the certificate in use")).unwrap();
    let is_local = expires.contains("+14:00");
    assert_eq!(is_local, form == "text", "{expires}");
}
