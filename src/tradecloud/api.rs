//! What can be asked of Tradecloud.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Response, Url};
use serde_json::json;

use super::account::Account;
use super::error::ApiError;
use super::hidden::Secrets;
use super::line::{Answer, Bounds, Line};
use super::page::{Metadata, Page};
use super::path::{below, segment};
use super::probe::{self, Needs};
use super::session::Session;
use super::settings::Settings;
use crate::model::What;
use crate::outgoing::{cause, retry_after, say};

/// More than this in one page is not promised.
const LIMIT: u32 = 100;

/// Tradecloud's API. Clones are one and the same: one queue, one session.
#[derive(Clone)]
pub(crate) struct Api {
    shared: Arc<Shared>,
    way: Way,
}

struct Shared {
    base: Url,
    line: Line,
    account: Account,
    session: Session,
    legacy: Option<Legacy>,
}

struct Legacy {
    base: Url,
    line: Line,
    account: Account,
}

/// How polls and documents show who asks. Orders and shipments by their id are had in a session only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Session,
    Basic,
}

/// What is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polled {
    /// Orders, with their delivery schedules.
    Orders,
    /// Orders in the form with one delivery for each line.
    SingleDelivery,
    /// Shipments.
    Shipments,
}

impl Polled {
    /// The name in logs and in the inbox.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::SingleDelivery => "single-delivery orders",
            Self::Shipments => "shipments",
        }
    }

    /// What the ids are ids of.
    pub(crate) const fn what(self) -> What {
        match self {
            Self::Orders | Self::SingleDelivery => What::OrderId,
            Self::Shipments => What::ShipmentId,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Orders => "v2/order-search/poll",
            Self::SingleDelivery => "v2/order-search/poll/single-delivery",
            Self::Shipments => "v2/shipment/poll",
        }
    }
}

impl Api {
    /// One for what the configuration names. Nobody is asked yet.
    ///
    /// # Errors
    /// If the machine lacks what it needs, such as any trusted root certificate.
    pub(crate) fn new(settings: &Settings) -> Result<Self, String> {
        Self::within(settings, &Bounds::USUAL)
    }

    pub(super) fn within(settings: &Settings, bounds: &Bounds) -> Result<Self, String> {
        let line = |url| {
            let line = Line::new(url, &settings.roots, settings.spacing, bounds.clone());
            line.map_err(|error| format!("[tradecloud] cannot be used: {}", cause(&error)))
        };
        let legacy = settings.legacy.as_ref().map(|legacy| {
            let account = Account::new("[tradecloud.legacy]", &legacy.login);
            Ok::<_, String>(Legacy { base: legacy.url.clone(), line: line(&legacy.url)?, account })
        });
        let shared = Shared {
            base: settings.url.clone(),
            line: line(&settings.url)?,
            account: Account::new("[tradecloud]", &settings.login),
            session: Session::new(&settings.url),
            legacy: legacy.transpose()?,
        };
        Ok(Self { shared: Arc::new(shared), way: Way::Session })
    }

    /// The same, whose polls and documents go without a session: by user name and password on each request. So they
    /// disturb nobody who has a session of this account.
    pub(crate) fn by_basic(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), way: Way::Basic }
    }

    /// The order or shipment of that id, as it is answered.
    pub(crate) async fn fetch(&self, what: What, id: &str) -> Result<Bytes, ApiError> {
        let segment = segment(id)?;
        let answer = match what {
            What::OrderId => self.in_session(|| self.get(&format!("v2/order/{segment}"))).await?,
            What::ShipmentId => self.in_session(|| self.get(&format!("v2/shipment/{segment}"))).await?,
            What::LegacyOrderId => self.of_legacy(&format!("purchaseOrder/{segment}")).await?,
            other => return Err(ApiError::NotFound(format!("nothing is fetched by {}", other.as_str()))),
        };
        Ok(judged(answer)?.body)
    }

    /// A page of what has changed since `after`, which is sent as it is.
    pub(crate) async fn poll(&self, of: Polled, after: &str, offset: u32) -> Result<Page, ApiError> {
        self.poll_some(of, after, offset, LIMIT).await
    }

    pub(super) async fn poll_some(&self, of: Polled, after: &str, offset: u32, limit: u32) -> Result<Page, ApiError> {
        let body = json!({"filters": {"lastUpdatedAfter": after}, "offset": offset, "limit": limit}).to_string();
        let answer = self.ask(|| {
            let mut request = Request::new(Method::POST, below(&self.shared.base, of.path()));
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.clone().into());
            request
        });
        Page::read(of, &judged(answer.await?)?)
    }

    /// What is known of a document, and where it is.
    pub(crate) async fn metadata(&self, object_id: &str) -> Result<Metadata, ApiError> {
        let segment = segment(object_id)?;
        let answer = self.ask(|| self.get(&format!("v2/object-storage/document/{segment}/metadata"))).await?;
        Metadata::read(&judged(answer)?)
    }

    /// A document itself, by way of the API. Its head is there; how long its body may take is the caller's affair.
    /// This is outside of the queue, because it may take long.
    pub(crate) async fn download(&self, object_id: &str) -> Result<Response, ApiError> {
        let (shared, segment) = (&*self.shared, segment(object_id)?);
        let request = || self.get(&format!("v2/object-storage/document/{segment}"));
        if self.way == Way::Basic {
            shared.account.check()?;
            return match self.beside(shared.account.on(request())).await? {
                Ok(response) => Ok(response),
                Err(refused) if refused.status == 401 => Err(shared.account.refused(&refused.words, None)),
                Err(refused) => Err(refusal(refused)),
            };
        }
        let (token, made) = match shared.session.current() {
            Some(token) => (token, false),
            None => shared.session.token(&shared.account, &mut shared.line.place().await?).await?,
        };
        let refused = match self.beside(token.on(request())).await? {
            Err(refused) if refused.status == 401 => refused,
            other => {
                shared.session.accepted(&token);
                return other.map_err(refusal);
            }
        };
        if made {
            return Err(shared.session.not_allowed(&token, &refused.words));
        }
        let (token, _) = {
            let mut place = shared.line.place().await?;
            shared.session.instead_of(&token, &refused.words, &shared.account, &mut place).await?
        };
        match self.beside(token.on(request())).await? {
            Err(refused) if refused.status == 401 => Err(shared.session.not_allowed(&token, &refused.words)),
            other => {
                shared.session.accepted(&token);
                other.map_err(refusal)
            }
        }
    }

    /// So many receivers ask Tradecloud in the name of this account from now on.
    pub(super) fn share(&self, receivers: usize) {
        self.shared.line.share(u32::try_from(receivers).unwrap_or(u32::MAX));
    }

    /// Says what the account may do, without a login; for `check --online`.
    ///
    /// # Errors
    /// It may not do what it is needed for, or cannot be asked.
    pub(crate) async fn probe(&self, needs: &Needs) -> Result<String, String> {
        probe::probe(&self.by_basic(), needs).await
    }

    /// Asks the legacy platform for an order that is none, if there is such an account; for `check --online`.
    ///
    /// # Errors
    /// The account is refused, or the platform cannot be asked.
    pub(crate) async fn probe_legacy(&self) -> Option<Result<String, String>> {
        self.shared.legacy.as_ref()?;
        let found = match self.of_legacy("purchaseOrder/0").await.and_then(judged) {
            Ok(_) | Err(ApiError::NotFound(_)) => Ok("the account is taken".to_owned()),
            Err(other) => Err(other.to_string()),
        };
        Some(found)
    }

    /// Whether it is the same one: the same queue and session.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Asks nothing any more, and ends the session, if there is one. Whoever still waits for his turn hears of that: a
    /// session that he began would end that of who comes after us.
    pub(crate) async fn logout(&self) {
        let Shared { line, session, legacy, .. } = &*self.shared;
        line.close();
        if let Some(legacy) = legacy {
            legacy.line.close();
        }
        session.end_all(line).await;
    }

    fn get(&self, path: &str) -> Request {
        Request::new(Method::GET, below(&self.shared.base, path))
    }

    async fn ask(&self, request: impl Fn() -> Request) -> Result<Answer, ApiError> {
        match self.way {
            Way::Session => self.in_session(request).await,
            Way::Basic => by_basic(&self.shared.line, &self.shared.account, request()).await,
        }
    }

    /// Asks with the session's token, and once more with another one if that is refused.
    async fn in_session(&self, request: impl Fn() -> Request) -> Result<Answer, ApiError> {
        let Shared { line, account, session, .. } = &*self.shared;
        let mut place = line.place().await?;
        let (token, made) = session.token(account, &mut place).await?;
        let answer = place.ask(token.on(request())).await?;
        if answer.status != 401 {
            session.accepted(&token);
            return Ok(answer);
        }
        if made {
            return Err(session.not_allowed(&token, &answer.words));
        }
        let (token, _) = session.instead_of(&token, &answer.words, account, &mut place).await?;
        let answer = place.ask(token.on(request())).await?;
        if answer.status == 401 {
            return Err(session.not_allowed(&token, &answer.words));
        }
        session.accepted(&token);
        Ok(answer)
    }

    async fn of_legacy(&self, path: &str) -> Result<Answer, ApiError> {
        let Some(legacy) = &self.shared.legacy else {
            let what = "a legacy order is fetched with an account of its own: add [tradecloud.legacy]";
            return Err(ApiError::Credentials(what.to_owned()));
        };
        let request = Request::new(Method::GET, below(&legacy.base, path));
        by_basic(&legacy.line, &legacy.account, request).await
    }

    /// Asks beside the queue: an answer that is a success, or another one.
    async fn beside(&self, request: Request) -> Result<Result<Response, Answer>, ApiError> {
        let secrets = Secrets::of(request.headers());
        let response = self.shared.line.beside(request).await?;
        if response.status().is_success() {
            return Ok(Ok(response));
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (words, beginning) = say(response).await;
        let words = secrets.hide(words);
        Ok(Err(Answer { status, headers, body: beginning.body.into(), words }))
    }
}

/// Asks with user name and password.
async fn by_basic(line: &Line, account: &Account, request: Request) -> Result<Answer, ApiError> {
    // Looked at with the place, because whoever had it before may have been refused.
    let mut place = line.place().await?;
    account.check()?;
    let answer = place.ask(account.on(request)).await?;
    if answer.status == 401 {
        return Err(account.refused(&answer.words, retry_after(&answer.headers)));
    }
    account.taken();
    Ok(answer)
}

/// The answer, if it is one of use.
fn judged(answer: Answer) -> Result<Answer, ApiError> {
    if (200..300).contains(&answer.status) { Ok(answer) } else { Err(refusal(answer)) }
}

/// What an answer comes to that is of no use.
fn refusal(answer: Answer) -> ApiError {
    match answer.status {
        404 | 410 => ApiError::NotFound(answer.words),
        403 => ApiError::Forbidden(answer.words),
        _ => {
            let pause = retry_after(&answer.headers);
            ApiError::Useless { reason: answer.words, pause }
        }
    }
}
