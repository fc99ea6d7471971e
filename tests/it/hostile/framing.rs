//! Requests whose beginning, headers or lengths are not what HTTP/1.1 allows, or are absurd.

use super::{Case, Due};
use crate::support::raw;
use crate::support::sender::order_event;

const PATH: &str = "/webhooks/tradecloud";
const BAD: Due = Due::Status(400);
/// An empty body is neither JSON nor XML: whoever gets this has been understood.
const UNDERSTOOD: Due = Due::Status(415);

pub(super) fn cases() -> Vec<Case> {
    [lengths(), transfer_encodings(), chunks(), lines(), bytes(), requests(), sizes()].into_iter().flatten().collect()
}

/// A request with these lines, and a body that may or may not be one.
fn request(first: &str, lines: &[&str], body: &str) -> String {
    let lines: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
    format!("{first}\r\nHost: localhost\r\n{lines}\r\n{body}")
}

/// With and without credentials, by the methods that are taken, in both versions.
fn everywhere(name: &str, line: &str, body: &str, due: Due) -> Vec<Case> {
    let authorization = raw::authorization();
    let mut cases = Vec::new();
    for method in ["POST", "PUT"] {
        for version in ["1.0", "1.1"] {
            for who in [&*authorization, "X-Nobody: 1"] {
                let first = format!("{method} {PATH} HTTP/{version}");
                let name = format!("{name} {method} {version} {}", &who[..1]);
                cases.push(Case::new(name, request(&first, &[who, line], body), due));
            }
        }
    }
    cases
}

fn lengths() -> Vec<Case> {
    let values = [
        "-1",
        "+5",
        "0x10",
        "1e3",
        "5 5",
        "5,6",
        "5;",
        "abc",
        "18446744073709551616",
        "99999999999999999999999",
        "1.0",
        "5\t5",
        "'5'",
        "NaN",
        "0b1",
        "5-",
        "_5",
        "5_0",
        "٥",
        "１",
        "5\u{a0}",
        "",
    ];
    let mut cases: Vec<_> = values
        .iter()
        .flat_map(|value| everywhere(&format!("length {value:?}"), &format!("Content-Length: {value}"), "{}", BAD))
        .collect();
    for (one, other) in
        [("1", "2"), ("2", "1"), ("0", "2"), ("2", "0"), ("2", "x"), ("x", "2"), ("2", "-2"), ("2", "2, 3")]
    {
        let lines = format!("Content-Length: {one}\r\nContent-Length: {other}");
        cases.extend(everywhere(&format!("lengths {one} and {other}"), &lines, "{}", BAD));
    }
    cases
}

fn transfer_encodings() -> Vec<Case> {
    let values = [
        "gzip",
        "identity",
        "chunked, gzip",
        "xchunked",
        "chunkedchunked",
        "\"chunked\"",
        "chunk",
        "deflate",
        "chunked, identity",
        "chunked;q=1",
        "chunked nonsense",
        "c hunked",
        "nonsense",
        "compress",
        "cow",
    ];
    let authorization = raw::authorization();
    let mut cases = Vec::new();
    for value in values {
        for who in [&*authorization, "X-Nobody: 1"] {
            for method in ["POST", "PUT"] {
                let line = format!("Transfer-Encoding: {value}");
                let text = request(&format!("{method} {PATH} HTTP/1.1"), &[who, &line], "2\r\n{}\r\n0\r\n\r\n");
                cases.push(Case::new(format!("encoding {value:?} {method} {}", &who[..1]), text, BAD));
            }
        }
    }
    // Chunked wins over a length, whatever that is (RFC 9112, §6.3), and what follows is no request: see
    // `a_body_with_two_lengths_is_never_taken_for_two_requests`.
    for length in [0, 1, 2, 12, 1000, 1_u64 << 40] {
        for order in [0, 1] {
            let mut lines = [format!("Content-Length: {length}"), "Transfer-Encoding: chunked".to_owned()];
            lines.swap(0, order);
            let lines = [&*authorization, &lines[0], &lines[1]];
            let text = request(&format!("POST {PATH} HTTP/1.1"), &lines, "2\r\n{}\r\n0\r\n\r\n");
            cases.push(Case::new(format!("chunked and length {length} {order}"), text, BAD));
        }
    }
    cases
}

/// A broken body may be the network's fault: it is to come again.
fn chunks() -> Vec<Case> {
    let sizes = [
        "g",
        "-1",
        "0x5",
        "",
        ";",
        "FFFFFFFFFFFFFFFFF",
        "5;\n",
        "5\n",
        "5 5",
        "+5",
        "5\0",
        "\u{a0}5",
        "5,",
        "١",
        "\r5",
        "5\r\r",
        "1 1 1",
        "{",
        "\t5",
        "5\u{b}",
        "zz",
        "..",
        "5%",
    ];
    let authorization = raw::authorization();
    let mut cases = Vec::new();
    for size in sizes {
        for before in ["", "1\r\n{\r\n", "1;x=y\r\n{\r\n"] {
            for (who, due) in [(&*authorization, 503), ("X-Nobody: 1", 401)] {
                let body = format!("{before}{size}\r\n{{\"a\"}}\r\n0\r\n\r\n");
                let text = request(&format!("POST {PATH} HTTP/1.1"), &[who, "Transfer-Encoding: chunked"], &body);
                cases.push(Case::new(format!("chunk size {size:?} after {before:?}, {due}"), text, Due::Status(due)));
            }
        }
    }
    cases
}

/// Lines that are no headers.
fn lines() -> Vec<Case> {
    let lines = [
        "NoColon",
        ": no name",
        "Name : space before the colon",
        "Two\r\n folded: lines",
        "X: 1\r\n\tfolded",
        "X: 1\r\n folded",
        "X:\r\n folded",
        "X: 1\rY: 2",
        "X: \r1",
        " X: 1",
        "\tX: 1",
        "\u{feff}X: 1",
        "Ünïcode: 1",
        "X\u{b}: 1",
        "(X): 1",
        "X/Y: 1",
        "X@Y: 1",
        "[X]: 1",
        "{X}: 1",
        "X,Y: 1",
        "\"X\": 1",
        "X;Y: 1",
        "X=Y: 1",
        "X?Y: 1",
        "<X>: 1",
        "X\\Y: 1",
    ];
    lines.iter().flat_map(|line| everywhere(&format!("line {line:?}"), line, "", BAD)).collect()
}

/// Every byte that may not stand in a name, a value, a method or a target.
fn bytes() -> Vec<Case> {
    let authorization = raw::authorization();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let put = |before: &str, byte: u8, after: String| [before.as_bytes(), &[byte], after.as_bytes()].concat();
    let mut cases = Vec::new();
    for byte in 0..=u8::MAX {
        let rest = format!("Host: localhost\r\n{authorization}\r\nContent-Length: 0\r\n\r\n");
        if !is_token(byte) && ![b':', b'\r', b'\n'].contains(&byte) {
            let first = format!("POST {PATH} HTTP/1.1\r\nX");
            cases.push(Case::new(format!("byte {byte} in a name"), put(&first, byte, format!("Y: 1\r\n{rest}")), BAD));
        }
        if (byte < b' ' || byte == 127) && ![b'\t', b'\r', b'\n'].contains(&byte) {
            let first = format!("POST {PATH} HTTP/1.1\r\nX: 1");
            cases.push(Case::new(format!("byte {byte} in a value"), put(&first, byte, format!("2\r\n{rest}")), BAD));
        }
        if !is_token(byte) && byte != b' ' {
            let bytes = put("PO", byte, format!("ST {PATH} HTTP/1.1\r\n{rest}"));
            cases.push(Case::new(format!("byte {byte} in the method"), bytes, BAD));
        }
        if byte < b' ' || byte == 127 {
            let bytes = put(&format!("POST {PATH}"), byte, format!("x HTTP/1.1\r\n{rest}"));
            cases.push(Case::new(format!("byte {byte} in the target"), bytes, BAD));
        }
    }
    cases
}

/// First lines, and whole requests.
fn requests() -> Vec<Case> {
    let authorization = raw::authorization();
    let event = order_event("1").to_string();
    let length = raw::content_length(&event);
    let mut cases = Vec::new();
    let mut add = |name: &str, first: &str, lines: &[&str], body: &str, due: Due| {
        let name = format!("{name}: {first:?} {lines:?}");
        cases.push(Case::new(name, request(first, &[&[&*authorization], lines].concat(), body), due));
    };
    for version in [
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/2.0",
        "HTTP/3",
        "HTTP/1.10",
        "http/1.1",
        "HTTP/1",
        "HTTP/-1.1",
        "FTP/1.1",
        "HTTP/1.1 x",
        "HTTP",
        "HTTP/11",
        "SSH-2.0",
    ] {
        add("version", &format!("POST {PATH} {version}"), &["Content-Length: 0"], "", BAD);
    }
    for first in
        [PATH, "POST", "POST HTTP/1.1", " POST /x HTTP/1.1", "POST\t/x\tHTTP/1.1", "GET /", &format!("POST {PATH}")]
    {
        add("first line", first, &[], "", BAD);
    }
    for method in [
        "post",
        "Post",
        "POSTT",
        "POS",
        "FOO",
        "GET",
        "DELETE",
        "OPTIONS",
        "TRACE",
        "PATCH",
        "PROPFIND",
        "MKCOL",
        "LOCK",
        "SEARCH",
        "QUERY",
        "M-POST",
        "!#$%&'*+-.^_`|~",
    ] {
        add("method", &format!("{method} {PATH} HTTP/1.1"), &["Content-Length: 0"], "", Due::Status(405));
    }
    for target in [
        "/",
        "//",
        "/.",
        "/..",
        "/../webhooks/tradecloud",
        "/webhooks/../webhooks/tradecloud",
        "/webhooks/tradecloud/",
        "/webhooks//tradecloud",
        "/webhooks/tradecloud/..",
        "/webhooks/tradecloud%00",
        "/webhooks/tradecloud%",
        "/webhooks/tradecloud%zz",
        "/%2e%2e/",
        "/webhooks%2Ftradecloud",
        "/webhooks/tradecloud;a=b",
        "/WEBHOOKS/TRADECLOUD",
        "/etc/passwd",
        "/.env",
        "/livez",
        "/readyz",
        "/metrics",
        "https://elsewhere.example/",
        "http://localhost/x",
        "*",
        "/{}",
        "/:path",
        "/*",
        "/webhooks/tradecloud%20",
        "/webhooks/tradecloud%0d%0a",
    ] {
        add("target", &format!("POST {target} HTTP/1.1"), &["Content-Length: 0"], "", Due::Status(404));
    }
    for target in [
        "/webhooks/tradecloud?",
        "/webhooks/tradecloud?a=b",
        "/webhooks/tradecloud?%",
        "/webhooks/tradecloud?a=../..",
        "https://elsewhere.example/webhooks/tradecloud",
        "http://a@b/webhooks/tradecloud",
    ] {
        add("target", &format!("POST {target} HTTP/1.1"), &[&length], &event, Due::Status(202));
    }
    // Nobody's business here, and no reason to lose an event.
    for line in [
        "Host: other",
        "Host: a, b",
        "Host: ",
        "Host: [::1]:99999",
        "Host: a/b",
        "Expect: nonsense",
        "Upgrade: h2c",
        "Upgrade: websocket\r\nConnection: upgrade",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
        "Connection: close, keep-alive",
        "Connection: Content-Length",
        "Connection: Authorization",
        "Content-Encoding: gzip",
        "Content-Encoding: identity",
        "TE: trailers",
        "Trailer: Authorization",
        "Range: bytes=0-1",
        "If-Match: *",
        "If-None-Match: *",
        "Max-Forwards: 0",
        "X-HTTP-Method-Override: DELETE",
        "X-Forwarded-For: 127.0.0.1",
        "Forwarded: for=_x",
        "X-Original-URL: /admin",
        "Cookie: a=b",
        "Accept: nothing/*",
        "Accept-Encoding: x",
        "Accept-Charset: utf-16",
        "Origin: null",
        "Via: 1.1 x",
        "Content-Range: bytes 0-1/2",
        "Content-Type: ",
        "Content-Type: ;;;",
        "Content-Type: application/json, text/xml",
        "Content-Type: text/html",
        "Content-Type: multipart/form-data",
        "Keep-Alive: timeout=99999999999",
        "Early-Data: 1",
        "Prefer: respond-async",
        "Content-MD5: x",
        "Digest: x",
        "Date: never",
        "User-Agent: () { :; }; echo",
        "Referer: ${jndi:ldap://x}",
        "X: %00%0d%0a",
        "X: é",
    ] {
        add("line", &format!("POST {PATH} HTTP/1.1"), &[line, &length], &event, Due::Status(202));
    }
    add(
        "the same length twice",
        &format!("POST {PATH} HTTP/1.1"),
        &["Content-Length: 0", "Content-Length: 0"],
        "",
        UNDERSTOOD,
    );
    for text in [
        "\0\0\0\0\r\n\r\n",
        "nonsense\r\n\r\n",
        "{\"orderEvent\":{}}\r\n\r\n",
        "<a/>\r\n\r\n",
        "\r\r\r\r\r\n\r\n",
        "\u{ff}\u{fe}\r\n\r\n",
        "EHLO x\r\n\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n\r\n",
        "GET\r\n\r\n",
        "*1\r\n$4\r\nPING\r\n\r\n",
    ] {
        cases.push(Case::new(format!("no HTTP: {text:?}"), text, BAD));
    }
    cases
}

fn sizes() -> Vec<Case> {
    let authorization = raw::authorization();
    let mut cases = Vec::new();
    let mut add = |name: String, first: &str, lines: &[&str], due| {
        cases.push(Case::new(name, request(first, &[lines, &["Content-Length: 0"]].concat(), ""), due));
    };
    let first = format!("POST {PATH} HTTP/1.1");
    for (who, due) in [(&*authorization, UNDERSTOOD), ("X-Nobody: 1", Due::Status(401))] {
        for size in [1_000, 8_000, 16_000, 30_000] {
            add(format!("value of {size}, {due:?}"), &first, &[who, &format!("X: {}", "x".repeat(size))], due);
            add(
                format!("query of {size}, {due:?}"),
                &format!("POST {PATH}?{} HTTP/1.1", "x".repeat(size)),
                &[who],
                due,
            );
        }
        for size in [33_000, 64_000, 100_000, 300_000, 1_000_000] {
            add(
                format!("value of {size}, {due:?}"),
                &first,
                &[who, &format!("X: {}", "x".repeat(size))],
                Due::Status(431),
            );
            add(
                format!("name of {size}, {due:?}"),
                &first,
                &[who, &format!("{}: 1", "x".repeat(size))],
                Due::Status(431),
            );
        }
        for count in [10, 90] {
            add(format!("{count} headers, {due:?}"), &first, &[who, &vec!["X: 1"; count].join("\r\n")], due);
        }
        for count in [101, 200, 1000, 3000] {
            add(
                format!("{count} headers, {due:?}"),
                &first,
                &[who, &vec!["X: 1"; count].join("\r\n")],
                Due::Status(431),
            );
        }
    }
    // Past the limit of a body, which is 1 MiB here.
    for length in ["1048577", "1099511627776", "9223372036854775807", "18446744073709551613"] {
        for (who, due) in [(&*authorization, 413), ("X-Nobody: 1", 401)] {
            let text = request(&first, &[who, &format!("Content-Length: {length}")], "");
            cases.push(Case::new(format!("a body of {length}, {due}"), text, Due::Status(due)));
        }
    }
    cases
}
