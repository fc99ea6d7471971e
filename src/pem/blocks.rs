//! The blocks of a PEM file, whatever stands between them.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::{memchr_iter, memchr2, memmem, memrchr};
use zeroize::Zeroizing;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// What editors of Windows begin a file with.
const MARK: &[u8] = "\u{feff}".as_bytes();

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What stands between `-----BEGIN label-----` and `-----END label-----`.
pub(super) struct Block<'a> {
    pub(super) label: &'a str,
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    /// Whether headers before the text say that it is encrypted (RFC 1421, as OpenSSL used it before PKCS#8).
    pub(super) is_encrypted: bool,
    text: &'a [u8],
}

/// All blocks in `content`, in their order. One begins where a line does, or right behind another one.
///
/// # Errors
/// If one has no end. What is wrong, to be read after the name of the file.
pub(super) fn blocks(content: &[u8]) -> Result<Vec<Block<'_>>, String> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(found) = memmem::find(&content[at..], BEGIN) {
        let (before, _) = content.split_at(at + found);
        at += found + BEGIN.len();
        if !is_start_of_line(before) {
            continue;
        }
        let line = 1 + lines_in(before);
        let cut_off = || format!("is cut off: what begins in line {line} has no end. Get the file anew");
        let Some(label) = memmem::find(&content[at..], DASHES).and_then(|end| label(&content[at..at + end])) else {
            return Err(cut_off());
        };
        at += label.len() + DASHES.len();
        let end = [END, label.as_bytes(), DASHES].concat();
        let length = memmem::find(&content[at..], &end).ok_or_else(cut_off)?;
        let body = &content[at..at + length];
        if memmem::find(body, BEGIN).is_some() {
            return Err(cut_off());
        }
        at += length + end.len();
        let (headers, text) = parts(body);
        let is_encrypted = memmem::find(headers, b"ENCRYPTED").is_some();
        blocks.push(Block { label, line, is_encrypted, text });
    }
    Ok(blocks)
}

impl Block<'_> {
    /// What the block says; `None` if it is no Base64.
    pub(super) fn decode(&self) -> Option<Zeroizing<Vec<u8>>> {
        // In one piece from the beginning: a vector that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(self.text.len()));
        text.extend(self.text.iter().filter(|byte| !byte.is_ascii_whitespace()));
        let mut decoded = Zeroizing::new(Vec::with_capacity(base64::decoded_len_estimate(text.len())));
        BASE64.decode_vec(&*text, &mut decoded).ok()?;
        Some(decoded)
    }
}

/// Whether a block may begin behind this.
fn is_start_of_line(mut before: &[u8]) -> bool {
    while let Some(rest) =
        before.strip_suffix(b" ").or_else(|| before.strip_suffix(b"\t")).or_else(|| before.strip_suffix(MARK))
    {
        before = rest;
    }
    before.is_empty() || [b"\n", b"\r", DASHES].iter().any(|end| before.ends_with(end))
}

/// Line ends, of Unix and Windows or of old.
fn lines_in(text: &[u8]) -> usize {
    let count = |end: u8| memchr_iter(end, text).count();
    count(b'\n').max(count(b'\r'))
}

fn label(text: &[u8]) -> Option<&str> {
    let label = std::str::from_utf8(text).ok()?;
    label.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()).then_some(label)
}

/// The headers of a block, which are lines with a colon, and its text.
fn parts(body: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memrchr(b':', body) else { return (&[], body) };
    let line_end = memchr2(b'\n', b'\r', &body[colon..]).unwrap_or(body.len() - colon);
    body.split_at(colon + line_end)
}
