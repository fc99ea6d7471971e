//! What is known of an issuer, and how it is learnt: at the start, once an hour, and when a token names
//! a key that is not known. Many requests may want it at once; the issuer is asked by one of them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::clock::Clock;
use super::discovery::{Published, Source};
use super::keys::Keys;
use super::stored::{self, Stored};
use super::unknown::Unknown;

use crate::telemetry::events;

/// Pause between two times that the issuer is asked by itself.
const PERIOD: Duration = Duration::from_secs(3600);
/// The same after it could not be asked.
const PERIOD_OF_TROUBLE: Duration = Duration::from_secs(60);
/// Unknown keys have the issuer asked at most once in this time: anybody can invent one.
const PAUSE: Duration = Duration::from_secs(30);
/// The same while nothing at all is known, so that nobody waits long for an issuer that is back.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(5);
/// Keys that the issuer has not confirmed for so long are not relied on: they may have been withdrawn.
const LONGEST_UNCONFIRMED: Duration = Duration::from_secs(7 * 24 * 3600);

/// An issuer and its keys.
pub(super) struct Issuer {
    source: Source,
    file: PathBuf,
    known: RwLock<Option<Arc<Known>>>,
    asking: Mutex<Asking>,
    keeping: tokio::sync::Mutex<()>,
    /// Keys that tokens of it name, and that it does not have.
    pub(super) unknown: Unknown,
}

/// What the issuer said when it was last asked.
pub(super) struct Known {
    /// As in the discovery document.
    pub(super) access_token_issuer: Option<String>,
    /// Its keys.
    pub(super) keys: Keys,
    /// Its clock, if it has been asked since the start and told.
    pub(super) clock: Option<Clock>,
    fetched: Timestamp,
}

#[derive(Default)]
struct Asking {
    /// Somebody asks now; changes when the answer is there.
    running: Option<watch::Receiver<()>>,
    last: Option<Instant>,
    last_on_demand: Option<Instant>,
    /// The last time failed.
    trouble: bool,
}

/// What the issuer said, for the disk and the log.
struct News {
    /// The ids of the keys, if they are others than before.
    ids: Option<Vec<String>>,
    access_token_issuer: Option<String>,
    fetched: Timestamp,
    key_set: Vec<u8>,
}

/// Why nothing was learnt of an issuer that counts for a token which is here now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotLearnt {
    /// It was asked a moment ago, or somebody else had it asked just then: what it said may be older than the
    /// token.
    TooEarly,
    /// It cannot be asked.
    Trouble,
}

/// Who wants the issuer to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    Clock,
    Demand,
}

impl Issuer {
    /// An issuer of whom nothing is known yet; what is known is kept below `directory`.
    pub(super) fn new(source: Source, directory: &std::path::Path) -> Self {
        let file = stored::file(directory, &source.issuer, &source.document);
        let (known, asking, keeping) = (RwLock::default(), Mutex::default(), tokio::sync::Mutex::default());
        Self { source, file, known, asking, keeping, unknown: Unknown::default() }
    }

    /// The issuer's name.
    pub(super) fn name(&self) -> &str {
        &self.source.issuer
    }

    /// What is known, if it is recent enough to be relied on.
    pub(super) fn known(&self) -> Option<Arc<Known>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let age = Duration::try_from(Timestamp::now().duration_since(known.fetched)).unwrap_or_default();
        (age < LONGEST_UNCONFIRMED).then_some(known)
    }

    /// Takes what the disk has, and asks the issuer from now on once in a while, until it is dropped.
    pub(super) async fn start(self: &Arc<Self>) {
        let (file, name, document) = (self.file.clone(), self.source.issuer.clone(), self.source.document.clone());
        let loaded = tokio::task::spawn_blocking(move || stored::load(&file, &name, &document)).await;
        if let Ok(Some(stored)) = loaded
            && let Ok(keys) = Keys::parse(stored.key_set.get().as_bytes())
        {
            let (access_token_issuer, fetched) = (stored.access_token_issuer, stored.fetched);
            tracing::debug!(issuer = self.name(), %fetched, "keys of an issuer read from disk");
            self.set(Known { access_token_issuer, keys, clock: None, fetched });
        }
        let issuer = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(issuer) = issuer.upgrade() {
                let asked = issuer.ask(Occasion::Clock).await;
                drop(issuer);
                sleep(if asked == Err(NotLearnt::Trouble) { PERIOD_OF_TROUBLE } else { PERIOD }).await;
            }
        });
    }

    /// Has the issuer asked, because a token is by a key that is not known.
    ///
    /// # Errors
    /// If it was not asked anew, or could not be: then nobody knows whether the key is the issuer's.
    pub(super) async fn learn(self: &Arc<Self>) -> Result<(), NotLearnt> {
        match self.ask(Occasion::Demand).await {
            // At a start, for example, it is asked anyway. That may be repeated, unless somebody has done so.
            Err(NotLearnt::TooEarly) => self.ask(Occasion::Demand).await,
            asked => asked,
        }
    }

    /// Asks and keeps nothing; how many keys there are, and whether they could be kept.
    pub(super) async fn probe(&self) -> Result<String, String> {
        let published = self.source.ask().await?;
        let file = self.file.clone();
        let kept = tokio::task::spawn_blocking(move || stored::rehearse(&file)).await;
        let unkept = match kept.unwrap_or_else(|panic| Err(std::io::Error::other(panic))) {
            Ok(()) => String::new(),
            Err(error) => format!(
                "; they cannot be kept for a restart while it is away: {}: {error}",
                self.file.parent().unwrap_or(&self.file).display()
            ),
        };
        Ok(format!("{} publishes {} key(s) of use{unkept}", self.source.document, published.keys.ids().len()))
    }

    async fn ask(self: &Arc<Self>, occasion: Occasion) -> Result<(), NotLearnt> {
        let (mut answered, is_mine) = self.begin(occasion)?;
        // An error says that whoever asked is gone, which is an answer as well.
        let _ = answered.changed().await;
        if self.asking().trouble {
            return Err(NotLearnt::Trouble);
        }
        // What others began may have been answered before the token was made.
        if is_mine { Ok(()) } else { Err(NotLearnt::TooEarly) }
    }

    /// Has somebody ask, unless somebody does already: what to wait for, and whether it began just now. Or
    /// why it is too early to ask.
    fn begin(self: &Arc<Self>, occasion: Occasion) -> Result<(watch::Receiver<()>, bool), NotLearnt> {
        let mut asking = self.asking();
        // Without its sender, whoever asked has ended in a panic.
        if let Some(running) = asking.running.as_ref().filter(|running| running.has_changed().is_ok()) {
            return Ok((running.clone(), false));
        }
        let (last, pause) =
            if self.known().is_some() { (asking.last_on_demand, PAUSE) } else { (asking.last, PAUSE_WITHOUT_KEYS) };
        if occasion == Occasion::Demand && last.is_some_and(|last| last.elapsed() < pause) {
            return Err(if asking.trouble { NotLearnt::Trouble } else { NotLearnt::TooEarly });
        }
        let (done, running) = watch::channel(());
        asking.running = Some(running.clone());
        asking.last = Some(Instant::now());
        if occasion == Occasion::Demand {
            asking.last_on_demand = asking.last;
        }
        // On a task of its own, which nobody who leaves can stop.
        let issuer = Arc::clone(self);
        tokio::spawn(async move {
            let news = match issuer.source.ask().await {
                Ok(published) => Some(issuer.take(published)),
                Err(trouble) => {
                    issuer.complain(&trouble);
                    None
                }
            };
            issuer.end(news.is_none());
            done.send_replace(());
            // Whoever waits for a key need not wait for the disk, too.
            if let Some(news) = news {
                issuer.keep(news).await;
            }
        });
        Ok((running, true))
    }

    fn end(&self, trouble: bool) {
        let mut asking = self.asking();
        asking.running = None;
        asking.trouble = trouble;
    }

    /// Uses what the issuer said.
    fn take(&self, published: Published) -> News {
        let Published { access_token_issuer, key_set, keys, clock } = published;
        let (fetched, ids) = (Timestamp::now(), keys.ids().into_iter().map(str::to_owned).collect::<Vec<_>>());
        let others = self.known().is_none_or(|known| known.keys.ids() != ids);
        if others {
            self.unknown.forget();
        }
        self.set(Known { access_token_issuer: access_token_issuer.clone(), keys, clock, fetched });
        News { ids: others.then_some(ids), access_token_issuer, fetched, key_set }
    }

    /// Keeps on disk what the issuer said, for the next start, and tells the log.
    async fn keep(&self, news: News) {
        let _one_after_the_other = self.keeping.lock().await;
        let News { ids, access_token_issuer, fetched, key_set } = news;
        let key_set = String::from_utf8(key_set).ok().and_then(|text| RawValue::from_string(text).ok());
        if let Some(key_set) = key_set {
            let (issuer, document) = (self.source.issuer.clone(), self.source.document.to_string());
            let stored = Stored { issuer, document, access_token_issuer, fetched, key_set };
            let file = self.file.clone();
            let saved = tokio::task::spawn_blocking(move || {
                stored::save(&file, &stored).map_err(|error| format!("{}: {error}", file.display()))
            });
            if let Ok(Err(error)) = saved.await {
                events::callers::keys_not_kept(&error);
            }
        }
        if let Some(keys) = ids {
            events::callers::keys_known(self.name(), &keys.join(", "));
        }
    }

    fn complain(&self, trouble: &str) {
        let issuer = self.name();
        if let Some(known) = self.known() {
            events::callers::keys_not_renewed(issuer, trouble, known.fetched);
        } else {
            events::callers::keys_not_had(issuer, trouble);
        }
    }

    fn set(&self, known: Known) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(known));
    }

    fn asking(&self) -> std::sync::MutexGuard<'_, Asking> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
