//! The composition root: settings → [`Receiver`] → [`Running`] → drained.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use arc_swap::{ArcSwap, ArcSwapOption};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::admin;
use crate::budget::Budget;
use crate::config::{Settings, settings};
use crate::dispatch::worker::Source;
use crate::dispatch::{Alone, Dispatch, Route, Staff};
use crate::handlers::{DynHandler, Handler, SharedHandler};
use crate::inbox::Purpose;
use crate::inbox::retention::Upkeep;
use crate::inbox::trusted::TrustedClock;
use crate::intake::Intake;
use crate::listener::aside::Aside;
use crate::listener::certificates::Certificates;
use crate::listener::grace::Grace;
use crate::listener::guard::Guard;
use crate::listener::http2::Versions;
use crate::listener::lease::Terms;
use crate::listener::lingering::LONGEST;
use crate::listener::load::Load;
use crate::listener::receive::Reception;
use crate::listener::router;
use crate::listener::table::Table;
use crate::listener::turned_away::TurnedAway;
use crate::reload::{Changes, ReloadError, Reloader};

/// Connections that wait in the kernel to be accepted.
const LISTEN_BACKLOG: u32 = 1024;
/// Largest head of a request, in bytes. Strangers get so much memory, too.
const LARGEST_HEAD: u16 = 32 << 10;
/// Headers of a request.
const MOST_HEADERS: usize = 100;

/// A receiver that is not started yet.
pub struct Receiver {
    settings: Settings,
    own: Vec<(Route, SharedHandler)>,
}

/// A receiver at work.
pub struct Running {
    public: SocketAddr,
    admin: SocketAddr,
    reception: Arc<Reception>,
    reloader: Reloader,
    servers: Vec<Handle<SocketAddr>>,
    stop: watch::Sender<bool>,
    workers: JoinSet<()>,
    serving: JoinSet<std::io::Result<()>>,
    upkeep: JoinSet<()>,
    certificates: Option<Certificates>,
}

impl Receiver {
    /// A receiver with checked settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings, own: Vec::new() }
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
        let settings = self.settings;
        let inbox = settings.inbox.store.open(Purpose::Serve).await?;
        let public = listen(settings.server.listen).context("server.listen")?;
        let admin = listen(settings.admin).context("admin.listen")?;
        let (public_address, admin_address) = (public.local_addr()?, admin.local_addr()?);

        let budget = Budget::new(settings.server.limits.bodies_in_memory);
        let dispatch = Dispatch::new(Vec::new());
        let clock = TrustedClock::default();
        let archive = Arc::clone(&inbox).archive();
        if let Some(archive) = &archive {
            clock.recall(&**archive).await.context("cannot read the inbox")?;
        }
        let source = Source {
            inbox: Arc::clone(&inbox),
            archive: archive.clone(),
            dispatch: dispatch.clone(),
            clock: clock.clone(),
            alone: Alone::default(),
        };
        let (stop, stopped) = watch::channel(false);
        let (staff, work) = Staff::new(source, stopped.clone());
        let certificates = settings.server.tls.as_ref().map(Certificates::start);
        // HTTP/2 must not multiply what the number of connections bounds.
        let load = Load::new(settings.server.limits.connections, settings.server.answer_within);
        let reception = Arc::new(Reception {
            server: settings.server.clone(),
            table: ArcSwap::from_pointee(Table::new(
                Vec::new(),
                settings.anywhere.clone(),
                settings.server.proxies.clone(),
            )),
            budget,
            load,
            intake: Intake::new(Arc::clone(&inbox), dispatch.clone()),
            inbox,
            dispatch,
            draining: AtomicBool::new(false),
            refused: ArcSwapOption::empty(),
            turned_away: TurnedAway::new(),
            grace: Grace::new(archive.clone()),
            aside: Aside::new(),
        });
        let (keep, keep_unwanted) = (settings.inbox.keep, settings.inbox.keep_unwanted);
        let dispatch = reception.dispatch.clone();
        let upkeep = archive.map(|archive| Upkeep::new(archive, clock, dispatch, keep, keep_unwanted));
        let reloader = Reloader::start(settings, self.own, Arc::clone(&reception), certificates.clone(), staff).await?;
        let mut workers = JoinSet::new();
        workers.spawn(work);
        let mut at_upkeep = JoinSet::new();
        if let Some(upkeep) = upkeep {
            at_upkeep.spawn(upkeep.run());
        }

        let router = router::router(Arc::clone(&reception));
        let servers = vec![Handle::new(), Handle::new()];
        let mut serving = JoinSet::new();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let guard = guard(&reception);
        let server = Server::<SocketAddr>::from_listener(public);
        if let Some(certificates) = &certificates {
            let acceptor = certificates.acceptor(reception.server.limits.tls_handshake, guard);
            let acceptor = Versions::new(acceptor, LARGEST_HEAD.into(), stopped);
            let server = speaking(server.acceptor(acceptor), &reception.server.limits).handle(servers[0].clone());
            serving.spawn(server.serve(service));
        } else {
            tracing::warn!("TLS is off (server.tls): something in front of this address has to terminate it");
            let acceptor = Versions::new(guard, LARGEST_HEAD.into(), stopped);
            let server = speaking(server.acceptor(acceptor), &reception.server.limits).handle(servers[0].clone());
            serving.spawn(server.serve(service));
        }
        let http = Server::<SocketAddr>::from_listener(admin).handle(servers[1].clone());
        serving.spawn(http.serve(admin::router(Arc::clone(&reception), certificates.clone()).into_make_service()));

        tracing::info!(address = %public_address, admin = %admin_address, "listening");
        Ok(Running {
            public: public_address,
            admin: admin_address,
            reception,
            reloader,
            servers,
            stop,
            workers,
            serving,
            upkeep: at_upkeep,
            certificates,
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

    /// The address of the health checks.
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
            Some(worker) = self.workers.join_next(), if !self.workers.is_empty() => Some(format!("a worker ended: {worker:?}")),
            Some(server) = self.serving.join_next() => Some(format!("a server ended: {server:?}")),
        };
        if let Some(what) = &broken {
            tracing::error!(what, "the receiver cannot go on");
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
        tracing::info!(?grace, "draining: no more events are taken, what has begun is finished");
        self.reception.draining.store(true, Ordering::Relaxed);
        for server in &self.servers {
            server.graceful_shutdown(Some(grace));
        }
        let _ = self.stop.send(true);
        // Before anything that takes its time: somebody may kill what does not end soon enough.
        let ending = Arc::clone(&self.reception.inbox);
        tokio::spawn(async move { ending.ending().await });
        self.upkeep.abort_all();
        if let Some(certificates) = &self.certificates {
            certificates.stop();
        }
        let finished = timeout_at(end, async {
            while self.serving.join_next().await.is_some() {}
            while self.workers.join_next().await.is_some() {}
            self.reception.aside.settled().await;
        })
        .await
        .is_ok();
        if !finished {
            tracing::warn!("the time for draining is over; what is not finished is delivered after the next start");
            self.workers.shutdown().await;
            self.serving.shutdown().await;
        }
        self.reception.inbox.close().await;
        tracing::info!("drained");
    }
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    // On Windows this would let two programs share the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address).map_err(|error| anyhow::anyhow!("cannot listen on {address}: {error}{}", hint(&error)))?;
    Ok(socket.listen(LISTEN_BACKLOG)?)
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => ". Another program (another receiver?) listens there: stop it, or choose another port",
        ErrorKind::AddrNotAvailable => ". This machine has no such address: `0.0.0.0` stands for all it has",
        ErrorKind::PermissionDenied => ". Ports below 1024 need a privilege: listen on 8443 and have 443 forwarded",
        _ => "",
    }
}

/// The part of its time after which a stranger's connection is closed, so that it is gone when the time is over
/// although a busy machine is late.
const ON_TIME: f64 = 0.95;

/// What stands before TLS: limits on connections.
fn guard(reception: &Arc<Reception>) -> Guard {
    let (settings, limits) = (&reception.server, &reception.server.limits);
    let terms = Terms {
        unknown: limits.header_read.max(limits.tls_handshake).mul_f64(ON_TIME),
        // What is answered before its body is here is taken in for so long.
        checking: settings.answer_within.max(LONGEST),
        idle: limits.header_read,
    };
    Guard::new(limits.connections, limits.tls_handshake, terms, Arc::clone(reception))
}

/// HTTP/1.1 with its limits: HTTP/2 does not get so far (see [`Versions`]).
fn speaking<A>(server: Server<SocketAddr, A>, limits: &settings::Limits) -> Server<SocketAddr, A> {
    let mut server = server.http1_only();
    server
        .http_builder()
        .http1()
        // Without a timer the time-out would not work.
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        // A client may have closed its side right behind the request, and still wants the answer (RFC 9112, §9.6).
        .half_close(true)
        .max_buf_size(LARGEST_HEAD.into())
        .max_headers(MOST_HEADERS);
    server
}
