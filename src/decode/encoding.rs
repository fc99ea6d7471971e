//! In which encoding a body came, and its text as UTF-8.
//!
//! Tradecloud sends UTF-8, but what stands between may write a document anew, and XML allows any encoding. It goes by
//! RFC 7303, 3: a byte order mark, then the charset of the media type, then the XML declaration. What the first bytes
//! show beyond doubt goes before all that is said: NUL bytes around the first character are UTF-16, and none are not,
//! whatever the declaration says that was made for another copy of the text. Nor is a charset believed over what is
//! UTF-8 by all its bytes and not declared as anything else: servers add one of their own, and the letters would become
//! others without a word. Names are those of the WHATWG, so ISO-8859-1 is read as windows-1252, which has the same
//! letters and more.
//!
//! JSON is UTF-8 and has no charset (RFC 8259, 8.1 and 11). UTF-16, which its older editions allowed, shows.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED};

use super::DecodeError;
use super::position::fault;
use super::txml::declared_encoding;
use crate::model::Format;

/// Larger bodies that are not UTF-8 take turns: the text of one is what this takes beside all budgets.
const LARGE: usize = 256 << 10;

static TURN: Mutex<()> = Mutex::new(());

/// A declaration is looked for in so many bytes; nobody writes a longer one.
const LONGEST_DECLARATION: usize = 1024;

/// How a body is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    encoding: &'static Encoding,
    said_by: SaidBy,
    /// The length of the byte order mark.
    mark: usize,
}

#[derive(Debug, Clone, Copy)]
enum SaidBy {
    /// The first bytes.
    Bytes,
    MediaType,
    Declaration,
    /// UTF-8, since nothing says anything.
    Nobody,
}

/// The text of a body, without byte order mark.
pub(super) enum Text<'a> {
    /// It is UTF-8 as it came.
    AsItCame(&'a str),
    /// It was made for this, and is large at no two places at once.
    Made { text: String, _turn: Option<MutexGuard<'static, ()>> },
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::AsItCame(text) => text,
            Self::Made { text, .. } => text,
        }
    }
}

/// The text of a body of that format that came with that media type.
///
/// # Errors
/// If its encoding is not known, or if the body is not well-formed in it: where.
pub(super) fn text<'a>(format: Format, content_type: Option<&str>, body: &'a [u8]) -> Result<Text<'a>, DecodeError> {
    let written = Written::of(format, content_type, body)?;
    let bytes = &body[written.mark..];
    if written.is_utf_8() {
        let text = std::str::from_utf8(bytes);
        return text.map(Text::AsItCame).map_err(|error| fault(bytes, error.valid_up_to(), written.complaint(format)));
    }
    let turn = (bytes.len() > LARGE).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
    let text = written.read(bytes).map_err(|text| fault(text.as_bytes(), text.len(), written.complaint(format)))?;
    Ok(Text::Made { text, _turn: turn })
}

/// The text of a body as far as it can be read: what is not well-formed in its encoding stands for nothing in it.
pub(super) fn readable<'a>(format: Format, content_type: Option<&str>, body: &'a [u8]) -> Text<'a> {
    let as_utf_8 = Written { encoding: UTF_8, said_by: SaidBy::Nobody, mark: 0 };
    let written = Written::of(format, content_type, body).unwrap_or(as_utf_8);
    let bytes = &body[written.mark..];
    if written.is_utf_8()
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return Text::AsItCame(text);
    }
    let turn = (bytes.len() > LARGE).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
    let (text, _) = written.encoding.decode_without_bom_handling(bytes);
    Text::Made { text: text.into_owned(), _turn: turn }
}

/// The JSON of a body without byte order mark and white space around it; not looked at again if it came as UTF-8.
pub(super) fn json<'a>(content_type: Option<&str>, body: &'a [u8]) -> Result<Cow<'a, [u8]>, DecodeError> {
    let written = Written::of(Format::Json, content_type, body)?;
    if written.is_utf_8() {
        return Ok(Cow::Borrowed(body[written.mark..].trim_ascii()));
    }
    let text = text(Format::Json, content_type, body)?;
    Ok(Cow::Owned(text.trim_ascii().as_bytes().to_vec()))
}

/// The bytes of a text in the encoding that it says it is in; none if that is UTF-8.
pub(super) fn bytes(format: Format, content_type: Option<&str>, text: &str) -> Option<Vec<u8>> {
    let written = Written::of(format, content_type, text.as_bytes()).ok()?;
    // What the encoding does not have, and the text cannot have had in it, becomes a reference to the character.
    (!written.is_utf_8()).then(|| written.encoding.encode(text).0.into_owned())
}

impl Written {
    /// How a body of that format is written that came with that media type.
    pub(super) fn of(format: Format, content_type: Option<&str>, body: &[u8]) -> Result<Self, DecodeError> {
        if let Some(shown) = Self::shown(body)? {
            return Ok(shown);
        }
        let said = |encoding, said_by| Self { encoding, said_by, mark: 0 };
        if format == Format::Json {
            return Ok(said(UTF_8, SaidBy::Nobody));
        }
        let beginning = &body[..body.len().min(LONGEST_DECLARATION)];
        let declared = declared_encoding(beginning).map(|(label, at)| (name(label), at));
        // A charset that nobody knows says nothing: a wrong header is no reason to turn an event away.
        if let Some(Name::Known(encoding)) = content_type.and_then(charset).map(name) {
            let is_declared_as_another = matches!(declared, Some((Name::Known(other), _)) if other != UTF_8);
            let is_utf_8 = !is_declared_as_another && !body.is_ascii() && std::str::from_utf8(body).is_ok();
            return Ok(said(if is_utf_8 { UTF_8 } else { encoding }, SaidBy::MediaType));
        }
        match declared {
            Some((Name::Known(encoding), _)) => Ok(said(encoding, SaidBy::Declaration)),
            Some((Name::Unknown, at)) => {
                let what = "the encoding that is declared is not one that is known here; send it as UTF-8";
                Err(fault(body, at, what))
            }
            Some((Name::NotThis, _)) | None => Ok(said(UTF_8, SaidBy::Nobody)),
        }
    }

    /// What the first bytes show beyond doubt.
    pub(super) fn shown(body: &[u8]) -> Result<Option<Self>, DecodeError> {
        // What a document can begin with, of XML or JSON.
        let begins = |byte: u8| matches!(byte, b'<' | b'{' | b'[' | b' ' | b'\t' | b'\r' | b'\n');
        let (encoding, mark) = match *body {
            [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => return Err(utf_32()),
            [0, 0, 0, first, ..] | [first, 0, 0, 0, ..] if begins(first) => return Err(utf_32()),
            [0xEF, 0xBB, 0xBF, ..] => (UTF_8, 3),
            [0xFF, 0xFE, ..] => (UTF_16LE, 2),
            [0xFE, 0xFF, ..] => (UTF_16BE, 2),
            [first, 0, ..] if begins(first) => (UTF_16LE, 0),
            [0, first, ..] if begins(first) => (UTF_16BE, 0),
            _ => return Ok(None),
        };
        Ok(Some(Self { encoding, said_by: SaidBy::Bytes, mark }))
    }

    /// The first character of a body that is no white space, if it is one of ASCII. All that is read here has those of
    /// ASCII in common at the beginning, but UTF-16.
    pub(super) fn first(shown: Option<Self>, body: &[u8]) -> Option<u8> {
        let body = &body[shown.map_or(0, |shown| shown.mark)..];
        let is_text = |byte: &u8| !byte.is_ascii_whitespace();
        match shown.map(|shown| shown.encoding) {
            Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => {
                let units = body.chunks_exact(2).map(|unit| {
                    let unit = [unit[0], unit[1]];
                    if encoding == UTF_16LE { u16::from_le_bytes(unit) } else { u16::from_be_bytes(unit) }
                });
                units.map(|unit| u8::try_from(unit).unwrap_or(u8::MAX)).find(is_text)
            }
            _ => body.iter().copied().find(is_text),
        }
    }

    /// The length of its byte order mark.
    pub(super) fn mark(self) -> usize {
        self.mark
    }

    fn is_utf_8(self) -> bool {
        self.encoding == UTF_8
    }

    /// How many bytes a text may take as UTF-8 that has `size` bytes as it is.
    pub(super) fn longest(self, size: usize) -> usize {
        match self.encoding {
            encoding if encoding == UTF_8 => size,
            encoding if encoding == UTF_16LE || encoding == UTF_16BE => size.saturating_add(size / 2),
            // Each byte may be a character, of which the longest that these encodings have take three.
            _ => size.saturating_mul(3),
        }
    }

    /// Reads the bytes; the error is the text up to what is not well-formed.
    fn read(self, bytes: &[u8]) -> Result<String, String> {
        let mut decoder = self.encoding.new_decoder_without_bom_handling();
        let (mut text, mut rest) = (String::with_capacity(bytes.len()), bytes);
        loop {
            let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut text, true);
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => return Ok(text),
                // By what is left, not by doubling, so that it takes no more than the text in the end. A character
                // takes some bytes at once.
                DecoderResult::OutputFull => text.reserve_exact(rest.len() + 64),
                DecoderResult::Malformed(..) => return Err(text),
            }
        }
    }

    fn complaint(self, format: Format) -> String {
        let name = self.encoding.name();
        match self.said_by {
            SaidBy::Bytes => format!("the text is not {name}, as its first bytes say"),
            SaidBy::MediaType => format!("the text is not {name}, as its media type says"),
            SaidBy::Declaration => format!("the text is not {name}, as its declaration says"),
            SaidBy::Nobody if format == Format::Json => {
                "the text is not UTF-8, which JSON has to be whatever its media type says (RFC 8259)".to_owned()
            }
            SaidBy::Nobody => "the text is not UTF-8, which it has to be if nothing else is declared".to_owned(),
        }
    }
}

fn utf_32() -> DecodeError {
    fault(b"", 0, "the text is UTF-32; send it as UTF-8")
}

/// What the name of an encoding says of a body whose characters of ASCII take a byte each.
enum Name {
    Known(&'static Encoding),
    /// It cannot be this one, so the name is of another copy of the text.
    NotThis,
    Unknown,
}

fn name(label: &str) -> Name {
    // The WHATWG reads these as windows-1252. But they have no letters beyond ASCII, so whoever sends some has
    // most likely not changed the name.
    if ["us-ascii", "ascii", "ansi_x3.4-1968"].iter().any(|name| label.eq_ignore_ascii_case(name)) {
        return Name::Known(UTF_8);
    }
    match Encoding::for_label_no_replacement(label.as_bytes()) {
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Name::NotThis,
        // Not text, but bytes in the guise of it.
        Some(encoding) if encoding == X_USER_DEFINED => Name::Unknown,
        Some(encoding) => Name::Known(encoding),
        None => Name::Unknown,
    }
}

/// The charset parameter of a media type.
fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(content_type: Option<&str>, body: &[u8]) -> (&'static str, usize) {
        let written = Written::of(Format::Txml, content_type, body).unwrap();
        (written.encoding.name(), written.mark)
    }

    #[test]
    fn the_charset_of_a_media_type_is_found_however_it_is_written() {
        for (content_type, expected) in [
            ("text/xml; charset=ISO-8859-1", Some("ISO-8859-1")),
            ("text/xml;a=b ; CHARSET = \"utf-8\" ; c=d", Some("utf-8")),
            ("text/xml;charset='utf-8'", Some("utf-8")),
            ("text/xml; charset", None),
            ("charset=utf-8", None),
            ("text/xml; xcharset=utf-8", None),
        ] {
            assert_eq!(charset(content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn what_shows_goes_before_what_is_said() {
        let latin = Some("text/xml; charset=latin1");
        assert_eq!(written(latin, b"\xEF\xBB\xBF<a/>"), ("UTF-8", 3));
        assert_eq!(written(latin, b"\xFE\xFF\0<"), ("UTF-16BE", 2));
        assert_eq!(written(latin, b"\xFF\xFE<\0"), ("UTF-16LE", 2));
        assert_eq!(written(latin, b"<\0a\0"), ("UTF-16LE", 0));
        assert_eq!(written(latin, b"\0\n\0<"), ("UTF-16BE", 0));
        assert_eq!(written(latin, b"<a/>"), ("windows-1252", 0));
        assert_eq!(written(latin, b"<a>\xE9</a>"), ("windows-1252", 0));
        assert_eq!(written(latin, "<a>é</a>".as_bytes()), ("UTF-8", 0));
        assert_eq!(written(latin, "<?xml version='1.0' encoding='utf-8'?><a>é</a>".as_bytes()), ("UTF-8", 0));
        let declared = "<?xml version='1.0' encoding='latin1'?><a>é</a>";
        assert_eq!(written(latin, declared.as_bytes()), ("windows-1252", 0));
        assert_eq!(written(Some("text/xml; charset=utf-16"), b"<a/>"), ("UTF-8", 0));
        assert_eq!(written(None, b"<?xml version='1.0' encoding='ucs-2'?>"), ("UTF-8", 0));
        for body in [&b"\xFF\xFE\0\0<\0\0\0"[..], b"\0\0\xFE\xFF", b"{\0\0\0", b"\0\0\0<"] {
            assert!(Written::shown(body).is_err(), "{body:?}");
        }
    }

    #[test]
    fn a_text_is_read_whole_however_much_longer_it_becomes() {
        let made = |content_type: &str, body: &[u8]| text(Format::Txml, Some(content_type), body).unwrap().to_string();
        for size in [0, 1, 63, 64, 1000, 300_000] {
            assert_eq!(made("text/xml; charset=windows-1252", &vec![0x80; size]), "€".repeat(size), "{size}");
            let long = format!("<{}", "螺".repeat(size));
            let utf_16: Vec<u8> = long.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!(made("text/xml", &utf_16), long, "{size}");
        }
    }

    #[test]
    fn no_text_becomes_longer_than_is_said_before() {
        for encoding in ["windows-874", "iso-8859-7", "koi8-u", "shift_jis", "gb18030", "big5", "euc-kr", "macintosh"] {
            let written = Written {
                encoding: Encoding::for_label(encoding.as_bytes()).unwrap(),
                said_by: SaidBy::MediaType,
                mark: 0,
            };
            for one in 0..=u8::MAX {
                let bodies = (0..=u8::MAX).map(|two| vec![one, two]).chain([vec![one]]);
                for body in bodies {
                    let length = written.read(&body).map_or(0, |text| text.len());
                    assert!(length <= written.longest(body.len()), "{encoding}: {body:?}");
                }
            }
        }
    }

    #[test]
    fn a_fault_has_its_line_and_column_in_characters() {
        let said = |content_type: &str, body: &[u8]| match text(Format::Txml, Some(content_type), body) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert_eq!(
            said("text/xml; charset=shift_jis", b"<a>\n\x97\x86\x95\xEA\xFF</a>"),
            "line 2, column 3: the text is not Shift_JIS, as its media type says"
        );
        assert_eq!(
            said("text/xml", b"\0<\0a\0>\0\n\0\xE9\xDC\x00\0<"),
            "line 2, column 2: the text is not UTF-16BE, as its first bytes say"
        );
        assert_eq!(said("text/xml", b"\0<\0a\0"), "line 1, column 3: the text is not UTF-16BE, as its first bytes say");
    }
}
