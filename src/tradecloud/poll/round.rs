//! One poll, from its first page to its last: what each entry brings, and how far it has come.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::pages::{Pages, STEP, as_sent, time};
use super::seen::Seen;
use super::{Deliver, Polling};
use crate::decode::{self, Body, StateOf};
use crate::inbox::InboxError;
use crate::intake::{Intake, IntakeError, Taken};
use crate::model::instant::instant;
use crate::model::{Format, Kind};
use crate::telemetry::events;
use crate::tradecloud::api::{Api, Polled};
use crate::tradecloud::error::ApiError;
use crate::tradecloud::known::{Known, believed, is_believed, newer};
use crate::tradecloud::page::{Item, Page};

/// Times that the whole set is read until nothing new comes, if it is not in order.
const PASSES: usize = 5;

/// Of what was missed in one poll, so much is said one by one.
const TOLD: usize = 20;

/// What became of the entries of a poll.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handled {
    /// Handed on.
    pub(crate) new: usize,
    /// Of those, what the webhook should have brought.
    pub(crate) missed: usize,
    /// Had come before, or is our own.
    pub(crate) known: usize,
}

/// Why a poll was not finished. What it had stored stays; the next one begins where it did.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoundError {
    /// Tradecloud gave no page.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The inbox cannot be read or written now.
    #[error(transparent)]
    Store(#[from] InboxError),
    /// An entry could not be taken in.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// What changed goes on for longer than can be read.
    #[error("the platform does not give its {0} in order, and there are too many to read all of them")]
    Unordered(&'static str),
}

/// What is to be done with an entry.
pub(crate) enum Found {
    /// It brings nothing that has not come.
    Known,
    /// What is new in it are open requests of the own company.
    Echo,
    /// A state may still come by the webhook: what is new in it is from that time.
    Young(Timestamp, StateOf),
    /// It is to be handed on.
    New,
}

/// The polls of one kind.
pub(crate) struct Round {
    polling: Polling,
    pub(super) of: Polled,
    seen: Seen,
}

/// How far one poll has come.
struct Progress {
    /// What came before that was looked at in an earlier poll.
    from: Timestamp,
    /// The latest time that an entry had.
    latest: Option<Timestamp>,
    /// The earliest time of what is still waited for.
    held: Option<Timestamp>,
    handled: Handled,
}

impl Progress {
    /// How far the next poll need not go back: never over what is waited for, nor over the platform's own time.
    fn cursor(&self, now: Timestamp) -> Option<Timestamp> {
        let latest = self.latest?.min(now);
        Some(self.held.map_or(latest, |held| latest.min(just_before(held))))
    }
}

impl Round {
    pub(super) fn new(polling: Polling, of: Polled) -> Self {
        let seen = Seen::new(format!("own {} {}", of.as_str(), polling.platform));
        Self { polling, of, seen }
    }

    /// The name of its cursor: another filter, another set.
    fn cursor_name(&self) -> String {
        super::cursor_name(self.of, &self.polling.platform)
    }

    /// Polls once.
    pub(crate) async fn run(&mut self) -> Result<Handled, RoundError> {
        let archive = self.polling.fetch.archive.clone();
        let settings = &self.polling.settings;
        let overlap = SignedDuration::try_from(settings.overlap).unwrap_or(SignedDuration::MAX);
        let noted = archive.cursor(&self.cursor_name()).await?.and_then(|text| instant(&text));
        let from = match noted {
            Some(cursor) => cursor.saturating_sub(overlap).unwrap_or(Timestamp::MIN).max(settings.since),
            None => settings.since,
        };
        let mut progress = Progress { from, latest: noted, held: None, handled: Handled::default() };
        self.seen.begin(&*archive, from).await?;
        let api = self.polling.api().clone();
        let mut pages = Pages::after(&api, self.of, just_before(from));
        loop {
            match pages.next().await {
                Ok(Some(page)) => {
                    let now = page.date.unwrap_or_else(Timestamp::now);
                    self.take(&page, now, &mut progress).await?;
                    self.note(&progress, now, noted).await?;
                }
                Ok(None) => break,
                Err(RoundError::Unordered(_)) => {
                    self.read_all(&api, from, &mut progress, noted).await?;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let told = progress.handled.missed.saturating_sub(TOLD);
        if told > 0 {
            events::tradecloud::more_missed(self.of.as_str(), told);
        }
        Ok(progress.handled)
    }

    /// Reads the whole set by the numbers of its pages, until a pass brings nothing new: it is not in order.
    async fn read_all(
        &mut self,
        api: &Api,
        from: Timestamp,
        progress: &mut Progress,
        noted: Option<Timestamp>,
    ) -> Result<(), RoundError> {
        events::tradecloud::out_of_order(self.of.as_str());
        for _ in 0..PASSES {
            let before = progress.handled.new;
            let mut pages = Pages::by_number(api, self.of, just_before(from));
            let mut now = Timestamp::now();
            while let Some(page) = pages.next().await? {
                now = page.date.unwrap_or(now);
                self.take(&page, now, progress).await?;
            }
            if progress.handled.new == before {
                return self.note(progress, now, noted).await;
            }
        }
        Err(RoundError::Unordered(self.of.as_str()))
    }

    /// Stores what is new on a page.
    async fn take(&mut self, page: &Page, now: Timestamp, progress: &mut Progress) -> Result<(), RoundError> {
        for what in &page.odd {
            events::tradecloud::no_event(self.of.as_str(), "", what);
        }
        for item in &page.items {
            let at = time(item);
            progress.latest = progress.latest.max(at);
            if self.seen.has(item) {
                continue;
            }
            let found = self.judge(item, now, progress.from).await?;
            match found {
                Found::Young(since, state) => {
                    self.seen.wait(&item.id, state);
                    progress.held = Some(progress.held.map_or(since, |held| held.min(since)));
                    continue;
                }
                Found::Known | Found::Echo => progress.handled.known += 1,
                Found::New => self.hand_on(item, progress).await?,
            }
            self.seen.add(item, at.unwrap_or(now), matches!(found, Found::Echo));
        }
        Ok(())
    }

    /// What is to be done with an entry.
    pub(crate) async fn judge(&self, item: &Item, now: Timestamp, from: Timestamp) -> Result<Found, RoundError> {
        let Polling { fetch, settings, company, .. } = &self.polling;
        let body = body_of(item);
        let state = decode::state_of(&body).unwrap_or(StateOf { updated: time(item), ..StateOf::default() });
        let state = believed(state);
        let known = Known::of(&*fetch.archive, kind(self.of), &item.id, None, Some(&state)).await?;
        if state.updated.is_none() {
            // Of what says no time it cannot be told whether it has come, unless it is the same.
            return Ok(if known.has(body, Some(state)) { Found::Known } else { Found::New });
        }
        // Nor is it news what was judged with an earlier state of the same.
        let after = just_before(from);
        let judged = self.seen.judged(&item.id).filter(|judged| is_believed(*judged));
        let after = judged.map_or(after, |judged| after.max(judged));
        let mut news = known.news(&state, Some(after));
        news.sort_unstable();
        let Some(first) = news.first().copied() else { return Ok(Found::Known) };
        // What was waited for has not come, and since then something else has changed the same.
        if let Some(waited) = self.seen.waits_for(&item.id)
            && let Some(first) = known.news(waited, None).into_iter().min()
        {
            return Ok(self.unless_young(first, now, waited));
        }
        if settings.skip_echoes
            && let Some(company) = company
            && decode::is_echo(&body, company, known.updated)
        {
            return Ok(Found::Echo);
        }
        let Deliver::Missed(_) = settings.deliver else { return Ok(Found::New) };
        let by = decode::fetched(self.of.what(), &item.id, &item.body).ok().and_then(|it| it.envelope.company_id);
        // What the own company changes has no event. Who made the last change is said, and who made those before is not.
        if company.is_some() && by == *company && news.iter().all(|at| Some(*at) == state.updated) {
            return Ok(Found::Echo);
        }
        // Of what is older it was found out before, and nobody waits for it.
        Ok(self.unless_young(first, now, &newer(state, after)))
    }

    /// It is to be handed on, unless it may still come: what is new in that state is from that time.
    fn unless_young(&self, first: Timestamp, now: Timestamp, state: &StateOf) -> Found {
        let Deliver::Missed(grace) = self.polling.settings.deliver else { return Found::New };
        let grace = SignedDuration::try_from(grace).unwrap_or(SignedDuration::MAX);
        let ripe = now.saturating_sub(grace).unwrap_or(Timestamp::MIN);
        if first <= ripe { Found::New } else { Found::Young(first, state.clone()) }
    }

    async fn hand_on(&self, item: &Item, progress: &mut Progress) -> Result<(), RoundError> {
        let origin = match self.polling.settings.deliver {
            Deliver::All => "poll",
            Deliver::Missed(_) => "missed",
        };
        let Some(taken) = store(&self.polling.fetch.intake, self.of, item, origin).await? else {
            progress.handled.known += 1;
            return Ok(());
        };
        progress.handled.new += 1;
        if origin == "missed" {
            progress.handled.missed += 1;
            if progress.handled.missed <= TOLD {
                let number = taken.number.as_deref();
                events::tradecloud::missed(&taken.id, number, self.of.as_str(), item.updated.as_deref());
            }
        }
        Ok(())
    }

    /// Notes how far it has come, if that is further.
    async fn note(&mut self, progress: &Progress, now: Timestamp, noted: Option<Timestamp>) -> Result<(), RoundError> {
        let archive = self.polling.fetch.archive.clone();
        self.seen.note(&*archive).await?;
        let Some(cursor) = progress.cursor(now).filter(|cursor| noted.is_none_or(|noted| *cursor > noted)) else {
            return Ok(());
        };
        Ok(archive.move_cursor(&self.cursor_name(), &as_sent(cursor)).await?)
    }
}

/// Stores an entry as the event that it is; nothing comes of one that is there, or that is none.
pub(crate) async fn store(
    intake: &Intake,
    of: Polled,
    item: &Item,
    origin: &'static str,
) -> Result<Option<Taken>, RoundError> {
    let decoded = match decode::fetched(of.what(), &item.id, &item.body) {
        Ok(decoded) => decoded,
        Err(error) => {
            // It will never be one, and must not keep back what stands behind it.
            events::tradecloud::no_event(of.as_str(), &item.id, &error);
            return Ok(None);
        }
    };
    let taken = intake.found(origin, id_of(of, item), decoded, item.body.clone()).await?;
    Ok(Some(taken).filter(|taken| !taken.repeated))
}

/// The last time before that one.
fn just_before(at: Timestamp) -> Timestamp {
    at.saturating_sub(STEP).unwrap_or(at)
}

/// The id of the event that an entry is: the same whenever this state is found.
fn id_of(of: Polled, item: &Item) -> Uuid {
    let updated = item.updated.as_deref().map_or_else(
        || digest(&SHA256, &item.body).as_ref().to_vec(),
        |text| instant(text).map_or_else(|| text.as_bytes().to_vec(), |at| at.to_string().into_bytes()),
    );
    let mut parts = Vec::new();
    for part in [of.as_str().as_bytes(), item.id.as_bytes(), &updated] {
        parts.extend_from_slice(&(part.len() as u64).to_be_bytes());
        parts.extend_from_slice(part);
    }
    let mut beginning = [0; 16];
    beginning.copy_from_slice(&digest(&SHA256, &parts).as_ref()[..16]);
    Uuid::new_v8(beginning)
}

fn body_of(item: &Item) -> Body {
    Body { format: Format::Json, content_type: None, bytes: item.body.clone() }
}

fn kind(of: Polled) -> Kind {
    if of == Polled::Shipments { Kind::Shipment } else { Kind::Order }
}
