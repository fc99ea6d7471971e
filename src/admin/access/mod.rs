//! Who is it? Found out before anything is looked up, for all but the health checks.
//!
//! There are four ways to be somebody: a `ticket`, printed on the machine itself; a password, once for a `session` or, to
//! the API, with each request; a session that one of them has begun; or the word of a proxy that the configuration trusts.
//! What those know who send events opens nothing here.
//!
//! `origin` turns away what a browser was led here to do, `throttle` slows down who guesses, `seal` is how tickets and
//! sessions are recognised, by a key that is a file (`key`), and `sign_in` has the pages for it.

mod key;
mod link;
mod origin;
mod seal;
mod session;
mod sign_in;
mod throttle;
mod ticket;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, Method};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize};

pub(crate) use self::link::{link, was_opened};
pub(super) use self::sign_in::router;

use self::key::KeyFile;
use self::throttle::Throttle;
use super::health;
use super::settings::{Rules, Settings};
use crate::auth::{basic_of, party_of};
use crate::listener::requests::client::{Proxies, ProxyHeader};
use crate::respond::{self, Declined};
use crate::telemetry::{Sparing, events};

/// Nobody's name is longer, in characters.
const LONGEST_NAME: usize = 100;
/// Where programs ask, who cannot fill in a form.
const API: &str = "/api/";

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Look.
    Viewer,
    /// Act, too.
    Operator,
}

impl Role {
    /// The name in the configuration and in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

/// Somebody who may look, in the extensions of his request.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    /// The name that he goes by.
    pub(crate) name: String,
    /// What he may.
    pub(crate) role: Role,
}

/// How a request came, in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// The address that it came from, as far as trusted proxies say.
    client: IpAddr,
    /// The last of those on the way, if it is one.
    by_proxy: bool,
    /// Whether the browser has come over TLS.
    is_secure: bool,
}

impl Way {
    /// The address that it came from, as far as trusted proxies say.
    pub(super) const fn client(self) -> IpAddr {
        self.client
    }
}

/// Who may look.
pub(super) struct Access {
    settings: Settings,
    rules: ArcSwap<Rules>,
    key: KeyFile,
    throttle: Throttle,
    /// The key cannot be used: where it is, and why. Told now and then, as anybody can ask.
    key_fails: Sparing<(PathBuf, String)>,
}

impl Access {
    pub(super) fn new(settings: &Settings, folder: PathBuf) -> Self {
        Self {
            settings: settings.clone(),
            rules: ArcSwap::from_pointee(settings.rules.clone()),
            key: KeyFile::new(folder),
            throttle: Throttle::default(),
            key_fails: Sparing::new(events::inspector::key_fails),
        }
    }

    pub(super) fn exchange(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// How the request came.
    fn way(&self, rules: &Rules, peer: IpAddr, request: &Request) -> Way {
        let by_proxy = rules.proxies.contains(peer);
        // The one header that every proxy sets, and none passes on unseen.
        let proxies = Proxies { trusted: rules.proxies.clone(), header: Some(ProxyHeader::XForwardedFor) };
        let said = request.headers().get_all("x-forwarded-proto").iter().next_back();
        let by_tls = said.is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
        Way {
            client: proxies.client(peer, request),
            by_proxy,
            is_secure: self.settings.tls.is_some() || by_proxy && by_tls,
        }
    }

    /// Who it is, if anybody.
    ///
    /// # Errors
    /// If that cannot be found out now: why.
    async fn who(
        self: &Arc<Self>,
        rules: &Arc<Rules>,
        way: Way,
        headers: &HeaderMap,
        of_api: bool,
    ) -> Result<Option<Visitor>, &'static str> {
        if way.by_proxy
            && let Some(visitor) = announced(rules, headers)
        {
            return Ok(Some(visitor));
        }
        if let Some(visitor) = session::of(self, rules, way, headers).await {
            return Ok(Some(visitor));
        }
        match basic_of(headers).filter(|_| of_api) {
            Some((user, password)) => self.by_password(rules, &user, &password, way.client).await,
            None => Ok(None),
        }
    }

    /// Who has that password, and is not to wait after too many wrong ones. Whatever is wrong is the same to him.
    async fn by_password(
        &self,
        rules: &Rules,
        user: &str,
        password: &[u8],
        from: IpAddr,
    ) -> Result<Option<Visitor>, &'static str> {
        let known = rules.users.get(user);
        // Whoever makes up names goes by one.
        let guess = (known.map(|_| user.to_owned()), party_of(from));
        if self.throttle.is_paused(&guess) {
            return Ok(None);
        }
        let is_right = match known {
            Some(user) => user.password.is(password, from).await?,
            None => false,
        };
        // A wrong password takes as long as the slowest kind that there is, whoever it is for.
        if !is_right
            && known.is_none_or(|user| !user.password.is_slow())
            && let Some(slow) = rules.users.values().find(|user| user.password.is_slow())
        {
            slow.password.pretend(from).await?;
        }
        // Others may have guessed meanwhile.
        if self.throttle.is_paused(&guess) {
            return Ok(None);
        }
        if let Some(found) = known.filter(|_| is_right) {
            self.throttle.forget(&guess);
            return Ok(Some(Visitor { name: user.to_owned(), role: found.role }));
        }
        if self.throttle.note(guess) {
            events::inspector::guessed(known.map(|_| user), from);
        }
        Ok(None)
    }
}

/// Who it is by the word of a proxy that is trusted.
fn announced(rules: &Rules, headers: &HeaderMap) -> Option<Visitor> {
    let sole = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        let first = values.next().filter(|_| values.next().is_none())?;
        std::str::from_utf8(first.as_bytes()).ok().map(str::trim)
    };
    let name = sole(rules.user_header.as_ref()?).filter(|name| is_name(name))?;
    let role = match &rules.role_header {
        Some(header) if sole(header) == Some(Role::Operator.as_str()) => Role::Operator,
        Some(_) => Role::Viewer,
        None => rules.users.get(name).map_or(Role::Viewer, |user| user.role),
    };
    Some(Visitor { name: name.to_owned(), role })
}

/// Whether somebody can go by that name.
pub(crate) fn is_name(name: &str) -> bool {
    let length = name.chars().count();
    !name.trim().is_empty() && length <= LONGEST_NAME && !name.chars().any(char::is_control)
}

/// Lets those through who may look, each as who he is.
pub(super) async fn guard(
    State(access): State<Arc<Access>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if health::is_at(path) {
        return next.run(request).await;
    }
    let rules = access.rules.load_full();
    let peer = peer.ip().to_canonical();
    if !access.settings.may_look(&rules, peer) {
        return respond::declined(
            Declined::NotAllowed,
            "only /livez and /readyz are served here without TLS: see [admin.tls] and admin.trusted_proxies",
        );
    }
    let way = access.way(&rules, peer, &request);
    if !origin::is_called_by_name(&rules, &request) {
        return respond::declined(
            Declined::OtherHost,
            "this address is not called by that name: use an IP address or localhost, or add the name to admin.hosts",
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) && origin::is_foreign(&rules, way, &request) {
        return respond::declined(Declined::NotAllowed, "a page of another site has sent this");
    }
    request.extensions_mut().insert(way);
    if sign_in::is_open(request.uri().path()) {
        return next.run(request).await;
    }
    let of_api = is_of_api(&request);
    match access.who(&rules, way, request.headers(), of_api).await {
        Ok(Some(visitor)) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Ok(None) if of_api || !matches!(*request.method(), Method::GET | Method::HEAD) => {
            respond::declined(Declined::NotSignedIn, "sign in first, or send the user name and password of a user")
        }
        Ok(None) => respond::elsewhere(&sign_in::login_for(request.uri())),
        Err(busy) => respond::declined(Declined::NotNow, busy),
    }
}

fn is_of_api(request: &Request) -> bool {
    request.uri().path().starts_with(API)
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("settings", &self.settings).finish_non_exhaustive()
    }
}
