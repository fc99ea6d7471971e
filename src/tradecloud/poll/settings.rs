//! `[poll]`: what is asked for, how often, and what becomes of it.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::Section;
use crate::model::instant::instant;
use crate::tradecloud::api::Polled;

/// `[poll]`
#[derive(Debug, Clone)]
pub struct Settings {
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
        let orders = [
            ("delivery-schedule", Some(Polled::Orders)),
            ("single-delivery", Some(Polled::SingleDelivery)),
            ("off", None),
        ];
        let orders = section.choice("orders", &orders).flatten();
        let shipments = section.boolean("shipments").unwrap_or(false);
        let every = section.duration("every").unwrap_or(EVERY);
        let overlap = section.duration("overlap").unwrap_or(OVERLAP);
        let grace = section.duration("grace").unwrap_or(GRACE);
        let missed = section.choice("deliver", &[("all", false), ("missed", true)]).unwrap_or(false);
        let skip_echoes = section.boolean("skip_echoes");
        let since = section.required_text("since", "\"2026-11-01T00:00:00Z\"").and_then(|text| {
            let found = instant(&text).or_else(|| instant(&format!("{text}T00:00:00Z")));
            if found.is_none() {
                section.error("since", "is no time. Write it like \"2026-11-01T00:00:00Z\"");
            }
            found
        });
        if orders.is_none() && !shipments {
            section.error("orders", "is off, and `shipments` is false: nothing would be polled. Set one of them");
        }
        if every < SHORTEST || every > LONGEST {
            section.error("every", "must be from one second to seven days");
        }
        if skip_echoes == Some(true) && !has_company {
            section.error("skip_echoes", "needs to know whose requests are the own ones: set `tradecloud.company`");
        }
        section.finish();
        let of = orders.into_iter().chain(shipments.then_some(Polled::Shipments)).collect();
        let deliver = if missed { Deliver::Missed(grace) } else { Deliver::All };
        Some(Self { of, every, since: since?, overlap, deliver, skip_echoes: skip_echoes.unwrap_or(has_company) })
    }
}
