//! The characters of XML 1.0: which are allowed at all, which make a name, and what references
//! stand for.

/// Longer names are nobody's; the bound keeps what is remembered of open elements small.
const LONGEST_NAME: usize = 1000;

/// White space as XML sees it.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether there is nothing but white space.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(is_space)
}

/// The offset of the first character that XML forbids.
pub(super) fn forbidden(text: &str) -> Option<usize> {
    // In UTF-8 a forbidden character is a control character, or U+FFFE or U+FFFF, which begin with 0xEF.
    // Looking at a block at a time lets the compiler look at many bytes at once.
    let suspicious = |byte: &u8| (*byte < b' ' && !is_space(*byte)) || *byte == 0xEF;
    let bytes = text.as_bytes();
    bytes.chunks(256).enumerate().find_map(|(block, chunk)| {
        if !chunk.iter().fold(false, |found, byte| found | suspicious(byte)) {
            return None;
        }
        chunk
            .iter()
            .enumerate()
            .filter(|(_, byte)| suspicious(byte))
            .map(|(at, _)| block * 256 + at)
            .find(|at| bytes[*at] != 0xEF || matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])))
    })
}

fn is_allowed(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

/// Whether a text is a name of an element, an attribute or a processing instruction.
pub(super) fn is_name(text: &str) -> bool {
    if text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return text.len() <= LONGEST_NAME; // like nearly all of them
    }
    let mut characters = text.chars();
    text.len() <= LONGEST_NAME && characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

fn starts_name(character: char) -> bool {
    matches!(character,
        'a'..='z' | 'A'..='Z' | '_' | ':'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

fn continues_name(character: char) -> bool {
    starts_name(character)
        || matches!(character, '0'..='9' | '-' | '.' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// A name without its namespace prefix.
pub(super) fn local(name: &str) -> &str {
    match name.bytes().rposition(|byte| byte == b':') {
        Some(colon) if colon + 1 < name.len() => &name[colon + 1..],
        _ => name,
    }
}

/// What a reference stands for; the text is what is between `&` and `;`. Only the five entities of
/// XML itself are defined, because there is no document type to define others.
pub(super) fn resolve(reference: &str) -> Option<char> {
    let (digits, radix) = match reference {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => match reference.strip_prefix("#x") {
            Some(digits) => (digits, 16),
            None => (reference.strip_prefix('#')?, 10),
        },
    };
    // The parser of numbers would also take a sign.
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let code = is_number.then(|| u32::from_str_radix(digits, radix).ok()).flatten()?;
    char::from_u32(code).filter(|character| is_allowed(*character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_characters_are_found_wherever_they_stand() {
        for bad in ['\0', '\u{1}', '\u{B}', '\u{1F}', '\u{FFFE}', '\u{FFFF}'] {
            for length in [0, 1, 255, 256, 600] {
                let text = format!("{}{bad}z", "ｆ".repeat(length));
                assert_eq!(forbidden(&text), Some(3 * length), "{bad:?} after {length}");
            }
        }
        assert_eq!(forbidden("\t\n\r \u{7F}\u{85}\u{FFFD}\u{10FFFF}ｆ"), None);
    }

    #[test]
    fn references_are_those_of_xml_alone() {
        for (reference, expected) in [
            ("amp", Some('&')),
            ("apos", Some('\'')),
            ("#65", Some('A')),
            ("#x1F600", Some('😀')),
            ("#0", None),
            ("#xD800", None),
            ("#xFFFF", None),
            ("#X41", None),
            ("#+65", None),
            ("#", None),
            ("#x", None),
            ("#99999999999", None),
            ("nbsp", None),
            ("", None),
        ] {
            assert_eq!(resolve(reference), expected, "{reference}");
        }
    }
}
