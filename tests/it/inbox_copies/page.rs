//! The page on backups: what it says to do every night works as it stands there.

use std::path::Path;

use super::{file_and_names, names, stopped_with};
use crate::support::pages::page;

#[tokio::test]
async fn the_nightly_backup_of_the_page_links_keeps_a_week_and_verifies() {
    let receiver = stopped_with(2).await;
    let blocks = page("docs/run/backup.md").blocks("sh");
    let script = blocks.iter().find(|block| block.starts_with("#!/bin/sh")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_tradecloud-webhook")).parent().unwrap().display();
    let nights = receiver.path("nights");
    let script = script
        .replace("/var/backups/tradecloud-webhook", nights.to_str().unwrap())
        .replace("/etc/tradecloud-webhook/receiver.toml", "config/receiver.toml")
        .replace("cd /var/lib/tradecloud-webhook", &format!("export PATH=\"{program}:$PATH\""));
    std::fs::write(receiver.path("nightly"), script).unwrap();
    std::fs::create_dir(&nights).unwrap();
    for day in 1..=9 {
        let night = nights.join(format!("2001-01-0{day}"));
        std::fs::create_dir(&night).unwrap();
        std::fs::write(night.join("inbox.db"), "of that night").unwrap();
    }

    let first = receiver.shell("sh nightly");
    // As if it had been yesterday's.
    std::fs::rename(nights.join(names(&nights).pop().unwrap()), nights.join("2001-01-10")).unwrap();
    // The night after that has failed.
    std::fs::create_dir(nights.join("2001-01-11")).unwrap();
    let second = receiver.shell("sh nightly");

    assert!(first.status.success() && second.status.success(), "{first:?}\n{second:?}");
    let left = names(&nights);
    assert_eq!((left.len(), left[0].as_str(), left[5].as_str()), (7, "2001-01-05", "2001-01-10"), "{left:?}");
    let said = String::from_utf8(second.stdout).unwrap();
    assert!(said.contains("2 events, all as they were received."), "{said}");
    assert_eq!(file_and_names(&nights.join(&left[6]).join("inbox.db")).1, 2, "nothing has changed: {said}");
}
