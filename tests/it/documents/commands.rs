//! Every command of the documents works as it is written, in the order of its page.

use serde_json::Value;

use super::examples::Erp;
use super::walk::{NOT_HERE, Walk, blocks, first_run};
use crate::configuration::OF_THE_TESTS;
use crate::support::eventually;
use crate::support::pages::{file, page, pages};
use crate::support::receiver::Receiver;
use crate::support::sender::Message;
use crate::support::server::free_port;

/// The pages that a test walks through.
const WALKED: [&str; 12] = [
    "README.md",
    "docs/alarms.md",
    "docs/configure.md",
    "docs/connect.md",
    "docs/credentials.md",
    "docs/events.md",
    "docs/handlers/README.md",
    "docs/handlers/exec.md",
    "docs/polling.md",
    "docs/replay.md",
    "docs/trouble.md",
    "docs/try.md",
];

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
        &["inspect"],
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
