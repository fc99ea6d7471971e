//! Tradecloud behind a proxy that opens TLS with a certificate of its own, as the networks of larger companies have it: by
//! `HTTPS_PROXY` and `NO_PROXY` as with curl, and by `ca_file`; over HTTP/2 where both sides speak it.

use std::process::Output;

use reqwest::Method;
use rstest::rstest;
use serde_json::Value;

use super::{Delivered, QUICK, in_the_end, latest, tradecloud_at};
use crate::support::certificates::issue_for;
use crate::support::inspecting::{Inspecting, Through};
use crate::support::receiver::Receiver;
use crate::support::simulated::Simulated;

/// A name that leads nowhere from here, so that only a proxy can.
const HOST: &str = "tradecloud.test";

/// An address of this machine that does not look like one; what is on loopback is asked by no proxy.
const HERE: &str = "0.0.0.0";

/// The lines that say which Tradecloud to ask, and whom to trust.
fn trusting(receiver: &Receiver, url: &str) -> String {
    let ca = receiver.path("ca.pem");
    tradecloud_at(url).replace("not_found_after", &format!("ca_file = '{}', not_found_after", ca.display()))
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

/// What `check --online` says of Tradecloud.
fn checked(receiver: &Receiver) -> String {
    let said = said(&receiver.run(&["check", "--online"]));
    said.lines().find(|line| line.contains(": tradecloud: ")).unwrap_or(&said).to_owned()
}

#[rstest]
#[case::http_2(&["h2", "http/1.1"], "h2")]
#[case::http_1(&["http/1.1"], "http/1.1")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_comes_through_the_proxy_with_the_authority_of_ca_file(
    #[case] speaks: &[&str],
    #[case] spoken: &str,
) {
    let platform = Simulated::start(&["--orders", "12", "--seed", "81", "--every", "0s"]);
    let receiver = Receiver::prepared("");
    let pair = issue_for(receiver.folder(), &[HOST]);
    let proxy = Inspecting::start(&pair, speaks, platform.address()).await;
    let mut receiver = receiver.variable("HTTPS_PROXY", &proxy.url()).variable("NO_PROXY", "other.test");
    let account = trusting(&receiver, &format!("https://{HOST}"));
    receiver.configure(|text| {
        format!(
            "{text}{QUICK}{account}poll = {{ orders = 'delivery-schedule', shipments = true, since = '2000-01-01', \
             every = '1s' }}\ndocuments = {{ directory = 'documents' }}\nendpoints = [{{ path = '/l/{{legacyOrderId}}' }}]\n\
             handlers.disk = {{ type = 'file', directory = 'events', documents = true }}\n"
        )
    });

    receiver.restart();
    let mut disk = Delivered::by(&receiver);
    disk.has(&latest(&platform.state().await)).await;
    platform.change("document=1000").await;
    disk.has(&latest(&platform.state().await)).await;
    let legacy = platform.state().await["legacyOrders"].as_object().unwrap().keys().next().unwrap().clone();
    let sender = receiver.sender().to(receiver.url(&format!("/l/{legacy}")));
    assert_eq!(sender.finish(sender.request(Method::GET)).await.status, Some(202));
    in_the_end("the order of the legacy platform", async || disk.events().any(|event| event["subject"] == *legacy))
        .await;

    let of_events = disk.events().filter_map(|event| event["tcdocuments"].as_str());
    let documents: Vec<Value> = of_events.flat_map(|text| serde_json::from_str::<Vec<Value>>(text).unwrap()).collect();
    let large = documents.iter().find(|document| document["size"] == 1000).unwrap();
    assert_eq!(std::fs::read(large["file"].as_str().unwrap()).unwrap().len(), 1000);
    let asked = platform.state().await;
    assert_eq!(asked["logins"], 1);
    let (through, target) = (proxy.through(), format!("{HOST}:443"));
    let expected = Through { target, protocol: spoken.to_owned() };
    assert!(!through.is_empty() && through.iter().all(|one| *one == expected), "{through:?}");
    if spoken == "h2" {
        // One for each of the queues, and not one for each request.
        assert!(through.len() <= 3, "{through:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_that_nobody_has_named_is_not_trusted_and_it_is_said_what_to_do() {
    let platform = Simulated::start(&["--orders", "1", "--every", "0s"]);
    let receiver = Receiver::prepared("");
    let proxy = Inspecting::start(&issue_for(receiver.folder(), &[HOST]), &["h2"], platform.address()).await;
    let receiver = receiver.variable("HTTPS_PROXY", &proxy.url());
    let untrusting = tradecloud_at(&format!("https://{HOST}"));
    receiver.configure(|text| format!("{text}{untrusting}"));

    let without = checked(&receiver);
    receiver.configure(|text| text.replace(&untrusting, &trusting(&receiver, &format!("https://{HOST}"))));
    let with = checked(&receiver);

    assert!(without.contains("FAILS") && without.contains("ca_file"), "{without}");
    assert!(with.contains("works: tradecloud: the account may poll orders"), "{with}");
    assert_eq!(platform.state().await["logins"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_proxy_leads_past_it() {
    let platform = Simulated::start(&["--orders", "1", "--every", "0s"]);
    let receiver = Receiver::prepared("");
    let pair = issue_for(receiver.folder(), &[HERE]);
    let direct = Inspecting::direct(&pair, platform.address()).await;
    let proxy = Inspecting::start(&pair, &["h2"], platform.address()).await;
    let account = trusting(&receiver, &format!("https://{HERE}:{}", direct.port()));
    receiver.configure(|text| format!("{text}{account}"));

    let receiver = receiver.variable("HTTPS_PROXY", &proxy.url());
    let by_proxy = (checked(&receiver), proxy.through().len(), direct.through().len());
    let receiver = receiver.variable("NO_PROXY", &format!("other.test,{HERE}"));
    let past_it = (checked(&receiver), direct.through().len());

    assert!(by_proxy.0.contains("works") && by_proxy.1 > 0 && by_proxy.2 == 0, "{by_proxy:?}");
    assert!(past_it.0.contains("works") && past_it.1 > 0, "{past_it:?}");
    assert_eq!(proxy.through().len(), by_proxy.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_wants_to_know_who_comes_is_told_and_nobody_else_is() {
    const SECRET: &str = "s3cret-of-the-proxy";
    let platform = Simulated::start(&["--orders", "1", "--every", "0s"]);
    let receiver = Receiver::prepared("");
    let pair = issue_for(receiver.folder(), &[HOST]);
    let proxy = Inspecting::start_for(&format!("erp:{SECRET}"), &pair, platform.address()).await;
    let account = trusting(&receiver, &format!("https://{HOST}"));
    receiver.configure(|text| format!("{text}{account}endpoints = [{{ path = '/o/{{orderId}}' }}]\n"));
    let at = |credentials: &str| format!("http://{credentials}@127.0.0.1:{}", proxy.port());

    let receiver = receiver.variable("HTTPS_PROXY", &at(&format!("erp:{SECRET}")));
    let right = checked(&receiver);
    let mut receiver = receiver.variable("HTTPS_PROXY", &at(&format!("erp:not-{SECRET}")));
    let wrong = checked(&receiver);
    receiver.restart();
    receiver.expects_errors(&["the handler is down"]);
    let sender = receiver.sender().to(receiver.url("/o/1"));
    assert_eq!(sender.finish(sender.request(Method::GET)).await.status, Some(202));
    receiver.logged("not delivered").await;

    assert!(right.contains("works"), "{right}");
    assert!(wrong.contains("FAILS") && !wrong.contains(SECRET), "{wrong}");
    assert!(!format!("{:?}{}", receiver.log(), receiver.printed()).contains(SECRET));
    let kept = said(&receiver.run(&["events", "list", "--json"]));
    assert!(kept.contains("fetching") && !kept.contains(SECRET), "{kept}");
}
