//! The receiver may open no more files or connections (`ulimit -n`): what cannot be had is waited for.

use std::net::TcpStream;
use std::time::Duration;

use crate::support::cpu::assert_idle;
use crate::support::erp::Erp;
use crate::support::eventually;
use crate::support::load::{Load, Tally};
use crate::support::receiver::Receiver;

/// More than it needs at rest, less than the connections that come.
const LIMIT: usize = 64;

/// Fails if the file handler says "done" of what it could not write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_free_descriptor_it_waits_and_loses_nothing() {
    let erp = Erp::start();
    let limited = format!("ulimit -n {LIMIT} && exec \"$0\" \"$@\"");
    let mut receiver = Receiver::prepared(&format!(
        "delivery.first_retry = '100ms'
         handlers.erp = {{ type = 'http', url = '{}' }}
         handlers.disk = {{ type = 'file', directory = 'events' }}",
        erp.url("/")
    ))
    .inside(["sh", "-c", &limited].map(str::to_owned).to_vec());
    receiver.restart();
    let load = Load::start(&receiver, 4);
    load.acknowledged(20).await;

    // Nobody says a word on these.
    let flood: Vec<_> =
        (0..2 * LIMIT).map(|_| TcpStream::connect(("127.0.0.1", receiver.public_port())).unwrap()).collect();
    eventually("the limit is reached", async || open_descriptors(receiver.pid()) >= LIMIT).await;
    eventually("it says what it lacks", async || {
        receiver.log().iter().any(|line| line.to_string().contains("Too many open files"))
    })
    .await;
    let tally: Tally = load.stop().await;
    assert_idle(receiver.pid(), Duration::from_secs(1)).await;
    drop(flood);

    let load = Load::start(&receiver, 4);
    load.acknowledged(20).await;
    let mut everything = load.stop().await;
    everything.add(tally);
    assert!(everything.lost.is_empty(), "{everything:?}");
    let inbox = receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let files: Vec<_> = receiver.path("events").read_dir().unwrap().map(|file| file.unwrap().file_name()).collect();
    for id in everything.acknowledged.keys() {
        assert!(inbox.iter().any(|event| event["id"] == **id), "lost: {id}");
        assert!(erp.received().iter().any(|request| request.json()["id"] == **id), "not at the ERP: {id}");
        assert!(files.iter().any(|name| name.to_str().unwrap().ends_with(&format!("-{id}.json"))), "no file: {id}");
    }
}

/// How many files and connections the process has open.
fn open_descriptors(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}
