//! What the beginning of a file tells: how its text is encoded, and whether it is one at all. Editors and shells of
//! Windows write byte order marks and UTF-16.

use std::path::Path;

/// So many bytes tell.
pub(super) const TELLS: u64 = 8;

/// What a compressed file begins with, what it is, and what unpacks it.
const PACKED: [(&[u8], &str, &str); 8] = [
    (b"\x1f\x8b", "gzip", "gunzip"),
    (b"PK\x03\x04", "ZIP", "unzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard", "unzstd"),
    (b"\xfd7zXZ", "xz", "unxz"),
    (b"BZh", "bzip2", "bunzip2"),
    (b"7z\xbc\xaf", "7-Zip", "7z x"),
    (b"x\x9c", "zlib", "pigz -dz"),
    (b"x\xda", "zlib", "pigz -dz"),
];

/// What webhook.site names columns by; few other tables have two of them.
const COLUMNS: [&str; 5] = ["uuid", "token_id", "created_at", "method", "content"];

/// Two bytes of UTF-16 as its unit.
pub(super) type Unit = fn([u8; 2]) -> u16;

/// What to do about a compressed file, if it is one.
pub(super) fn packed(beginning: &[u8]) -> Option<String> {
    let (_, what, with) = PACKED.iter().find(|(magic, ..)| beginning.starts_with(magic))?;
    Some(format!("is compressed ({what}): unpack it first, with `{with}` for example"))
}

/// How the units of a text in UTF-16 are read, if it is one: by its byte order mark, or by a zero in the first
/// character, as that of JSON is ASCII.
pub(super) fn utf16(beginning: &[u8]) -> Option<Unit> {
    match beginning {
        [0xff, 0xfe, ..] | [1..=0x7f, 0, ..] => Some(u16::from_le_bytes),
        [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] => Some(u16::from_be_bytes),
        _ => None,
    }
}

/// The text up to where it is no UTF-16 any more, without its mark.
pub(super) fn from_utf16(bytes: &[u8], unit: Unit) -> String {
    let units = bytes.chunks_exact(2).map(|two| unit([two[0], two[1]]));
    let text: String = char::decode_utf16(units).map_while(Result::ok).collect();
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

/// How long the byte order mark of a text in UTF-8 is.
pub(super) fn mark(beginning: &[u8]) -> u64 {
    if beginning.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 }
}

/// What to do about a table (CSV), if the file is one by its name or its first line.
///
/// That of webhook.site is made for spreadsheets. Which columns it has depends on the requests and is not documented,
/// and bodies have come out of it changed. The list that its API gives has the same requests as they were.
pub(super) fn table(file: &str, first: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(first);
    if line.trim_start().starts_with(['{', '[', '<']) {
        return None;
    }
    let is_named_so = Path::new(file).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let cells = line.split([',', ';', '\t']).map(|cell| cell.trim().trim_matches('"'));
    let known = cells.filter(|cell| COLUMNS.contains(cell)).count();
    if known < 2 && !is_named_so {
        return None;
    }
    Some(
        "is a table (CSV), which does not keep bodies as they were sent: get the same requests as JSON, from \
         https://webhook.site/token/<the id in your URL>/requests?sorting=oldest&per_page=100 (and page=2 and so on \
         of more than 100), and name those files"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_utf_16_is_known_with_and_without_its_mark() {
        let text = "{\"ü\": \"螺母 😀\"}";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [[&[0xff, 0xfe][..], &little].concat(), [&[0xfe, 0xff][..], &big].concat(), little, big] {
            let unit = utf16(&bytes).unwrap();
            assert_eq!(from_utf16(&bytes, unit), text);
        }
        assert!(utf16(text.as_bytes()).is_none() && utf16("\u{feff}{".as_bytes()).is_none());
        assert!(utf16(b"{").is_none() && utf16(b"").is_none());
    }

    #[test]
    fn only_a_table_is_told_to_be_one() {
        assert!(table("export", b"\"uuid\",\"token_id\",\"ip\",\"content\"\r\n").is_some());
        assert!(table("export", b"uuid;method;created_at\n").is_some());
        assert!(table("Export.CSV", b"a,b\n").is_some());
        assert!(table("export", b"a,b,content\n").is_none());
        assert!(table("export.csv", b"{\"uuid\": 1, \"method\": 2}\n").is_none());
    }
}
