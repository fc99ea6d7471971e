//! HAR files, and whether the bodies in them are whole.

use super::*;

#[test]
fn a_har_file_is_read_in_order_of_time_with_text_and_base64_bodies() {
    let entries = [
        har_entry("<c/>", "2026-11-20T10:00:03.000Z"),
        json!({"request": {"method": "GET", "url": "https://x/", "headers": []}}),
        har_entry("<a/>", "2026-11-20T11:00:01.000+01:00"),
        json!({"startedDateTime": "2026-11-20T10:00:02Z", "request": {"method": "PUT", "headers": [],
               "postData": {"mimeType": "application/json", "text": "e30", "_encoding": "BASE64"}}}),
    ];

    let turns = read(har(&entries));

    assert_eq!(bodies(&turns), ["<a/>", "skip: a GET without a body", "{}", "<c/>"]);
    assert_eq!(turns[0].0, "entry 3");
}

#[test]
fn the_content_type_is_that_of_the_header_and_else_of_the_body() {
    let of = |request: Value| {
        let mut recording = recording("har", har_of(&request));
        let entry = recording.entries.remove(0);
        match recording.read(&entry) {
            Ok(Recorded::Request { content_type, .. }) => content_type,
            _ => panic!("{request}"),
        }
    };
    let body = json!({"mimeType": "application/json", "text": "{}"});

    let header = of(json!({"method": "POST", "postData": body,
                           "headers": [{"name": "Content-Type", "value": "text/xml"}]}));

    assert_eq!(header.as_deref(), Some("text/xml"));
    assert_eq!(of(json!({"method": "POST", "postData": body})).as_deref(), Some("application/json"));
    assert_eq!(of(json!({"method": "POST", "postData": {"mimeType": "", "text": "{}"}})), None);
}

#[test]
fn a_body_that_should_be_there_is_a_fault() {
    let length = |value: Value| json!([{"name": "content-length", "value": value}]);
    for (request, why) in [
        (json!({"method": "POST"}), "a POST whose body was not recorded"),
        (json!({"method": "put", "bodySize": 0, "postData": null}), "a put whose body was not recorded"),
        (
            json!({"method": "POST", "bodySize": 5321, "postData": {"text": ""}}),
            "the body, 5321 bytes, was not recorded",
        ),
        (
            json!({"method": "POST", "bodySize": -1, "headers": length(json!("17"))}),
            "the body, 17 bytes, was not recorded",
        ),
        (json!({"method": "PATCH", "headers": length(json!(17))}), "the body, 17 bytes, was not recorded"),
        (
            json!({"method": "POST", "bodySize": 17, "postData": {"text": "{\"orderEvent"}}),
            "only the first 12 of 17 bytes",
        ),
        (
            json!({"method": "POST", "postData": {"params": [{"name": "a", "value": "b"}]}}),
            "was recorded as form fields",
        ),
        (json!({"method": "POST", "postData": {"text": "?", "encoding": "base64"}}), "`postData` is said to be Base64"),
        (json!({"method": "POST", "postData": {"text": "x", "encoding": "rot13"}}), "`postData` has an encoding"),
        (json!({"method": "POST", "postData": {"text": 1}}), "`text` is no text"),
        (json!({"postData": {"text": "{}"}}), "has no `request` with a `method`"),
        (json!("secret"), "has no `request` with a `method`"),
    ] {
        let turns = read(har_of(&request));

        let start = format!("fault: {why}");
        assert!(turns.len() == 1 && turns[0].1.starts_with(&start), "{request}: {turns:?}");
        assert!(turns[0].1.contains(": ") && !turns[0].1.contains("secret"), "{turns:?}");
    }
    let empty = json!({"method": "POST", "headers": length(json!("0"))});
    assert_eq!(bodies(&read(har_of(&empty))), ["skip: a POST with an empty body"]);
    let options = json!({"method": "OPTIONS\u{1b}[31m", "bodySize": 0});
    assert_eq!(bodies(&read(har_of(&options))), ["skip: a OPTIONS\u{fffd}[31m without a body"]);
}

#[test]
fn a_whole_body_is_sent_whatever_was_counted() {
    let event = "{\"orderEvent\": {\"orderId\": \"ü\"}}";
    for (size, headers) in [
        // As browsers count that count characters, and as if a byte order mark or line ends had been taken away.
        (event.chars().count(), json!([])),
        (event.len() + 3, json!([{"name": "Content-Length", "value": (event.len() + 3).to_string()}])),
        // Compressed on the wire.
        (0, json!([{"name": "Content-Encoding", "value": "gzip"}, {"name": "Content-Length", "value": "9999"}])),
    ] {
        let request = json!({"method": "POST", "bodySize": size, "headers": headers, "postData": {"text": event}});

        assert_eq!(bodies(&read(har_of(&request))), [event]);
    }
}

#[test]
fn a_text_that_was_one_byte_a_character_is_sent_as_that() {
    let request = json!({"method": "POST", "headers": [{"name": "Content-Length", "value": "8"}],
                         "postData": {"text": "<a>é</a>"}});
    let mut recording = recording("har", har_of(&request));
    let entry = recording.entries.remove(0);

    let Ok(Recorded::Request { body, .. }) = recording.read(&entry) else { panic!("{request}") };

    assert_eq!(body, b"<a>\xe9</a>".as_slice());
}

#[test]
fn a_text_that_says_its_encoding_is_sent_in_that() {
    let declared = |encoding: &str| format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?><a>5 €</a>");
    let (windows, utf_8) = (declared("windows-1252"), declared("utf-8"));
    let headers = |length: usize| json!([{"name": "Content-Length", "value": length.to_string()}]);
    for (text, headers, is_windows) in [
        (&windows, json!([]), true),
        (&windows, headers(windows.len() - 2), true),
        // The length says that it was UTF-8, whatever was declared.
        (&windows, headers(windows.len()), false),
        (&utf_8, json!([]), false),
    ] {
        let request = json!({"method": "POST", "headers": headers, "postData": {"text": text}});
        let mut recording = recording("har", har_of(&request));
        let entry = recording.entries.remove(0);

        let Ok(Recorded::Request { body, .. }) = recording.read(&entry) else { panic!("{request}") };

        let sent: &[u8] = if is_windows { b"<a>5 \x80</a>" } else { "<a>5 €</a>".as_bytes() };
        assert!(body.ends_with(sent), "{request}: {body:?}");
    }
}
