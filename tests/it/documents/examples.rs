//! What users copy from `examples/` does what it says, with the real receiver before it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rusqlite::Connection;
use serde_json::Value;

use crate::support::pages::{page, root};
use crate::support::receiver::{Receiver, write_private};
use crate::support::sample;
use crate::support::sender::Message;

/// `examples/erp.py`. Killed when dropped.
pub(super) struct Erp {
    process: Child,
    pub(super) port: u16,
}

impl Erp {
    /// Starts it in that folder, and waits until it listens.
    pub(super) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new("python3")
            .arg(root().join("examples/erp.py"))
            .args(arguments)
            .current_dir(folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is not installed; scripts/test installs it");
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut listening = String::new();
        lines.read_line(&mut listening).unwrap();
        let port = listening.trim().trim_end_matches('/').rsplit(':').next().unwrap().parse();
        // Nobody else reads what it prints, and it must not stand still for that.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { process, port: port.unwrap_or_else(|_| panic!("it said {listening:?}")) }
    }
}

impl Drop for Erp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A receiver that hands everything to an ERP in Python that wants a token.
fn before_an_erp() -> (Receiver, Erp) {
    let mut receiver = Receiver::prepared("");
    write_private(&receiver.path("token"), "a-token-of-the-erp\n");
    let erp = Erp::start(receiver.folder(), &["--port", "0", "--token-file", "token"]);
    receiver.configure(|text| {
        text + &format!(
            "[handlers.erp]\ntype = \"http\"\nurl = \"http://127.0.0.1:{}/\"\n\
             auth = {{ type = \"bearer\", token_file = \"token\" }}\n",
            erp.port
        )
    });
    receiver.restart();
    (receiver, erp)
}

/// The rows of a table of the ERP.
fn booked(receiver: &Receiver, query: &str) -> Vec<Vec<Option<String>>> {
    let database = Connection::open(receiver.path("erp.db")).unwrap();
    let mut statement = database.prepare(query).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn the_erp_in_python_books_each_event_once_with_every_digit() {
    let (receiver, _erp) = before_an_erp();
    for name in
        ["order-event.json", "single-delivery-order-event.xml", "shipment-event.json", "order-documents-event.json"]
    {
        let message = if name.ends_with("xml") { Message::xml(sample(name)) } else { Message::json(sample(name)) };
        assert!(receiver.sender().send(message).await.is_delivered());
    }
    let events = receiver.inbox_until(|events| events.len() == 4 && events.iter().all(|e| e["state"] == "done")).await;

    let order: Value = serde_json::from_slice(&sample("order-event.json")).unwrap();
    let id = order["meta"]["messageId"].as_str().unwrap();
    let again = receiver.run(&["events", "deliver", id, "--handler", "erp"]);
    assert!(again.status.success(), "{again:?}");
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;

    let booked_events = booked(&receiver, "SELECT id FROM events ORDER BY rowid");
    assert_eq!(booked_events.len(), events.len());
    let query = format!("SELECT position, date, quantity, price FROM deliveries WHERE event = '{id}' ORDER BY rowid");
    let mut expected = Vec::new();
    for line in order["orderEvent"]["lines"].as_array().unwrap() {
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            number => Some(number.to_string()),
        };
        let net = &line["prices"]["netPrice"];
        let price = [&net["priceInTransactionCurrency"]["value"], &net["priceInBaseCurrency"]["value"]];
        for delivery in line["deliverySchedule"].as_array().into_iter().flatten() {
            expected.push(vec![
                text(&line["buyerLine"]["position"]),
                text(&delivery["date"]),
                text(&delivery["quantity"]),
                price.into_iter().find_map(text),
            ]);
        }
    }
    assert!(expected.len() > 2, "the sample has no deliveries");
    assert_eq!(booked(&receiver, &query), expected);
}

#[tokio::test]
async fn the_erp_in_python_says_not_now_while_its_database_is_locked() {
    let (receiver, _erp) = before_an_erp();
    let database = Connection::open(receiver.path("erp.db")).unwrap();
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();

    assert!(receiver.sender().send(Message::json(sample("order-event.json"))).await.is_delivered());
    let line = receiver.logged("not delivered; it is tried again").await;
    assert!(line["reason"].as_str().unwrap().contains("503"), "{line}");
    assert!(line["reason"].as_str().unwrap().contains("not now: database is locked"), "{line}");

    database.execute_batch("ROLLBACK").unwrap();
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    assert_eq!(booked(&receiver, "SELECT id FROM events").len(), 1);
}

#[tokio::test]
async fn the_import_script_takes_orders_and_rejects_what_has_no_number() {
    let script = root().join("examples/import-order");
    let receiver = Receiver::with(&format!(
        "handlers.script = {{ type = \"exec\", command = [\"{}\", \"data/imported\"], kinds = [\"order\"] }}",
        script.display()
    ));
    receiver.expects_error("rejected: a dead letter");
    for name in
        ["order-event.json", "single-delivery-order-event.xml", "simple-order-event.json", "bare-legacy-order.json"]
    {
        let message = if name.ends_with("xml") { Message::xml(sample(name)) } else { Message::json(sample(name)) };
        assert!(receiver.sender().send(message).await.is_delivered());
    }
    let nameless = r#"{"eventName": "OrderIssuedByBuyer", "orderEvent": {"orderId": "nameless"}}"#;
    assert!(receiver.sender().send(Message::json(nameless)).await.is_delivered());

    let settled = |event: &Value| event["state"] == "done" || event["state"] == "dead";
    let events = receiver.inbox_until(|events| events.len() == 5 && events.iter().all(settled)).await;

    let taken = std::fs::read_dir(receiver.path("data/imported")).unwrap().map(|entry| entry.unwrap().path());
    let ids: Vec<_> = taken
        .map(|path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap()["id"].clone())
        .collect();
    assert_eq!(ids.len(), 4);
    let (dead, done): (Vec<_>, Vec<_>) = events.iter().partition(|event| event["state"] == "dead");
    assert!(done.iter().all(|event| ids.contains(&event["id"])), "{events:#?}");
    let shown = receiver.run(&["events", "show", dead[0]["id"].as_str().unwrap()]).stdout;
    assert!(String::from_utf8(shown).unwrap().contains("has no purchase order number"));
}

#[test]
fn the_pages_show_the_examples_as_they_are() {
    for (path, language, example) in [
        ("docs/events.md", "jq", "order-lines.jq"),
        ("docs/events.md", "python", "order_lines.py"),
        ("docs/handlers/exec.md", "sh", "import-order"),
    ] {
        let text = std::fs::read_to_string(root().join("examples").join(example)).unwrap();
        assert!(page(path).blocks(language).contains(&text), "{path} does not show {example} as it is");
    }
}
