//! A backup while the receiver works, and while the machine fails.

use std::process::{Command, Stdio};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::{exported, inbox, names, refused, stopped_with};
use crate::support::disk::{Chance, Recording};
use crate::support::eventually;
use crate::support::faults::{FailingStart, SmallDisk};
use crate::support::load::Load;
use crate::support::receiver::Receiver;

/// Events wait for a handler that is paused, until the receiver is told to begin.
const PAUSED: &str = "handlers.disk = { type = 'file', directory = 'events', paused = true }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_receiver_at_work_has_all_that_was_acknowledged_before_and_all_of_it_is_delivered() {
    let mut receiver = Receiver::with(PAUSED);
    let load = Load::start(&receiver, 8);
    load.acknowledged(100).await;
    let before = load.stop().await;
    let load = Load::start(&receiver, 8);
    load.acknowledged(30).await;

    let backup = inbox(&receiver, &["backup", "copies"]);
    load.acknowledged(60).await;
    let during = load.stop().await;

    assert!(during.lost.is_empty() && during.unanswered.is_empty(), "the backup held up the receiver: {during:?}");
    assert!(backup["events"].as_u64().unwrap() >= before.acknowledged.len() as u64, "{backup}");
    assert_eq!(inbox(&receiver, &["verify", "copies"])["whole"], true);
    receiver.kill();
    std::fs::rename(receiver.path("data"), receiver.path("old")).unwrap();
    assert_eq!(inbox(&receiver, &["restore", "copies"])["events"], backup["events"]);
    receiver.configure(|text| text.replace("paused = true", "paused = false"));
    receiver.restart();
    let events = receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    assert_eq!(events.len() as u64, backup["events"].as_u64().unwrap());
    let kept = exported(&receiver);
    let files = names(&receiver.path("events")).into_iter().filter(|name| !name.starts_with('.')).count();
    assert_eq!(files, kept.len(), "each is delivered");
    for (id, body) in &before.acknowledged {
        assert_eq!(kept.get(id), Some(body), "acknowledged before the backup, and not in it: {id}");
    }
}

/// Each write takes its time, so that the middle lasts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_leaves_nothing_that_looks_like_a_backup_and_the_next_one_clears_up() {
    let mut receiver = stopped_with(20).await;
    let slowly = "strace --daemonize --follow-forks --quiet=all --output=/dev/null -e trace=pwrite64 \
                  -e inject=pwrite64:delay_enter=100000";
    receiver.run_inside(slowly.split_whitespace().map(str::to_owned).collect());
    let mut backup = receiver.command(&["inbox", "backup", "copies"]);
    let mut backup = backup.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let copies = receiver.path("copies");
    let begun = || {
        copies.read_dir().is_ok_and(|mut entries| {
            entries.any(|entry| {
                let entry = entry.unwrap();
                entry.path().extension().is_some_and(|end| end == "part") && entry.metadata().unwrap().len() > 0
            })
        })
    };
    eventually("the backup is being written", async || begun()).await;

    backup.kill().unwrap();
    backup.wait().unwrap();
    let left = names(&copies);
    receiver.run_inside(Vec::new());
    let restored = refused(&receiver, &["restore", "copies"]);
    let next = inbox(&receiver, &["backup", "copies"]);

    assert!(!left.is_empty() && !left.contains(&"inbox.db".to_owned()), "{left:?}");
    assert!(restored.contains("there is no backup in copies"), "{restored}");
    assert_eq!(next["events"], 20);
    assert_eq!(names(&copies), ["inbox.db"], "what was left: {left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_is_named_as_such_and_nothing_is_left_on_it() {
    let receiver = stopped_with(20).await;
    let disk = SmallDisk::at(receiver.path("copies"), 8);
    let inside = disk.inside(receiver.folder());
    let list = || {
        let output = Command::new(&inside[0]).args(&inside[1..]).args(["ls", "-A", "copies"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let receiver = receiver.inside(inside.clone());

    disk.fill();
    let said = refused(&receiver, &["backup", "copies"]);
    let left = list();
    disk.free();
    let backup = inbox(&receiver, &["backup", "copies"]);

    assert!(said.contains("cannot write a backup to copies: "), "{said}");
    assert!(said.contains("there is no room for it") || said.contains("No space left"), "{said}");
    assert_eq!(left, "ballast\n");
    assert_eq!(backup["events"], 20);
    assert_eq!(list(), "ballast\ninbox.db\n");
}

/// One sync after the other fails, of SQLite's and of ours. One that only makes the name of a journal safe may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_is_a_backup_that_failed() {
    let mut receiver = stopped_with(1).await;
    let mut failed = 0;
    for number in 1..=8 {
        let folder = format!("copies/{number}");
        std::fs::create_dir_all(receiver.path(&folder)).unwrap();
        receiver.run_inside(FailingStart::one("fsync,fdatasync", "EIO", number).inside());

        let output = receiver.run(&["inbox", "backup", &folder]);

        receiver.run_inside(Vec::new());
        if output.status.success() {
            assert_eq!(inbox(&receiver, &["verify", &folder])["whole"], true, "{number}");
        } else {
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains(&format!("cannot write a backup to {folder}")), "{number}: {said}");
            failed += 1;
        }
    }
    assert!(failed >= 3, "the journal, the copy and its name are to be synced: {failed}");
}

/// Fails without either sync of `back_up` in `inbox/sqlite/backup.rs`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_leaves_a_whole_backup_or_none() {
    let mut receiver = stopped_with(20).await;
    let recording = Recording::of(receiver.folder());
    receiver.run_inside(recording.inside());

    inbox(&receiver, &["backup", "copies"]);

    let (end, mut replay, mut whole) = (recording.position(), recording.replay(), 0);
    for position in (0..=20).map(|step| end * step / 20) {
        replay.go_to(position);
        let left = TempDir::new().unwrap();
        replay.after_a_power_cut(Chance::Nothing, left.path());
        let file = left.path().join("copies/inbox.db");
        if file.exists() {
            let db = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
            let (verdict, events): (String, u64) = (
                db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap(),
                db.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap(),
            );
            assert_eq!((verdict.as_str(), events), ("ok", 20));
            whole += 1;
        }
    }
    assert!(whole > 0, "it said that it is done, and a power cut takes it");
}
