//! How we show somebody who we are: HTTP Basic, a fixed token, or an access token.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Certificate;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::Failure;
use super::address::{url, warn_of_plain_http};
use super::tokens::{ClientCredentials, Tokens};
use crate::config::Section;

/// The keys of `auth`, checked.
#[derive(Debug)]
pub(crate) enum Auth {
    None,
    Basic { username: String, password: SecretString },
    Bearer { token: SecretString },
    Grant(ClientCredentials),
}

#[derive(Clone, Copy)]
enum Scheme {
    Basic,
    Bearer,
    OAuth,
}

impl Auth {
    pub(crate) fn read(section: &Section) -> Option<Self> {
        let schemes = [("basic", Scheme::Basic), ("bearer", Scheme::Bearer), ("oauth", Scheme::OAuth)];
        section.required_text("type", "\"basic\" (or \"bearer\", or \"oauth\")")?;
        match section.choice("type", &schemes)? {
            Scheme::Basic => {
                let (username, password) = (section.required_text("username", "\"…\""), section.secret("password"));
                let username = username?;
                if username.contains(':') {
                    section.error("username", "contains a colon, which HTTP Basic does not allow");
                    return None;
                }
                Some(Self::Basic { username, password: password? })
            }
            Scheme::Bearer => {
                let token = section.secret("token")?;
                if !fits_into_header(token.expose_secret()) {
                    section.error("token", "contains characters that do not fit into an HTTP header");
                    return None;
                }
                Some(Self::Bearer { token })
            }
            Scheme::OAuth => {
                let token_url = url(section, "token_url", "\"https://login.example/oauth2/token\"");
                let client_id = section.required_text("client_id", "\"…\"");
                let client_secret = section.secret("client_secret");
                let scope = section.text("scope");
                if let Some(token_url) = &token_url {
                    warn_of_plain_http(section, "token_url", token_url);
                }
                let (token_url, client_id, client_secret) = (token_url?, client_id?, client_secret?);
                Some(Self::Grant(ClientCredentials { token_url, client_id, client_secret, scope }))
            }
        }
    }
}

/// What goes into the `Authorization` header.
pub(crate) enum Credentials {
    None,
    /// The same for every request. Marked as sensitive, so that nothing prints it.
    Fixed(HeaderValue),
    Tokens(Box<Tokens>),
}

impl Credentials {
    pub(crate) fn new(auth: Auth, roots: &[Certificate]) -> Result<Self, reqwest::Error> {
        Ok(match auth {
            Auth::None => Self::None,
            Auth::Basic { username, password } => {
                basic(&username, password.expose_secret()).map_or(Self::None, Self::Fixed)
            }
            Auth::Bearer { token } => bearer(token.expose_secret()).map_or(Self::None, Self::Fixed),
            Auth::Grant(client) => Self::Tokens(Box::new(Tokens::new(client, roots)?)),
        })
    }

    /// The header to send, if any. `refused` is the one that was just answered 401.
    pub(crate) async fn header(&self, refused: Option<&HeaderValue>) -> Result<Option<HeaderValue>, Failure> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(header) => Ok(Some(header.clone())),
            Self::Tokens(tokens) => tokens.header(refused).await.map(Some),
        }
    }

    /// Whether another try after a 401 makes sense.
    pub(crate) const fn renewable(&self) -> bool {
        matches!(self, Self::Tokens(_))
    }
}

/// `Basic …`, never refused: base64 fits into any header.
pub(crate) fn basic(username: &str, password: &str) -> Option<HeaderValue> {
    let pair = Zeroizing::new([username, ":", password].concat());
    header("Basic ", &Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes())))
}

/// `Bearer …`; `None` if the token does not fit into a header.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    if fits_into_header(token) { header("Bearer ", token) } else { None }
}

fn fits_into_header(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_graphic())
}

fn header(scheme: &str, credentials: &str) -> Option<HeaderValue> {
    // In one piece, and wiped: the header has a copy of its own.
    let text = Zeroizing::new([scheme, credentials].concat());
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
