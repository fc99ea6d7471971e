//! This receiver's exports.

use super::*;

#[test]
fn an_own_export_is_read_line_by_line() {
    let export = concat!(
        "\n  \n",
        r#"{"id":"1","state":"done","contentType":"application/json","body":"{\"q\": 1.50}"}"#,
        "\r\n\n",
        r#"{"id":"2","contentType":null,"bodyBase64":"PGEvPg=="}"#,
        "\n \n",
        r#"{"id":"3","body":""}"#,
    );
    let expected = [("line 3", "{\"q\": 1.50}"), ("line 5", "<a/>"), ("line 7", "skip: a request without a body")];
    let expected = expected.map(|(place, body)| (place.to_owned(), body.to_owned()));

    assert_eq!(read(export), expected);
    assert_eq!(read(format!("\u{feff}{export}")), expected);
}

#[test]
fn an_own_export_is_sent_in_the_order_received() {
    let line = |number: Value, received: &str| {
        let line = json!({"number": number, "id": "x", "received": received, "body": received});
        line.to_string() + "\n"
    };
    // The clock was set back in between.
    let (first, second, third) = (
        line(json!(1), "2026-03-01T10:00:09Z"),
        line(json!(2), "2026-03-01T10:00:01Z"),
        line(json!(3), "2026-03-01T10:00:02Z"),
    );
    let other = line(json!(2), "2026-03-01T10:00:05Z");

    let turned = read([&*third, &second, &first].concat());
    let of_two_inboxes = read([&*third, &other, &second].concat());
    let of_two_files = turns(vec![recording("one", [&*second, &third].concat()), recording("two", other)]);

    assert_eq!(bodies(&turned), ["2026-03-01T10:00:09Z", "2026-03-01T10:00:01Z", "2026-03-01T10:00:02Z"]);
    let by_time = ["2026-03-01T10:00:01Z", "2026-03-01T10:00:02Z", "2026-03-01T10:00:05Z"];
    assert_eq!(bodies(&of_two_inboxes), by_time);
    assert_eq!(bodies(&of_two_files), by_time);
}

#[test]
fn an_export_that_jq_wrote_anew_is_named_for_what_it_is() {
    let event = json!({"id": "1", "documentNumber": "PO-1", "body": "{}"});
    let pretty = serde_json::to_string_pretty(&event).unwrap();
    for (text, filter) in [
        (pretty.clone(), "`jq -c '.'`"),
        (format!("{pretty}\n{pretty}\n"), "`jq -c '.'`"),
        (json!([event, event]).to_string(), "`jq -c '.[]'`"),
        (format!("[\n{pretty}\n]"), "`jq -c '.[]'`"),
    ] {
        let fault = fault(text);

        assert!(fault.contains(filter) && !fault.contains("`send`"), "{fault}");
    }
}

#[test]
fn a_line_that_cannot_be_read_is_named_without_its_body_and_the_rest_is_read() {
    let good = r#"{"id":"1","body":"{}"}"#;
    for (wrong, why) in [
        ("{\"id\":\"3\",\"body\":\"{\\\"secr", "the JSON ends too early"),
        ("\"secret\"", "is no event"),
        ("secret", "is no JSON"),
        ("{\"id\":\"2\"}", "neither"),
        ("{\"id\":\"2\",\"bodyBase64\":\"secret!\"}", "no Base64"),
        ("{\"id\":\"2\",\"size\":17,\"body\":\"\"}", "of its 17 bytes none"),
    ] {
        for at in 0..3 {
            let mut lines = [good; 3];
            lines[at] = wrong;

            let turns = read(lines.join("\n"));

            let fault = &turns[at];
            assert_eq!(turns.len(), 3, "{turns:?}");
            assert_eq!(turns.iter().filter(|turn| turn.1 == "{}").count(), 2, "{turns:?}");
            assert_eq!(fault.0, format!("line {}", at + 1));
            assert!(fault.1.contains(why) && fault.1.to_lowercase().contains("export it again"), "{fault:?}");
            assert!(!fault.1.contains("secr"), "{fault:?}");
        }
    }
}
