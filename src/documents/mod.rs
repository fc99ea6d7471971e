//! The documents of an event: on disk before a handler with `documents = true` gets it.
//!
//! An event names its documents, but has none of them in it. [`Documents::gather`] has each one fetched that is not
//! here yet: `objects` gets those in Tradecloud's object storage, by the way that `source` stands for, and `elsewhere`
//! those that the other party keeps, from hosts that the operator has named and `guard` has looked at. `store` keeps
//! them, whole or not at all, under the names that `name` makes, and `tidy` removes those that no event names any more.
//! `turns` sees to it that a document is fetched once, however many want it, and that few are fetched at once.

mod elsewhere;
mod failures;
mod guard;
mod name;
mod objects;
mod settings;
mod source;
mod store;
#[cfg(test)]
mod tests;
mod tidy;
mod turns;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Certificate;

pub(crate) use self::settings::Settings;
pub(crate) use self::source::{Metadata, Source, SourceError};

use self::elsewhere::Elsewhere;
use self::failures::{named, ours};
use self::objects::Objects;
use self::store::{Key, Store};
use self::turns::{Turns, Unsaid};
use crate::decode::{self, Attachment, Place};
use crate::event::{Attached, Event, Held};
use crate::outgoing::{Failure, cause};
use crate::telemetry::events;

/// What depends on the rest of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// Whether Tradecloud's API is on this very machine: then documents may be, too, and over plain HTTP.
    pub(crate) local: bool,
    /// Whom to trust besides the roots of the system.
    pub(crate) roots: Vec<Certificate>,
    /// How long, from the receipt of its event, it is doubted that a document is not there.
    pub(crate) not_found_after: Duration,
}

impl Surroundings {
    /// Without anybody to ask.
    pub(crate) const fn alone() -> Self {
        Self { local: false, roots: Vec::new(), not_found_after: Duration::ZERO }
    }
}

/// All documents that handlers want to have.
pub(crate) struct Documents {
    store: Store,
    objects: Objects,
    elsewhere: Elsewhere,
    turns: Turns,
    /// Of which documents it was said lately that they are not to be had.
    unsaid: Unsaid,
    not_found_after: Duration,
}

/// What came of getting a document.
enum Got {
    /// It is here, or missing for good.
    For(Held),
    /// It is said not to be there, in these words. That may change, shortly after its event has come.
    NotFound(String),
}

impl Documents {
    /// Keeps documents as `settings` say. Those of Tradecloud come from `source`; without one they are missing.
    ///
    /// # Errors
    /// If the machine lacks what it needs, such as any trusted root certificate.
    pub(crate) fn new(
        settings: Settings,
        source: Option<Arc<dyn Source>>,
        surroundings: &Surroundings,
    ) -> Result<Self, String> {
        Self::asking(settings, source, surroundings, Arc::new(guard::System))
    }

    /// The same with somebody else to ask for the addresses of hosts.
    fn asking(
        settings: Settings,
        source: Option<Arc<dyn Source>>,
        surroundings: &Surroundings,
        names: Arc<dyn guard::Names>,
    ) -> Result<Self, String> {
        let failed = |error: reqwest::Error| format!("`documents` cannot be set up: {}", cause(&error));
        let Surroundings { local, roots, not_found_after } = surroundings;
        Ok(Self {
            store: Store::new(settings.directory, settings.largest),
            objects: Objects::new(source, *local, roots).map_err(failed)?,
            elsewhere: Elsewhere::new(settings.urls_from, *local, roots, names).map_err(failed)?,
            turns: Turns::default(),
            unsaid: Unsaid::default(),
            not_found_after: *not_found_after,
        })
    }

    /// The document of that id in Tradecloud's object storage, if it is here.
    pub(crate) async fn on_disk(&self, id: &str) -> Option<Held> {
        self.store.known(&Key::of(&Place::Object(id.to_owned()))).await
    }

    /// Removes, without being waited for, what a process before was killed over.
    pub(crate) fn begin(&self) {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || {
            let removed = store.remove_left_behind();
            if removed > 0 {
                events::documents::remains_removed(removed);
            }
        });
    }

    /// The documents that an event names, in the order in which it does.
    ///
    /// # Errors
    /// It could not be read, which is a fault of this program.
    pub(crate) async fn named(event: &Event) -> Result<Vec<Attachment>, Failure> {
        let of = event.clone();
        let read = move || decode::attached(of.envelope.format, of.content_type.as_deref(), &of.body);
        let attachments = tokio::task::spawn_blocking(read).await;
        attachments.map_err(|_| ours("a fault of this program: reading the documents panicked"))
    }

    /// The documents that an event names: each of them here or missing for good, in that order.
    ///
    /// # Errors
    /// One of them cannot be had now. What is here already is not fetched again the next time.
    pub(crate) async fn gather(&self, event: &Event, named: Vec<Attachment>) -> Result<Arc<[Attached]>, Failure> {
        let mut known: HashMap<Place, Held> = HashMap::new();
        let mut gathered = Vec::with_capacity(named.len());
        for attachment in named {
            let held = match known.get(&attachment.place) {
                Some(held) => held.clone(),
                None => self.held(event, &attachment).await?,
            };
            known.insert(attachment.place.clone(), held.clone());
            let (object_id, url) = match attachment.place {
                Place::Object(id) => (Some(id), None),
                Place::Url(url) => (None, Some(url)),
            };
            let Attachment { code, name, line, .. } = attachment;
            gathered.push(Attached { object_id, url, code, name, line, held });
        }
        Ok(gathered.into())
    }

    async fn held(&self, event: &Event, attachment: &Attachment) -> Result<Held, Failure> {
        let key = Key::of(&attachment.place);
        let _turn = self.turns.of(&key.folder).await;
        if let Some(held) = self.store.known(&key).await {
            return Ok(held);
        }
        let wanted = Wanted { event, attachment, key: &key, store: &self.store, unsaid: &self.unsaid };
        let never = match &attachment.place {
            Place::Object(id) => self.objects.never(id),
            Place::Url(url) => self.elsewhere.allowed(url).err(),
        };
        let got = if let Some(missing) = never {
            Got::For(Held::Missing { missing })
        } else {
            // Not earlier: what is here waits for no download. Not later: an address that is asked for may soon be no more.
            let _place = self.turns.place().await;
            match &attachment.place {
                Place::Object(id) => self.objects.get(&wanted, id).await?,
                Place::Url(url) => self.elsewhere.get(&wanted, url).await?,
            }
        };
        let held = match got {
            Got::For(held) => held,
            Got::NotFound(what) => self.unless_doubted(event, what)?,
        };
        match &held {
            Held::Here { file, size, .. } => events::documents::taken(event.about(), &named(&key.of), file, *size),
            Held::Missing { missing } if self.unsaid.is_news(&key.folder) => {
                events::documents::missing(event.about(), &named(&key.of), missing);
            }
            Held::Missing { .. } => {}
        }
        Ok(held)
    }

    /// What is not found is missing, but not at once: the platform may know of an event before it knows of its documents.
    fn unless_doubted(&self, event: &Event, what: String) -> Result<Held, Failure> {
        let passed = Duration::try_from(jiff::Timestamp::now().duration_since(event.received)).unwrap_or_default();
        match self.not_found_after.checked_sub(passed).filter(|left| !left.is_zero()) {
            Some(left) => {
                let left = humantime::format_duration(Duration::from_secs(left.as_secs().max(1)));
                Err(ours(format!("{what}. It may come yet; for another {left} it is asked for again")))
            }
            None => Ok(Held::Missing { missing: what }),
        }
    }
}

/// A document that is to be got.
struct Wanted<'a> {
    event: &'a Event,
    attachment: &'a Attachment,
    key: &'a Key,
    store: &'a Store,
    unsaid: &'a Unsaid,
}
