//! What the commands print, as a whole and to the letter: what people read, and what scripts may rely on.
//!
//! A change of words shows here. `cargo insta review`, or a look at the `.snap.new` beside the old one, says whether
//! it was meant.

use insta::assert_snapshot;

use crate::support::receiver::{PASSWORD, Receiver, USERNAME};
use crate::support::sample;
use crate::support::sender::{Message, order_event};
use crate::support::server::free_port;

/// Two handlers: a program that finds every order wrong, and a folder for shipments.
const HANDLERS: &str = r#"
[handlers.import]
type = "exec"
command = ["/bin/sh", "-c", "cat >/dev/null; echo no such item: 4711 >&2; exit 65"]
kinds = ["order"]

[handlers.disk]
type = "file"
directory = "events"
mode = "0640"
kinds = ["shipment"]
"#;

/// What a command printed, standard error after standard output.
fn said(receiver: &Receiver, arguments: &[&str]) -> String {
    let output = receiver.run(arguments);
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    format!("{text}(status {})", output.status.code().unwrap())
}

/// The same, with names for what differs from run to run.
fn printed(receiver: &Receiver, arguments: &[&str]) -> String {
    named(&said(receiver, arguments).replace(receiver.folder().to_str().unwrap(), "<folder>"))
}

/// Ids by the order in which they appear, times, durations and ports.
fn named(text: &str) -> String {
    let is_in_word = |letter: char| letter.is_ascii_alphanumeric() || "-:.".contains(letter);
    let (mut named, mut ids, mut rest) = (String::new(), Vec::new(), text);
    while !rest.is_empty() {
        let (found, tail) = rest.split_at(rest.find(|letter| !is_in_word(letter)).unwrap_or(rest.len()));
        let (word, end) = found.split_at(found.trim_end_matches([':', '.']).len());
        let (between, next) = tail.split_at(tail.find(is_in_word).unwrap_or(tail.len()));
        if between == " " && next.starts_with("ms") && word.parse::<u64>().is_ok() {
            // In a column, as wide as the number leaves it.
            let column = named.len() - named.trim_end().len();
            named.truncate(named.len() - column.saturating_sub(2));
            named.push_str("<n>");
        } else {
            named.push_str(&name(word, &mut ids));
        }
        named.push_str(end);
        named.push_str(between);
        rest = next;
    }
    named
}

fn name<'a>(word: &'a str, ids: &mut Vec<&'a str>) -> String {
    if word.parse::<uuid::Uuid>().is_ok() {
        if !ids.contains(&word) {
            ids.push(word);
        }
        return format!("<id {}>", ids.iter().position(|id| *id == word).unwrap() + 1);
    }
    // The file of an event begins with when it came.
    if let Some((stamp, file)) = word.split_once("Z-")
        && stamp.len() == "20260101T000000.000000".len()
    {
        return format!("<stamp>-{file}");
    }
    let is_time_of_day = |word: &str| word.contains(':') && word.parse::<jiff::civil::Time>().is_ok();
    match word.rsplit_once(':') {
        _ if word.parse::<jiff::Timestamp>().is_ok() => "<time>".to_owned(),
        _ if word.parse::<jiff::civil::Date>().is_ok() => "<date>".to_owned(),
        _ if is_time_of_day(word.trim_end_matches('Z')) => "<time of day>".to_owned(),
        Some((host @ ("localhost" | "127.0.0.1"), port)) if port.parse::<u16>().is_ok() => format!("{host}:<port>"),
        _ => word.to_owned(),
    }
}

/// A receiver with a dead letter, an event that nobody wanted, one that is done and a body that was refused.
async fn filled() -> Receiver {
    let receiver = Receiver::with(&format!("log.time_zone = \"UTC\"\n{HANDLERS}"));
    receiver.expects_error("rejected");
    let sender = receiver.sender();
    for message in [
        order_event("4711").into(),
        Message::xml(sample("order-documents-event.xml")),
        Message::json(sample("shipment-event.json")),
        Message::typed("text/plain", "no event"),
    ] {
        sender.send(message).await;
    }
    let is_settled = |event: &serde_json::Value| event["state"] != "pending";
    receiver.inbox_until(|events| events.len() == 4 && events.iter().all(is_settled)).await;
    receiver
}

#[tokio::test]
async fn events_list_is_a_line_for_each_event() {
    let receiver = filled().await;

    assert_snapshot!(printed(&receiver, &["events", "list"]));
}

#[tokio::test]
async fn events_show_tells_all_of_an_event() {
    let receiver = filled().await;
    let mut ids: Vec<String> = receiver.inbox().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    ids.push("no-such-event".to_owned());

    let shown: Vec<_> = ids.iter().map(|id| printed(&receiver, &["events", "show", id])).collect();

    assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn check_lists_what_is_wrong_or_worth_a_thought() {
    let receiver = Receiver::prepared(
        r#"
[[endpoints]]
path = "/tradecloud"
acknowledge = "handled"

[handlers.database]
type = "postgres"
url = "postgresql://erp@db.example/erp"
table = "tradecloud.events"

[handlers.erp]
type = "http"
url = "http://erp.example/events"
timeout = "1m"
"#,
    );

    assert_snapshot!(printed(&receiver, &["check"]));
}

#[test]
fn check_online_tells_what_works_and_what_does_not() {
    let receiver = Receiver::prepared(&format!(
        "{HANDLERS}\n[handlers.erp]\ntype = \"http\"\nurl = \"http://127.0.0.1:{}/events\"",
        free_port()
    ));

    assert_snapshot!(printed(&receiver, &["check", "--online"]));
}

#[tokio::test]
async fn send_is_a_line_for_each_answer() {
    let receiver = Receiver::start();
    std::fs::write(receiver.path("order.json"), order_event("4711").to_string()).unwrap();
    std::fs::write(receiver.path("list.json"), "[]").unwrap();
    let (url, credentials) = (receiver.url("/webhooks/tradecloud"), format!("{USERNAME}:{PASSWORD}"));
    let port = free_port().to_string();
    let nobody = format!("https://localhost:{port}/");
    let mut answers = Vec::new();

    for arguments in [
        &["order.json", "order.json", "list.json", "--url", &url, "--ca", "ca.pem", "--basic", &credentials][..],
        &["order.json", "--url", &url, "--ca", "ca.pem", "--basic", "tradecloud:wrong"],
        &["order.json", "--url", &url, "--basic", &credentials],
        &["order.json", "--url", &nobody],
        &["no-such-file.json", "--url", &url],
    ] {
        answers.push(printed(&receiver, &[&["send"], arguments].concat()));
    }

    assert_snapshot!(answers.join("\n\n").replace(&port, "<port>"));
}

#[tokio::test]
async fn replay_is_a_line_for_each_entry() {
    let receiver = Receiver::start();
    let web = |number: u8, method: &str, content: &str, created: &str| {
        serde_json::json!({"uuid": format!("00000000-0000-4000-8000-00000000000{number}"), "type": "web",
            "token_id": "7a1c0f52-0d55-4a6e-9d0a-2f6f1c9a1b11", "method": method, "content": content,
            "headers": {"content-type": ["application/json"]}, "created_at": created})
    };
    let order = order_event("4711").to_string();
    let list = serde_json::json!({"data": [
        web(5, "POST", "", "2026-03-01 10:00:05"),
        web(4, "POST", "[]", "2026-03-01 10:00:04"),
        web(3, "GET", "", "2026-03-01 10:00:03"),
        web(2, "POST", &order, "2026-03-01 10:00:02"),
        {"type": "email", "created_at": "2026-03-01 10:00:01"},
    ], "total": 6, "current_page": 1, "is_last_page": false});
    std::fs::write(receiver.path("page1.json"), serde_json::to_string_pretty(&list).unwrap()).unwrap();
    let export = format!("{}\n{{\"id\":", serde_json::json!({"id": "1", "body": order}));
    std::fs::write(receiver.path("events.jsonl"), export).unwrap();
    std::fs::write(receiver.path("export.csv"), "uuid,type,method,content\n").unwrap();
    let url = receiver.url("/webhooks/tradecloud");
    let files = ["replay", "page1.json", "events.jsonl", "export.csv", "page1.json", "--url", &url, "--ca", "ca.pem"];
    let basic = format!("{USERNAME}:{PASSWORD}");

    let said: Vec<_> = [&["--dry-run"][..], &["--basic", &basic]]
        .iter()
        .map(|more| printed(&receiver, &[&files[..], more].concat()))
        .collect();

    assert_snapshot!(said.join("\n\n"));
}

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !["", "help"].contains(name)).map(str::to_owned).collect()
}

/// The help of a command and of all below it.
fn helps(receiver: &Receiver, command: &[&str], helps: &mut Vec<String>) {
    let help = said(receiver, &[command, &["--help"]].concat());
    helps.push(format!("$ {}\n{help}", [&["tradecloud-webhook"], command, &["--help"]].concat().join(" ")));
    for below in commands(&help) {
        self::helps(receiver, &[command, &[&below]].concat(), helps);
    }
}

#[test]
fn help_says_what_there_is() {
    let mut all = Vec::new();

    helps(&Receiver::bare(), &[], &mut all);

    assert!(all.len() > 10, "the commands were not found: {all:#?}");
    assert_snapshot!(all.join("\n\n"));
}
