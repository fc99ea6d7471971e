//! A Tradecloud on one's own machine: orders that live, webhooks that tell it, and an API to ask.
//!
//! `world` is what there is, `forms` how it is written, `index` what polls see of it, `api` what can be asked, and
//! `webhooks` who is told; `journal` remembers all of that, and `random` has the chance in it. `simulate` on the
//! command line runs it.

mod api;
mod forms;
mod index;
mod journal;
mod random;
mod webhooks;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::serve::ListenerExt as _;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use self::api::{Accounts, Gate, Presigner};
use self::index::Index;
use self::journal::Journal;
use self::random::Random;
use self::world::{Event, Order, Shipment, Subject, World};

pub(crate) use self::forms::Form;
pub(crate) use self::webhooks::{Call, Played, Player, Webhook};

/// So many webhooks are on their way at once.
const CALLS: usize = 16;

/// The first change comes no later than this.
const FIRST: Duration = Duration::from_secs(2);

/// How often something may happen that no webhook wants before it is let be.
const TRIES: usize = 100;

/// What the simulated platform is to be like.
pub(crate) struct Options {
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) seed: u64,
    /// How many orders there are at the start.
    pub(crate) orders: usize,
    pub(crate) form: Form,
    pub(crate) as_txml: bool,
    pub(crate) webhooks: Vec<Webhook>,
    /// Which share of the webhooks is lost, 0 to 1,
    pub(crate) drop: f64,
    /// and of the requests goes wrong.
    pub(crate) faults: f64,
    /// How late polls may see a change.
    pub(crate) lag: Duration,
    /// How often something happens; never if zero.
    pub(crate) every: Duration,
}

/// The simulated platform while it runs.
pub(crate) struct Simulation {
    options: Options,
    living: Mutex<Living>,
    accounts: Mutex<Accounts>,
    gate: Mutex<Gate>,
    presigner: Mutex<Presigner>,
    journal: Mutex<Journal>,
    /// What goes wrong. Apart from the world, which does not depend on who asks.
    fate: Mutex<Random>,
    calls: Semaphore,
    player: Box<dyn Player>,
    lines: UnboundedSender<String>,
}

/// What there is, and what polls see of it.
struct Living {
    world: World,
    orders: Index<Order>,
    shipments: Index<Shipment>,
}

impl Simulation {
    /// Makes the world and listens. What happens is told to `lines`.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub(crate) async fn start(
        options: Options,
        listen: SocketAddr,
        player: Box<dyn Player>,
        lines: UnboundedSender<String>,
    ) -> io::Result<(Arc<Self>, SocketAddr)> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let world = World::new(options.seed, options.orders, options.form == Form::Single, Timestamp::now());
        let (orders, shipments) = (Index::of(&world.orders), Index::of(&world.shipments));
        let simulation = Arc::new(Self {
            living: Mutex::new(Living { world, orders, shipments }),
            accounts: Mutex::new(Accounts::new(options.username.clone(), options.password.clone())),
            gate: Mutex::default(),
            presigner: Mutex::new(Presigner::new(format!("http://{address}"))),
            journal: Mutex::default(),
            fate: Mutex::new(Random::apart(options.seed, 2)),
            calls: Semaphore::new(CALLS),
            player,
            lines,
            options,
        });
        let router = api::router(Arc::clone(&simulation));
        let listener = listener.tap_io(|connection| {
            // Small answers go at once, or each costs a client 40 ms.
            let _ = connection.set_nodelay(true);
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        tokio::spawn(Arc::clone(&simulation).live());
        Ok((simulation, address))
    }

    /// The id of the company whose account it is.
    pub(crate) fn company(&self) -> Uuid {
        lock(&self.living).world.parties.buyer
    }

    /// How many orders and shipments there are.
    pub(crate) fn size(&self) -> (usize, usize) {
        let living = lock(&self.living);
        (living.world.orders.len(), living.world.shipments.len())
    }

    /// What came of all of it.
    pub(crate) fn summary(&self) -> String {
        lock(&self.journal).summary()
    }

    /// Lets things happen, one after the other, for ever.
    async fn live(self: Arc<Self>) {
        let every = self.options.every;
        if every.is_zero() {
            return;
        }
        tokio::time::sleep(every.min(FIRST)).await;
        loop {
            for _ in 0..TRIES {
                let events = self.change(|world| world.change(Timestamp::now()));
                let told = events.iter().map(|event| self.publish(event)).filter(|told| *told).count();
                // Whoever waits for a webhook sees one each time.
                if told > 0 || self.options.webhooks.is_empty() {
                    break;
                }
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Something happens, and is told. Returns how many events that were.
    fn happen(self: &Arc<Self>, what: impl FnOnce(&mut World) -> Vec<Event>) -> usize {
        let events = self.change(what);
        let count = events.len();
        for event in events {
            self.publish(&event);
        }
        count
    }

    /// Something happens, and polls see it in time.
    fn change(&self, what: impl FnOnce(&mut World) -> Vec<Event>) -> Vec<Event> {
        let mut living = lock(&self.living);
        let events = what(&mut living.world);
        let now = Instant::now();
        for event in &events {
            let lag =
                self.options.lag.mul_f64(f64::from(u16::try_from(lock(&self.fate).below(1001)).unwrap_or(0)) / 1000.0);
            match &event.of {
                Subject::Order(of) | Subject::Documents(of) => living.orders.changed(Arc::clone(of), now, lag),
                Subject::Shipment(of) => living.shipments.changed(Arc::clone(of), now, lag),
            }
        }
        events
    }

    /// Tells a line to whoever watches.
    fn tell(&self, line: String) {
        // Nobody watches any more: that is no reason to stop.
        let _ = self.lines.send(line);
    }
}

/// What is in a mutex, also after a panic: a play goes on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
