//! Files of any kind: several together, cut off, in other encodings, or none of the kinds.

use super::*;

#[test]
fn what_has_no_time_goes_with_what_is_before_it() {
    let own = |bodies: &[&str]| {
        let lines: Vec<_> = bodies.iter().map(|body| json!({"id": "x", "body": body}).to_string()).collect();
        recording("own", lines.join("\n"))
    };
    let dated = |entries: &[(&str, &str)]| {
        let entry = |(body, second): &(&str, &str)| har_entry(body, &format!("2026-11-20T10:00:{second}Z"));
        recording("har", har(&entries.iter().map(entry).collect::<Vec<_>>()))
    };

    let behind = turns(vec![dated(&[("a", "01"), ("c", "03")]), own(&["d", "e"]), dated(&[("f", "05"), ("b", "02")])]);
    let before = turns(vec![own(&["a", "b"]), dated(&[("c", "01")])]);

    assert_eq!(bodies(&behind), ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(bodies(&before), ["a", "b", "c"]);
}

#[test]
fn of_a_file_that_was_cut_off_everything_before_is_sent() {
    let whole = serde_json::to_string_pretty(&json!({"log": {"entries": [
        har_entry("b", "2026-11-20T10:00:02Z"),
        har_entry("a", "2026-11-20T10:00:01Z"),
        har_entry("c", "2026-11-20T10:00:03Z"),
    ], "pages": []}}))
    .unwrap();
    let cut = |at: &str| read(&whole[..whole.find(at).unwrap()]);

    let in_an_entry = cut("\"c\"");
    let behind_them = cut("\"pages\"");
    let mut not_utf8 = whole.clone().into_bytes();
    not_utf8[whole.find("\"c\"").unwrap() + 1] = 0xe9;
    let not_utf8 = read(not_utf8);

    assert_eq!(bodies(&in_an_entry)[..2], ["a", "b"]);
    assert_eq!(in_an_entry[2].0, "entry 3");
    assert!(in_an_entry[2].1.contains("ends too early") && in_an_entry[2].1.contains("cut off"), "{in_an_entry:?}");
    assert_eq!(bodies(&behind_them)[..3], ["a", "b", "c"]);
    assert!(behind_them[3].0.is_empty() && behind_them[3].1.contains("cut off"), "{behind_them:?}");
    assert_eq!(bodies(&not_utf8)[..2], ["a", "b"]);
    assert!(not_utf8[2].1.contains("is neither UTF-8 nor UTF-16"), "{not_utf8:?}");
}

#[test]
fn an_entry_is_named_with_its_line() {
    let pretty = serde_json::to_string_pretty(&json!({"data": [site_request("a", ""), {"method": "POST"}]})).unwrap();
    let line = pretty.lines().position(|line| line == "    {").unwrap();
    let second = pretty.lines().skip(line + 1).position(|line| line == "    {").unwrap() + line + 2;
    let recording = recording("list", pretty);

    let lines: Vec<_> = recording.entries.iter().map(|entry| recording.origin(entry).line).collect();

    assert_eq!(lines, [Some(line as u64 + 1), Some(second as u64)]);
}

#[test]
fn what_windows_makes_of_a_file_is_read() {
    let own = "{\"id\":\"1\",\"body\":\"{\\\"ü\\\": \\\"螺母\\\"}\"}\r\n\r\n{\"id\":\"2\",\"body\":\"b\"}\r\n";
    let list = json!({"data": [site_request("ü", ""), site_request("b", "")]}).to_string();
    for (text, first) in [(own, "{\"ü\": \"螺母\"}"), (&list, "ü")] {
        let little: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [little, big, format!("\u{feff}{text}").into_bytes()] {
            assert_eq!(bodies(&read(bytes)), [first, "b"]);
        }
    }
}

#[test]
fn what_is_no_recording_is_named_for_what_it_is() {
    for (text, why) in [
        (&b""[..], "is empty"),
        (b" \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"hello", "(line 1, column 1: expected a value): name the file"),
        (b"{}", "not a webhook.site export, a HAR file, or an export of this receiver"),
        (b"{\"data\": \"x\"}", "not a webhook.site export"),
        (b"7", "not a webhook.site export"),
        (b"[]", "a bare list: leave what is around it"),
        (b"{\"orderEvent\": {\"orderId\": \"1\"}}", "is an event itself"),
        (b"<OrderWebhook><orderEvent><orderId>1</orderId></orderEvent></OrderWebhook>", "is an event itself"),
        (b"\x1f\x8b\x08\0\0", "is compressed (gzip)"),
        (b"PK\x03\x04", "is compressed (ZIP)"),
        (b"uuid,type,token_id,method,content\n1,web,2,POST,{}\n", "is a table (CSV)"),
    ] {
        let fault = fault(text);

        assert!(fault.contains(why), "{fault}");
        assert!(fault.contains(": "), "it says what to do: {fault}");
    }
    let two_lists = read("{\"data\": [{\"method\": \"POST\", \"content\": \"a\"}], \"data\": []}");
    assert_eq!(two_lists[0].1, "a");
    assert!(two_lists[1].1.contains("not a webhook.site export"), "{two_lists:?}");
    let two = read(format!("{0}\n{0}", json!({"data": [site_request("a", "")]})));
    assert_eq!(two[0].1, "a");
    assert!(two[1].1.contains("something follows the recording on line 2"), "{two:?}");
}
