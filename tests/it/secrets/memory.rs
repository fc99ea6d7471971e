//! What is still in the memory of the running program.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::support::eventually;
use crate::support::receiver::{Receiver, write_private};
use crate::support::sender::order_event;

/// How many secrets of each kind [`of_many_secrets_none_is_left_by_chance`] has.
const MANY: usize = 40;

/// How often each text stands in the memory that the process can write to.
fn copies<const N: usize>(receiver: &Receiver, texts: &[String; N]) -> [usize; N] {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", receiver.pid())).unwrap();
    let memory = File::open(format!("/proc/{}/mem", receiver.pid())).unwrap();
    let mut found = [0; N];
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw"))) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|number| u64::from_str_radix(number, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        if memory.read_exact_at(&mut bytes, start).is_err() {
            // It was given back meanwhile, or is the kernel's.
            continue;
        }
        for (found, text) in found.iter_mut().zip(texts) {
            *found += memchr::memmem::find_iter(&bytes, text.as_bytes()).count();
        }
    }
    found
}

/// A long secret. Only its end is looked for: what is given back to the allocator loses its beginning by that
/// alone.
fn long(end: &str) -> String {
    format!("{}{end}", "x".repeat(80))
}

/// A receiver with secrets inline, with an escape, and in a file, and with one that it goes on needing.
fn receiver() -> Receiver {
    let mut receiver = Receiver::prepared(&format!(
        r#"
auth.inline = {{ type = "basic", username = "u", password = "{}" }}
auth.escaped = {{ type = "bearer", token = "{}\u0065scaped-token" }}
auth.file = {{ type = "basic", username = "v", password_file = "portal" }}
[handlers.erp]
type = "http"
url = "http://127.0.0.1:9/"
auth = {{ type = "bearer", token = "{}" }}
"#,
        long("end-of-the-inline-password"),
        long("end-of-the-"),
        long("end-of-the-needed-token"),
    ));
    write_private(&receiver.path("portal"), &long("end-of-the-filed-password\n"));
    receiver.restart();
    // Nobody takes the event of the tests, and they may take a while.
    receiver.expects_error("the handler is down");
    receiver
}

#[tokio::test]
async fn after_the_start_no_secret_of_a_caller_is_left_in_memory() {
    let receiver = receiver();

    let ends = ["inline-password", "filed-password", "escaped-token", "needed-token"];

    // The last one is sent with each event; and without it this test would not know that it can see. Of the others the
    // receiver needs only the digest.
    let (begun, mut left) = (Instant::now(), [0; 4]);
    while begun.elapsed() < Duration::from_secs(90) && left != [0, 0, 0, 1] {
        sleep(Duration::from_millis(10)).await;
        left = copies(&receiver, &ends.map(|end| format!("xxxxend-of-the-{end}")));
    }
    assert_eq!(left, [0, 0, 0, 1], "left of {ends:?}");
}

#[tokio::test]
async fn a_password_that_was_presented_is_wiped_once_it_is_checked() {
    let receiver = receiver();

    for _ in 0..3 {
        let sender = receiver.sender().http1().basic("u", &long("end-of-the-inline-password"));
        assert_eq!(sender.send(order_event("1")).await.status, Some(202));
        let wrong = sender.basic("u", &long("end-of-the-wrong-password"));
        assert_eq!(wrong.send(order_event("1")).await.status, Some(401));
    }

    eventually("decoded passwords are wiped", async || {
        copies(&receiver, &["inline", "wrong"].map(|which| format!("xxxxend-of-the-{which}-password"))) == [0, 0]
    })
    .await;
}

#[tokio::test]
async fn the_password_of_a_private_key_is_wiped_once_the_key_is_read() {
    let mut receiver = Receiver::prepared("server.tls.private_key_password_file = \"password\"");
    let fixture = |name: &str| {
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pem").join(name))
    };
    std::fs::write(receiver.path("certs/fullchain.pem"), fixture("certificate.pem").unwrap()).unwrap();
    write_private(&receiver.path("certs/privkey.pem"), &fixture("encrypted-long.pem").unwrap());
    write_private(&receiver.path("password"), &long("end-of-the-key-password\n"));

    receiver.restart();

    eventually("it is wiped", async || copies(&receiver, &["xxxxend-of-the-key-password".to_owned()]) == [0]).await;
}

/// What is given back to the allocator is often overwritten by chance. Of so many, some would be seen.
#[tokio::test]
async fn of_many_secrets_none_is_left_by_chance() {
    let mut config = String::new();
    for number in 0..MANY {
        // The parser has to copy what has an escape in it.
        let _ = writeln!(
            config,
            "auth.caller{number} = {{ type = \"bearer\", token = \"{}\\u0065scaped-{number}\" }}",
            long("end-of-the-")
        );
    }
    for number in 0..MANY {
        let (token, password) = (long("end-of-the-needed-token"), long("end-of-the-needed-password"));
        let _ = write!(
            config,
            "[handlers.bearer{number}]\ntype = \"http\"\nurl = \"http://127.0.0.1:9/\"\n\
             auth = {{ type = \"bearer\", token = \"{token}-{number}\" }}\n\
             [handlers.basic{number}]\ntype = \"http\"\nurl = \"http://127.0.0.1:9/\"\n\
             auth = {{ type = \"basic\", username = \"u\", password = \"{password}-{number}\" }}\n"
        );
    }
    let receiver = Receiver::with(&config);

    // Tokens are sent as they are, each from one place; passwords in Base64.
    let texts = ["escaped", "needed-token", "needed-password"].map(|end| format!("xxxxend-of-the-{end}"));
    let (begun, mut left) = (Instant::now(), [0; 3]);
    while begun.elapsed() < Duration::from_secs(90) && left != [0, MANY, 0] {
        sleep(Duration::from_millis(100)).await;
        left = copies(&receiver, &texts);
    }
    assert_eq!(left, [0, MANY, 0]);
}
