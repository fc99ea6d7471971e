//! Access tokens (JWT) of an issuer with OpenID discovery: Entra ID v1.0 and v2.0, ADFS, B2C and others.
//!
//! `token` takes apart what was presented, `keys` checks who signed it, `issuer` knows the keys and
//! learns new ones (`discovery` asks, `stored` keeps them on disk, `unknown` are those that it does not have),
//! and `clock` is what it goes by. Whether the token is good is decided
//! here. Until its signature is checked, what a token says of itself is used to refuse it only.

mod clock;
mod discovery;
mod issuer;
mod keys;
mod stored;
mod token;
mod unknown;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use self::clock::Clock;
use self::discovery::{Source, is_safe};
use self::issuer::{Issuer, NotLearnt};
use self::keys::Signed;
use self::token::{Claims, OneOrMany, Token};
use super::{Authorization, Credential, Finding, SharedCredential};
use crate::config::Section;
use crate::outgoing;
use crate::telemetry::{Sparing, events::callers};

/// How far our clock and the issuer's may be apart, in seconds.
const LEEWAY: f64 = 60.0;
/// Where the keys are kept unless the configuration says otherwise.
const CACHE: &str = "data/issuer-keys";
/// Where OpenID Connect has the document, below the issuer.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";
/// Of a text from outside, so much is shown.
const SHOWN: usize = 100;
/// For so long from when it was issued, in seconds, a token may be by a key that not all of its issuer's machines know:
/// the time for that, and what some issuers put the claim before.
const NEW: f64 = 900.0;
/// Why nobody can say.
const OUT_OF_REACH: &str = "the keys of the token's issuer cannot be had now";

/// Who may come with a token of the issuer.
#[derive(Debug)]
struct Wanted {
    audience: Vec<String>,
    clients: Option<Vec<String>>,
    roles: Vec<String>,
}

struct OAuth {
    issuer: Arc<Issuer>,
    wanted: Wanted,
    /// Of alarms that our clock is wrong.
    alarm: Sparing<(f64, String)>,
}

/// What is to be learnt of the issuer before a token can be judged.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Open {
    /// Its keys: none are known.
    Keys,
    /// Whether it has the key that the token names.
    Key,
    /// Whether it has other keys than those known: the token names none, and is by none of them.
    OtherKey,
    /// What time it is: by our clock the token has expired, and is good otherwise; so many seconds of that are
    /// ours alone, as far as is known.
    Time(Option<f64>),
}

impl Open {
    /// What is wrong with the token if nothing new is learnt.
    fn reason(self) -> &'static str {
        match self {
            Self::Keys => "the keys of the issuer are not known",
            Self::Key | Self::OtherKey => "the access token is signed by a key that the issuer does not have",
            Self::Time(_) => "the access token has expired",
        }
    }
}

/// Reads `issuer`, `audience`, `clients`, `roles`, `discovery`, `ca_file` and `cache`.
pub(super) fn read(section: &Section) -> Option<SharedCredential> {
    let issuer = address(section, "issuer");
    let document = section.or_else("discovery", address, || {
        // With or without a slash at its end: the document is below it.
        issuer.as_ref().and_then(|(text, _)| document_of(text))
    });
    let audience = section.texts("audience").unwrap_or_default();
    if audience.iter().all(String::is_empty) {
        section.error("audience", "is missing: any token of the issuer would do. Add `audience = [\"api://webhook\"]`");
    }
    let (clients, roles) = (section.texts("clients"), section.texts("roles").unwrap_or_default());
    match &clients {
        Some(clients) if clients.is_empty() => {
            section.error("clients", "is empty: nobody could call. Leave it out for every application");
        }
        None if roles.is_empty() => section.warning(
            "clients",
            "is missing, and so is `roles`: every application that the issuer gives a token for this audience may \
             send. Add `clients = [\"<application id>\"]`",
        ),
        _ => {}
    }
    let roots = outgoing::roots(section);
    let cache = section.file("cache").unwrap_or_else(|| PathBuf::from(CACHE));
    let ((issuer, _), (_, document)) = (issuer?, document?);
    let source = Source { issuer, document, roots: roots? };
    let issuer = Arc::new(Issuer::new(source, &cache));
    Some(Arc::new(OAuth {
        issuer,
        wanted: Wanted { audience, clients, roles },
        alarm: Sparing::new(callers::clock_fast),
    }))
}

/// An address that nobody can listen in on, as it was written and as it was understood.
fn address(section: &Section, key: &str) -> Option<(String, reqwest::Url)> {
    let url = outgoing::url(section, key, "\"https://login.microsoftonline.com/<tenant>/v2.0\"")?;
    if !is_safe(&url) {
        section.error(key, "must be https (or http on this very machine): who gives out keys must be who it says");
        return None;
    }
    if key == "issuer" && (url.query().is_some() || url.fragment().is_some()) {
        section.error(key, "must have no `?` and no `#`");
        return None;
    }
    Some((section.text(key)?, url))
}

fn document_of(issuer: &str) -> Option<(String, reqwest::Url)> {
    let text = format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'));
    let url = text.parse().ok()?;
    Some((text, url))
}

#[async_trait::async_trait]
impl Credential for OAuth {
    fn challenge(&self) -> &'static str {
        r#"Bearer realm="tradecloud-webhook""#
    }

    fn describe(&self) -> String {
        let clients = self.wanted.clients.as_ref().map(|clients| format!(", clients {}", clients.join(", ")));
        format!("oauth, issuer {}{}", self.issuer.name(), clients.unwrap_or_default())
    }

    fn accepts(&self, _: &Authorization<'_>) -> bool {
        false
    }

    fn examine(&self, authorization: &Authorization<'_>) -> Finding {
        let Some(token) = authorization.of_scheme("Bearer") else { return Finding::Wrong(None) };
        match Token::parse(token) {
            Ok(token) => self.judge(&token).unwrap_or_else(|open| Finding::Unsure(open.reason())),
            Err(what) => Finding::Wrong(Some((what, String::new()))),
        }
    }

    async fn learn(&self, authorization: &Authorization<'_>, _: IpAddr) -> Result<(), &'static str> {
        let asked = self.issuer.learn().await;
        let Some(Ok(token)) = authorization.of_scheme("Bearer").map(Token::parse) else { return Ok(()) };
        self.judge(&token).map_or_else(|open| self.conclude(open, &token, asked), |_| Ok(()))
    }

    async fn start(&self) {
        self.issuer.start().await;
    }

    fn tell_rest(&self) {
        self.alarm.tell_rest();
    }

    async fn probe(&self) -> Option<Result<String, String>> {
        Some(self.issuer.probe().await)
    }
}

impl OAuth {
    /// Whether the token is good.
    fn judge(&self, token: &Token<'_>) -> Result<Finding, Open> {
        let (claims, known, now) = (&token.claims, self.issuer.known(), seconds(Timestamp::now()));
        let issuers_clock = known.as_ref().and_then(|known| known.clock.as_ref()).map(Clock::now);
        let has_expired = |now: f64| now >= claims.exp + LEEWAY;
        if !claims.aud.as_slice().iter().any(|audience| self.wanted.audience.contains(audience)) {
            let detail = format!("aud is {}", all_shown(claims.aud.as_slice()));
            return Ok(wrong("the access token is for another audience", detail));
        }
        if has_expired(now) && issuers_clock.is_some_and(has_expired) {
            let ago = now - claims.exp;
            return Ok(wrong("the access token has expired", format!("{ago:.0} s ago")));
        }
        let known = known.ok_or(Open::Keys)?;
        if claims.iss != self.issuer.name() && Some(&claims.iss) != known.access_token_issuer.as_ref() {
            let detail = format!("iss is {}, and not {}", shown(&claims.iss), shown(self.issuer.name()));
            return Ok(wrong("the access token is of another issuer", detail));
        }
        match known.keys.signed(token) {
            Signed::Yes if has_expired(now) => Err(Open::Time(issuers_clock.map(|issuers| now - issuers))),
            Signed::Yes => Ok(self.permit(claims, now)),
            Signed::No => Ok(wrong("the signature of the access token is wrong", String::new())),
            Signed::ByNone => Err(Open::OtherKey),
            Signed::ByUnknown => Err(Open::Key),
        }
    }

    /// What follows if something is still open after the issuer was asked: nothing, so that the token is wrong,
    /// or why the sender is to come again.
    fn conclude(&self, open: Open, token: &Token<'_>, asked: Result<(), NotLearnt>) -> Result<(), &'static str> {
        match (open, asked) {
            (Open::Time(Some(fast_by)), _) => {
                self.warn_of_fast_clock(fast_by);
                Err("the access token has expired by the clock of this machine, but not by its issuer's")
            }
            (_, Err(NotLearnt::Trouble)) | (Open::Keys, _) => Err(OUT_OF_REACH),
            (Open::Key, _) if self.may_come(token) => {
                Err("the access token is signed by a key that the issuer does not have, or not yet")
            }
            // Somebody else, perhaps with anything, had it asked before this token came.
            (Open::Key | Open::OtherKey, Err(NotLearnt::TooEarly)) => {
                Err("the issuer cannot be asked again yet whether it has a new key, by which the access token may be")
            }
            _ => Ok(()),
        }
    }

    /// Whether the key that the token names, and that the issuer does not have, may still turn up: from when it was
    /// first named, and for a token that says it is new. Anybody can name a key long before it is used, and so use up
    /// the first time; and whoever lies about the second has only his own answer put off.
    fn may_come(&self, token: &Token<'_>) -> bool {
        let may_come = token.key_name().is_some_and(|name| self.issuer.unknown.may_come(name));
        let (known, ours) = (self.issuer.known(), seconds(Timestamp::now()));
        let issuers = known.and_then(|known| known.clock.as_ref().map(Clock::now));
        let issued = token.claims.iat.into_iter().chain(token.claims.nbf).reduce(f64::max);
        may_come || issued.is_some_and(|issued| ours.min(issuers.unwrap_or(ours)) < issued + NEW)
    }

    fn warn_of_fast_clock(&self, by: f64) {
        self.alarm.note((by, self.issuer.name().to_owned()));
    }

    /// Whether the token, which is the issuer's, lets its bearer in.
    fn permit(&self, claims: &Claims, now: f64) -> Finding {
        if let Some(begin) = claims.nbf
            && now < begin - LEEWAY
        {
            return Finding::TooEarly(begin - now);
        }
        if let Some(clients) = &self.wanted.clients {
            let mut caller = claims.azp.iter().chain(&claims.appid).peekable();
            let is_listed = caller.peek().is_some() && caller.all(|client| clients.contains(client));
            if !is_listed {
                let who = claims.azp.as_ref().or(claims.appid.as_ref()).map_or_else(|| "(none)".into(), |id| shown(id));
                return Finding::Forbidden(format!("the application {who} (azp, appid) is not one of `clients`"));
            }
        }
        let given = claims.roles.as_ref().map(OneOrMany::as_slice).unwrap_or_default();
        match self.wanted.roles.iter().find(|role| !given.contains(role)) {
            Some(role) => Finding::Forbidden(format!("the access token lacks the role \"{role}\"")),
            None => Finding::Right,
        }
    }
}

impl std::fmt::Debug for OAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("OAuth");
        shown.field("issuer", &self.issuer.name()).field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

fn wrong(what: &'static str, detail: String) -> Finding {
    Finding::Wrong(Some((what, detail)))
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit")]
fn seconds(time: Timestamp) -> f64 {
    time.as_microsecond() as f64 / 1e6
}

/// A text from outside, in quotes.
fn shown(text: &str) -> String {
    crate::shown::quoted(text, SHOWN)
}

fn all_shown(texts: &[String]) -> String {
    texts.iter().take(3).map(|text| shown(text)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jsonwebtoken::Algorithm;
    use serde_json::json;
    use tempfile::TempDir;

    use super::token::Thumbprints;
    use super::*;

    fn oauth(folder: &TempDir) -> OAuth {
        let name = "https://login.example";
        let document = format!("{name}{WELL_KNOWN}").parse().unwrap();
        let source = Source { issuer: name.to_owned(), document, roots: Vec::new() };
        let wanted = Wanted { audience: Vec::new(), clients: None, roles: Vec::new() };
        OAuth { issuer: Arc::new(Issuer::new(source, folder.path())), wanted, alarm: Sparing::new(callers::clock_fast) }
    }

    /// A token by that key, issued so many seconds ago.
    fn token(key: Option<&str>, ago: f64) -> Token<'static> {
        let now = seconds(Timestamp::now());
        let claims = json!({"iss": "https://login.example", "aud": "x", "exp": now + 3600.0, "iat": now - ago});
        Token {
            algorithm: Algorithm::RS256,
            key_id: key.map(str::to_owned),
            thumbprints: Thumbprints::default(),
            message: "",
            signature: "",
            claims: serde_json::from_value(claims).unwrap(),
        }
    }

    #[test]
    fn whoever_has_no_roles_may_say_so() {
        let claims = json!({"iss": "i", "aud": "x", "exp": 1, "nbf": null, "iat": null, "azp": null, "roles": null});

        assert!(serde_json::from_value::<Claims>(claims).is_ok_and(|claims| claims.roles.is_none()));
    }

    /// Whoever has no right token can name a key, too.
    #[tokio::test(start_paused = true)]
    async fn a_key_that_was_named_long_before_it_is_used_costs_its_first_tokens_a_delay_only() {
        let folder = TempDir::new().unwrap();
        let oauth = oauth(&folder);
        let (old, new) = (token(Some("k"), 3600.0), token(Some("k"), 60.0));
        assert!(oauth.conclude(Open::Key, &old, Ok(())).is_err(), "it was never named before");
        tokio::time::advance(Duration::from_secs(3600)).await;

        assert!(oauth.conclude(Open::Key, &new, Ok(())).is_err());

        assert!(oauth.conclude(Open::Key, &old, Ok(())).is_ok(), "every machine of the issuer knows its key by then");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_issuer_was_not_asked_about_since_the_token_came_has_nobody_refused() {
        let folder = TempDir::new().unwrap();
        let oauth = oauth(&folder);
        for (open, key) in [(Open::Key, Some("k")), (Open::OtherKey, None)] {
            let token = token(key, 3600.0);
            let _ = oauth.conclude(open, &token, Ok(()));
            tokio::time::advance(Duration::from_secs(3600)).await;
            assert!(oauth.conclude(open, &token, Err(NotLearnt::TooEarly)).is_err(), "{open:?}");
            assert!(oauth.conclude(open, &token, Ok(())).is_ok(), "{open:?}");
        }
    }
}
