//! A session: a cookie that says who it is, sealed. It ends after its time, when somebody signs out, and when the password
//! or the role that it began with is another one.

use std::io;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::seal::{self, Sealed};
use super::{Access, Role, Visitor, Way};
use crate::admin::settings::Rules;

const NAME: &str = "tradecloud_inspector";
/// Browsers take a cookie of such a name only over TLS, and from this host alone.
const OVER_TLS: &str = "__Host-tradecloud_inspector";
/// Of so many cookies of that name at the most is looked whether it is ours.
const TRIED: usize = 4;

/// What it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    /// A ticket.
    Ticket,
    /// A password of the configuration.
    Password,
}

impl By {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ticket => "a ticket",
            Self::Password => "a password",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Session {
    name: String,
    role: Role,
    by: By,
    issued: i64,
    until: i64,
    id: String,
}

impl Sealed for Session {
    const PURPOSE: &'static str = "session";
}

impl Session {
    /// What it is bound to; `None` if that is gone.
    fn mark(&self, rules: &Rules) -> Option<Vec<u8>> {
        match self.by {
            By::Ticket => Some(Vec::new()),
            By::Password => {
                rules.users.get(&self.name).filter(|user| user.role == self.role).map(|user| user.password.mark())
            }
        }
    }

    /// By the length that sessions have by now, too.
    fn is_good(&self, rules: &Rules) -> bool {
        let now = Timestamp::now().as_second();
        now < self.until.min(self.issued.saturating_add(seconds(rules)))
    }
}

/// Begins one; returns the cookie.
pub(super) fn begin(access: &Access, rules: &Rules, way: Way, visitor: &Visitor, by: By) -> io::Result<String> {
    let key = access.key.read_or_make()?;
    let issued = Timestamp::now().as_second();
    let Visitor { name, role } = visitor.clone();
    let until = issued.saturating_add(seconds(rules));
    let session = Session { name, role, by, issued, until, id: Uuid::new_v4().simple().to_string() };
    let gone = || io::Error::other("the user is gone");
    let mark = session.mark(rules).ok_or_else(gone)?;
    let sealed = seal::seal(&key, &session, &mark).ok_or_else(gone)?;
    Ok(cookie(way, &sealed, seconds(rules)))
}

/// Ends those that come with a request; returns the cookie that removes them.
pub(super) fn end(access: &Access, rules: &Rules, way: Way, headers: &HeaderMap) -> io::Result<String> {
    for session in found(access, rules, &cookies(way, headers))? {
        access.key.use_up(&session.id, session.until)?;
    }
    Ok(cookie(way, "", 0))
}

/// Who comes with one that is good.
pub(super) async fn of(access: &Arc<Access>, rules: &Arc<Rules>, way: Way, headers: &HeaderMap) -> Option<Visitor> {
    let cookies = cookies(way, headers);
    if cookies.is_empty() {
        return None;
    }
    let (access, rules) = (Arc::clone(access), Arc::clone(rules));
    // It reads files.
    let found = spawn_blocking(move || found(&access, &rules, &cookies)).await.ok()?;
    let session = found.ok()?.into_iter().next()?;
    Some(Visitor { name: session.name, role: session.role })
}

fn found(access: &Access, rules: &Rules, cookies: &[String]) -> io::Result<Vec<Session>> {
    let Some(key) = access.key.read()? else { return Ok(Vec::new()) };
    let sessions = cookies.iter().filter_map(|text| seal::open(&key, text, |session: &Session| session.mark(rules)));
    let is_good = |session: &Session| session.is_good(rules) && !access.key.is_used_up(&session.id, session.until);
    Ok(sessions.filter(is_good).collect())
}

/// What may be one. Where there is TLS, only what came over it.
fn cookies(way: Way, headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let named = all.filter_map(|cookie| cookie.trim().split_once('=')).filter(|(name, _)| *name == name_of(way));
    named.map(|(_, value)| value.to_owned()).take(TRIED).collect()
}

fn cookie(way: Way, value: &str, seconds: i64) -> String {
    let secure = if way.is_secure { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", name_of(way))
}

const fn name_of(way: Way) -> &'static str {
    if way.is_secure { OVER_TLS } else { NAME }
}

fn seconds(rules: &Rules) -> i64 {
    i64::try_from(rules.session.as_secs()).unwrap_or(i64::MAX)
}
