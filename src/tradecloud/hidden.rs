//! What we showed of ourselves is in no words of others: a server, or a proxy before it, may say in its answer what it
//! was sent.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use zeroize::Zeroizing;

use super::token::REFRESH_TOKEN;

/// Shorter than this it cannot be told from other words.
const SHORTEST: usize = 4;
/// By so many characters at its beginning a long one is recognised, because words are cut.
const BEGINNING: usize = 16;

/// What is secret in the head of a request.
pub(super) struct Secrets(Vec<Zeroizing<String>>);

impl Secrets {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut secrets = Vec::new();
        let values = headers.get_all(AUTHORIZATION).iter().chain(headers.get_all(REFRESH_TOKEN));
        for value in values.filter_map(|value| value.to_str().ok()) {
            let secret = value.split_once(' ').map_or(value, |(_, secret)| secret);
            secrets.push(Zeroizing::new(secret.to_owned()));
            if value.starts_with("Basic ")
                && let Ok(pair) = BASE64_STANDARD.decode(secret).map(Zeroizing::new)
                && let Some((_, password)) = std::str::from_utf8(&pair).ok().and_then(|pair| pair.split_once(':'))
            {
                secrets.push(Zeroizing::new(password.to_owned()));
            }
        }
        secrets.retain(|secret| secret.len() >= SHORTEST);
        Self(secrets)
    }

    /// The words without them.
    pub(super) fn hide(&self, words: String) -> String {
        self.0.iter().fold(words, |words, secret| without(words, secret))
    }
}

fn without(words: String, secret: &str) -> String {
    let beginning = secret.char_indices().nth(BEGINNING).map_or(secret, |(end, _)| &secret[..end]);
    if !words.contains(beginning) {
        return words;
    }
    let (mut kept, mut rest) = (String::with_capacity(words.len()), words.as_str());
    while let Some(at) = rest.find(beginning) {
        kept.push_str(&rest[..at]);
        kept.push('…');
        let same = rest[at..].chars().zip(secret.chars()).take_while(|(one, other)| one == other);
        rest = &rest[at + same.map(|(one, _)| one.len_utf8()).sum::<usize>()..];
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use crate::outgoing::{basic, bearer};

    use super::*;

    #[test]
    fn what_was_sent_is_not_in_what_is_said_of_it() {
        let token = "eyJhbGciOiJIUzI1NiJ9.".to_owned() + &"x".repeat(700);
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, basic("me", "pass word").unwrap());
        headers.append(AUTHORIZATION, bearer(&token).unwrap());
        let secrets = Secrets::of(&headers);

        let said = secrets.hide(format!("no me:pass word, bWU6cGFzcyB3b3Jk! {} and {token}.", &token[..60]));

        assert_eq!(said, "no me:…, …! … and ….");
        assert_eq!(secrets.hide("all is well".to_owned()), "all is well");
    }
}
