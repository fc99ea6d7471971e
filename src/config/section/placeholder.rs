//! Placeholders that were copied from an example and not filled in: `<tenant id>`.

/// Whether there is one in `text`: letters, spaces and dashes between `<` and `>`.
pub(super) fn is_in(text: &str) -> bool {
    text.split('<').skip(1).any(|rest| rest.split_once('>').is_some_and(|(inside, _)| is_words(inside)))
}

fn is_words(inside: &str) -> bool {
    inside.starts_with(char::is_alphabetic)
        && inside.chars().all(|character| character.is_alphabetic() || matches!(character, ' ' | '-'))
}

#[cfg(test)]
mod tests {
    use super::is_in;

    #[test]
    fn words_between_angle_brackets_are_a_placeholder() {
        for text in ["<tenant id>", "https://a.example/<tenant id>/v2.0", "<<company-id>>", "a < b <your name>"] {
            assert!(is_in(text), "{text}");
        }
    }

    #[test]
    fn angle_brackets_around_anything_else_are_not() {
        for text in ["", "<>", "< >", "a<b", "a>b", "<1>", "<a=1>", "<a.b>", "< a >", "->a<-", "tradecloud.>"] {
            assert!(!is_in(text), "{text}");
        }
    }
}
