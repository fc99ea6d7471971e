//! What `file` promises where the folder is not as one would like it: rights, file systems that cannot sync, disks
//! that fail, and what a process before has left. The receiver itself, on a real folder.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rstest::rstest;
use serde_json::Value;

use crate::support::eventually;
use crate::support::faults::{FailingCalls, FailingStart};
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// A receiver whose only handler writes to the folder `erp`, which is there; and that folder.
fn receiver_with(keys: &str) -> (Receiver, PathBuf) {
    let receiver = Receiver::prepared(&format!(
        "delivery = {{ first_retry = '100ms', max_retry = '100ms' }}\n\
         [handlers.disk]\ntype = 'file'\ndirectory = 'erp'\n{keys}"
    ));
    let folder = receiver.path("erp");
    std::fs::create_dir(&folder).unwrap();
    // By the name that system calls are told apart by.
    receiver.configure(|text| text.replace("'erp'", &format!("'{}'", folder.display())));
    (receiver, folder)
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
}

async fn send(receiver: &Receiver) {
    assert_eq!(receiver.sender().send(order_event("order-1")).await.status, Some(202));
}

fn is_done(event: &Value) -> bool {
    event["deliveries"][0]["state"] == "done"
}

async fn all_done(receiver: &Receiver, count: usize) {
    receiver.inbox_until(|events| events.len() == count && events.iter().all(is_done)).await;
}

fn times_said(receiver: &Receiver, words: &str) -> usize {
    receiver.log().iter().filter(|line| line["message"].as_str().is_some_and(|text| text.contains(words))).count()
}

/// Shares, and file systems in user space.
#[rstest]
#[case::as_shares_say_it("EINVAL")]
#[case::in_so_many_words("EOPNOTSUPP")]
#[case::not_there_at_all("ENOSYS")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_be_synced_gets_every_event_once(#[case] error: &str) {
    let (mut receiver, folder) = receiver_with("");
    receiver.restart();
    let _fault = FailingCalls::on(&folder, receiver.pid(), "fsync", error);

    for count in 1..=2 {
        send(&receiver).await;
        all_done(&receiver, count).await;
    }

    assert_eq!(files_in(&folder).len(), 2);
    assert_eq!(times_said(&receiver, "cannot sync a directory"), 1);
    assert_eq!(times_said(&receiver, "it is tried again"), 0);
}

#[rstest]
#[case::it_may_not_be_listed("openat", "EACCES", "right to read")]
#[case::the_disk_fails("fsync", "EIO", "cannot be synced")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_a_folder_from_being_synced_is_found_out_before_the_file_appears(
    #[case] calls: &str,
    #[case] error: &str,
    #[case] why: &str,
) {
    let (mut receiver, folder) = receiver_with("");
    receiver.restart();
    let fault = FailingCalls::on(&folder, receiver.pid(), calls, error);

    send(&receiver).await;
    let failed = receiver.logged("it is tried again").await;
    eventually("it was tried three times", async || times_said(&receiver, "it is tried again") >= 3).await;
    let appeared = files_in(&folder);
    drop(fault);
    all_done(&receiver, 1).await;

    assert!(failed.to_string().contains(why), "{failed}");
    assert!(appeared.is_empty(), "{appeared:?}");
    assert_eq!(files_in(&folder).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_has_appeared_is_not_written_again_when_the_folder_cannot_be_synced_behind_it() {
    let (mut receiver, folder) = receiver_with("");
    receiver.restart();
    send(&receiver).await;
    all_done(&receiver, 1).await;
    std::fs::remove_file(&files_in(&folder)[0]).unwrap();
    let fault = FailingCalls::on(&folder, receiver.pid(), "fsync", "EIO");

    send(&receiver).await;
    eventually("the file is there", async || files_in(&folder).len() == 1).await;
    let failed = receiver.logged("it is tried again").await;
    // As an ERP does it that takes what it has read.
    std::fs::remove_file(&files_in(&folder)[0]).unwrap();
    eventually("it was tried three times", async || times_said(&receiver, "it is tried again") >= 3).await;
    drop(fault);
    all_done(&receiver, 2).await;

    assert!(failed.to_string().contains("The file is there"), "{failed}");
    assert!(files_in(&folder).is_empty(), "{:?}", files_in(&folder));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trying_goes_the_whole_way_and_says_what_is_not_promised() {
    let (mut receiver, folder) = receiver_with("");
    let checked = |receiver: &Receiver| {
        let output = receiver.run(&["check", "--online"]);
        String::from_utf8(output.stdout).unwrap()
    };

    receiver.run_inside(FailingStart::on(&folder, "openat", "EACCES").inside());
    let unlisted = checked(&receiver);
    receiver.run_inside(FailingStart::on(&folder, "fsync", "EIO").inside());
    let failing = checked(&receiver);
    receiver.run_inside(FailingStart::on(&folder, "fsync", "EINVAL").inside());
    let share = checked(&receiver);

    assert!(unlisted.contains("FAILS: handler disk") && unlisted.contains("right to read"), "{unlisted}");
    assert!(failing.contains("FAILS: handler disk") && failing.contains("cannot be synced"), "{failing}");
    assert!(share.contains("works: handler disk") && share.contains("cannot sync a directory"), "{share}");
    assert_eq!(folder.read_dir().unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_start_says_that_files_cannot_be_written() {
    let mut receiver = Receiver::prepared("[handlers.disk]\ntype = 'file'\ndirectory = 'erp/events'");
    std::fs::write(receiver.path("erp"), "in the way").unwrap();

    receiver.restart();

    let said = receiver.logged("event files cannot be written for now").await;
    assert!(said.to_string().contains("disk") && said["level"] == "WARN", "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_have_the_rights_of_mode_whatever_the_umask() {
    let strict = ["sh", "-c", "umask 077; exec \"$0\" \"$@\""].map(str::to_owned).to_vec();
    for (keys, rights, shown) in [("mode = '0640'", 0o640, "rw-r----- (0640)"), ("", 0o600, "rw------- (0600)")] {
        let (mut receiver, folder) = receiver_with(keys);
        receiver.run_inside(strict.clone());
        receiver.restart();

        send(&receiver).await;
        all_done(&receiver, 1).await;
        let checked = receiver.run(&["check", "--online"]);

        let mode = files_in(&folder)[0].metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, rights, "{mode:o}");
        let checked = String::from_utf8(checked.stdout).unwrap();
        assert!(checked.contains(shown), "{checked}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_removes_what_a_killed_process_left_and_nothing_that_somebody_writes() {
    let (mut receiver, folder) = receiver_with("");
    let made = |name: &str| {
        let path = folder.join(name);
        (File::create(&path).unwrap(), path)
    };
    let (_, left) = made(".7fd0f2c2-e310-4363-ae70-6bea25604066.part");
    let (_, foreign) = made(".somebody-elses.part");
    let (written, at_work) = made(".7fd0f2c2-e310-4363-ae70-6bea25604067.part");
    written.lock().unwrap();

    receiver.restart();

    eventually("what was left is gone", async || !left.exists()).await;
    receiver.logged("removed what was left half-written").await;
    assert!(at_work.exists() && foreign.exists());
}
