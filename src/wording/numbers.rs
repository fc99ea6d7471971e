//! How many there are, and names of programs, as people read them.

use crate::inbox::Count;

/// A number as people read it: 1,203.
pub(crate) fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// So many events: `1 event`, `1,203 events`.
pub(crate) fn events(number: usize) -> String {
    format!("{} event{}", with_commas(number), if number == 1 { "" } else { "s" })
}

/// A name as programs write it, as words: `purchase order` of `purchaseOrder`.
pub(crate) fn in_words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// How many there are, as far as somebody has counted.
pub(crate) fn counted(count: Count) -> String {
    match count {
        Count::Exactly(number) => with_commas(number),
        Count::MoreThan(number) => format!("more than {}", with_commas(number)),
    }
}

/// `once`, `3 times`.
pub(crate) fn times(number: u32) -> String {
    match number {
        1 => "once".to_owned(),
        _ => format!("{} times", with_commas(usize::try_from(number).unwrap_or(usize::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_programs_are_words() {
        assert_eq!(
            (in_words("purchaseOrder"), in_words("invoice")),
            ("purchase order".to_owned(), "invoice".to_owned())
        );
    }

    #[test]
    fn thousands_are_told_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_203, "1,203"), (10_000, "10,000"), (1_234_567, "1,234,567")] {
            assert_eq!(with_commas(number), text);
        }
        assert_eq!(counted(Count::MoreThan(10_000)), "more than 10,000");
        assert_eq!((events(1), events(2)), ("1 event".to_owned(), "2 events".to_owned()));
    }

    #[test]
    fn how_often_is_said_in_words() {
        assert_eq!((times(1), times(1203)), ("once".to_owned(), "1,203 times".to_owned()));
    }
}
