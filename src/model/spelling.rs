//! When two spellings are the same reference, so that people find it however they write it.

/// So many bytes of a reference tell it from others.
const LONGEST_FOLDED: usize = 200;

/// What the spellings of one reference have in common: small letters, no white space, no dashes and no leading zeros.
/// People copy a number from a page that sets it with a long dash, and systems fill it up with zeros.
///
/// ```
/// use tradecloud_webhook::model::folded;
///
/// assert_eq!(folded("po-0123 45"), folded("PO–012345"));
/// assert_eq!(folded("0000004711"), "4711");
/// ```
pub fn folded(text: &str) -> String {
    let mut folded = String::new();
    let mut is_zero = false;
    let told = text.chars().filter(|character| tells(*character)).flat_map(char::to_lowercase);
    for character in told {
        if folded.is_empty() && character == '0' {
            is_zero = true;
        } else if folded.len() + character.len_utf8() <= LONGEST_FOLDED {
            folded.push(character);
        } else {
            break;
        }
    }
    if folded.is_empty() && is_zero { "0".to_owned() } else { folded }
}

/// Whether a character tells one reference from another: white space and dashes do not.
pub(crate) fn tells(character: char) -> bool {
    !character.is_whitespace() && !DASHES.contains(character)
}

/// The dashes of Unicode (its category Pd), the sign for minus, and the hyphen that shows at the end of a line only.
const DASHES: &str = "-\u{AD}\u{58A}\u{5BE}\u{1400}\u{1806}\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2043}\
    \u{2212}\u{2E17}\u{2E1A}\u{2E3A}\u{2E3B}\u{2E40}\u{2E5D}\u{301C}\u{3030}\u{30A0}\u{FE31}\u{FE32}\u{FE58}\u{FE63}\
    \u{FF0D}\u{10D6E}\u{10EAD}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_reference_fold_to_the_same() {
        for (spelling, expected) in [
            ("PO0123", "po0123"),
            ("po 0123", "po0123"),
            (" PO\u{A0}01\t23\n", "po0123"),
            ("PO-01\u{2010}2\u{2013}3\u{2014}", "po0123"),
            ("P\u{2212}O\u{AD}0123\u{FF0D}", "po0123"),
            ("0000004711", "4711"),
            ("00-00 47-11", "4711"),
            ("-04711", "4711"),
            ("4711000", "4711000"),
            ("0", "0"),
            ("00-00", "0"),
            ("ÄÖ-Ñ7", "äöñ7"),
            ("ПО-7", "по7"),
            ("0ß", "ß"),
            ("4711/02.3_4", "4711/02.3_4"),
            ("", ""),
            (" - \u{2013}", ""),
        ] {
            assert_eq!(folded(spelling), expected, "{spelling:?}");
            assert_eq!(folded(expected), expected, "{spelling:?} folded twice");
        }
    }

    #[test]
    fn a_folded_reference_has_200_bytes_at_most_and_is_cut_between_characters() {
        assert_eq!(folded(&"7".repeat(1000)), "7".repeat(200));
        assert_eq!(folded(&format!("{}{}7", "0".repeat(1000), "-".repeat(1000))), "7");
        assert_eq!(folded(&format!("7{}", "é".repeat(200))), format!("7{}", "é".repeat(99)));
    }
}
