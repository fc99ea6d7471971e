//! Reading recordings, kind by kind.

use super::*;
use serde_json::{Value, json};

fn read(text: impl AsRef<[u8]>) -> anyhow::Result<Vec<Recorded>> {
    Recording::open("recording".to_owned(), text.as_ref())?.collect()
}

fn fails(text: impl AsRef<[u8]>) -> String {
    match read(text) {
        Ok(requests) => panic!("read {} requests", requests.len()),
        Err(error) => format!("{error:#}"),
    }
}

fn bodies(requests: &[Recorded]) -> Vec<&str> {
    requests.iter().map(|request| std::str::from_utf8(&request.post.body).unwrap()).collect()
}

fn site_request(body: &str, created_at: &str) -> Value {
    json!({"method": "POST", "content": body, "headers": {"content-type": ["application/json"]}, "created_at": created_at})
}

#[test]
fn a_webhook_site_export_keeps_bodies_and_content_types() {
    let export = include_str!("../../../../tests/fixtures/samples/webhook-site-export.json");
    let recorded: Value = serde_json::from_str(export).unwrap();

    let requests = read(export).unwrap();

    let types: Vec<_> = requests.iter().map(|request| request.post.content_type.as_deref().unwrap()).collect();
    assert_eq!(types, ["application/json", "application/json; charset=UTF-8", "application/xml", "text/plain"]);
    for (request, recorded) in requests.iter().zip(recorded["data"].as_array().unwrap()) {
        assert_eq!(request.post.body, recorded["content"].as_str().unwrap());
        assert_eq!(request.method, recorded["method"].as_str().unwrap());
    }
    assert!(requests[3].post.body.is_empty());
    assert_eq!(requests[3].read, export.len() as u64);
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

    let turned = read(newest_first.to_string()).unwrap();

    assert_eq!(bodies(&turned), ["a", "b", "c", "d"]);
    assert_eq!(turned[0].post.place.as_deref(), Some("entry 4"));
    assert_eq!(bodies(&read(unsorted.to_string()).unwrap()), ["a", "b", "c"]);
}

#[test]
fn a_single_webhook_site_request_is_a_recording_too() {
    let pretty = serde_json::to_string_pretty(&site_request("{\"x\": \"é\"}", "2026-03-01 10:00:00")).unwrap();

    let requests = read(format!("\u{feff}{pretty}")).unwrap();

    assert_eq!(bodies(&requests), ["{\"x\": \"é\"}"]);
    assert_eq!(requests[0].post.place, None);
}

#[test]
fn a_request_without_headers_has_no_content_type() {
    let requests = read(r#"{"data": [{"method": "POST", "content": "{}", "headers": []}]}"#).unwrap();

    assert_eq!(requests[0].post.content_type, None);
}

#[test]
fn a_har_file_is_read_in_its_order_with_text_and_base64_bodies() {
    let har = json!({"log": {"version": "1.2", "entries": [
        {"request": {"method": "GET", "url": "https://x/", "headers": []}},
        {"request": {"method": "POST", "headers": [{"name": "Content-Type", "value": "text/xml"}],
                     "postData": {"mimeType": "application/xml", "text": "<a/>"}}},
        {"request": {"method": "PUT", "headers": [],
                     "postData": {"mimeType": "application/json", "text": "e30=", "encoding": "base64"}}},
    ]}});

    let requests = read(har.to_string()).unwrap();

    assert_eq!(bodies(&requests), ["", "<a/>", "{}"]);
    assert_eq!(requests[1].post.content_type.as_deref(), Some("text/xml"));
    assert_eq!(requests[2].post.content_type.as_deref(), Some("application/json"));
    assert_eq!(requests[2].post.place.as_deref(), Some("entry 3"));
}

#[test]
fn an_own_export_is_read_line_by_line() {
    let export = concat!(
        r#"{"id":"1","state":"done","contentType":"application/json","body":"{\"q\": 1.50}"}"#,
        "\r\n\n",
        r#"{"id":"2","contentType":null,"bodyBase64":"/wA="}"#,
    );

    let requests = read(export).unwrap();

    assert_eq!(requests[0].post.body, "{\"q\": 1.50}");
    assert_eq!(requests[0].post.content_type.as_deref(), Some("application/json"));
    assert_eq!(requests[1].post.body, [0xff, 0x00].as_slice());
    assert_eq!(requests[1].post.content_type, None);
    assert_eq!(requests[1].post.place.as_deref(), Some("line 3"));
    assert_eq!(requests[1].read, export.len() as u64);
}

#[test]
fn an_own_export_is_not_read_ahead() {
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            assert!(self.0 < 1000, "reads without end");
            let line = b"{\"id\":\"1\",\"body\":\"{}\"}\n";
            buffer[..line.len()].copy_from_slice(line);
            Ok(line.len())
        }
    }

    let recording = Recording::open("endless".to_owned(), Endless(0)).unwrap();

    assert_eq!(recording.take(100).flatten().count(), 100);
}

#[test]
fn an_error_names_the_file_and_the_line_and_not_the_body() {
    let good = r#"{"id":"1","body":"{}"}"#;

    let cut_off = fails(format!("{good}\n{good}\n{{\"id\":\"3\",\"body\":\"{{\\\"secr"));
    let other = fails(format!("{good}\n\"secret\""));
    let empty = fails(format!("{good}\n{{\"id\":\"2\"}}"));
    let base64 = fails("{\"id\":\"1\",\"bodyBase64\":\"secret!\"}");

    assert!(cut_off.starts_with("recording, line 3: ") && cut_off.contains("cut off"), "{cut_off}");
    assert!(other.starts_with("recording, line 2: ") && !other.contains("secret"), "{other}");
    assert!(empty.contains("line 2") && empty.contains("neither"), "{empty}");
    assert!(base64.contains("line 1") && base64.contains("base64") && !base64.contains("secret"), "{base64}");
}

#[test]
fn an_error_ends_the_recording() {
    let text = "{\"id\":\"1\",\"body\":\"{}\"}\n{\n{\"id\":\"3\",\"body\":\"{}\"}\n";

    let recording = Recording::open("recording".to_owned(), text.as_bytes()).unwrap();

    assert_eq!(recording.map(|request| request.is_ok()).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn what_is_no_recording_is_refused() {
    assert!(fails("").contains("empty"));
    assert!(fails(" \n\n").contains("empty"));
    assert!(fails("hello").contains("no JSON"));
    for text in ["[]", "{}", r#"{"data": "x"}"#, r#"{"orderEvent": {}}"#, "7"] {
        let error = fails(text);
        assert!(error.starts_with("recording: not a webhook.site export, a HAR file, or"), "{text}: {error}");
    }
    let har = fails(
        r#"{"log": {"entries": [{"request": {"method": "POST", "postData": {"text": "?", "encoding": "base64"}}}]}}"#,
    );
    assert!(har.contains("entry 1") && har.contains("base64"), "{har}");
}
