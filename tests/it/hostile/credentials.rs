//! Credentials that are nearly right, written wrongly, too many or too long.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::{Case, Due};
use crate::support::receiver::{PASSWORD, TOKEN, USERNAME};
use crate::support::sender::order_event;

const PATH: &str = "/webhooks/tradecloud";

pub(super) fn cases() -> Vec<Case> {
    [wrong(), spelled(), written(), placed()].into_iter().flatten().collect()
}

/// An event with these header lines.
fn event(lines: &[&[u8]]) -> Vec<u8> {
    let event = order_event("1").to_string();
    let mut bytes =
        format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", event.len()).into_bytes();
    for line in lines {
        bytes.extend([line, b"\r\n".as_slice()].concat());
    }
    [bytes, b"\r\n".to_vec(), event.into_bytes()].concat()
}

fn with(name: impl Into<String>, value: impl AsRef<[u8]>, status: u16) -> Case {
    Case::new(name, event(&[&[b"Authorization: ", value.as_ref()].concat()]), Due::Status(status))
}

fn basic(pair: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// One letter off, too short, too long.
fn wrong() -> Vec<Case> {
    let mut cases = Vec::new();
    for (secret, write) in [
        (format!("{USERNAME}:{PASSWORD}"), (|text: &str| basic(text)) as fn(&str) -> String),
        (TOKEN.to_owned(), |text| format!("Bearer {text}")),
    ] {
        for at in 0..secret.len() {
            let changed: String = secret
                .char_indices()
                .map(|(index, letter)| if index == at { if letter == 'z' { 'y' } else { 'z' } } else { letter })
                .collect();
            cases.push(with(format!("letter {at} changed"), write(&changed), 401));
            cases.push(with(format!("cut at {at}"), write(&secret[..at]), 401));
            cases.push(with(format!("begun at {}", at + 1), write(&secret[at + 1..]), 401));
            let doubled = format!("{}{}", &secret[..=at], &secret[at..]);
            cases.push(with(format!("letter {at} doubled"), write(&doubled), 401));
            let upper: String = secret
                .char_indices()
                .map(|(index, letter)| if index == at { letter.to_ascii_uppercase() } else { letter })
                .collect();
            if upper != secret {
                cases.push(with(format!("letter {at} in upper case"), write(&upper), 401));
            }
        }
        for size in [1_000, 10_000, 25_000] {
            cases.push(with(
                format!("{size} more"),
                write(&format!("{secret}{}", "x".repeat(size))),
                if size < 24_000 { 401 } else { 0 },
            ));
        }
    }
    // In base64 the longest grows past what a head may hold.
    cases.iter_mut().filter(|case| case.due == Due::Status(0)).for_each(|case| {
        case.due = Due::Status(if case.bytes.len() > 32 << 10 { 431 } else { 401 });
    });
    cases
}

/// The right secret under another scheme, or the scheme alone.
fn spelled() -> Vec<Case> {
    let pair = STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));
    let schemes = [
        "",
        "Basi",
        "Basicc",
        "Basic:",
        "Basic,",
        "Basic=",
        "\"Basic\"",
        "Bearerr",
        "Beare",
        "Bearer:",
        "Token",
        "Digest",
        "Negotiate",
        "NTLM",
        "OAuth",
        "HOBA",
        "Mutual",
        "AWS4-HMAC-SHA256",
        "DPoP",
        "GNAP",
        "Basic\u{a0}x",
        "Bäsic",
    ];
    let mut cases = Vec::new();
    for scheme in schemes {
        for secret in [&*pair, TOKEN, PASSWORD, "", "x"] {
            cases.push(with(
                format!("scheme {scheme:?} {}", &secret[..secret.len().min(5)]),
                format!("{scheme} {secret}"),
                401,
            ));
        }
    }
    for (scheme, secret) in
        [("Basic", TOKEN), ("Bearer", &*pair), ("Bearer", PASSWORD), ("Basic", PASSWORD), ("Basic", USERNAME)]
    {
        cases.push(with(format!("{scheme} with another's secret"), format!("{scheme} {secret}"), 401));
    }
    cases
}

/// The right pair, written wrongly; a few ways are right.
fn written() -> Vec<Case> {
    let pair = format!("{USERNAME}:{PASSWORD}");
    let encoded = STANDARD.encode(&pair);
    let bare = encoded.trim_end_matches('=');
    let digits = pair.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    let hexadecimal: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    let mut cases = vec![
        with("as it should be", basic(&pair), 202),
        with("without padding", format!("Basic {bare}"), 202),
        with("two spaces", format!("Basic  {encoded}"), 202),
        with("upper case", format!("BASIC {encoded}"), 202),
        with("nothing", "", 401),
        with("a tab", format!("Basic\t{encoded}"), 401),
        with("not encoded", format!("Basic {pair}"), 401),
        with("encoded twice", basic(&encoded), 401),
        with("hexadecimal", format!("Basic {hexadecimal}"), 401),
        with("with a name", format!("Basic credentials={encoded}"), 401),
        with("in quotes", format!("Basic \"{encoded}\""), 401),
        with("twice", format!("Basic {encoded} {encoded}"), 401),
        with("a list", format!("Basic {encoded}, Basic {encoded}"), 401),
        with("two schemes", format!("Basic {encoded}, Bearer {TOKEN}"), 401),
        with("too much padding", format!("Basic {bare}==="), 401),
        with("padding within", format!("Basic {}=={}", &bare[..8], &bare[8..]), 401),
        with("a space within", format!("Basic {} {}", &bare[..8], &bare[8..]), 401),
        with("a line break", format!("Basic {}\r\n {}", &bare[..8], &bare[8..]), 400),
        with("a NUL behind", format!("Basic {encoded}\0"), 400),
        with("a NUL in the pair", basic(format!("{pair}\0")), 401),
        with("a NUL before the pair", basic(format!("\0{pair}")), 401),
        with("a line feed in the pair", basic(format!("{pair}\n")), 401),
        with("no colon", basic(pair.replace(':', "")), 401),
        with("two colons", basic(pair.replace(':', "::")), 401),
        with("another order", basic(format!("{PASSWORD}:{USERNAME}")), 401),
        with("a space before", basic(format!(" {pair}")), 401),
        with("a byte order mark", basic(format!("\u{feff}{pair}")), 401),
        with("UTF-16", basic(pair.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()), 401),
        with("URL-safe and wrong", format!("Basic {}", URL_SAFE.encode("tradecloud:???>>>")), 401),
        with("a token in quotes", format!("Bearer \"{TOKEN}\""), 401),
        with("a token and a comma", format!("Bearer {TOKEN},"), 401),
        with("two tokens", format!("Bearer {TOKEN} {TOKEN}"), 401),
        with("no signature", "Bearer eyJhbGciOiJub25lIn0.e30.", 401),
        with("a token of dots", "Bearer ...", 401),
    ];
    for byte in 0x80..=u8::MAX {
        cases.push(with(format!("byte {byte}"), [format!("Basic {encoded}").as_bytes(), &[byte]].concat(), 401));
    }
    for byte in (0..0x20).chain([0x7f]).filter(|byte| ![b'\t', b'\r', b'\n'].contains(byte)) {
        cases.push(with(format!("byte {byte}"), [format!("Basic {encoded}").as_bytes(), &[byte]].concat(), 400));
    }
    for sign in "-_!*.%~$&;:".chars() {
        cases.push(with(format!("{sign} in base64"), format!("Basic {}{sign}{}", &bare[..8], &bare[9..]), 401));
    }
    cases
}

/// Several at once, or where they do not belong.
fn placed() -> Vec<Case> {
    let right = format!("Authorization: {}", basic(format!("{USERNAME}:{PASSWORD}")));
    let token = format!("Authorization: Bearer {TOKEN}");
    let mut cases = Vec::new();
    for (name, lines) in [
        ("none", vec![]),
        ("the same twice", vec![right.clone(), right.clone()]),
        ("both kinds", vec![right.clone(), token.clone()]),
        ("both kinds, the other way round", vec![token.clone(), right.clone()]),
        ("a wrong one first", vec!["Authorization: Basic eDp5".to_owned(), right.clone()]),
        ("a wrong one last", vec![right.clone(), "Authorization: Basic eDp5".to_owned()]),
        ("an empty one beside", vec![right.clone(), "Authorization:".to_owned()]),
        ("fifty", vec![right.clone(); 50]),
        ("for a proxy", vec![format!("Proxy-{right}")]),
        ("as a trailer", vec![format!("Trailer: {right}")]),
        ("as X-Authorization", vec![format!("X-{right}")]),
        ("as a cookie", vec![right.replace("Authorization: ", "Cookie: Authorization=")]),
        ("with an underscore", vec![right.replace("Authorization", "Authorization_")]),
        ("an API key", vec![format!("X-API-Key: {TOKEN}")]),
    ] {
        let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
        cases.push(Case::new(name, event(&lines), Due::Status(401)));
    }
    for target in [
        format!("{PATH}?access_token={TOKEN}"),
        format!("https://{USERNAME}:x@localhost{PATH}"),
        format!("{PATH}?{right}").replace(' ', "+"),
    ] {
        let text = String::from_utf8(event(&[])).unwrap().replacen(PATH, &target, 1);
        cases.push(Case::new(target, text, Due::Status(401)));
    }
    // Elsewhere a stranger only learns that there is nothing.
    for path in ["/", "/admin", "/webhooks", "/webhooks/tradecloud/x", "/livez"] {
        let text = String::from_utf8(event(&[b"Authorization: Basic eDp5"])).unwrap().replacen(PATH, path, 1);
        cases.push(Case::new(path, text, Due::Status(404)));
    }
    for method in ["GET", "DELETE", "PATCH"] {
        let text = String::from_utf8(event(&[b"Authorization: Basic eDp5"])).unwrap().replacen("POST", method, 1);
        cases.push(Case::new(method, text, Due::Status(405)));
    }
    cases
}
