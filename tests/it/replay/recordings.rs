//! Recordings as they are: out of order, in pages, with what is missing or does not belong there.

use serde_json::{Value, json};

use super::{bodies, path, recording, replay, webhook_site_export};
use crate::scripted::Scripted;

/// An entry of a HAR file.
fn har_entry(started: &str, body: &str) -> Value {
    json!({"startedDateTime": started, "request": {
        "method": "POST", "url": "https://x/", "headers": [], "bodySize": body.len(),
        "postData": {"mimeType": "application/json", "text": body},
    }})
}

fn har(entries: &[Value]) -> tempfile::NamedTempFile {
    recording(&json!({"log": {"version": "1.2", "entries": entries}}).to_string())
}

/// A web request as webhook.site lists it.
fn web(id: u8, body: &str, created: &str) -> Value {
    json!({"uuid": format!("00000000-0000-4000-8000-0000000000{id:02}"), "type": "web", "method": "POST",
           "content": body, "headers": {"content-type": ["application/json"]}, "created_at": created})
}

#[tokio::test]
async fn entries_of_all_files_are_sent_in_order_of_time() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let one = har(&[
        har_entry("2026-11-20T10:00:05Z", "5"),
        har_entry("2026-11-20T10:00:01Z", "1"),
        har_entry("2026-11-20T11:00:03+01:00", "3"),
    ]);
    let other = har(&[har_entry("2026-11-20T10:00:04Z", "4"), har_entry("2026-11-20T10:00:02Z", "2")]);

    let (delivered, out) = replay(&[path(&one), path(&other), "--url", &receiver.url]).await;

    assert_eq!(delivered, Ok(true), "{out}");
    assert_eq!(bodies(&receiver), ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn a_body_that_was_not_recorded_fails_the_replay_and_the_rest_is_sent() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let lost = json!({"startedDateTime": "2026-11-20T10:00:01Z", "request": {
        "method": "POST", "bodySize": -1, "headers": [{"name": "Content-Length", "value": "5321"}],
    }});
    let har = har(&[lost, har_entry("2026-11-20T10:00:02Z", "{}")]);
    let path = path(&har);

    for dry_run in [&["--dry-run"][..], &[]] {
        let (delivered, out) = replay(&[&[path, "--url", &receiver.url][..], dry_run].concat()).await;

        assert_eq!(delivered, Ok(false));
        let place = format!("not sent    {path}, entry 1, line 1  the body, 5321 bytes, was not recorded: ");
        assert!(out.starts_with(&place), "{out}");
        assert!(out.ends_with("; 1 could not be sent\n"), "{out}");
    }
    assert_eq!(bodies(&receiver), ["{}"]);
}

#[tokio::test]
async fn an_odd_entry_of_a_list_keeps_nothing_else_from_being_sent() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let list = recording(
        &json!({"data": [
            web(1, "{}", "2026-11-20 10:00:01"),
            {"type": "dns", "hostname": "a.dnshook.site", "created_at": "2026-11-20 10:00:02"},
            {"type": "email", "sender": "user@example.com", "created_at": "2026-11-20 10:00:03"},
            {"type": "web", "method": 7},
            web(2, "[]", "2026-11-20 10:00:04"),
        ]})
        .to_string(),
    );

    let (delivered, out) = replay(&[path(&list), "--json", "--url", &receiver.url]).await;

    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| lines.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(delivered, Ok(false));
    assert_eq!(of("verdict"), ["delivered", "skipped", "skipped", "not sent", "delivered"]);
    assert_eq!(of("place"), ["entry 1", "entry 2", "entry 3", "entry 4", "entry 5"]);
    assert_eq!(lines[3]["line"], 1);
    assert_eq!(bodies(&receiver), ["{}", "[]"]);
}

#[tokio::test]
async fn what_is_no_web_request_is_no_failure() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let list = json!({"data": [web(1, "{}", "2026-11-20 10:00:01"), {"type": "dns", "ip": "127.0.0.1"}]});
    let list = recording(&list.to_string());

    let (delivered, out) = replay(&[path(&list), "--url", &receiver.url]).await;

    assert_eq!(delivered, Ok(true));
    assert!(out.ends_with("1 sent: 1 delivered, 0 lost, 0 will retry; 1 skipped\n"), "{out}");
}

#[tokio::test]
async fn a_page_that_lacks_its_others_is_told_and_sent() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let page = |number: u8, last: bool, requests: &[Value]| {
        let page = json!({"data": requests, "total": 3, "per_page": 2, "current_page": number, "is_last_page": last});
        recording(&page.to_string())
    };
    // The newest first, and something came in while they were fetched: the second stands on both.
    let (first, second) = (web(1, "1", "2026-11-20 10:00:01"), web(2, "2", "2026-11-20 10:00:02"));
    let newest = page(1, false, &[web(3, "3", "2026-11-20 10:00:03"), second.clone()]);
    let oldest = page(2, true, &[second, first]);

    let (alone, out) = replay(&[path(&newest), "--url", &receiver.url]).await;
    let sent_alone = bodies(&receiver);
    let (together, all) = replay(&[path(&newest), path(&oldest), "--url", &receiver.url]).await;

    assert_eq!((alone, together), (Ok(false), Ok(true)));
    assert!(out.starts_with(&format!("not sent    {}  1 of 3 requests are missing: ", path(&newest))), "{out}");
    assert_eq!(sent_alone, ["2", "3"]);
    assert!(!all.contains("not sent") && all.contains("the same request as"), "{all}");
    assert_eq!(bodies(&receiver), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_copy_that_cannot_be_sent_does_not_stand_for_a_whole_one() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let (whole, without_body) = (web(1, "{}", "2026-11-20 10:00:01"), web(1, "", "2026-11-20 10:00:01"));
    let list = recording(&json!({"data": [without_body, whole, whole]}).to_string());

    let (delivered, out) = replay(&[path(&list), "--url", &receiver.url]).await;

    assert_eq!(delivered, Ok(false), "one of them was not recorded whole");
    assert!(out.contains("entry 1, line 1  a POST whose body was not recorded"), "{out}");
    assert!(out.contains("entry 3  the same request as") && out.contains("1 delivered"), "{out}");
    assert_eq!(bodies(&receiver), ["{}"]);
}

#[tokio::test]
async fn a_file_that_is_named_twice_is_sent_once() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let har = har(&[har_entry("2026-11-20T10:00:01Z", "{}")]);
    let by_another_name = har.path().parent().unwrap().join(".").join(har.path().file_name().unwrap());

    let (delivered, out) = replay(&[path(&har), by_another_name.to_str().unwrap(), "--url", &receiver.url]).await;

    assert_eq!(delivered, Ok(true));
    assert!(out.contains("is named twice"), "{out}");
    assert_eq!(bodies(&receiver), ["{}"]);
}

#[tokio::test]
async fn what_is_no_recording_is_named_and_the_other_files_are_sent() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let good = har(&[har_entry("2026-11-20T10:00:01Z", "{}")]);
    for (text, why) in [
        ("", "is empty"),
        ("uuid,token_id,created_at,method,content\r\n", "https://webhook.site/token/<the id in your URL>/requests?"),
        ("\x1f\u{8}", "not a"),
        ("{\"log\": {}}", "not a webhook.site export, a HAR file"),
    ] {
        let wrong = recording(text);

        let (delivered, out) = replay(&[path(&wrong), path(&good), "--url", &receiver.url]).await;

        assert_eq!(delivered, Ok(false), "{out}");
        let line = out.lines().find(|line| line.starts_with("not sent")).unwrap();
        assert!(line.starts_with(&format!("not sent    {}  ", path(&wrong))) && line.contains(why), "{out}");
        assert!(out.ends_with("1 sent: 1 delivered, 0 lost, 0 will retry; 1 could not be sent\n"), "{out}");
        assert_eq!(bodies(&receiver), ["{}"]);
    }
}

#[tokio::test]
async fn a_folder_is_told_before_anything_is_sent() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let folder = tempfile::tempdir().unwrap();

    let (delivered, out) =
        replay(&[&webhook_site_export(), folder.path().to_str().unwrap(), "--url", &receiver.url]).await;

    assert!(delivered.unwrap_err().contains("is a folder: name the files in it"));
    assert!(out.is_empty() && receiver.requests().is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn an_export_can_come_through_a_pipe() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = pipe.clone();
    let written = std::thread::spawn(move || {
        std::fs::write(writer, "{\"id\": \"1\", \"body\": \"a\"}\n\n{\"id\": \"2\", \"body\": \"b\"}\n").unwrap();
    });

    let (delivered, out) = replay(&[pipe.to_str().unwrap(), "--url", &receiver.url]).await;

    written.join().unwrap();
    assert_eq!(delivered, Ok(true), "{out}");
    assert_eq!(bodies(&receiver), ["a", "b"]);
}
