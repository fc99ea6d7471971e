//! What a login gives: a token that opens the API for a while, and mostly one that gets the next.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Request, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::outgoing::bearer;

/// By which a token goes out that gets the next.
pub(super) const REFRESH_TOKEN: HeaderName = HeaderName::from_static("refresh-token");
/// And those by which tokens come.
const SET_AUTHORIZATION: HeaderName = HeaderName::from_static("set-authorization");
const SET_REFRESH_TOKEN: HeaderName = HeaderName::from_static("set-refresh-token");
/// If a token does not say how long it is good: less than the ten minutes that were once said to be its life.
const LIFE: Duration = Duration::from_secs(9 * 60);
/// A token is given up so long before its end (a short-lived one, a tenth before), so that it does not end on the way.
const MARGIN: Duration = Duration::from_secs(60);
/// Whatever it says, it is renewed within a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A token that opens the API.
#[derive(Debug, Clone)]
pub(super) struct Token {
    secret: SecretString,
    /// How many there were before it.
    pub(super) number: u64,
    /// From when on it is not used any more.
    pub(super) until: Instant,
}

impl Token {
    /// The request, opened by it.
    pub(super) fn on(&self, mut request: Request) -> Request {
        // It fits into a header, else it would not be here.
        if let Some(header) = bearer(self.secret.expose_secret()) {
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        request
    }
}

/// What an answer brought.
pub(super) struct Granted {
    access: Option<SecretString>,
    pub(super) refresh: Option<SecretString>,
}

impl Granted {
    pub(super) fn from(headers: &HeaderMap) -> Self {
        Self { access: secret(headers, &SET_AUTHORIZATION), refresh: secret(headers, &SET_REFRESH_TOKEN) }
    }

    /// The token that opens the API, if there is one.
    pub(super) fn token(&self, number: u64) -> Option<Token> {
        let secret = self.access.clone()?;
        let until = Instant::now() + usable(life(secret.expose_secret()).unwrap_or(LIFE));
        Some(Token { secret, number, until })
    }
}

/// A request that has nothing but the token that gets the next.
pub(super) fn refreshing(method: reqwest::Method, url: &Url, refresh: &SecretString) -> Request {
    let mut request = Request::new(method, url.clone());
    if let Ok(mut value) = HeaderValue::from_str(refresh.expose_secret()) {
        value.set_sensitive(true);
        request.headers_mut().insert(REFRESH_TOKEN, value);
    }
    request
}

/// The token in a header, without the scheme that may stand before it. An empty one is none.
fn secret(headers: &HeaderMap, name: &HeaderName) -> Option<SecretString> {
    let mut texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let bare = |text: &str| {
        let text = text.trim();
        let bare = match text.split_at_checked("Bearer".len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") && rest.starts_with([' ', '\t']) => {
                rest.trim_start()
            }
            Some((scheme, "")) if scheme.eq_ignore_ascii_case("bearer") => "",
            _ => text,
        };
        let fits = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| SecretString::from(bare))
    };
    texts.find_map(bare)
}

/// How long it is good, by what it says of itself. Nobody checks that here: it is a hint, and the API has the last word.
fn life(token: &str) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Claims {
        exp: serde_json::Value,
        iat: Option<serde_json::Value>,
    }
    let seconds = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.parse::<f64>().ok(),
        other => other.to_string().parse().ok(),
    };
    let payload = token.split('.').nth(1)?.trim_end_matches('=');
    let payload = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?);
    let claims = serde_json::from_slice::<Claims>(&payload).ok()?;
    // From when it was made, by the clock of who made it: ours may be another.
    let made = claims.iat.as_ref().and_then(seconds);
    let now = Duration::try_from(jiff::Timestamp::now().as_duration()).ok()?.as_secs_f64();
    let life = Duration::try_from_secs_f64(seconds(&claims.exp)? - made.unwrap_or(now)).ok()?;
    (life >= Duration::from_secs(1)).then_some(life.min(LONGEST))
}

fn usable(life: Duration) -> Duration {
    life.saturating_sub(MARGIN.min(life / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    fn found(value: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(SET_AUTHORIZATION, HeaderValue::from_str(value).unwrap())]);
        Granted::from(&headers).access.map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn a_token_is_taken_with_or_without_its_scheme_and_an_empty_one_is_none() {
        for value in ["a.b.c", " a.b.c ", "Bearer a.b.c", "bearer  a.b.c", "BEARER\ta.b.c"] {
            assert_eq!(found(value).as_deref(), Some("a.b.c"), "{value:?}");
        }
        for value in ["", " ", "Bearer", "Bearer ", "two words"] {
            assert_eq!(found(value), None, "{value:?}");
        }
        assert_eq!(found("Bearers").as_deref(), Some("Bearers"));
    }

    #[test]
    fn its_life_is_what_it_says_if_that_can_be_read() {
        assert_eq!(life(&jwt(r#"{"exp":1003600,"iat":1000000}"#)), Some(Duration::from_secs(3600)));
        assert_eq!(life(&jwt(r#"{"exp":"1003600","iat":"1000000.0"}"#)), Some(Duration::from_secs(3600)));
        assert_eq!(life(&jwt(r#"{"exp":99999999999999,"iat":0}"#)), Some(LONGEST));
        let soon = jiff::Timestamp::now().as_second() + 100;
        assert!(life(&jwt(&format!("{{\"exp\":{soon}}}"))).is_some_and(|life| life > Duration::from_secs(90)));
        for odd in [
            "EXAMPLE-ACCESS-TOKEN-1.header.payload.signature",
            "opaque",
            "",
            &jwt("{}"),
            &jwt("[]"),
            &jwt(r#"{"exp":1}"#),
            &jwt(r#"{"exp":"soon"}"#),
            &jwt(r#"{"exp":1e400,"iat":1}"#),
            &jwt(r#"{"exp":5,"iat":5}"#),
        ] {
            assert_eq!(life(odd), None, "{odd}");
        }
    }

    #[test]
    fn it_is_given_up_before_its_end() {
        assert_eq!(usable(Duration::from_secs(3600)), Duration::from_secs(3540));
        assert_eq!(usable(Duration::from_secs(10)), Duration::from_secs(9));
    }
}
