//! HTTP/2, frame by frame (RFC 9113), for tests that say what no client library would.

use super::raw::{Connection, authorization};
use super::receiver::Receiver;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The beginning of a connection, with these settings.
pub fn preface(settings: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    [PREFACE, &frame(SETTINGS, 0, 0, &payload)].concat()
}

/// A block of headers, none of them compressed.
pub fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        let length = text.len();
        assert!(length < 127 + 128 * 128, "longer than two bytes can say");
        let mut bytes = if length < 127 {
            vec![u8::try_from(length).unwrap()]
        } else {
            let rest = length - 127;
            vec![127, u8::try_from(rest % 128).unwrap() | 128, u8::try_from(rest / 128).unwrap()]
        };
        bytes.extend(text.as_bytes());
        bytes
    };
    headers.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// The headers of a POST to the endpoint: the pseudo-headers, and the credentials if they are to be right.
pub fn post(right: bool) -> Vec<(String, String)> {
    let authorization = authorization().trim_start_matches("Authorization: ").to_owned();
    let mut headers = vec![
        (":method", "POST".to_owned()),
        (":scheme", "https".to_owned()),
        (":authority", "localhost".to_owned()),
        (":path", "/webhooks/tradecloud".to_owned()),
    ];
    if right {
        headers.push(("authorization", authorization));
    }
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// [`post`] as a block.
pub fn post_block(right: bool) -> Vec<u8> {
    let headers = post(right);
    block(&headers.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>())
}

/// What came of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// An answer with this status.
    Status(u16),
    /// The stream was reset, with this error.
    Reset(u32),
    /// The connection was ended, with this error if it was told.
    Ended(Option<u32>),
}

impl Came {
    /// The status of the answer, if there was one.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status),
            Self::Reset(_) | Self::Ended(_) => None,
        }
    }
}

/// Writes these bytes and says what comes of the stream.
pub fn exchange(receiver: &Receiver, bytes: &[u8], stream: u32) -> Came {
    let mut caller = receiver.connect();
    caller.try_write(bytes);
    await_stream(&mut caller, stream)
}

/// Reads until it shows what comes of the stream; acknowledges nothing.
pub fn await_stream(caller: &mut Connection, stream: u32) -> Came {
    let mut told = None;
    loop {
        let Some((head, payload)) = next(caller) else { return Came::Ended(told) };
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        let of = u32::from_be_bytes(head[5..9].try_into().unwrap());
        match head[3] {
            HEADERS if of == stream => return Came::Status(status(&payload)),
            RST_STREAM if of == stream => return Came::Reset(number(0)),
            GOAWAY if number(4) != 0 => told = Some(number(4)),
            _ => {}
        }
    }
}

/// Reads until the connection is ended, and acknowledges pings; the error that each goodbye before that names.
pub fn goodbyes(caller: &mut Connection) -> Vec<u32> {
    let mut told = Vec::new();
    while let Some((head, payload)) = next(caller) {
        match head[3] {
            GOAWAY => told.push(u32::from_be_bytes(payload[4..8].try_into().unwrap())),
            PING if head[4] & ACK == 0 => caller.try_write(frame(PING, ACK, 0, &payload)),
            _ => {}
        }
    }
    told
}

/// The next frame: its head, and what is in it.
fn next(caller: &mut Connection) -> Option<(Vec<u8>, Vec<u8>)> {
    let head = caller.bytes(9)?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let payload = caller.bytes(length)?;
    Some((head, payload))
}

/// The status at the beginning of the first block of headers on a connection.
fn status(block: &[u8]) -> u16 {
    // The static table holds some; the others are written as three digits, perhaps in Huffman's code.
    match block[0] {
        0x88 => 200,
        0x8c => 400,
        0x8d => 404,
        0x8e => 500,
        0x48 | 0x08 if block[1] & 0x80 == 0 => std::str::from_utf8(&block[2..5]).unwrap().parse().unwrap(),
        0x48 | 0x08 => huffman(&block[2..2 + usize::from(block[1] & 0x7f)]),
        other => panic!("not a status: {other:#x}"),
    }
}

/// Three digits: 0 to 2 take five bits, the others six.
fn huffman(bytes: &[u8]) -> u16 {
    let bits = bytes.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (32 - 8 * bytes.len());
    let (mut at, mut status) = (0, 0);
    for _ in 0..3 {
        let five = bits << at >> 27;
        let digit = if five < 3 { five } else { (bits << at >> 26) - 0b01_1001 + 3 };
        at += if five < 3 { 5 } else { 6 };
        status = status * 10 + u16::try_from(digit).unwrap();
    }
    status
}
