//! The lists and single requests of webhook.site.

use super::*;

#[test]
fn a_webhook_site_export_keeps_bodies_and_content_types() {
    let export = include_str!("../../../../../tests/fixtures/samples/webhook-site-export.json");
    let recorded: Value = serde_json::from_str(export).unwrap();
    let mut recording = recording("recording", export);
    assert!(missing_pages(std::slice::from_ref(&recording)).is_empty());

    for (index, recorded) in recorded["data"].as_array().unwrap().iter().enumerate().take(3) {
        let entry = recording.entries.remove(0);
        let Recorded::Request { content_type, body } = recording.read(&entry).unwrap() else { panic!("{recorded}") };
        assert_eq!(recording.origin(&entry).place, Some(format!("entry {}", index + 1)));
        assert_eq!(body, recorded["content"].as_str().unwrap());
        assert_eq!(content_type.as_deref(), recorded["headers"]["content-type"][0].as_str());
    }
}

#[test]
fn a_webhook_site_list_is_sent_oldest_first() {
    let newest_first = json!({"data": [
        site_request("d", "2026-03-02 00:00:00"),
        site_request("c", "2026-03-01 10:00:00"),
        site_request("b", "2026-03-01 10:00:00"),
        site_request("a", "2026-03-01 09:59:59"),
    ]});
    let unsorted = json!({"data": [
        site_request("b", "2026-03-01 10:00:00"),
        site_request("a", "2026-03-01 09:00:00"),
        site_request("c", "2026-03-01 10:00:00"),
    ]});

    let turned = read(newest_first.to_string());

    assert_eq!(bodies(&turned), ["a", "b", "c", "d"]);
    assert_eq!(turned[0].0, "entry 4");
    assert_eq!(bodies(&read(unsorted.to_string())), ["a", "b", "c"]);
}

#[test]
fn pages_are_sent_together_in_order_of_time() {
    let page = |requests: Value| recording("page", json!({"data": requests}).to_string());
    let numbered = |body, number| {
        let mut request = site_request(body, "2026-03-01 10:00:00");
        request["sorting"] = json!(number);
        request
    };

    // Newest first, and the two pages meet within a second.
    let meeting = turns(vec![
        page(json!([site_request("d", "2026-03-02 00:00:00"), site_request("c", "2026-03-01 10:00:00")])),
        page(json!([site_request("b", "2026-03-01 10:00:00"), site_request("a", "2026-03-01 09:00:00")])),
    ]);
    let sorting = turns(vec![
        page(json!([numbered("b", 2), numbered("d", 4)])),
        page(json!([numbered("c", 3), numbered("a", 1)])),
    ]);

    assert_eq!(bodies(&meeting), ["a", "b", "c", "d"]);
    assert_eq!(bodies(&sorting), ["a", "b", "c", "d"]);
}

#[test]
fn a_page_that_is_missing_is_told() {
    let page = |number: u64, last: bool, total: Value, requests: &[&str]| {
        let requests: Vec<_> = requests.iter().map(|body| site_request(body, "2026-03-01 10:00:00")).collect();
        let list = json!({"data": requests, "current_page": number, "is_last_page": last, "total": total});
        recording(&format!("page{number}.json"), list.to_string())
    };
    let missing = |pages: &[Recording]| missing_pages(pages).pop().map(|(_, what)| what).unwrap_or_default();

    let pages = [page(1, false, json!(150), &["a"])];
    let (file, what) = (missing_pages(&pages)[0].0.file(), missing(&pages));
    assert_eq!(file.file, "page1.json");
    assert!(what.starts_with("149 of 150 requests are missing: ") && what.contains("&page=1, 2 and so on"), "{what}");
    assert!(missing(&[page(2, true, json!(3), &["c"])]).starts_with("2 of 3 "), "the first page may be it, too");
    assert!(missing(&[page(1, false, Value::Null, &["a"])]).starts_with("the requests of the next pages"));
    assert!(missing(&[page(2, true, Value::Null, &["a"])]).starts_with("the requests of the first pages"));
    assert!(missing(&[page(1, false, json!(2), &["a"]), page(2, true, json!(2), &["b"])]).is_empty());
    assert!(missing(&[page(2, true, Value::Null, &["b"]), page(1, false, Value::Null, &["a"])]).is_empty());
    assert!(missing(&[recording("list", json!({"data": [site_request("a", "")]}).to_string())]).is_empty());
}

#[test]
fn a_single_webhook_site_request_is_a_recording_too() {
    let pretty = serde_json::to_string_pretty(&site_request("{\"x\": \"é\"}", "2026-03-01 10:00:00")).unwrap();

    let requests = read(format!("\u{feff}{pretty}"));

    assert_eq!(requests, [(String::new(), "{\"x\": \"é\"}".to_owned())]);
}

#[test]
fn what_is_no_web_request_is_skipped_and_what_is_no_request_is_named() {
    let list = json!({"data": [
        site_request("a", "2026-03-01 10:00:00"),
        {"type": "email", "sender": "user@example.com", "content": "hello", "created_at": "2026-03-01 10:00:01"},
        {"type": "dns", "hostname": "a.dnshook.site", "created_at": "2026-03-01 10:00:02"},
        {"type": "fax", "created_at": "2026-03-01 10:00:03"},
        17,
        {"method": "POST", "content": {"secret": 1}, "created_at": "2026-03-01 10:00:04"},
        {"created_at": "2026-03-01 10:00:05"},
        site_request("z", "2026-03-01 10:00:06"),
    ]});

    let turns = read(list.to_string());

    let places: Vec<_> = turns.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, (1..=8).map(|number| format!("entry {number}")).collect::<Vec<_>>());
    let bodies = bodies(&turns);
    assert_eq!(
        bodies[..4],
        ["a", "skip: an e-mail, no web request", "skip: a DNS look-up, no web request", "skip: no web request"]
    );
    assert!(bodies[4].starts_with("fault: has no `method`"), "{bodies:?}");
    assert!(bodies[5].starts_with("fault: `content` is no text") && !bodies[5].contains("secret"), "{bodies:?}");
    assert!(bodies[6].starts_with("fault: has no `method`"), "{bodies:?}");
    assert_eq!(bodies[7], "z");
}
