//! Other settings while the receiver runs: all of them, or none.
//!
//! What is new is set up first; only when all of it stands is it put in the place of the old, part by
//! part. A request or an attempt that has begun ends as it began. What has not changed is kept as it is,
//! with its connections, tokens and caches. [`follow`] does it at SIGHUP and whenever a file has changed, which it
//! hears of by `files`.

mod files;
mod follow;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;

pub use follow::follow;

use crate::admin::Inspector;
use crate::auth::SharedCredential;
use crate::budget::Budget;
use crate::config::marks::{Marks, is_below};
use crate::dispatch::worker::Job;
use crate::dispatch::{Delivery, Dispatch, Pace, Route, Staff};
use crate::documents::{Documents, Source, Surroundings};
use crate::handlers::SharedHandler;
use crate::inbox::{FETCH, SharedInbox};
use crate::listener::connections::certificates::Certificates;
use crate::listener::connections::tls;
use crate::listener::requests::endpoints::{SharedTable, Table};
use crate::readiness::Readiness;
use crate::settings::{Handler, Settings, Written};
use crate::telemetry::events;
use crate::tradecloud::{self, Agent, Api};

/// What is read only at the start: addresses, limits that are built into the listener, the store, the log.
const ONLY_AT_START: [&str; 5] = ["server", "inbox", "admin.listen", "admin.tls", "log"];
/// What of them is not,
const PROXIES: [&str; 2] = ["server.trusted_proxies", "server.proxy_header"];
/// and this neither, as long as TLS is not turned on or off.
const TLS: &str = "server.tls";
/// What Tradecloud is called by.
const AGENT: [&str; 2] = ["tradecloud", "poll"];
/// Unfinished deliveries of one handler are counted up to this many.
pub(crate) const BACKLOG_COUNTED: usize = 10_000;

/// The means to give a running receiver other settings. Clones belong to the same receiver.
#[derive(Clone)]
pub struct Reloader(Arc<Live>);

/// What a reload looks at in a running receiver, and exchanges.
pub(crate) struct Parts {
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) inbox: SharedInbox,
    pub(crate) dispatch: Dispatch,
    /// What requests are looked up in.
    pub(crate) table: SharedTable,
    /// What new connections are made with; `None` where something else terminates TLS.
    pub(crate) certificates: Option<Certificates>,
    /// Handlers of the program that embeds the receiver. They stay.
    pub(crate) own: Vec<(Route, SharedHandler)>,
    /// Calls Tradecloud.
    pub(crate) agent: Arc<Agent>,
    /// Where people look.
    pub(crate) inspector: Arc<Inspector>,
}

/// The parts of a running receiver, and what they were made from.
struct Live {
    parts: Parts,
    /// Locked while one reload goes on; a second one waits.
    state: Mutex<State>,
}

struct State {
    staff: Staff,
    handlers: BTreeMap<String, SharedHandler>,
    credentials: Vec<(String, SharedCredential)>,
    documents: Option<Arc<Documents>>,
    /// What of the settings that were last put in place an operator has written,
    written: Written,
    /// and their marks.
    marks: Marks,
    /// Of those of the start: what is read only then is still as they say.
    at_start: Marks,
}

/// What a reload changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The keys that are new, or different now (or whose files are), and that take effect.
    pub changed: Vec<String>,
    /// The tables and keys that are gone, which takes effect.
    pub removed: Vec<String>,
    /// The keys that differ from what the receiver works with, and take effect only after a restart.
    pub needs_restart: Vec<String>,
}

/// Why other settings were not put in place. The receiver goes on with those it had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// A handler cannot be set up: why, and what to do.
    #[error("{0}")]
    Handler(String),
    /// A handler of the configuration has the name of one that the program brought with it.
    #[error("`handlers.{0}` has the name of a handler of the program itself. Give it another one")]
    NameTaken(String),
    /// They rely on another kind of store than the one that is open.
    #[error("`inbox.store` is another one, and the rest of the settings may rely on it. Restart the receiver")]
    OtherStore,
    /// There is no handler any more.
    #[error(
        "`handlers` has no handler any more: events would go nowhere. If the file is not complete, complete it; if that \
         is what you want, restart the receiver"
    )]
    LastHandler,
    /// There are no endpoints any more.
    #[error(
        "`endpoints` has no endpoint any more, and the default one would take its place, for every address. If the file \
         is not complete, complete it; if that is what you want, restart the receiver"
    )]
    LastEndpoint,
    /// In the place of a good certificate comes one that has expired, at that time.
    #[error(
        "`server.tls.certificate` has expired on {0}, while the one in use is good: Tradecloud would refuse it. Put a \
         valid one there, with its key; if it is to be used all the same, restart the receiver"
    )]
    ExpiredCertificate(Timestamp),
    /// The receiver is shutting down.
    #[error("the receiver is shutting down")]
    Draining,
}

impl Reloader {
    /// Puts the first settings in place.
    pub(crate) async fn start(settings: Settings, parts: Parts, staff: Staff) -> Result<Self, ReloadError> {
        let state = State {
            staff,
            handlers: BTreeMap::new(),
            credentials: Vec::new(),
            documents: None,
            written: Written::default(),
            marks: Marks::default(),
            at_start: settings.marks.clone(),
        };
        let live = Arc::new(Live { parts, state: Mutex::new(state) });
        live.exchange(settings, &mut *live.state.lock().await).await?;
        live.parts.own.iter().for_each(|(_, handler)| begin(handler));
        Ok(Self(live))
    }

    /// Goes on with `settings`: certificate and key, credentials, endpoints, trusted proxies, handlers, `[delivery]` and
    /// who may look at the inbox take effect at once, the rest only after a restart. Says both to the log.
    ///
    /// # Errors
    /// [`ReloadError`] if they cannot be put in place as a whole, or take away the last handler, the last endpoint
    /// or a good certificate. Nothing has changed then.
    pub async fn reload(&self, settings: Settings) -> Result<Changes, ReloadError> {
        let (live, parts) = (&self.0, &self.0.parts);
        let mut state = live.state.lock().await;
        if parts.readiness.is_draining() {
            return Err(ReloadError::Draining);
        }
        let tls_stays = parts.certificates.is_some() == settings.server.tls.is_some();
        let only_at_start = |key: &str| only_at_start(key) && !(tls_stays && is_below(key, TLS));
        let removed = removed(&state.marks, &settings.marks, |key| !only_at_start(key));
        let is_removed = |key: &str| removed.iter().any(|gone| is_below(key, gone));
        let changes = Changes {
            changed: keys(&state.marks, &settings.marks, |key| !only_at_start(key) && !is_removed(key)),
            removed: removed.clone(),
            needs_restart: keys(&state.at_start, &settings.marks, only_at_start),
        };
        let tls = settings.server.tls.clone().filter(|_| !state.marks.same_below(&settings.marks, TLS));
        live.refuse_a_loss(&settings, tls.as_ref(), &state)?;
        live.exchange(settings, &mut state).await?;
        if let (Some(certificates), Some(tls)) = (&parts.certificates, tls) {
            certificates.exchange(&tls);
        }
        let was_refused = parts.readiness.refused().is_some();
        parts.readiness.note_reload();
        if !changes.changed.is_empty() || !changes.removed.is_empty() {
            events::configuration::reloaded(&changes.changed, &changes.removed);
        } else if !changes.needs_restart.is_empty() {
            events::configuration::waits_for_restart();
        } else if was_refused {
            events::configuration::good_again();
        } else {
            events::configuration::unchanged();
        }
        for key in &changes.needs_restart {
            events::configuration::needs_restart(key);
        }
        Ok(changes)
    }
}

impl Reloader {
    /// The marks of the settings in place.
    async fn marks(&self) -> Marks {
        self.0.state.lock().await.marks.clone()
    }

    /// Has the admin address say that the last settings are not those that are in place.
    fn note_refusal(&self) {
        self.0.parts.readiness.note_refusal(Timestamp::now());
    }
}

impl Live {
    /// What is most likely a slip, and would cost every event, takes a restart.
    fn refuse_a_loss(&self, new: &Settings, tls: Option<&tls::Settings>, state: &State) -> Result<(), ReloadError> {
        if state.written.handlers && !new.written.handlers && self.parts.own.is_empty() {
            return Err(ReloadError::LastHandler);
        }
        if state.written.endpoints && !new.written.endpoints {
            return Err(ReloadError::LastEndpoint);
        }
        let (Some(certificates), Some(tls)) = (&self.parts.certificates, tls) else { return Ok(()) };
        match tls.expired() {
            // That of a CA is renewed; until then the good one serves on.
            Some(expired) if tls.acme.is_none() && certificates.are_good() => {
                Err(ReloadError::ExpiredCertificate(expired))
            }
            _ => Ok(()),
        }
    }

    /// Whether several receivers may work on the inbox.
    async fn is_shared(&self) -> bool {
        let Some(archive) = Arc::clone(&self.parts.inbox).archive() else { return false };
        matches!(archive.receivers().await, Ok(Some(_)) | Err(_))
    }

    async fn exchange(&self, mut settings: Settings, state: &mut State) -> Result<(), ReloadError> {
        let parts = &self.parts;
        // From "put in place" on, nothing can fail.
        if settings.inbox.store.keeps() != Arc::clone(&parts.inbox).archive().is_some() {
            return Err(ReloadError::OtherStore);
        }
        let described = settings.handlers.iter();
        let described = described.map(|handler| (handler.route.name.clone(), handler.settings.describe())).collect();
        let told = told::told(&settings);
        let handlers = self.set_up(std::mem::take(&mut settings.handlers), &settings.marks, state).await?;
        let of_now = parts.agent.api().await;
        let api = self.set_up_agent(&settings, state, of_now.as_ref())?;
        let documents =
            documents(&mut settings, state, api.as_ref().unwrap_or(&of_now).clone(), self.is_shared().await).await?;
        keep_unchanged(&mut settings, state);
        for (_, credential) in &settings.anywhere.credentials {
            if !state.credentials.iter().any(|(_, old)| Arc::ptr_eq(old, credential)) {
                credential.start().await;
            }
        }

        // Put in place.
        if let Some(api) = api {
            let poll = settings.poll.as_ref();
            parts.agent.exchange(api, settings.tradecloud.as_ref(), poll, &settings.delivery).await;
        }
        let routes = handlers.iter().chain(&parts.own).map(|(route, _)| route.clone()).collect();
        let of_before = std::mem::replace(
            &mut state.handlers,
            handlers.iter().map(|(route, handler)| (route.name.clone(), Arc::clone(handler))).collect(),
        );
        for (name, handler) in &state.handlers {
            if !of_before.get(name).is_some_and(|old| Arc::ptr_eq(old, handler)) {
                begin(handler);
            }
        }
        let jobs = handlers.into_iter().chain(parts.own.iter().cloned());
        parts.dispatch.keep_documents(documents.clone());
        state.documents = documents;
        state.staff.assign(jobs.map(|(route, handler)| job(route, handler, &settings.delivery)).collect());
        parts.dispatch.reroute(routes);
        state.credentials.clone_from(&settings.anywhere.credentials);
        let table = Table::new(settings.endpoints, settings.anywhere, settings.server.proxies);
        parts.table.store(Arc::new(table));
        parts.inspector.exchange(settings.admin.rules, described, told);
        state.written = settings.written;
        state.marks = settings.marks;
        self.warn_of_orphans(&state.handlers).await;
        Ok(())
    }

    /// The handlers of the configuration; those that are still the same are not made anew.
    async fn set_up(
        &self,
        handlers: Vec<Handler>,
        marks: &Marks,
        state: &State,
    ) -> Result<Vec<(Route, SharedHandler)>, ReloadError> {
        let mut ready = Vec::new();
        for Handler { route, settings } in handlers {
            if self.parts.own.iter().any(|(own, _)| own.name == route.name) {
                return Err(ReloadError::NameTaken(route.name));
            }
            let same = state.marks.same_below(marks, &format!("handlers.{}", route.name));
            let handler = match state.handlers.get(&route.name) {
                Some(handler) if same => Arc::clone(handler),
                _ => {
                    let name = route.name.clone();
                    // May read the system's root certificates.
                    let built = tokio::task::spawn_blocking(move || settings.build(&name)).await;
                    built
                        .map_err(|error| error.to_string())
                        .and_then(|built| built.map_err(|error| error.to_string()))
                        .map_err(ReloadError::Handler)?
                }
            };
            ready.push((route, handler));
        }
        Ok(ready)
    }

    /// What calls Tradecloud by other settings than before; nothing if they are the same. A session goes on as long as
    /// the account is the same: the documents are had with it, too.
    #[expect(clippy::option_option, reason = "there may be nothing to exchange, or nobody to call any more")]
    fn set_up_agent(
        &self,
        settings: &Settings,
        state: &State,
        of_now: Option<&Api>,
    ) -> Result<Option<Option<Api>>, ReloadError> {
        let same = |key| state.marks.same_below(&settings.marks, key);
        // At the start there are no marks at all.
        if AGENT.iter().all(|key| same(key)) && settings.tradecloud.is_some() == self.parts.agent.is_there() {
            return Ok(None);
        }
        if let Some(api) = of_now.filter(|_| settings.tradecloud.is_some() && same("tradecloud")) {
            return Ok(Some(Some(api.clone())));
        }
        let api = settings.tradecloud.as_ref().map(Api::new).transpose();
        api.map(Some).map_err(ReloadError::Handler)
    }

    /// Deliveries of handlers that are not configured go nowhere; somebody should know.
    async fn warn_of_orphans(&self, handlers: &BTreeMap<String, SharedHandler>) {
        let Some(archive) = Arc::clone(&self.parts.inbox).archive() else { return };
        let backlog = match archive.backlog(BACKLOG_COUNTED).await {
            Ok(backlog) => backlog,
            Err(error) => {
                events::delivery::orphans_not_looked_for(&error);
                return;
            }
        };
        for (name, count) in backlog {
            // Notices wait for `[tradecloud]`.
            let is_of_agent = name == FETCH && self.parts.agent.is_there();
            if !is_of_agent && !handlers.contains_key(&name) && !self.parts.own.iter().any(|(own, _)| own.name == name)
            {
                events::delivery::orphaned(&name, count, count >= BACKLOG_COUNTED);
            }
        }
    }
}

/// How documents are kept from now on. If that is as before, those under way go on to be fetched once.
async fn documents(
    settings: &mut Settings,
    state: &State,
    api: Option<Api>,
    is_shared: bool,
) -> Result<Option<Arc<Documents>>, ReloadError> {
    let Some(new) = settings.documents.take() else { return Ok(None) };
    let same = |table| state.marks.same_below(&settings.marks, table);
    if let Some(documents) = state.documents.as_ref().filter(|_| same("documents") && same("tradecloud")) {
        return Ok(Some(Arc::clone(documents)));
    }
    let around = settings.tradecloud.as_ref().map_or_else(Surroundings::alone, tradecloud::Settings::surroundings);
    // Of several receivers on one inbox each fetches documents, and only one has the session.
    let api = api.map(|api| if is_shared { api.by_basic() } else { api });
    let source = api.map(|api| Arc::new(api) as Arc<dyn Source>);
    // May read the system's root certificates.
    let made = tokio::task::spawn_blocking(move || Documents::new(new, source, &around)).await;
    let made = made.map_err(|error| error.to_string()).flatten().map_err(ReloadError::Handler)?;
    made.begin();
    Ok(Some(Arc::new(made)))
}

/// Takes over the credentials that are still the same, with what they have learnt.
fn keep_unchanged(settings: &mut Settings, state: &State) {
    let gates = settings.endpoints.iter_mut().map(|endpoint| &mut endpoint.gate);
    for gate in gates.chain([&mut settings.anywhere]) {
        for (name, credential) in &mut gate.credentials {
            let old = state.credentials.iter().find(|(old, _)| old == name);
            if let Some((_, old)) = old
                && state.marks.same_below(&settings.marks, &format!("auth.{name}"))
            {
                *credential = Arc::clone(old);
            }
        }
    }
}

/// Has a handler begin, without waiting for a back end that may hang.
fn begin(handler: &SharedHandler) {
    let handler = Arc::clone(handler);
    tokio::spawn(async move { handler.start().await });
}

fn job(route: Route, handler: SharedHandler, delivery: &Delivery) -> Job {
    Job {
        lanes: route.lanes.unwrap_or(delivery.lanes).max(1),
        pace: Arc::new(Pace::new(route.max_per_second)),
        route,
        handler,
        schedule: delivery.schedule.clone(),
        budget: Budget::new(delivery.bodies_in_memory),
        health: Arc::default(),
    }
}

/// The settings that differ, each once: a list without its entries, a table that has become something else
/// without its keys.
fn keys(old: &Marks, new: &Marks, which: impl Fn(&str) -> bool) -> Vec<String> {
    let mut keys: Vec<&str> = Vec::new();
    for key in old.changed(new).into_iter().filter(|key| which(key)) {
        let setting = key.strip_suffix(']').and_then(|key| key.rsplit_once('[')).map_or(key, |(list, _)| list);
        if !keys.iter().any(|known| is_below(setting, known)) {
            keys.push(setting);
        }
    }
    keys.into_iter().map(str::to_owned).collect()
}

/// What is gone, each once: a table of somebody's own, such as a handler, as a whole. Entries of a list count as a
/// change of the list.
fn removed(old: &Marks, new: &Marks, which: impl Fn(&str) -> bool) -> Vec<String> {
    let mut removed: Vec<String> = Vec::new();
    for key in old.changed(new).into_iter().filter(|key| which(key) && !key.contains('[') && !new.has_below(key)) {
        // A handler is `handlers.erp`; a table above that is the program's, not somebody's.
        let ends = key.match_indices('.').skip(1).map(|(end, _)| end).chain([key.len()]);
        let gone = ends.map(|end| &key[..end]).find(|table| !new.has_below(table)).unwrap_or(key);
        if !removed.iter().any(|known| known == gone) {
            removed.push(gone.to_owned());
        }
    }
    removed
}

fn only_at_start(key: &str) -> bool {
    ONLY_AT_START.iter().any(|table| is_below(key, table)) && !PROXIES.iter().any(|proxies| is_below(key, proxies))
}
