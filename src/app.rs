//! The composition root: settings → [`Receiver`] → [`Running`] → drained.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum_server::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::admin::{self, Around, Condition, Inspector};
use crate::config::{Layers, Problem};
use crate::desk::Desk;
use crate::dispatch::worker::Source;
use crate::dispatch::{Alone, Dispatch, Route, Staff};
use crate::handlers::{DynHandler, Handler, SharedHandler};
use crate::inbox::retention::Upkeep;
use crate::inbox::trusted::TrustedClock;
use crate::inbox::{Purpose, SharedInbox};
use crate::intake::Intake;
use crate::listener::connections::certificates::Certificates;
use crate::listener::requests::reception::Reception;
use crate::listener::serve::{bind, serve};
use crate::readiness::Readiness;
use crate::reload::{BACKLOG_COUNTED, Changes, Parts, ReloadError, Reloader, follow};
use crate::settings::Settings;
use crate::signal::Hangups;
use crate::telemetry::events;
use crate::tradecloud::{Agent, AtOnce};

/// A receiver that is not started yet.
pub struct Receiver {
    pub(crate) settings: Settings,
    /// What somebody should look at in the configuration.
    pub(crate) warnings: Vec<Problem>,
    own: Vec<(Route, SharedHandler)>,
    read: Option<Read>,
}

/// Reads the configuration anew.
type Read = Box<dyn Fn() -> Result<Layers, Problem> + Send + Sync>;

/// A receiver at work.
pub struct Running {
    public: SocketAddr,
    admin: SocketAddr,
    reception: Arc<Reception>,
    reloader: Reloader,
    ends: [Handle<SocketAddr>; 2],
    stop: watch::Sender<bool>,
    workers: JoinSet<()>,
    serving: JoinSet<std::io::Result<()>>,
    upkeep: JoinSet<()>,
    certificates: Option<Certificates>,
    /// Looks for other settings.
    following: JoinSet<()>,
    /// Calls Tradecloud.
    agent: Arc<Agent>,
}

impl Receiver {
    /// A receiver with checked settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings, warnings: Vec::new(), own: Vec::new(), read: None }
    }

    /// Has it go on with other settings by itself, as [`follow`] does: `read` reads the layers anew. From its start
    /// on, SIGHUP does not end the process, but has the configuration read again.
    #[must_use]
    pub fn following(self, read: impl Fn() -> Result<Layers, Problem> + Send + Sync + 'static) -> Self {
        Self { read: Some(Box::new(read)), ..self }
    }

    /// Adds a handler of your own, beside those of the configuration. `route` says which events it
    /// gets, and under which name its deliveries are kept in the inbox. A reload does not touch it.
    #[must_use]
    pub fn handler(mut self, route: Route, handler: impl Handler) -> Self {
        self.own.push((route, Arc::new(handler) as Arc<dyn DynHandler>));
        self
    }

    /// Opens the inbox, binds the addresses and starts to work. Needs a Tokio runtime.
    ///
    /// # Errors
    /// If the inbox cannot be opened, an address cannot be bound, a handler cannot be set up, or one of your
    /// own has the name of one of the configuration's.
    pub async fn start(self) -> anyhow::Result<Running> {
        // That it names no handler is no news to a program that has brought its own.
        for warning in self.warnings.iter().filter(|warning| self.own.is_empty() || warning.key != "handlers") {
            events::configuration::doubtful(&warning.without_severity());
        }
        let settings = self.settings;
        // Before anybody can know that there is a receiver to send it to.
        let following = self.read.map(|read| (read, Hangups::listen()));
        let inbox = settings.inbox.store.open(Purpose::Serve).await?;
        let public = bind(settings.server.listen).context("server.listen")?;
        let admin = bind(settings.admin.listen).context("admin.listen")?;
        let (public_address, admin_address) = (public.local_addr()?, admin.local_addr()?);

        let clock = TrustedClock::default();
        let archive = Arc::clone(&inbox).archive();
        if let Some(archive) = &archive {
            clock.recall(&**archive).await.context("cannot read the inbox")?;
        }
        // Only to be told: nothing depends on it.
        let backlog = match &archive {
            Some(archive) => archive.backlog(BACKLOG_COUNTED).await.ok(),
            None => None,
        };
        let waiting = backlog.as_ref().map(|backlog| backlog.iter().map(|(_, count)| *count).sum::<usize>());
        let or_more = backlog.is_some_and(|backlog| backlog.iter().any(|(_, count)| *count >= BACKLOG_COUNTED));
        let dispatch = Dispatch::new(Vec::new());
        let source = Source {
            inbox: Arc::clone(&inbox),
            archive: archive.clone(),
            dispatch: dispatch.clone(),
            clock: clock.clone(),
            alone: Alone::default(),
            keep_answers: settings.inbox.keep_answers,
        };
        let (stop, stopped) = watch::channel(false);
        let (agent, notices) =
            Agent::new(source.clone(), Intake::new(Arc::clone(&inbox), dispatch.clone()), stopped.clone());
        let (staff, work) = Staff::new(source, stopped.clone());
        let kept = settings.inbox.kept;
        let upkeep = archive.map(|archive| Upkeep::new(archive, clock, dispatch.clone(), kept));

        let own = self.own.iter().map(|(route, _)| &route.name);
        let names: Vec<_> = settings.handlers.iter().map(|handler| &handler.route.name).chain(own).cloned().collect();
        let store = settings.inbox.store.describe();

        let readiness = Arc::new(Readiness::default());
        let certificates = settings.server.tls.as_ref().map(Certificates::start);
        let reception = Arc::new(Reception::new(
            &settings.server,
            &settings.anywhere,
            Arc::clone(&inbox),
            dispatch.clone(),
            Arc::clone(&readiness),
        ));
        let desk = desk_of(&inbox, &dispatch);
        let folder = settings.inbox.store.beside();
        let around = Around::new(&readiness, certificates.as_ref(), reception.turned_away.last());
        let inspector = Arc::new(Inspector::new(&settings.admin, folder, desk.clone(), around));
        let tls_of_admin = settings.admin.tls.clone();
        reception.intake.fetch_by(Some(Box::new(AtOnce(Arc::clone(&agent)))));
        let parts = Parts {
            readiness: Arc::clone(&readiness),
            inbox: Arc::clone(&inbox),
            dispatch,
            table: Arc::clone(&reception.table),
            certificates: certificates.clone(),
            own: self.own,
            agent: Arc::clone(&agent),
            inspector: Arc::clone(&inspector),
        };
        let reloader = Box::pin(Reloader::start(settings, parts, staff)).await?;

        let (mut workers, mut at_upkeep, mut serving) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        workers.spawn(work);
        workers.spawn(notices);
        if let Some(desk) = desk {
            workers.spawn(desk.work(stopped.clone()));
        }
        if let Some(upkeep) = upkeep {
            at_upkeep.spawn(upkeep.run());
        }
        let ends = [Handle::new(), Handle::new()];
        let [public_end, admin_end] = ends.clone();
        serving.spawn(serve(public, Arc::clone(&reception), certificates.as_ref(), stopped, public_end));
        let condition = Condition { readiness, inbox, certificates: certificates.clone() };
        serving.spawn(admin::serve(admin, tls_of_admin, admin::router(condition, &inspector), admin_end));

        let mut follower = JoinSet::new();
        if let Some((read, hangups)) = following {
            follower.spawn(follow(reloader.clone(), hangups, read));
        }

        let addresses = (public_address, admin_address);
        events::receiver::listening(addresses, &store, &names.join(", "), waiting, or_more);
        Ok(Running {
            public: public_address,
            admin: admin_address,
            reception,
            reloader,
            ends,
            stop,
            workers,
            serving,
            upkeep: at_upkeep,
            certificates,
            following: follower,
            agent,
        })
    }
}

impl Running {
    /// Goes on with other settings, without a pause and without losing anything.
    ///
    /// # Errors
    /// As [`Reloader::reload`], which can also be called while [`Running::run_until`] runs.
    pub async fn reload(&self, settings: Settings) -> Result<Changes, ReloadError> {
        self.reloader.reload(settings).await
    }

    /// The means to reload while [`Running::run_until`] runs.
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// The address for Tradecloud.
    pub fn public_address(&self) -> SocketAddr {
        self.public
    }

    /// The address of the health checks, and of what people look at.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Works until `end` is there, then drains.
    ///
    /// # Errors
    /// If a part of the receiver ended by itself, which it never should. What had begun is drained;
    /// start the process anew.
    pub async fn run_until(mut self, end: impl Future<Output = ()>) -> anyhow::Result<()> {
        let broken = tokio::select! {
            () = end => None,
            Some(worker) = self.workers.join_next(), if !self.workers.is_empty() => {
                Some(ended("a worker", worker.map_err(Into::into)))
            }
            Some(server) = self.serving.join_next() => Some(ended("a server", server.map_err(Into::into).flatten())),
        };
        if let Some(what) = &broken {
            events::receiver::broken(what);
        }
        self.drain().await;
        broken.map_or(Ok(()), |what| Err(anyhow::anyhow!("the receiver could not go on: {what}")))
    }

    /// Takes no more events, finishes what has begun within `server.shutdown_grace`, closes the inbox.
    ///
    /// What is not finished by then stays in the inbox and is delivered after the next start.
    pub async fn drain(mut self) {
        let grace = self.reception.server.shutdown_grace;
        let end = Instant::now() + grace;
        events::receiver::draining(grace);
        self.reception.readiness.drain();
        for end in &self.ends {
            end.graceful_shutdown(Some(grace));
        }
        let _ = self.stop.send(true);
        // Before anything that takes its time: somebody may kill what does not end soon enough.
        let ending = Arc::clone(&self.reception.inbox);
        tokio::spawn(async move { ending.ending().await });
        self.upkeep.abort_all();
        // What it is at is done or not done: either is known to the inbox.
        let agent = Arc::clone(&self.agent);
        let farewell = tokio::spawn(async move { agent.end().await });
        if let Some(certificates) = &self.certificates {
            certificates.stop();
        }
        let finished = timeout_at(end, async {
            while self.serving.join_next().await.is_some() {}
            while self.workers.join_next().await.is_some() {}
            self.reception.aside.settled().await;
            let _ = farewell.await;
        })
        .await
        .is_ok();
        if !finished {
            events::receiver::drained_in_part();
            self.workers.shutdown().await;
            self.serving.shutdown().await;
        }
        self.reception.inbox.close().await;
        self.following.abort_all();
        self.reception.tell_rest();
        events::receiver::drained();
    }
}

/// The desk for what people ask and do, where anything is kept.
fn desk_of(inbox: &SharedInbox, dispatch: &Dispatch) -> Option<Arc<Desk>> {
    let intake = Intake::new(Arc::clone(inbox), dispatch.clone());
    let archive = Arc::clone(inbox).archive()?;
    Some(Arc::new(Desk::of_receiver(archive, dispatch.clone(), intake)))
}

/// How something ended by itself that never should.
fn ended(what: &str, how: std::io::Result<()>) -> String {
    match how {
        Ok(()) => format!("{what} ended"),
        Err(error) => format!("{what} ended: {error}"),
    }
}
