//! What HTTP/2 forbids, and what it allows and nobody should do.

use super::assert_well;
use crate::support::frames::{
    ACK, CONTINUATION, Came, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, await_stream, block, exchange, frame, post, post_block, preface,
};
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// A whole request on a new connection: these headers, then this body.
fn whole(headers: &[u8], body: &[u8]) -> Vec<u8> {
    [preface(&[]), frame(HEADERS, END_HEADERS, 1, headers), frame(DATA, END_STREAM, 1, body)].concat()
}

/// What is changed of a right request, and the status it then gets, if any.
type Change = (&'static [(&'static str, &'static str)], Option<u16>);

/// The headers of a right request, with these in the place of those of the same name, and those added.
fn changed(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut headers = post(true);
    for (name, value) in changes {
        match headers.iter_mut().find(|(known, _)| known == name) {
            Some(header) => (*value).clone_into(&mut header.1),
            None => headers.push(((*name).to_owned(), (*value).to_owned())),
        }
    }
    headers.retain(|(_, value)| value != "(none)");
    block(&headers.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>())
}

#[test]
fn headers_that_http_2_forbids_get_no_answer() {
    let receiver = Receiver::start();
    let event = order_event("1").to_string();
    let cases: &[Change] = &[
        (&[], Some(202)),
        (&[(":method", "(none)")], None),
        (&[(":method", "GET")], Some(405)),
        (&[(":method", "P ST")], None),
        (&[(":scheme", "(none)")], None),
        (&[(":path", "(none)")], None),
        (&[(":path", "")], None),
        (&[(":path", "/nowhere")], Some(404)),
        (&[(":authority", "a b")], None),
        (&[(":status", "200")], None),
        (&[(":unknown", "1")], None),
        (&[("X-Upper", "1")], None),
        (&[("x y", "1")], None),
        (&[("", "1")], None),
        (&[("x", "a\0b")], None),
        (&[("x", "a\r\nb: c")], None),
        (&[("connection", "close")], None),
        (&[("keep-alive", "1")], None),
        (&[("proxy-connection", "1")], None),
        (&[("transfer-encoding", "chunked")], None),
        (&[("upgrade", "h2c")], None),
        (&[("te", "gzip")], None),
        (&[("te", "trailers")], Some(202)),
        (&[("content-length", "1")], None),
        (&[("content-length", "9999")], None),
        (&[("content-length", "-1")], None),
        (&[("content-length", "x")], None),
        (&[("authorization", "(none)")], Some(401)),
        (&[("authorization", "Basic eDp5")], Some(401)),
        (&[("cookie", "a"), ("host", "elsewhere")], Some(202)),
    ];

    for (changes, due) in cases {
        let came = exchange(&receiver, &whole(&changed(changes), event.as_bytes()), 1);

        assert_eq!(came.status(), *due, "{changes:?}");
    }
    assert_well(&receiver);
}

#[test]
fn frames_that_http_2_forbids_end_the_connection() {
    let receiver = Receiver::start();
    let open = [preface(&[]), frame(HEADERS, END_HEADERS, 1, &post_block(true))].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("data on no stream", frame(DATA, 0, 0, b"x")),
        ("data on a stream that is not open", frame(DATA, 0, 5, b"x")),
        ("headers on no stream", frame(HEADERS, END_HEADERS, 0, &post_block(true))),
        ("headers on a stream of ours", frame(HEADERS, END_HEADERS, 2, &post_block(true))),
        ("headers that cannot be unpacked", frame(HEADERS, END_HEADERS, 3, &[0xff; 20])),
        ("an index that there is not", frame(HEADERS, END_HEADERS, 3, &[0xc0])),
        ("a table larger than allowed", frame(HEADERS, END_HEADERS, 3, &[0x3f, 0xff, 0xff, 0x7f])),
        ("more padding than there is", frame(HEADERS, END_HEADERS | 8, 3, &[200, 0])),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, b"")),
        (
            "a frame between headers and their continuation",
            [frame(HEADERS, 0, 3, &post_block(true)), frame(PING, 0, 0, &[0; 8])].concat(),
        ),
        ("settings of a stream", frame(SETTINGS, 0, 1, b"")),
        ("half a setting", frame(SETTINGS, 0, 0, b"abc")),
        ("an acknowledgement with content", frame(SETTINGS, ACK, 0, &[0; 6])),
        ("a window too large", frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff])),
        ("a frame size too small", frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1])),
        ("push that is neither on nor off", frame(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2])),
        ("a short ping", frame(PING, 0, 0, &[0; 7])),
        ("a ping on a stream", frame(PING, 0, 1, &[0; 8])),
        ("a promise", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])),
        ("a reset of no stream", frame(RST_STREAM, 0, 0, &[0; 4])),
        ("a reset of a stream that is not open", frame(RST_STREAM, 0, 9, &[0; 4])),
        ("a short reset", frame(RST_STREAM, 0, 1, &[0; 3])),
        ("a window that grows by nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("a window that overflows", frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ("a short priority", frame(PRIORITY, 0, 1, &[0; 4])),
        ("data after its end", [frame(DATA, END_STREAM, 1, b"{}"), frame(DATA, 0, 1, b"x")].concat()),
        ("a stream that depends on itself", frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 0])),
        ("a frame that is too long", frame(DATA, 0, 1, &[0; 20_000])),
        ("a short goodbye", frame(GOAWAY, 0, 0, &[0; 4])),
    ];

    for (name, bytes) in cases {
        let came = exchange(&receiver, &[open.clone(), bytes].concat(), 3);

        assert!(matches!(came, Came::Ended(_)), "{name}: {came:?}");
    }
    assert_well(&receiver);
}

#[test]
fn floods_end_the_connection_before_they_cost_much() {
    let receiver = Receiver::start();
    let headers = post_block(true);
    let streams = |count: u32| (0..count).map(|number| 2 * number + 1);
    let rapid_reset: Vec<u8> = streams(5000)
        .flat_map(|id| [frame(HEADERS, END_HEADERS, id, &headers), frame(RST_STREAM, 0, id, &[0, 0, 0, 8])].concat())
        .collect();
    let endless_head: Vec<u8> = std::iter::once(frame(HEADERS, 0, 1, &headers))
        .chain((0..5000).map(|_| frame(CONTINUATION, 0, 1, &block(&[("x", &"y".repeat(1000))]))))
        .flatten()
        .collect();
    let nothing_continued: Vec<u8> = std::iter::once(frame(HEADERS, 0, 1, &headers))
        .chain((0..100_000).map(|_| frame(CONTINUATION, 0, 1, b"")))
        .flatten()
        .collect();
    // Each byte at the end stands for the whole header before, which is in the table from then on.
    let bomb = [&[0x40, 1, b'x'][..], &block(&[("", &"y".repeat(3900))])[2..], &[0xbe; 15_000]].concat();
    let own_resets: Vec<u8> = streams(5000)
        .flat_map(|id| [frame(HEADERS, END_HEADERS, id, &headers), frame(WINDOW_UPDATE, 0, id, &[0; 4])].concat())
        .collect();

    for (name, flood) in [
        ("rapid reset", rapid_reset),
        ("endless head", endless_head),
        ("nothing, continued", nothing_continued),
        ("resets of ours", own_resets),
    ] {
        let came = exchange(&receiver, &[preface(&[]), flood].concat(), 1 << 30);

        assert!(matches!(came, Came::Ended(_)), "{name}: {came:?}");
    }
    let bombed = exchange(&receiver, &[preface(&[]), frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb)].concat(), 1);
    assert!(matches!(bombed, Came::Status(431) | Came::Reset(_) | Came::Ended(_)), "{bombed:?}");
    assert_well(&receiver);
}

#[test]
fn more_streams_at_once_than_are_allowed_are_refused_and_the_others_answered() {
    let receiver = Receiver::start();
    let headers = post_block(true);
    let open: Vec<u8> = (0..150).flat_map(|number| frame(HEADERS, END_HEADERS, 2 * number + 1, &headers)).collect();
    let mut caller = receiver.connect();
    caller.try_write([preface(&[]), open].concat());

    let refused = await_stream(&mut caller, 299);
    caller.try_write(frame(DATA, END_STREAM, 1, order_event("1").to_string().as_bytes()));

    assert_eq!(refused, Came::Reset(7));
    assert_eq!(await_stream(&mut caller, 1), Came::Status(202));
    assert_well(&receiver);
}
