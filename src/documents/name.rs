//! What a document is called on disk: whatever names and ids come from outside, a file with a decent name in a folder of
//! its own, and never anywhere else.

use aws_lc_rs::digest::{SHA256, digest};

/// The longest name of a file, in bytes: any file system takes it, also with something before it.
const LONGEST: usize = 150;
/// The longest id that is the name of its folder.
const LONGEST_ID: usize = 100;
/// Longer than this, what stands behind the last dot is no extension.
const LONGEST_EXTENSION: usize = 20;
/// What a document without a name is called.
const NAMELESS: &str = "document";

/// The folders of documents whose ids make no good names, and of those that are with the other party.
const BY_DIGEST: &str = "id-";
const BY_URL: &str = "url-";

/// The folder of the document with that id.
pub(super) fn folder_of_object(id: &str) -> String {
    let is_plain = id.len() <= LONGEST_ID
        && id.starts_with(|first: char| first.is_ascii_alphanumeric())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && !id.ends_with('.')
        && !is_reserved(id)
        && ![BY_DIGEST, BY_URL].iter().any(|start| id.to_ascii_lowercase().starts_with(start));
    if is_plain { id.to_owned() } else { format!("{BY_DIGEST}{}", hex_of(id)) }
}

/// The folder of the document at that address.
pub(super) fn folder_of_url(url: &str) -> String {
    format!("{BY_URL}{}", hex_of(url))
}

fn hex_of(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The name of a file that is as much like `name` as is good on every system.
pub(super) fn safe(name: &str) -> String {
    let parts: Vec<_> = name.split(['/', '\\']).map(str::trim).filter(|part| !["", ".", ".."].contains(part)).collect();
    let joined = parts.join("_");
    let replaced: String = joined.chars().map(|letter| if is_harmless(letter) { letter } else { '_' }).collect();
    let ends = |letter: char| letter == '.' || letter.is_whitespace();
    let mut name = shortened(replaced.trim_start_matches(ends)).trim_end_matches(ends).to_owned();
    if is_reserved(&name) {
        name.insert(0, '_');
    }
    if name.is_empty() { NAMELESS.to_owned() } else { name }
}

/// Whether a letter in a name steers no system, no shell, and nobody's eye.
fn is_harmless(letter: char) -> bool {
    let turns_around = matches!(
        letter,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    );
    !letter.is_control() && !turns_around && !"<>:\"|?*".contains(letter)
}

/// The name cut to what is allowed, the extension kept.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let extension = name.rfind('.').map(|dot| &name[dot..]).filter(|end| end.len() <= LONGEST_EXTENSION);
    let extension = extension.unwrap_or_default();
    let mut end = LONGEST - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &name[..end])
}

/// Whether Windows takes it for a device, whatever its extension.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |device| {
        stem.strip_prefix(device).is_some_and(|number: &str| {
            let mut digits = number.chars();
            digits.next().is_some_and(|digit| digit.is_ascii_digit() || "¹²³".contains(digit))
                && digits.next().is_none()
        })
    };
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&&*stem) || numbered("COM") || numbered("LPT")
}

/// The last part of the path of an address, decoded, as a name; `None` if there is none.
pub(super) fn in_url(url: &reqwest::Url) -> Option<String> {
    let last = url.path_segments()?.next_back().filter(|last| !last.is_empty())?;
    let mut bytes = Vec::with_capacity(last.len());
    let mut rest = last.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decent_name_stays_as_it_is() {
        for name in
            ["Drawing 153951484 rev B ø60.pdf", "螺母.step", "a..b.pdf", "_x", "console.txt", "COM10.txt", "%41"]
        {
            assert_eq!(safe(name), name);
        }
    }

    #[test]
    fn a_hostile_name_becomes_a_decent_one() {
        for (name, expected) in [
            ("../..\\CON: \"rapport\"\t螺母.step", "CON_ _rapport__螺母.step"),
            ("", "document"),
            (" .. ", "document"),
            ("...", "document"),
            ("/etc/passwd", "etc_passwd"),
            (".bashrc", "bashrc"),
            (".document.json", "document.json"),
            ("a.pdf. . ", "a.pdf"),
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("Lpt1 .x", "_Lpt1 .x"),
            ("COM¹", "_COM¹"),
            ("a\u{0}b\u{202e}fdp.exe", "a_b_fdp.exe"),
            ("Drawing 1/2.pdf", "Drawing 1_2.pdf"),
        ] {
            assert_eq!(safe(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_letters_and_keeps_its_extension() {
        for letter in ["x", "ö", "螺"] {
            let name = safe(&format!("{}.step", letter.repeat(200)));
            assert!(
                name.len() <= LONGEST && name.len() > LONGEST - 4 && name.strip_suffix(".step").is_some(),
                "{name}"
            );
            let name = safe(&format!("a.{}", letter.repeat(200)));
            assert!(name.len() <= LONGEST && name.len() > LONGEST - 4, "{name}");
        }
    }

    #[test]
    fn an_id_names_its_folder_unless_it_could_name_another_one() {
        for id in ["0e4e1eac-9053-4cc0-9df4-0fe6a545abeb", "OBJ_1.a", "7"] {
            assert_eq!(folder_of_object(id), id);
        }
        let mut folders: Vec<_> =
            ["..", ".", "", "a/b", "a\\b", "a.", ".a", "-a", "id-x", "URL-x", "nul", "a b", "ü", "a\0"]
                .into_iter()
                .map(str::to_owned)
                .chain(["x".repeat(101)])
                .map(|id| folder_of_object(&id))
                .collect();
        assert!(folders.iter().all(|folder| folder.starts_with("id-") && folder.len() == 67), "{folders:?}");
        folders.sort();
        folders.dedup();
        assert_eq!(folders.len(), 15);
        assert!(folder_of_url("https://a.example/x").starts_with("url-"));
    }

    #[test]
    fn an_address_may_end_with_a_name() {
        let of = |url: &str| in_url(&url.parse().unwrap());
        assert_eq!(of("https://a.example/x/Drawing%20%C3%B8%2F.pdf?y").as_deref(), Some("Drawing ø/.pdf"));
        assert_eq!(of("https://a.example/50%/%4").as_deref(), Some("%4"));
        assert_eq!(of("https://a.example/x/"), None);
    }
}
