//! A backup in the place of the inbox: nothing is replaced, and nobody takes it for what was there before.

use rusqlite::Connection;

use super::{exported, inbox, mode, names, refused, stopped_with};
use crate::support::eventually;
#[cfg(target_os = "linux")]
use crate::support::faults::is_root;
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};

/// Moves all that belongs to the inbox away.
fn move_away(receiver: &Receiver) {
    assert!(receiver.shell("mkdir -p old && mv data/inbox.db* old/").status.success());
}

#[tokio::test]
async fn an_inbox_is_restored_as_it_was_and_it_is_said_what_that_means() {
    let mut receiver = stopped_with(2).await;
    let before = exported(&receiver);
    inbox(&receiver, &["backup", "copies"]);
    move_away(&receiver);

    let output = receiver.run(&["inbox", "restore", "copies"]);

    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    for part in
        ["data/inbox.db: 2 events", "sequence 2", "Twice:", "erased", "Missing:", "events export --since", "replay"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(exported(&receiver), before);
    assert_eq!(mode(&receiver.path("data/inbox.db")), 0o600);
    receiver.restart();
    assert_eq!(receiver.sender().send(order_event("later")).await.status, Some(202));
    assert_eq!(receiver.inbox().len(), 3);
}

/// What may not be looked at need not be missing.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_may_not_look_hears_so_and_not_that_there_is_no_inbox() {
    let mut receiver = stopped_with(1).await;
    inbox(&receiver, &["backup", "copies"]);
    let shut = "chmod 755 . config && chmod 644 config/* && chmod 000 data copies";
    assert!(receiver.shell(shut).status.success());
    if is_root() {
        // Whom no rights keep out.
        receiver.run_inside(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"].map(str::to_owned).into());
    }

    let of_inbox = refused(&receiver, &["backup", "more"]);
    let of_backup = refused(&receiver, &["verify", "copies"]);

    assert!(receiver.shell("chmod 700 data copies").status.success());
    assert!(of_inbox.contains("data/inbox.db cannot be looked at: permission denied. Run it as"), "{of_inbox}");
    assert!(of_backup.contains("copies/inbox.db cannot be looked at: permission denied. Run it as"), "{of_backup}");
}

#[tokio::test]
async fn folders_that_are_missing_are_made_for_the_owner_only() {
    let receiver = stopped_with(1).await;
    inbox(&receiver, &["backup", "copies"]);
    let receiver = receiver.setting("INBOX__PATH", "new/place/orders.db");

    inbox(&receiver, &["restore", "copies"]);

    assert_eq!(exported(&receiver).len(), 1);
    assert_eq!((mode(&receiver.path("new")), mode(&receiver.path("new/place"))), (0o700, 0o700));
    assert!(!names(&receiver.path("new/place")).iter().any(|name| name.contains(".part")));
}

#[tokio::test]
async fn nothing_of_an_inbox_is_replaced() {
    let receiver = stopped_with(2).await;
    inbox(&receiver, &["backup", "copies"]);
    let before = std::fs::read(receiver.path("data/inbox.db")).unwrap();

    let whole = refused(&receiver, &["restore", "copies"]);
    let after = std::fs::read(receiver.path("data/inbox.db")).unwrap();
    move_away(&receiver);
    for ending in ["-wal", "-shm", "-journal"] {
        let file = receiver.path(&format!("data/inbox.db{ending}"));
        std::fs::write(&file, "of the old one").unwrap();

        let said = refused(&receiver, &["restore", "copies"]);

        assert!(said.contains(&format!("data/inbox.db{ending} is there already")), "{said}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "of the old one");
        assert!(!receiver.path("data/inbox.db").exists());
        std::fs::remove_file(file).unwrap();
    }

    assert!(whole.contains("data/inbox.db is there already") && whole.contains("Stop the receiver"), "{whole}");
    assert!(before == after);
    assert_eq!(inbox(&receiver, &["restore", "copies"])["events"], 2);
}

#[tokio::test]
async fn a_folder_without_a_backup_and_a_backup_of_a_newer_program_are_not_restored() {
    let receiver = stopped_with(1).await;
    inbox(&receiver, &["backup", "copies"]);
    move_away(&receiver);
    let db = Connection::open(receiver.path("copies/inbox.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);

    let nothing = refused(&receiver, &["restore", "old/copies"]);
    let newer = refused(&receiver, &["restore", "copies"]);

    assert!(nothing.contains("there is no backup in old/copies"), "{nothing}");
    assert!(newer.contains("newer version of this program (schema 99"), "{newer}");
    assert!(!receiver.path("data/inbox.db").exists());
}

/// As the documents had it before there was `inbox backup`: what was written last may be in the log only.
#[tokio::test]
async fn a_folder_that_was_copied_by_hand_is_restored_with_what_is_in_its_log() {
    let mut receiver = Receiver::start();
    // Somebody who reads keeps the event out of the database itself.
    let reader = Connection::open(receiver.path("data/inbox.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events;").unwrap();
    assert_eq!(receiver.sender().send(order_event("in the log")).await.status, Some(202));
    receiver.kill();
    assert!(receiver.shell("cp -r data copies").status.success());
    drop(reader);
    move_away(&receiver);

    assert_eq!(inbox(&receiver, &["restore", "copies"])["events"], 1);
    assert_eq!(exported(&receiver).len(), 1);
}

/// Fails if the restored inbox keeps the identity of the old one.
#[tokio::test]
async fn a_receiver_that_runs_does_not_take_the_restored_inbox_for_its_own() {
    let mut receiver = Receiver::start();
    receiver.expects_error("the inbox is gone");
    let [copied, last, later] = ["1", "2", "3"].map(order_event);
    assert_eq!(receiver.sender().send(copied.clone()).await.status, Some(202));
    inbox(&receiver, &["backup", "copies"]);
    assert_eq!(receiver.sender().send(last).await.status, Some(202));

    move_away(&receiver);
    // Until it has noticed, it has the lock.
    eventually("the receiver is away from its inbox", async || {
        receiver.sender().send(later.clone()).await.status == Some(503)
    })
    .await;
    inbox(&receiver, &["restore", "copies"]);
    // As much was written to it as to the old one, and more.
    let db = Connection::open(receiver.path("data/inbox.db")).unwrap();
    db.execute("UPDATE identity SET commits = commits + 1000", []).unwrap();
    drop(db);
    let answer = receiver.sender().send(later.clone()).await;
    let (status, said) = receiver.admin("/readyz").await;
    receiver.kill();
    receiver.restart();

    assert_eq!(answer.status, Some(503), "{answer:?}");
    assert!(status == 503 && said.contains("is another inbox"), "{status} {said}");
    assert_eq!(receiver.sender().send(later.clone()).await.status, Some(202));
    let kept: Vec<_> = exported(&receiver).into_keys().collect();
    let mut expected = [&copied, &later].map(message_id);
    expected.sort();
    assert_eq!(kept, expected);
}

#[tokio::test]
async fn an_earlier_backup_is_not_taken_for_one_of_the_restored_inbox() {
    let receiver = stopped_with(1).await;
    inbox(&receiver, &["backup", "copies/1"]);
    move_away(&receiver);
    inbox(&receiver, &["restore", "copies/1"]);

    let backup = inbox(&receiver, &["backup", "copies/2", "--link", "copies/1"]);

    assert_eq!(backup["linked"], false, "{backup}");
}

#[tokio::test]
async fn while_a_receiver_holds_the_place_nothing_is_restored_into_it() {
    let receiver = stopped_with(1).await;
    inbox(&receiver, &["backup", "copies"]);
    move_away(&receiver);
    let lock = std::fs::File::create(receiver.path("data/inbox.db.lock")).unwrap();
    lock.lock().unwrap();

    let said = refused(&receiver, &["restore", "copies"]);

    assert!(said.contains("a receiver is still running on data/inbox.db: stop it, then restore once more"), "{said}");
    drop(lock);
    inbox(&receiver, &["restore", "copies"]);
}
