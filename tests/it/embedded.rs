//! The receiver inside a program of somebody else's: this one.

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tradecloud_webhook::app::{self, Running};
use tradecloud_webhook::config::{Layers, Problem, Problems};
use tradecloud_webhook::dispatch::Route;
use tradecloud_webhook::event::Event;
use tradecloud_webhook::handlers::{DEFAULT_TIMEOUT, Handler, Outcome, from_toml};

use crate::support::pages::{file, page, root};
use crate::support::receiver::{PASSWORD, Receiver, USERNAME};
use crate::support::sender::{Message, Sender, message_id, order_event};
use crate::support::{eventually, sample, samples};

#[path = "../../examples/own_handler.rs"]
#[expect(dead_code, reason = "its `main` is for cargo")]
mod own_handler;

/// The configuration in a folder, with paths that do not go by where the tests are run.
fn configuration(folder: &Receiver) -> String {
    let path = |relative: &str| format!("'{}'", folder.path(relative).display());
    format!(
        "{}\nserver.tls.certificate = {}\nserver.tls.private_key = {}\ninbox.path = {}\n",
        std::fs::read_to_string(folder.path("config/receiver.toml")).unwrap(),
        path("certs/fullchain.pem"),
        path("certs/privkey.pem"),
        path("data/inbox.db")
    )
}

/// Tradecloud before a receiver that runs within this process.
fn sender(folder: &Receiver, running: &Running) -> Sender {
    let url = format!("https://localhost:{}/webhooks/tradecloud", running.public_address().port());
    Sender::new(url, folder.ca()).basic(USERNAME, PASSWORD)
}

/// A handler of one's own: takes everything, and remembers the ids.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<Vec<String>>>);

impl Handler for Taken {
    async fn deliver(&self, event: &Event) -> Outcome {
        self.0.lock().unwrap().push(event.id.clone());
        Outcome::Done
    }
}

impl Taken {
    fn ids(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_a_text_and_a_handler_of_its_own_receives_until_it_says_stop() {
    let folder = Receiver::prepared("");
    let taken = Taken::default();
    let route = Route::from_toml("mine", "kinds = ['order']\ntimeout = '10s'").unwrap();
    let running =
        app::Receiver::from_toml(configuration(&folder)).unwrap().handler(route, taken.clone()).start().await.unwrap();
    let sender = sender(&folder, &running);

    let order = order_event("a");
    assert!(sender.send(Message::json(sample("shipment-event.json"))).await.is_delivered());
    assert!(sender.send(order.clone()).await.is_delivered());
    eventually("the order is handed on", async || !taken.ids().is_empty()).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let ended = tokio::spawn(running.run_until(async { _ = stopped.await }));
    stop.send(()).unwrap();

    ended.await.unwrap().unwrap();
    assert_eq!(taken.ids(), [message_id(&order)], "its route is for orders only");
    assert_eq!(sender.send(order_event("b")).await.status, None, "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_it_was_made_from_is_followed() {
    let folder = Receiver::prepared("");
    let path = folder.path("config/embedded.toml");
    std::fs::write(&path, configuration(&folder)).unwrap();
    let running = app::Receiver::from_config(Some(&path)).unwrap().start().await.unwrap();
    let rotated = sender(&folder, &running).bearer("the-new-token-of-the-portal");
    assert_eq!(rotated.send(order_event("a")).await.status, Some(401));

    let changed = configuration(&folder) + "auth.new = { type = 'bearer', token = 'the-new-token-of-the-portal' }\n";
    std::fs::write(folder.path("config/other.toml"), changed).unwrap();
    std::fs::rename(folder.path("config/other.toml"), &path).unwrap();

    eventually("the new credential is known", async || rotated.send(order_event("a")).await.is_delivered()).await;
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_writes_a_row_for_every_delivery() {
    let folder = Receiver::prepared("");
    let csv = folder.path("deliveries.csv");
    let receiver = app::Receiver::from_toml(configuration(&folder)).unwrap();
    let handler = own_handler::Deliveries(csv.clone());
    let running = receiver.handler(own_handler::route().unwrap(), handler).start().await.unwrap();

    let body = sample("order-event.json");
    assert!(sender(&folder, &running).send(Message::json(body.clone())).await.is_delivered());
    eventually("there are rows", async || csv.exists()).await;
    running.drain().await;

    let order: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let id = order["meta"]["messageId"].as_str().unwrap();
    let number = order["orderEvent"]["buyerOrder"]["purchaseOrderNumber"].as_str().unwrap();
    let mut expected = Vec::new();
    for line in order["orderEvent"]["lines"].as_array().unwrap() {
        let position = line["buyerLine"]["position"].as_str().unwrap_or("");
        let price = &line["prices"]["netPrice"]["priceInTransactionCurrency"];
        let price = format!("{} {}", price["value"], price["currencyIso"].as_str().unwrap());
        for delivery in line["deliverySchedule"].as_array().into_iter().flatten() {
            let (quantity, date) = (&delivery["quantity"], delivery["date"].as_str().unwrap_or(""));
            expected.push(format!("{id};{number};{position};{quantity};{date};{price}"));
        }
    }
    assert!(expected.len() > 2, "the sample has no deliveries");
    assert_eq!(std::fs::read_to_string(csv).unwrap().lines().collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_for_a_test_is_the_one_that_the_receiver_hands_on() {
    let folder = Receiver::prepared("");
    let taken = Taken::default();
    let receiver = app::Receiver::from_toml(configuration(&folder)).unwrap();
    let running = receiver.handler(Route::all("mine"), taken.clone()).start().await.unwrap();
    let sender = sender(&folder, &running);
    let mut ids = Vec::new();

    for name in samples() {
        let Ok(event) = Event::from_body(sample(&name)) else { continue };
        // Some samples are the same message in another encoding.
        if !ids.contains(&event.id) {
            assert_eq!((event.attempt, event.round), (1, 1));
            assert_eq!(event.message().is_ok(), event.cloud_event().is_ok(), "{name}");
            assert!(sender.send(Message::untyped(sample(&name))).await.is_delivered(), "{name}");
            ids.push(event.id);
        }
    }

    eventually("all are handed on", async || taken.ids().len() == ids.len()).await;
    running.drain().await;
    let mut taken = taken.ids();
    taken.sort();
    ids.sort();
    assert_eq!(taken, ids);
    assert!(ids.len() > 5, "{ids:?}");
}

#[test]
fn a_body_that_the_receiver_would_refuse_makes_no_event() {
    for (body, what) in [("{", "line 1"), ("", "empty"), ("{\"a\": 1}", "Tradecloud")] {
        let error = Event::from_body(body).unwrap_err().to_string();

        assert!(error.contains(what), "{body}: {error}");
    }
}

/// What a program says that ends with the error.
fn said(result: Result<impl Sized, Box<dyn Error + Send + Sync>>) -> [String; 2] {
    let Err(error) = result else { panic!("accepted") };
    [error.to_string(), format!("{error:?}")]
}

#[test]
fn every_problem_is_in_the_error_that_a_question_mark_hands_on() {
    let text = "server.listen = 'here'\nserverr = 1\n[auth.a]\ntype = 'basic'";
    for said in [
        said((|| Ok(app::Receiver::from_toml(text)?))()),
        said((|| Ok(Layers::from_text("configuration", text).settings().map(drop)?))()),
        said(app::Receiver::from_toml(text).map_err(|problems| anyhow::Error::from(problems).into())),
    ]
    .concat()
    {
        for problem in [
            "the configuration is not valid",
            "error: configuration:1:8: `server.listen` must be",
            "error: configuration:2:1: `serverr` is unknown. Did you mean `server`?",
            "error: configuration:3:7: `auth.a.username` is missing",
        ] {
            assert!(said.contains(problem), "{problem}: {said}");
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_an_error_that_names_it() {
    let missing = Path::new("/nowhere/receiver.toml");
    for said in
        [said((|| Ok(app::Receiver::from_config(Some(missing))?))()), said((|| Ok(Layers::read(Some(missing))?))())]
            .concat()
    {
        assert!(said.contains("/nowhere/receiver.toml") && said.contains("cannot be read"), "{said}");
    }
}

#[test]
fn the_problems_of_an_error_can_be_had_one_by_one() {
    let Err(error) = app::Receiver::from_config(Some(&root().join("Cargo.toml"))) else { panic!("accepted") };

    let problems = error.downcast_ref::<Problems>().unwrap();

    assert!(problems.iter().all(|problem| !problem.what.is_empty()) && problems.iter().any(Problem::is_error));
    assert!(problems.iter().any(|problem| problem.key == "package"), "{problems}");
}

#[test]
fn every_mistake_in_a_route_is_named_with_its_key() {
    for (text, key, what) in [
        ("kinds = ['orders']", "my.erp.kinds", "\"order-documents\""),
        ("events = []", "my.erp.events", "is empty"),
        ("by = 'us'", "my.erp.by", "\"buyer\", \"supplier\""),
        ("companies = []", "my.erp.companies", "is empty"),
        ("timeout = 5", "my.erp.timeout", "with its unit"),
        ("paused = 'perhaps'", "my.erp.paused", "true or false"),
        ("lanes = 0", "my.erp.lanes", "1 or more"),
        ("max_per_second = 0", "my.erp.max_per_second", "from 0.001"),
        ("event = ['Order*']", "my.erp.event", "Did you mean `events`?"),
        ("type = 'file'", "my.erp.type", "is unknown"),
        ("kinds = [", "my.erp", "is no TOML: line 1"),
    ] {
        let Err(problems) = Route::from_toml("my.erp", text) else { panic!("accepted: {text}") };

        let found = problems.iter().find(|problem| problem.key == key);
        assert!(found.is_some_and(|problem| problem.what.contains(what)), "{text}: {problems}");
    }
    let route = Route::from_toml("my.erp", "paused = true").unwrap();
    assert_eq!((route.name.as_str(), route.paused, route.timeout), ("my.erp", true, DEFAULT_TIMEOUT));
}

#[test]
fn the_page_names_every_feature_and_whether_it_is_there_by_default() {
    let manifest: toml::Table = file("Cargo.toml").parse().unwrap();
    let features = manifest["features"].as_table().unwrap();
    let default = features["default"].as_array().unwrap();
    let mut expected: Vec<_> = features
        .keys()
        .filter(|name| *name != "default")
        .map(|name| {
            let is_default = default.iter().any(|one| one.as_str() == Some(name));
            (format!("`{name}`"), if is_default { "yes" } else { "no" }.to_owned())
        })
        .collect();
    expected.sort();

    let rows = page("docs/handlers/rust.md").section("Leave out what you do not need").rows();

    let mut told: Vec<_> = rows.into_iter().map(|row| (row[0].clone(), row[2].clone())).collect();
    told.sort();
    assert_eq!(told, expected);
}

#[test]
fn a_secret_in_a_table_of_a_handler_is_in_no_error() {
    for table in ["token = 'hidden", "type = 'http'\nurl = 'https://e'\nauth = { type = 'bearer', token = 'hid den' }"]
    {
        let Err(problems) = from_toml("erp", table) else { panic!("accepted: {table}") };

        assert!(!format!("{problems:?}{problems}").contains("hid"), "{problems}");
    }
}
