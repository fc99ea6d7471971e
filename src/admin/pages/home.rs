//! `/`: what wants attention, the handlers, what came last.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use jiff::Timestamp;

use super::handlers::{HandlerRow, handler_rows};
use super::marks::{Icon, When};
use super::rows::Rows;
use super::trouble::Trouble;
use super::visit::{Frame, Visit};
use crate::desk::{Configured, Desk, Page, Seen};
use crate::inbox::{Count, EventView, Filter};
use crate::wording::numbers::{counted, with_commas};

/// So many of the newest events are shown,
const SHOWN: usize = 8;
/// and so many are looked at for who sent them.
const LOOKED_AT: usize = 100;
/// A certificate that ends within so many days wants attention.
const DAYS: i64 = 21;

#[derive(Template)]
#[template(path = "home.html", config = "src/admin/pages/askama.toml")]
struct Home {
    frame: Frame,
    attention: Vec<Item>,
    /// What is said if nothing wants attention.
    well: String,
    kept: bool,
    is_new: bool,
    handlers: Vec<HandlerRow>,
    newest: Rows,
    senders: Vec<Sender>,
    looked_at: usize,
}

/// Something that wants attention.
struct Item {
    icon: Icon,
    tone: &'static str,
    what: String,
    more: String,
    /// What stands before its time,
    before: &'static str,
    /// and when that was.
    oldest: Option<When>,
    link: String,
    go: &'static str,
}

/// Where events came in, and by which credential.
struct Sender {
    path: String,
    credential: String,
    last: When,
}

pub(super) async fn show(visit: Visit) -> Response {
    let page = home(&visit).await;
    visit.answer(page)
}

async fn home(visit: &Visit) -> Result<Home, Trouble> {
    let frame = visit.frame("Overview", "./");
    let mut attention = of_receiver(visit);
    let Ok(desk) = visit.desk() else {
        let newest = Rows::none();
        let (senders, handlers) = (Vec::new(), Vec::new());
        let well = "The receiver is at work.".to_owned();
        return Ok(Home {
            frame,
            attention,
            well,
            kept: false,
            is_new: false,
            handlers,
            newest,
            senders,
            looked_at: 0,
        });
    };
    let overview = desk.overview().await?;
    let handlers = desk.handlers_now().await?;
    let pairs = [
        (overview.dead, Icon::Bad, "dead", "Rejected by a handler, or given up", "events?state=dead"),
        (overview.refused, Icon::Refused, "refused", "Not to be read as an event", "events?state=refused"),
        (
            overview.waiting_long,
            Icon::Waits,
            "waiting for more than 15 minutes",
            "The receiver goes on trying",
            "events?state=pending,fetching&until=15m",
        ),
    ];
    let found = pairs.into_iter().filter(|(seen, ..)| !seen.is_none());
    attention.extend(found.map(|(seen, icon, state, more, link)| Item {
        icon,
        tone: icon.tone(),
        what: sentence(seen, state),
        more: more.to_owned(),
        before: "The oldest came",
        oldest: seen.oldest.map(|at| visit.when(at)),
        link: link.to_owned(),
        go: "Show them",
    }));
    for handler in handlers.iter().filter(|handler| !handler.waiting.is_none()) {
        let why = match handler.configured {
            Configured::Yes => continue,
            Configured::Paused => "is paused in the configuration",
            Configured::No => "is not in the configuration",
        };
        attention.push(Item {
            icon: Icon::Aside,
            tone: "warn",
            what: format!("Handler {} {why}", handler.name),
            more: sentence(handler.waiting, "waiting"),
            before: "The oldest came",
            oldest: handler.waiting.oldest.map(|at| visit.when(at)),
            link: format!("handlers/{}", super::address::encoded(&handler.name)),
            go: "Look at it",
        });
    }
    let (page, _) = desk.window(&Filter { limit: LOOKED_AT, ..Filter::default() }).await?;
    let senders = senders(&page.events, visit);
    let looked_at = page.events.len();
    let well = well(overview.waiting, page.events.first(), visit);
    let is_new = page.events.is_empty();
    let newest = newest(page, visit, desk, &frame.root);
    Ok(Home {
        attention,
        well,
        kept: true,
        is_new,
        handlers: handler_rows(&handlers, visit, desk).await?,
        newest,
        senders,
        looked_at,
        frame,
    })
}

/// `3 events are dead`.
fn sentence(seen: Seen, state: &str) -> String {
    match seen.count {
        Some(Count::Exactly(1)) => format!("1 event is {state}"),
        Some(count) => format!("{} events are {state}", capitalised(&counted(count))),
        None => format!("Events are {state}, too many to be counted in time"),
    }
}

fn capitalised(text: &str) -> String {
    crate::wording::names::capitalised(text)
}

fn well(waiting: Seen, newest: Option<&EventView>, visit: &Visit) -> String {
    let last = newest.map(|event| format!("The last event came {}.", visit.when(event.received).ago()));
    let waits = match waiting.count {
        Some(Count::Exactly(0)) => "Nothing waits.".to_owned(),
        Some(Count::Exactly(number)) => format!("{} on the way to a handler.", with_commas(number)),
        _ => "Many are on the way to a handler.".to_owned(),
    };
    [last, Some(waits)].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What wants attention, whatever is in the inbox.
fn of_receiver(visit: &Visit) -> Vec<Item> {
    let mut items = Vec::new();
    let item = |icon, tone, what: &str, more: &str, oldest: Option<Timestamp>, link: &str| Item {
        icon,
        tone,
        what: what.to_owned(),
        more: more.trim_end_matches('.').to_owned(),
        before: "When:",
        oldest: oldest.map(|at| visit.when(at)),
        link: link.to_owned(),
        go: "How to go on",
    };
    if let Some(at) = visit.pages.api.readiness.refused() {
        let more = "The one before it serves on. The log of the receiver says what is wrong with the new one.";
        items.push(item(Icon::Refused, "bad", "A new configuration was refused", more, Some(at), "setup"));
    }
    let Some(certificates) = &visit.pages.certificates else { return items };
    if certificates.are_missing() {
        let more = "Nobody can connect until the CA gives one. The log of the receiver says how that goes.";
        items.push(item(Icon::Bad, "bad", "There is no certificate yet", more, None, "setup"));
    } else if let Some(ends) = certificates.end() {
        let days = crate::listener::connections::tls::days_until(ends);
        if ends < visit.now {
            let more = "Tradecloud does not connect any more.";
            items.push(item(Icon::Bad, "bad", "The certificate has expired", more, Some(ends), "setup"));
        } else if days < DAYS {
            let what = format!("The certificate ends in {days} days");
            let more = "After that Tradecloud does not connect any more.";
            items.push(item(Icon::Waits, "warn", &what, more, None, "setup"));
        }
    }
    items
}

/// The last event of each endpoint and credential.
fn senders(events: &[EventView], visit: &Visit) -> Vec<Sender> {
    let mut last: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
    for event in events.iter().filter(|event| ["webhook", "get"].contains(&event.origin.as_str())) {
        let credential = event.credential.as_deref().unwrap_or_default();
        let path = event.path.split('?').next().unwrap_or_default();
        let at = last.entry((path, credential)).or_insert(event.received);
        *at = event.received.max(*at);
    }
    last.into_iter()
        .map(|((path, credential), at)| Sender {
            path: path.to_owned(),
            credential: credential.to_owned(),
            last: visit.when(at),
        })
        .collect()
}

/// The first of a page.
fn newest(mut page: Page, visit: &Visit, desk: &Desk, root: &str) -> Rows {
    page.events.truncate(SHOWN);
    Rows::of("The newest events", &page, None, visit, desk, root)
}
