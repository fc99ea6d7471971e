//! The part of a receiver that calls Tradecloud: it follows notices, and polls.
//!
//! Of several receivers on one inbox only one does so, or they would end each other's sessions and ask for everything
//! several times. Which one is decided by a lease in the inbox; who loses it, or cannot renew it, stops before another
//! begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::api::Api;
use super::fetch::{self, Fetch};
use super::poll::{self, Polling};
use super::settings::Settings;
use crate::budget::Budget;
use crate::dispatch::worker::{Job, Source, Worker};
use crate::dispatch::{Delivery, Dispatch, Pace};
use crate::inbox::Archive;
use crate::intake::{Fetcher, Intake};
use crate::model::What;
use crate::telemetry::events;

/// The name of the lease.
const LEAD: &str = "tradecloud";

/// How long a receiver has it without renewing it,
const LEASE: Duration = Duration::from_secs(30);

/// and how often it does.
const RENEW: Duration = Duration::from_secs(8);

/// How long it is waited for how many others there are. All of these together are less than the lease.
const COUNT: Duration = Duration::from_secs(2);

/// How long the end of a session is waited for.
const FAREWELL: Duration = Duration::from_secs(2);

/// Calls Tradecloud, as the settings of the moment say.
pub(crate) struct Agent {
    source: Source,
    intake: Intake,
    job: watch::Sender<Option<Arc<Job>>>,
    current: Mutex<Current>,
    is_there: AtomicBool,
}

/// What goes on by the settings of the moment.
#[derive(Default)]
struct Current {
    api: Option<Api>,
    tasks: JoinSet<()>,
}

impl Agent {
    /// One that does nothing yet. The other half is to be run: it works on notices until `stop` says so.
    pub(crate) fn new(
        source: Source,
        intake: Intake,
        stop: watch::Receiver<bool>,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + use<>) {
        let (job, jobs) = watch::channel(None);
        let worker = Worker { source: source.clone(), job: jobs };
        let agent = Self { source, intake, job, current: Mutex::default(), is_there: AtomicBool::default() };
        (Arc::new(agent), worker.run(stop))
    }

    /// Goes on with these settings, and calls whom they name by `api`. If that is the one of before, its session goes on.
    pub(crate) async fn exchange(
        &self,
        api: Option<Api>,
        settings: Option<&Settings>,
        poll: Option<&poll::Settings>,
        delivery: &Delivery,
    ) {
        let mut current = self.current.lock().await;
        if current.api.as_ref().zip(api.as_ref()).is_some_and(|(old, new)| old.is(new)) {
            self.pause(&mut current).await;
        } else {
            self.stop(&mut current).await;
        }
        current.api.clone_from(&api);
        self.is_there.store(api.is_some(), Ordering::Release);
        let (Some(api), Some(settings), Some(archive)) = (api, settings, self.source.archive.clone()) else {
            return;
        };
        let fetch = Fetch::new(api, Arc::clone(&archive), self.intake.clone(), settings.not_found_after);
        let polling = poll.map(|poll| Polling {
            fetch: fetch.clone(),
            settings: poll.clone(),
            company: settings.company.clone(),
            platform: settings.platform(),
        });
        let (api, dispatch) = (fetch.api.clone(), self.source.dispatch.clone());
        let duty = Duty { job: Arc::new(job(fetch, delivery)), polling, jobs: self.job.clone(), api, dispatch };
        current.tasks.spawn(lead(archive, duty));
    }

    /// Whether there is somebody to call.
    pub(crate) fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Acquire)
    }

    /// Whom to call, by the settings of the moment.
    pub(crate) async fn api(&self) -> Option<Api> {
        self.current.lock().await.api.clone()
    }

    /// Ends what goes on, and the session.
    pub(crate) async fn end(&self) {
        let mut current = self.current.lock().await;
        self.stop(&mut current).await;
    }

    async fn pause(&self, current: &mut Current) {
        current.tasks.shutdown().await;
        self.job.send_replace(None);
    }

    async fn stop(&self, current: &mut Current) {
        self.pause(current).await;
        if let Some(api) = current.api.take() {
            // It ends by itself, if it is not ended.
            let _ = timeout(FAREWELL, api.logout()).await;
        }
    }
}

/// For who keeps no notices: what they are about is fetched at once.
pub(crate) struct AtOnce(pub(crate) Arc<Agent>);

#[async_trait::async_trait]
impl Fetcher for AtOnce {
    async fn fetch_now(&self, what: What, id: &str) -> Result<Bytes, String> {
        let api = self.0.api().await;
        let api = api.ok_or_else(|| "there is no `[tradecloud]` to fetch from".to_owned())?;
        api.fetch(what, id).await.map_err(|error| error.to_string())
    }
}

/// What the receiver does that leads.
struct Duty {
    job: Arc<Job>,
    polling: Option<Polling>,
    jobs: watch::Sender<Option<Arc<Job>>>,
    api: Api,
    dispatch: Dispatch,
}

impl Duty {
    /// Documents are fetched by every receiver, and all of them together ask no more often than one may.
    async fn share(&self, archive: &dyn Archive) {
        if self.dispatch.documents().is_some()
            && let Ok(Ok(Some(receivers))) = timeout(COUNT, archive.receivers()).await
        {
            self.api.share(receivers);
        }
    }

    fn begin(&self) -> JoinSet<()> {
        self.jobs.send_replace(Some(Arc::clone(&self.job)));
        let mut polls = JoinSet::new();
        if let Some(polling) = self.polling.clone() {
            polls.spawn(polling.run());
        }
        polls
    }

    async fn end(&self, mut polls: JoinSet<()>) {
        self.jobs.send_replace(None);
        polls.shutdown().await;
    }
}

/// Leads whenever nobody else does.
async fn lead(archive: Arc<dyn Archive>, duty: Duty) {
    let (mut at_work, mut until): (Option<JoinSet<()>>, _) = (None, Instant::now());
    loop {
        let asked = Instant::now();
        let leads = match timeout(RENEW, archive.lead(LEAD, LEASE)).await {
            Ok(Ok(true)) => {
                until = asked + LEASE;
                true
            }
            Ok(Ok(false)) => false,
            // Nobody else begins before the time is over.
            Ok(Err(_)) | Err(_) => Instant::now() + RENEW < until,
        };
        duty.share(&*archive).await;
        at_work = match (at_work, leads) {
            (None, true) => {
                events::tradecloud::leads();
                Some(duty.begin())
            }
            (Some(polls), false) => {
                events::tradecloud::leads_no_more();
                duty.end(polls).await;
                None
            }
            (Some(mut polls), true) => {
                // Polls never end by themselves, unless by a fault of ours.
                if polls.try_join_next().is_some() {
                    events::tradecloud::polling_ended();
                    polls = duty.begin();
                }
                Some(polls)
            }
            (None, false) => None,
        };
        sleep(RENEW).await;
    }
}

fn job(fetch: Fetch, delivery: &Delivery) -> Job {
    Job {
        lanes: fetch::LANES,
        pace: Arc::new(Pace::new(None)),
        route: fetch::route(),
        handler: Arc::new(fetch),
        schedule: fetch::SCHEDULE,
        budget: Budget::new(delivery.bodies_in_memory),
        health: Arc::default(),
    }
}
