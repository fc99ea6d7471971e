//! The gate of an endpoint: nobody gets at the body of a request but through here.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, request};
use tokio::task::JoinSet;

use super::{AddressList, Authorization, Finding, Presented, SharedCredential, turns};
use crate::telemetry::events;

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

/// Why a request does not get through.
pub enum Denied {
    /// No credentials, wrong ones, or more than one `Authorization` header: 401.
    Credentials {
        /// What is wrong.
        reason: &'static str,
        /// More about it, for the log only.
        detail: Presented,
        /// The challenges to answer with, one for each scheme.
        challenges: Vec<&'static str>,
    },
    /// The caller proved who it is and may not call: 403. What it sent is to be kept.
    Forbidden {
        /// The request.
        verified: Box<Verified>,
        /// Why not.
        reason: String,
    },
    /// Nobody can say at the moment: the sender is to come again.
    Unsure {
        /// What is not known.
        reason: &'static str,
    },
}

/// A request whose caller is known. Only the [`Gate`] makes one, and only this has the body.
#[expect(clippy::manual_non_exhaustive, reason = "nobody else in this crate may make one either")]
pub struct Verified {
    /// Who sent it.
    pub caller: Caller,
    /// The head of the request, without the `Authorization` header.
    pub head: request::Parts,
    /// The body, not read yet.
    pub body: Body,
    _through_the_gate: (),
}

impl Verified {
    /// Nobody behind the gate needs the secret, so nobody can keep or show it.
    fn new(caller: Caller, request: Request) -> Self {
        let (mut head, body) = request.into_parts();
        head.headers.remove(AUTHORIZATION);
        Self { caller, head, body, _through_the_gate: () }
    }
}

/// The only `Authorization` header.
pub(super) fn sole(headers: &HeaderMap) -> Result<(&HeaderValue, Authorization<'_>), &'static str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value,
        (None, _) => return Err("credentials are missing"),
        (Some(_), Some(_)) => return Err("there is more than one Authorization header"),
    };
    let authorization = Authorization::parse(value.as_bytes()).ok_or("the Authorization header cannot be read")?;
    Ok((value, authorization))
}

impl Gate {
    /// Whether events are taken from `address`.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allow_from.as_ref().is_none_or(|list| list.contains(address))
    }

    /// Lets a request from that address through if its caller proves who it is. Looks at the head only.
    ///
    /// Takes long only if something must be learnt first, which is done for the addresses that events are
    /// taken from only; whoever has no time to wait may drop it and have the sender come again.
    ///
    /// # Errors
    /// [`Denied`], which says how to answer.
    pub async fn admit(&self, request: Request, from: IpAddr) -> Result<Verified, Denied> {
        match self.who(request.headers(), from).await? {
            (caller, None) => {
                turns::know(from);
                Ok(Verified::new(caller, request))
            }
            (caller, Some(reason)) => {
                Err(Denied::Forbidden { verified: Box::new(Verified::new(caller, request)), reason })
            }
        }
    }

    /// Lets a request through if its caller is known by what costs nothing: digests that are compared, verdicts
    /// that are remembered, keys that are in memory. For addresses that events are not taken from, where anybody
    /// may be: nothing is computed for them, and nobody is asked. Who may not call is known, too: what it sent
    /// is refused anyway, and is to be kept.
    ///
    /// # Errors
    /// The request, if that does not say who sent it.
    pub fn glance(&self, request: Request) -> Result<Verified, Box<Request>> {
        let caller = sole(request.headers()).ok().and_then(|(_, authorization)| self.seen(&authorization));
        match caller {
            Some(caller) => Ok(Verified::new(caller, request)),
            None => Err(Box::new(request)),
        }
    }

    /// The caller, by what is known at the moment.
    fn seen(&self, authorization: &Authorization<'_>) -> Option<Caller> {
        self.compared(authorization).or_else(|| {
            let proves = |finding| matches!(finding, Finding::Right | Finding::Forbidden(_) | Finding::TooEarly(_));
            let found = self.credentials.iter().find(|(_, credential)| proves(credential.examine(authorization)));
            found.map(|(name, _)| Caller { credential: name.clone() })
        })
    }

    /// The caller, and why it may not call.
    async fn who(&self, headers: &HeaderMap, from: IpAddr) -> Result<(Caller, Option<String>), Denied> {
        let (value, authorization) = sole(headers).map_err(|what| self.denied(what, None))?;
        match self.compared(&authorization) {
            Some(caller) => Ok((caller, None)),
            None => self.examined(value, &authorization, from).await,
        }
    }

    /// The first step: every credential compares.
    fn compared(&self, authorization: &Authorization<'_>) -> Option<Caller> {
        // Every credential is tried, so that the time tells nothing about which one came close.
        let mut found = None;
        for (name, credential) in &self.credentials {
            if credential.accepts(authorization) {
                found = Some(name);
            }
        }
        found.map(|name| Caller { credential: name.clone() })
    }

    /// The second step: every credential takes a closer look.
    async fn examined(
        &self,
        header: &HeaderValue,
        authorization: &Authorization<'_>,
        from: IpAddr,
    ) -> Result<(Caller, Option<String>), Denied> {
        let mut findings: Vec<_> =
            self.credentials.iter().map(|(_, credential)| credential.examine(authorization)).collect();
        if !self.allows(from) {
            // Anybody may be there. Nothing is computed for them, and nobody is asked.
            for finding in &mut findings {
                if let Finding::Unsure(what) = finding {
                    *finding = Finding::Wrong(Some((what, String::new())));
                }
            }
        } else if !findings.contains(&Finding::Right) {
            // All of them at once: one issuer that hangs must not hold up the token of another.
            let mut learning = JoinSet::new();
            for (index, finding) in findings.iter().enumerate() {
                if matches!(finding, Finding::Unsure(_)) {
                    let (credential, header) = (Arc::clone(&self.credentials[index].1), header.clone());
                    learning.spawn(async move {
                        match Authorization::parse(header.as_bytes()) {
                            Some(authorization) => (index, credential.learn(&authorization, from).await),
                            None => (index, Ok(())),
                        }
                    });
                }
            }
            while let Some(learnt) = learning.join_next().await {
                let Ok((index, learnt)) = learnt else { continue };
                findings[index] = match (self.credentials[index].1.examine(authorization), learnt) {
                    (Finding::Unsure(what), Ok(())) => Finding::Wrong(Some((what, String::new()))),
                    (Finding::Unsure(_), Err(why)) => Finding::Unsure(why),
                    (finding, _) => finding,
                };
                if findings[index] == Finding::Right {
                    break;
                }
            }
        }
        self.conclude(findings, authorization)
    }

    /// What follows from the findings: right, unless nobody can say, unless forbidden, unless wrong.
    fn conclude(
        &self,
        findings: Vec<Finding>,
        authorization: &Authorization<'_>,
    ) -> Result<(Caller, Option<String>), Denied> {
        let name = |index: usize| Caller { credential: self.credentials[index].0.clone() };
        if let Some(index) = findings.iter().position(|finding| *finding == Finding::Right) {
            return Ok((name(index), None));
        }
        for finding in &findings {
            match finding {
                Finding::Unsure(reason) => return Err(Denied::Unsure { reason }),
                Finding::TooEarly(seconds) => {
                    events::callers::token_too_early(*seconds);
                    return Err(Denied::Unsure { reason: "the access token is not valid yet" });
                }
                _ => {}
            }
        }
        let mut denied = self.denied("the credentials are wrong", Some(authorization));
        for (index, finding) in findings.into_iter().enumerate() {
            match (finding, &mut denied) {
                (Finding::Forbidden(reason), _) => return Ok((name(index), Some(reason))),
                (Finding::Wrong(Some((what, more))), Denied::Credentials { reason, detail, .. }) => {
                    *reason = what;
                    detail.detail = format!("auth.{}: {more}", self.credentials[index].0);
                }
                _ => {}
            }
        }
        Err(denied)
    }

    fn denied(&self, reason: &'static str, authorization: Option<&Authorization<'_>>) -> Denied {
        let mut challenges: Vec<_> = self.credentials.iter().map(|(_, credential)| credential.challenge()).collect();
        challenges.sort_unstable();
        challenges.dedup();
        let detail = authorization.map(|authorization| Presented::of(authorization, &self.credentials));
        Denied::Credentials { reason, detail: detail.unwrap_or_default(), challenges }
    }
}
