//! Who may ask: the account, its session, and how long it is shut out after wrong passwords.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

/// How long the tokens live.
const ACCESS: Duration = Duration::from_secs(60 * 60);
const REFRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// After so many wrong passwords in a row the account is shut out, for so long.
const ATTEMPTS: u32 = 5;
const BAN: Duration = Duration::from_secs(5 * 60);

/// The one integration account of the simulated platform.
pub(crate) struct Accounts {
    username: String,
    password: String,
    /// Wrong passwords in a row.
    failures: u32,
    banned_until: Option<Instant>,
    access: Option<(String, Instant)>,
    refresh: Option<(String, Instant)>,
    /// How often somebody logged in,
    pub(crate) logins: u64,
    /// tried to and was turned away,
    pub(crate) turned_away: u64,
    /// and renewed a session.
    pub(crate) refreshes: u64,
}

/// The tokens of a session.
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
}

/// What became of a renewal.
pub(super) enum Renewed {
    New(Tokens),
    /// The access token that came along is still good, so there are no others.
    Still,
    Refused,
}

impl Accounts {
    /// An account that nobody has used yet.
    pub(crate) const fn new(username: String, password: String) -> Self {
        Self {
            username,
            password,
            failures: 0,
            banned_until: None,
            access: None,
            refresh: None,
            logins: 0,
            turned_away: 0,
            refreshes: 0,
        }
    }

    /// Its user name.
    pub(crate) fn username(&self) -> &str {
        &self.username
    }

    /// Whether an `Authorization` header has the right user name and password.
    pub(super) fn basic(&mut self, header: Option<&str>, now: Instant) -> bool {
        let Some(credentials) = header.and_then(|header| scheme(header, "basic")) else { return false };
        if self.banned_until.is_some_and(|until| now < until) {
            return false;
        }
        let decoded = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let right =
            decoded.as_deref().and_then(|pair| pair.split_once(':')) == Some((&*self.username, &*self.password));
        if right {
            self.failures = 0;
        } else {
            self.failures += 1;
            if self.failures >= ATTEMPTS {
                self.failures = 0;
                self.banned_until = Some(now + BAN);
            }
        }
        right
    }

    /// Whether an `Authorization` header has the access token of the session.
    pub(super) fn bearer(&self, header: Option<&str>, now: Instant) -> bool {
        let token = header.and_then(|header| scheme(header, "bearer"));
        self.access.as_ref().is_some_and(|(access, until)| token == Some(access) && now < *until)
    }

    /// Begins a session, which ends the one before.
    pub(super) fn log_in(&mut self, header: Option<&str>, now: Instant) -> Option<Tokens> {
        if self.basic(header, now) {
            self.logins += 1;
            Some(self.begin(now))
        } else {
            self.turned_away += 1;
            None
        }
    }

    /// Renews a session. A refresh token is good once.
    pub(super) fn renew(&mut self, token: Option<&str>, authorization: Option<&str>, now: Instant) -> Renewed {
        let good = self.refresh.as_ref().is_some_and(|(refresh, until)| token == Some(refresh) && now < *until);
        if !good {
            return Renewed::Refused;
        }
        if self.bearer(authorization, now) {
            return Renewed::Still;
        }
        self.refreshes += 1;
        Renewed::New(self.begin(now))
    }

    /// Ends a session; whether it was there.
    pub(super) fn log_out(&mut self, token: Option<&str>) -> bool {
        let there = self.refresh.as_ref().is_some_and(|(refresh, _)| token == Some(refresh));
        if there {
            (self.access, self.refresh) = (None, None);
        }
        there
    }

    /// Ends the life of the access token, and if `all` also that of the refresh token.
    pub(super) fn expire(&mut self, all: bool) {
        self.access = None;
        if all {
            self.refresh = None;
        }
    }

    fn begin(&mut self, now: Instant) -> Tokens {
        let access = self.token(now + ACCESS, now);
        let refresh = Uuid::new_v4().simple().to_string();
        self.access = Some((access.clone(), now + ACCESS));
        self.refresh = Some((refresh.clone(), now + REFRESH));
        Tokens { access, refresh }
    }

    /// A token in the form and of the length of the platform's; its signature is none.
    fn token(&self, until: Instant, now: Instant) -> String {
        let issued = Timestamp::now().as_second();
        let expires = issued + i64::try_from(until.duration_since(now).as_secs()).unwrap_or(0);
        let head = json!({ "typ": "JWT", "alg": "RS512" });
        let claims = json!({
            "sub": Uuid::new_v4(),
            "username": self.username,
            "roles": ["integration", "buyer"],
            "status": "authenticated",
            "iat": issued,
            "exp": expires,
        });
        let signature: Vec<u8> = (0..24).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
        let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What follows the name of the scheme, whose case does not matter.
fn scheme<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let (scheme, rest) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case(name).then_some(rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts::new("a@b".to_owned(), "c:d".to_owned())
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn a_login_ends_the_session_before() {
        let (mut accounts, now) = (accounts(), Instant::now());
        let [first, second] = [(); 2]
            .map(|()| accounts.log_in(Some(&basic("a@b:c:d")), now).map(|tokens| format!("Bearer {}", tokens.access)));

        assert!(!accounts.bearer(first.as_deref(), now));
        assert!(accounts.bearer(second.as_deref(), now));
        assert!(!accounts.bearer(second.as_deref(), now + ACCESS));
        assert!(second.unwrap().len() > 700);
    }

    #[test]
    fn a_refresh_token_is_good_once_and_gives_nothing_beside_a_token_that_is_good() {
        let (mut accounts, now) = (accounts(), Instant::now());
        let tokens = accounts.log_in(Some(&basic("a@b:c:d")), now).unwrap();
        let authorization = format!("Bearer {}", tokens.access);

        assert!(matches!(accounts.renew(Some(&tokens.refresh), Some(&authorization), now), Renewed::Still));
        let Renewed::New(renewed) = accounts.renew(Some(&tokens.refresh), None, now) else { panic!("not renewed") };
        assert!(matches!(accounts.renew(Some(&tokens.refresh), None, now), Renewed::Refused));
        assert!(matches!(accounts.renew(Some(&renewed.refresh), None, now + REFRESH), Renewed::Refused));
        assert!(matches!(accounts.renew(None, None, now), Renewed::Refused));
        assert!(accounts.log_out(Some(&renewed.refresh)) && !accounts.log_out(Some(&renewed.refresh)));
        assert!(!accounts.bearer(Some(&format!("Bearer {}", renewed.access)), now));
    }

    #[test]
    fn five_wrong_passwords_shut_the_account_out_for_some_minutes() {
        let (mut accounts, now) = (accounts(), Instant::now());
        for _ in 0..ATTEMPTS {
            assert!(accounts.log_in(Some(&basic("a@b:wrong")), now).is_none());
        }

        assert!(accounts.log_in(Some(&basic("a@b:c:d")), now).is_none());
        assert!(accounts.log_in(Some(&basic("a@b:c:d")), now + BAN).is_some());
        assert_eq!((accounts.logins, accounts.turned_away), (1, 6));
    }
}
