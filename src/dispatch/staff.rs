//! The workers of all handlers: each gets its job, another one when the configuration changes, or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::worker::{Job, Source, Worker};
use crate::telemetry::events;

/// Gives the workers their jobs.
pub(crate) struct Staff {
    source: Source,
    jobs: BTreeMap<String, watch::Sender<Option<Arc<Job>>>>,
    hire: mpsc::UnboundedSender<Worker>,
}

impl Staff {
    /// Nobody yet. `stop` ends all workers, once they have finished what they have begun. The other half
    /// is to be run: it ends when they have, or when one of them ended by itself, which none should.
    pub(crate) fn new(source: Source, stop: watch::Receiver<bool>) -> (Self, impl Future<Output = ()> + Send) {
        let (hire, hired) = mpsc::unbounded_channel();
        (Self { source, jobs: BTreeMap::new(), hire }, run(hired, stop))
    }

    /// From now on these jobs and no others. A name that had one gets the new one without finishing what
    /// waits in the inbox; only attempts that have begun end as they began.
    pub(crate) fn assign(&mut self, jobs: Vec<Job>) {
        // Where nothing is kept, what came for a handler has nowhere else to go: it finishes that.
        let keeps = self.source.archive.is_some();
        for (name, job) in &self.jobs {
            if keeps && !jobs.iter().any(|new| new.route.name == *name) {
                job.send_replace(None);
            }
        }
        let mut healths = BTreeMap::new();
        for mut job in jobs {
            let name = job.route.name.clone();
            if let Some(old) = self.jobs.get(&name).and_then(|old| old.borrow().clone()) {
                if Arc::ptr_eq(&old.handler, &job.handler) {
                    // What was learnt about a handler that has not changed still holds.
                    job.health = Arc::clone(&old.health);
                }
                if old.pace.is(&job.pace) {
                    // When the last attempt began, too.
                    job.pace = Arc::clone(&old.pace);
                }
            }
            healths.insert(name.clone(), Arc::clone(&job.health));
            let paused = job.route.paused;
            if paused {
                events::delivery::paused(&name);
            }
            let job = (!paused).then(|| Arc::new(job));
            if let Some(of_name) = self.jobs.get(&name) {
                of_name.send_replace(job);
                continue;
            }
            let (sender, receiver) = watch::channel(job);
            self.jobs.insert(name, sender);
            // Nobody takes it only while the receiver stops.
            let _ = self.hire.send(Worker { source: self.source.clone(), job: receiver });
        }
        self.source.dispatch.attend(healths);
    }
}

async fn run(mut hired: mpsc::UnboundedReceiver<Worker>, mut stop: watch::Receiver<bool>) {
    let mut workers = JoinSet::new();
    while !*stop.borrow_and_update() {
        tokio::select! {
            Some(worker) = hired.recv() => {
                workers.spawn(worker.run(stop.clone()));
            }
            Some(ended) = workers.join_next(), if !workers.is_empty() => {
                if !*stop.borrow() {
                    let how = ended.map_or_else(|panic| panic.to_string(), |()| "without a word".to_owned());
                    events::receiver::worker_ended(&how);
                    return;
                }
            }
            _ = stop.changed() => {}
        }
    }
    while workers.join_next().await.is_some() {}
}
