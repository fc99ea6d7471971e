//! Bodies that are meant to break, fool or exhaust a reader of JSON.

use super::Case;
use crate::support::sender::order_event;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Case::in_places("application/json", &PLACES, malformed(), odd());
    cases.extend(cut());
    cases.extend(encodings());
    cases.extend(whole());
    cases
}

/// Where a value may stand in an event that is right otherwise.
const PLACES: [(&str, &str, &str); 6] = [
    ("in a field", r#"{"orderEvent":{"orderId":"1","x":"#, "}}"),
    ("in a list", r#"{"orderEvent":{"lines":[1,"#, ",2]}}"),
    ("at the top", r#"{"x":"#, r#","orderEvent":{}}"#),
    ("beside the event", r#"{"orderEvent":{},"x":["#, "]}"),
    ("in the meta", r#"{"orderEvent":{},"meta":{"source":"#, "}}"),
    ("in place of the id", r#"{"orderEvent":{"orderId":"#, r#","lines":[]}}"#),
];

/// Values that are none.
fn malformed() -> Vec<Vec<u8>> {
    let texts = [
        "NaN",
        "Infinity",
        "-Infinity",
        "+1",
        ".5",
        "1.",
        "01",
        "-01",
        "0x10",
        "1e",
        "1e+",
        "--1",
        "1_000",
        "1,5e",
        "'x'",
        "undefined",
        "True",
        "nul",
        "nulll",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\U0041\"",
        "\"\\",
        "\"",
        "\"a",
        "[",
        "{",
        "[1",
        "{\"a\"",
        "{\"a\":",
        "[1,]",
        "{\"a\":1,}",
        "[,1]",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\"::1}",
        "[1 2]",
        "[1;2]",
        "]",
        "}",
        "[}",
        "{]",
        "/**/1",
        "//x\n1",
        "#1",
        "1 1",
        "\"a\" \"b\"",
        "`x`",
        "(1)",
        "<a/>",
        "\u{feff}1",
        "\u{a0}1",
        "-",
        "e5",
        "1e5.5",
        "٣",
        "\"\t\"",
        "\"\n\"",
        "1,,1",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.extend((0..0x20_u8).map(|control| vec![b'"', control, b'"']));
    // Not UTF-8: alone, overlong, surrogates, too large, cut off.
    let bytes: [&[u8]; 8] = [
        b"\x80",
        b"\xFF",
        b"\xC0\xAF",
        b"\xE0\x80\xAF",
        b"\xED\xA0\x80",
        b"\xF4\x90\x80\x80",
        b"\xC3",
        b"\xF0\x9F\x98",
    ];
    all.extend(bytes.iter().map(|bytes| [b"\"", *bytes, b"\""].concat()));
    all.push([vec![b'['; 200], vec![b']'; 200]].concat());
    all.push([b"{\"a\":".repeat(130), b"1".to_vec(), vec![b'}'; 130]].concat());
    all.push(vec![b'['; 100_000]);
    all
}

/// Values that are odd, and no reason to refuse an event.
fn odd() -> Vec<Vec<u8>> {
    let texts = [
        "[1e400]",
        "[-1e400]",
        "[1e-400]",
        "[-0]",
        "[-0.0]",
        "[18446744073709551616]",
        "[1E+2]",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\u0000\"",
        "\"\\uffff\"",
        "\"\\/\"",
        "\"\u{7f}\u{2028}\u{feff}\"",
        "\"\u{10ffff}\"",
        "{\"\":0}",
        "{\"a\":1,\"a\":2}",
        "{\"__proto__\":{}}",
        "{\"constructor\":null}",
        "[[],{},[[]]]",
        "null",
        "\"<script>\"",
        "\"'; DROP TABLE events; --\"",
        "\"${jndi:ldap://x}\"",
        "\"%n%s\"",
        "\"../../etc/passwd\"",
        "{\"$ref\":\"#\"}",
        "[true,false,null]",
        "{\"$serde_json::private::RawValue\":\"x\"}",
        "\"\\ud83d\\ude00\"",
        "  \t\r\n\"x\"  ",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push([b"[".as_slice(), &b"9".repeat(5000), b"]"].concat());
    all.push([b"[0.".as_slice(), &b"1".repeat(5000), b"]"].concat());
    all.push([b"\"".as_slice(), &b"x".repeat(60_000), b"\""].concat());
    all.push([b"\"".as_slice(), &b"\\u0078".repeat(10_000), b"\""].concat());
    all.push([vec![b'['; 100], vec![b']'; 100]].concat());
    all.push([b"[".as_slice(), &b"{\"\":0},".repeat(5_000), b"0]"].concat());
    all.push([b"{".as_slice(), &b"\"k\":0,".repeat(5_000), b"\"k\":1}"].concat());
    all
}

/// An event that ends too early, at every place.
fn cut() -> Vec<Case> {
    let event = order_event("1").to_string();
    (1..event.len())
        .step_by(2)
        .map(|at| Case::body(format!("cut at {at}"), "application/json", &event.as_bytes()[..at], 400))
        .collect()
}

fn encodings() -> Vec<Case> {
    let event = order_event("1").to_string();
    let utf_16 = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { event.encode_utf16().flat_map(to_bytes).collect() };
    let marked = |mark: &[u8], body: &[u8]| [mark, body].concat();
    [
        ("UTF-8 with mark", marked(b"\xEF\xBB\xBF", event.as_bytes()), 202),
        ("two marks", marked(b"\xEF\xBB\xBF\xEF\xBB\xBF", event.as_bytes()), 400),
        ("a mark and nothing", b"\xEF\xBB\xBF".to_vec(), 400),
        ("half a mark", marked(b"\xEF\xBB", event.as_bytes()), 400),
        ("UTF-16 LE with mark", marked(b"\xFF\xFE", &utf_16(u16::to_le_bytes)), 202),
        ("UTF-16 BE with mark", marked(b"\xFE\xFF", &utf_16(u16::to_be_bytes)), 202),
        ("UTF-16 LE", utf_16(u16::to_le_bytes), 202),
        ("UTF-16 BE", utf_16(u16::to_be_bytes), 202),
        ("UTF-16 that ends in half a character", utf_16(u16::to_le_bytes)[..101].to_vec(), 400),
        ("UTF-16 and UTF-8", marked(&utf_16(u16::to_le_bytes), event.as_bytes()), 400),
        ("UTF-32 with mark", marked(b"\xFF\xFE\0\0", b"{\0\0\0"), 400),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), 400),
        ("zeros", vec![0; 1000], 400),
    ]
    .into_iter()
    .map(|(name, body, status)| Case::body(name, "application/json", body, status))
    .collect()
}

/// Bodies that are well-formed, or nearly, and no events.
fn whole() -> Vec<Case> {
    [
        "{}",
        "[]",
        "null",
        "true",
        "0",
        "\"orderEvent\"",
        "[{\"orderEvent\":{}}]",
        "{\"orderEvent\":null}",
        "{\"orderEvent\":5}",
        "{\"orderEvent\":[]}",
        "{\"orderEvent\":true}",
        "{\"orderEvent\":\"{}\"}",
        "{\"orderevent\":{}}",
        "{\" orderEvent\":{}}",
        "{\"orderEvent\\u0000\":{}}",
        "{\"orderEvent\":{}}{\"orderEvent\":{}}",
        "{\"orderEvent\":{}},",
        "{\"orderEvent\":{}}]",
        "{\"orderEvent\":{}}\0",
        "{\"eventName\":\"OrderIssuedByBuyer\"}",
        "{\"meta\":{}}",
        "{\"data\":{\"orderEvent\":{}}}",
        "{\"id\":null}",
        " ",
        "\n\n",
    ]
    .iter()
    .map(|body| Case::body(format!("{body:?}"), "application/json", *body, 400))
    .collect()
}
