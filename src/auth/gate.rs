//! The gate of an endpoint: nobody gets at the body of a request but through here.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, request};

use super::{AddressList, Authorization, SharedCredential};

/// Who may call: any of the credentials, from any of the addresses.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The credentials with the names the configuration gives them.
    pub credentials: Vec<(String, SharedCredential)>,
    /// The addresses; `None` for anyone.
    pub allow_from: Option<AddressList>,
}

/// A caller that proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name of the credential it used, for the log.
    pub credential: String,
}

/// Why a caller was turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No credentials, wrong ones, or more than one `Authorization` header.
    #[error("{reason}")]
    Credentials {
        /// What is wrong, for the log and the answer.
        reason: &'static str,
        /// The challenges to answer with, one for each scheme.
        challenges: Vec<&'static str>,
    },
}

/// A request whose caller is known. Only the [`Gate`] makes one, and only this has the body.
pub struct Verified {
    /// Who sent it.
    pub caller: Caller,
    /// The head of the request.
    pub head: request::Parts,
    /// The body, not read yet.
    pub body: Body,
    _through_the_gate: (),
}

impl Gate {
    /// Whether events are taken from `address`.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allow_from.as_ref().is_none_or(|list| list.contains(address))
    }

    /// Lets a request through if its caller proves who it is, from whatever address: what somebody known
    /// sends from the wrong one is refused, but kept. Looks at the head only.
    ///
    /// # Errors
    /// [`Denied`], to be answered 401.
    pub fn admit(&self, request: Request) -> Result<Verified, Denied> {
        let caller = self.caller(request.headers())?;
        let (head, body) = request.into_parts();
        Ok(Verified { caller, head, body, _through_the_gate: () })
    }

    fn caller(&self, headers: &HeaderMap) -> Result<Caller, Denied> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = match (values.next(), values.next()) {
            (Some(value), None) => value,
            (None, _) => return Err(self.denied("credentials are missing")),
            (Some(_), Some(_)) => return Err(self.denied("there is more than one Authorization header")),
        };
        let Some(authorization) = Authorization::parse(value.as_bytes()) else {
            return Err(self.denied("the Authorization header cannot be read"));
        };
        // Every credential is tried, so that the time tells nothing about which one came close.
        let mut found = None;
        for (name, credential) in &self.credentials {
            if credential.accepts(&authorization) {
                found = Some(name);
            }
        }
        found.map(|name| Caller { credential: name.clone() }).ok_or_else(|| self.denied("the credentials are wrong"))
    }

    fn denied(&self, reason: &'static str) -> Denied {
        let mut challenges: Vec<_> = self.credentials.iter().map(|(_, credential)| credential.challenge()).collect();
        challenges.sort_unstable();
        challenges.dedup();
        Denied::Credentials { reason, challenges }
    }
}
