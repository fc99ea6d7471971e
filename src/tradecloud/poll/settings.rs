//! `[poll]`: what is asked for, how often, and what becomes of it.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::Section;
use crate::model::instant::instant;
use crate::tradecloud::api::Polled;

/// `[poll]`
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// What is polled, one after the other.
    pub(crate) of: Vec<Polled>,
    /// How long it is from the end of one poll to the begin of the next.
    pub(crate) every: Duration,
    /// Where the very first poll begins.
    pub(crate) since: Timestamp,
    /// How much is read again each time, because what is polled lags behind what is.
    pub(crate) overlap: Duration,
    /// What is handed on.
    pub(crate) deliver: Deliver,
    /// Whether a state whose only news are open requests of the own company is left out.
    pub(crate) skip_echoes: bool,
}

/// What is handed on of what a poll finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deliver {
    /// Every state that has not come before.
    All,
    /// What the webhook has not brought within this time.
    Missed(Duration),
}

const EVERY: Duration = Duration::from_secs(5 * 60);
const OVERLAP: Duration = Duration::from_secs(10 * 60);
const GRACE: Duration = Duration::from_secs(15 * 60);

/// The shortest and the longest pause between polls.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

impl Settings {
    /// Reads and checks the section; `company` says whether the own company is known.
    pub(crate) fn read(section: Section, has_company: bool) -> Option<Self> {
        let forms = [
            ("delivery-schedule", Some(Polled::Orders)),
            ("single-delivery", Some(Polled::SingleDelivery)),
            ("off", None),
        ];
        let orders = section.or("orders", |section, key| section.choice(key, &forms), None);
        let shipments = section.or("shipments", Section::boolean, false);
        let every = section.or("every", Section::duration, EVERY);
        let overlap = section.or("overlap", Section::duration, OVERLAP);
        let grace = section.or("grace", Section::duration, GRACE);
        let which = [("all", false), ("missed", true)];
        let missed = section.or("deliver", |section, key| section.choice(key, &which), false);
        let skip_echoes = section.or("skip_echoes", Section::boolean, has_company);
        let since = section.required_text("since", "\"2026-11-01T00:00:00Z\"").and_then(|text| {
            let found = instant(&text).or_else(|| instant(&format!("{text}T00:00:00Z")));
            if found.is_none() {
                section.error("since", "is no time. Write it like \"2026-11-01T00:00:00Z\"");
            }
            found
        });
        if orders == Some(None) && shipments == Some(false) {
            section.error("orders", "is off, and `shipments` is false: nothing would be polled. Set one of them");
        }
        if every.is_some_and(|every| !(SHORTEST..=LONGEST).contains(&every)) {
            section.error("every", "must be from one second to seven days");
        }
        if skip_echoes == Some(true) && !has_company {
            section.error("skip_echoes", "needs to know whose requests are the own ones: set `tradecloud.company`");
        }
        section.finish();
        Some(Self {
            of: orders?.into_iter().chain(shipments?.then_some(Polled::Shipments)).collect(),
            every: every?,
            since: since?,
            overlap: overlap?,
            deliver: if missed? { Deliver::Missed(grace?) } else { Deliver::All },
            skip_echoes: skip_echoes?,
        })
    }

    /// Whether shipments are polled.
    pub(crate) fn has_shipments(&self) -> bool {
        self.of.contains(&Polled::Shipments)
    }

    /// The form in which orders are polled, if they are.
    pub(crate) fn orders(&self) -> Option<Polled> {
        self.of.iter().copied().find(|of| *of != Polled::Shipments)
    }
}
