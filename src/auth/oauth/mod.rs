//! Access tokens (JWT) of an issuer with OpenID discovery: Entra ID v1.0 and v2.0, ADFS, B2C and others.
//!
//! `token` takes apart what was presented, `keys` checks who signed it, `issuer` knows the keys and
//! learns new ones (`discovery` asks, `stored` keeps them on disk). Whether the token is good is decided
//! here. Until its signature is checked, what a token says of itself is used to refuse it only.

mod discovery;
mod issuer;
mod keys;
mod stored;
mod token;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use self::discovery::{Source, is_safe};
use self::issuer::Issuer;
use self::keys::Signed;
use self::token::{Claims, Token};
use super::{Authorization, Credential, Finding, SharedCredential};
use crate::config::Section;
use crate::handlers::http;

/// How far our clock and the issuer's may be apart, in seconds.
const LEEWAY: f64 = 60.0;
/// Where the keys are kept unless the configuration says otherwise.
const CACHE: &str = "data/issuer-keys";
/// Where OpenID Connect has the document, below the issuer.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";
/// Of a text from outside, so much is shown.
const SHOWN: usize = 100;

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
}

/// Reads `issuer`, `audience`, `clients`, `roles`, `discovery`, `ca_file` and `cache`.
pub(super) fn read(section: &Section) -> Option<SharedCredential> {
    let issuer = address(section, "issuer");
    let document = if section.has("discovery") {
        address(section, "discovery")
    } else {
        // With or without a slash at its end: the document is below it.
        issuer.as_ref().and_then(|(text, _)| document_of(text))
    };
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
    let roots = http::roots(section);
    let cache = section.file("cache").unwrap_or_else(|| PathBuf::from(CACHE));
    let ((issuer, _), (_, document)) = (issuer?, document?);
    let source = Source { issuer, document, roots: roots? };
    Some(Arc::new(OAuth { issuer: Arc::new(Issuer::new(source, &cache)), wanted: Wanted { audience, clients, roles } }))
}

/// An address that nobody can listen in on, as it was written and as it was understood.
fn address(section: &Section, key: &str) -> Option<(String, reqwest::Url)> {
    let url = http::url(section, key, "\"https://login.microsoftonline.com/<tenant>/v2.0\"")?;
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

    fn accepts(&self, _: &Authorization<'_>) -> bool {
        false
    }

    fn examine(&self, authorization: &Authorization<'_>) -> Finding {
        let Some(token) = authorization.of_scheme("Bearer") else { return Finding::Wrong(None) };
        match Token::parse(token) {
            Ok(token) => self.judge(&token, seconds(Timestamp::now())),
            Err(what) => Finding::Wrong(Some((what, String::new()))),
        }
    }

    async fn learn(&self, _: &Authorization<'_>) -> Result<(), &'static str> {
        self.issuer.learn().await.map_err(|_| "the keys of the token's issuer cannot be had now")
    }

    async fn start(&self) {
        self.issuer.start().await;
    }

    async fn probe(&self) -> Option<Result<String, String>> {
        Some(self.issuer.probe().await)
    }
}

impl OAuth {
    /// Whether the token is good at the time `now`, in seconds of Unix time.
    fn judge(&self, token: &Token<'_>, now: f64) -> Finding {
        let claims = &token.claims;
        if !claims.aud.as_slice().iter().any(|audience| self.wanted.audience.contains(audience)) {
            let detail = format!("aud is {}", all_shown(claims.aud.as_slice()));
            return wrong("the access token is for another audience", detail);
        }
        if now >= claims.exp + LEEWAY {
            let ago = now - claims.exp;
            return wrong("the access token has expired", format!("{ago:.0} s ago; see the clock of this machine too"));
        }
        let Some(known) = self.issuer.known() else {
            return Finding::Unsure("the keys of the issuer are not known");
        };
        if claims.iss != self.issuer.name() && Some(&claims.iss) != known.access_token_issuer.as_ref() {
            let detail = format!("iss is {}, and not {}", shown(&claims.iss), shown(self.issuer.name()));
            return wrong("the access token is of another issuer", detail);
        }
        match known.keys.signed(token) {
            Signed::Yes => self.permit(claims, now),
            Signed::No => wrong("the signature of the access token is wrong", String::new()),
            Signed::ByUnknown => Finding::Unsure("the access token is signed by a key that the issuer does not have"),
        }
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
        let given = claims.roles.as_slice();
        match self.wanted.roles.iter().find(|role| !given.contains(role)) {
            Some(role) => Finding::Forbidden(format!("the access token lacks the role \"{role}\"")),
            None => Finding::Right,
        }
    }
}

impl std::fmt::Debug for OAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth").field("issuer", &self.issuer.name()).field("wanted", &self.wanted).finish()
    }
}

fn wrong(what: &'static str, detail: String) -> Finding {
    Finding::Wrong(Some((what, detail)))
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit")]
fn seconds(time: Timestamp) -> f64 {
    time.as_microsecond() as f64 / 1e6
}

/// A text from outside, in quotes, cut to a bearable length and without what would steer a terminal.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN).collect();
    format!("{cut:?}{}", if cut.len() < text.len() { "…" } else { "" })
}

fn all_shown(texts: &[String]) -> String {
    texts.iter().take(3).map(|text| shown(text)).collect::<Vec<_>>().join(", ")
}
