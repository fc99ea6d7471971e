//! The commands of the pages that need a Tradecloud work as they are written, beside a simulated one.

use serde_json::Value;

use super::walk::{Walk, first_run};
use crate::support::eventually;
use crate::support::pages::page;
use crate::support::receiver::{BACK_END_FAILS, Receiver};
use crate::support::server::free_port;
use crate::support::simulated::{Simulated, USER};

/// How many of these are from there.
fn of_origin(events: &[Value], origin: &str) -> usize {
    events.iter().filter(|event| event["origin"] == origin).count()
}

#[tokio::test]
async fn a_newcomer_sees_all_of_it_in_ten_minutes() {
    let (here, admin, platform) = (free_port(), free_port(), free_port());
    let settings = [("SERVER__LISTEN", format!("127.0.0.1:{here}")), ("ADMIN__LISTEN", format!("127.0.0.1:{admin}"))];
    let receiver = settings.iter().fold(first_run(), |receiver, (name, value)| receiver.setting(name, value));
    receiver.expects_errors(&BACK_END_FAILS);
    receiver.expects_error("the webhook did not bring");
    let mut walk = Walk::new("docs/try.md", receiver);
    for (name, value) in &settings {
        walk.sets(&format!("TRADECLOUD_WEBHOOK__{name}"), value);
    }
    walk.replaced.push(("https://localhost:8443".to_owned(), format!("https://localhost:{here}")));
    walk.replaced.push(("simulate ".to_owned(), format!("simulate --listen 127.0.0.1:{platform} ")));

    // A webhook arrives.
    walk.types("tradecloud-webhook");
    walk.types("simulate --drop");
    walk.receiver.inbox_until(|events| events.len() > 1).await;
    walk.all_are("done", &[]).await;
    let said = walk.types("ls data/events");
    assert!(said.contains("done") && said.contains(".json"), "{said}");
    let told = walk.terminal();
    assert!(told.contains(" -> delivered  202  POST"), "{told}");

    // Its configuration has what `simulate` says, and all that is on the page.
    let configuration = walk.page.block("toml");
    let shown = told.split("\n\n").find(|part| part.starts_with("[tradecloud]")).unwrap();
    let configuration = configuration.replace("127.0.0.1:9180", &format!("127.0.0.1:{platform}"));
    for line in shown.lines().filter(|line| line.starts_with("url") || line.contains("name") || line.contains("word")) {
        assert!(configuration.contains(line), "{line}\n{configuration}");
    }
    walk.receiver.terminate();
    eventually("Tradecloud notices", async || walk.terminal().contains(" -> will retry")).await;
    std::fs::create_dir(walk.receiver.path("config")).unwrap();
    walk.receiver.replace("config/receiver.toml", &configuration);
    let said = walk.types("check --online");
    assert!(said.contains("may poll orders, poll shipments, load documents"), "{said}");
    assert!(said.contains("The configuration is valid.") && !said.contains("warning: "), "{said}");

    // The ERP is down.
    walk.types("touch erp-is-down");
    let is_pending = |event: &Value| event["state"] == "pending";
    walk.receiver.inbox_until(|events| events.iter().any(is_pending)).await;
    assert!(walk.types("--state pending").contains("pending"));
    walk.types("rm erp-is-down");
    walk.receiver.inbox_until(|events| !events.iter().any(is_pending)).await;

    // An event that never came, and a document.
    eventually("one is lost", async || walk.terminal().contains("dropped on purpose")).await;
    walk.receiver.logged("the webhook did not bring this state").await;
    assert!(walk.types("--origin missed").contains("Changed"));
    let said = walk.types("tcdocuments");
    assert!(said.contains(r#"\"sha256\":"#) && said.contains("/data/documents/"), "{said}");

    // Without a body.
    assert!(walk.interrupts().contains("dropped on purpose"));
    walk.types("webhook 'https");
    walk.receiver.inbox_until(|events| of_origin(events, "get") > 1).await;
    assert!(walk.types("--origin get").contains("Changed"));
    assert!(walk.types("backfill").contains("never came"));
    walk.all_are("done", &[]).await;
    walk.interrupts();
    walk.has_typed_all();
}

#[tokio::test]
async fn what_was_missed_is_fetched_by_hand_as_the_page_says() {
    let platform = Simulated::start(&["--every", "0s"]);
    let state = platform.state().await;
    let first = |kind: &str| state[kind].as_object().unwrap().keys().next().unwrap().clone();
    let receiver = Receiver::with(&format!(
        "[tradecloud]\nurl = \"{}\"\nusername = \"{}\"\npassword = \"{}\"\n[handlers.files]\ntype = \"file\"\n\
         directory = \"data/events\"\n",
        platform.url, USER.0, USER.1
    ));
    let mut walk = Walk::new("docs/polling.md", receiver);
    let order =
        page("docs/polling.md").blocks("sh")[0].lines().next().unwrap().split(' ').next_back().unwrap().to_owned();
    walk.replaced.push((order, format!("'{}'", first("orders"))));
    walk.replaced.push(("2026-11-01".to_owned(), "2020-01-01".to_owned()));
    walk.id = format!("'{}'", first("shipments"));

    let said = walk.types("backfill");

    assert!(said.contains("never came"), "{said}");
    let all = state["orders"].as_object().unwrap().len() + state["shipments"].as_object().unwrap().len();
    let events = walk.receiver.inbox_until(|events| events.len() >= all).await;
    assert!(of_origin(&events, "backfill") > 1, "{events:#?}");
    walk.all_are("done", &[]).await;
    walk.has_typed_all();
}
