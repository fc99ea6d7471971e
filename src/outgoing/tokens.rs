//! Access tokens by the client credentials grant (RFC 6749, §4.4), kept until shortly before they end.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::address::place;
use super::client::Caller;
use super::credentials::{basic, bearer};
use super::percent::percent_encode;
use super::{Failure, answer};

/// What the token endpoint needs to know of us.
#[derive(Debug)]
pub(crate) struct ClientCredentials {
    pub(super) token_url: Url,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    pub(super) scope: Option<String>,
}

/// The current access token, and the way to the next one.
pub(crate) struct Tokens {
    us: ClientCredentials,
    caller: Caller,
    /// Locked while a token is fetched: whoever comes meanwhile waits for it and uses it too.
    current: Mutex<Option<Token>>,
    /// How this token endpoint wants the secret, once it has taken it.
    way: OnceLock<Way>,
}

struct Token {
    header: HeaderValue,
    /// When to stop using it; `None` if the endpoint did not say how long it lasts.
    until: Option<Instant>,
}

/// The two ways to hand over the client's secret. Every server must know the first (RFC 6749, §2.3.1);
/// some know only the second.
#[derive(Clone, Copy)]
enum Way {
    Header,
    Body,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds. A number; some servers write it as text.
    expires_in: Option<serde_json::Value>,
}

impl Tokens {
    pub(super) fn new(us: ClientCredentials, roots: &[Certificate]) -> Result<Self, reqwest::Error> {
        let caller = Caller::new(&us.token_url, roots)?;
        Ok(Self { us, caller, current: Mutex::default(), way: OnceLock::new() })
    }

    /// The `Authorization` header with a token that is still good and is not the `refused` one.
    pub(super) async fn header(&self, refused: Option<&HeaderValue>) -> Result<HeaderValue, Failure> {
        let mut current = self.current.lock().await;
        if let Some(token) = &*current
            && token.until.is_none_or(|until| Instant::now() < until)
            && refused != Some(&token.header)
        {
            return Ok(token.header.clone());
        }
        let token = self.fetch().await?;
        let header = token.header.clone();
        *current = Some(token);
        Ok(header)
    }

    async fn fetch(&self) -> Result<Token, Failure> {
        if let Some(way) = self.way.get() {
            return self.ask(*way).await?.map_err(|(_, failure)| failure);
        }
        let refused = match self.ask(Way::Header).await? {
            Ok(token) => {
                let _ = self.way.set(Way::Header);
                return Ok(token);
            }
            Err((400 | 401, refused)) => refused,
            Err((_, failure)) => return Err(failure),
        };
        // Where neither way works, the secret is wrong, and the first answer says so as well as the second.
        let token = self.ask(Way::Body).await?.map_err(|_| refused)?;
        let _ = self.way.set(Way::Body);
        Ok(token)
    }

    /// Asks for a token; on the outside why there was no answer, on the inside why it was no.
    async fn ask(&self, way: Way) -> Result<Result<Token, (u16, Failure)>, Failure> {
        let url = &self.us.token_url;
        let (id, secret) = (self.us.client_id.as_str(), self.us.client_secret.expose_secret());
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.us.scope.as_deref().map(|scope| ("scope", scope)));
        let mut authorization = None;
        match way {
            Way::Header => authorization = basic(&encode(id), &encode(secret)),
            Way::Body => form.extend([("client_id", id), ("client_secret", secret)]),
        }
        let asked = Instant::now();
        let answered = self.caller.send(|client| {
            let request = client.post(url.clone()).header("accept", "application/json").form(&form);
            match authorization {
                Some(authorization) => request.header(AUTHORIZATION, authorization),
                None => request,
            }
        });
        let response = answered.await.map_err(|error| no_token(&answer::failed(url, &error)))?;
        let status = response.status();
        if !status.is_success() {
            return Ok(Err((status.as_u16(), no_token(&answer::describe(response).await))));
        }
        let body = answer::beginning(response).await.body;
        let granted = serde_json::from_slice::<Granted>(&body).ok();
        let header = granted.as_ref().and_then(|granted| bearer(&granted.access_token));
        let Some(header) = header else {
            let reason = format!("{} answered {status}, but without an `access_token`", place(url));
            return Ok(Err((status.as_u16(), no_token(&Failure::unreachable(reason)))));
        };
        let lifetime = granted.and_then(|granted| seconds(granted.expires_in.as_ref()));
        Ok(Ok(Token { header, until: lifetime.and_then(|lifetime| asked.checked_add(usable(lifetime))) }))
    }
}

fn no_token(why: &Failure) -> Failure {
    Failure { reason: format!("no access token: {}", why.reason), ..why.clone() }
}

fn seconds(expires_in: Option<&serde_json::Value>) -> Option<Duration> {
    let text = match expires_in? {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.parse().ok().map(Duration::from_secs)
}

/// A token is given up a minute before its end (a short-lived one, a tenth before), so that it does not
/// end on the way.
fn usable(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(Duration::from_secs(60).min(lifetime / 10))
}

/// As in a form (RFC 6749, appendix B), which the parts of the header must be.
fn encode(text: &str) -> String {
    percent_encode(text, |byte| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte))
}
