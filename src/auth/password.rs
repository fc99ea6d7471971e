//! The password of somebody who looks at the inbox, checked as those of senders are, and in the same queue: those who
//! send may not look, and those who look may not send, so that it is never one of the credentials of an endpoint.

use std::net::IpAddr;

use axum::http::HeaderMap;
use zeroize::Zeroizing;

use super::kept::Kept;
use super::{basic, gate};
use crate::config::Section;
use crate::config::private::random_text;

/// What is kept of it.
#[derive(Debug)]
pub(crate) struct Password(Kept);

impl Password {
    /// Reads `password` or `password_digest`, each of which may be in a file.
    pub(crate) fn read(section: &Section) -> Option<Self> {
        Kept::read(section, "password", |_| Ok(())).map(Self)
    }

    /// Whether `presented`, which came from that address, is right. That may take long.
    ///
    /// # Errors
    /// If too many others wait for that already.
    pub(crate) async fn is(&self, presented: &[u8], from: IpAddr) -> Result<bool, &'static str> {
        if self.0.recognises(presented) {
            return Ok(true);
        }
        if !self.0.can_check(presented) {
            // That it has come before is not to be seen in the time.
            if self.is_slow() {
                self.pretend(from).await?;
            }
            return Ok(false);
        }
        self.0.check(presented, from).await?;
        Ok(self.0.recognises(presented))
    }

    /// Whether it takes long to find out.
    pub(crate) fn is_slow(&self) -> bool {
        matches!(self.0, Kept::Argon2id(_))
    }

    /// Takes as long as for a wrong password: for somebody whom there is not, so that nobody can tell.
    ///
    /// # Errors
    /// As [`Password::is`].
    pub(crate) async fn pretend(&self, from: IpAddr) -> Result<(), &'static str> {
        let nobodys = random_text::<32>().map_err(|_| "the system gave no random numbers")?;
        self.0.check(nobodys.as_bytes(), from).await
    }

    /// What it is told from any other by.
    pub(crate) fn mark(&self) -> Vec<u8> {
        self.0.mark()
    }
}

/// User name and password in the headers of a request, if there is one such pair.
pub(crate) fn basic_of(headers: &HeaderMap) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let (_, authorization) = gate::sole(headers).ok()?;
    let pair = basic::presented(&authorization)?;
    let (user, password) = basic::parts(&pair)?;
    Some((std::str::from_utf8(user).ok()?.to_owned(), Zeroizing::new(password.to_vec())))
}
