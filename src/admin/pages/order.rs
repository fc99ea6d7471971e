//! `/orders?number=`: everything that names a number, the oldest first, and what every handler said of it. It is also
//! where the search box leads: to the event, if what was typed is the id of one.

use askama::Template;
use axum::response::Response;

use super::address::Query;
use super::rows::{Row, Rows};
use super::trouble::Trouble;
use super::visit::{Frame, Visit};
use crate::admin::api::{Asked, cursor};
use crate::desk::{Desk, SHORTEST};
use crate::inbox::{Count, EventView, Filter};
use crate::model::{Kind, What};
use crate::respond;
use crate::wording::numbers::{counted, events};

/// So many are shown, the newest of them.
const SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "order.html", config = "src/admin/pages/askama.toml")]
struct Order {
    frame: Frame,
    number: String,
    groups: Vec<Group>,
    how_many: String,
    earlier: Option<String>,
    newest: Option<String>,
    list: String,
    csv: String,
    unread: Option<String>,
    wrong: Option<String>,
    /// Events whose ids begin with what was typed.
    others: Option<Rows>,
}

/// What is about one order or shipment.
struct Group {
    /// What it is, in words.
    title: String,
    id: Option<String>,
    company: Option<String>,
    rows: Rows,
}

pub(super) async fn show(visit: Visit) -> Response {
    let page = found(&visit).await;
    match page {
        Ok(Found::Page(page)) => visit.answer(Ok(*page)),
        Ok(Found::Event(key)) => respond::elsewhere(&format!("events/{key}")),
        Err(trouble) => visit.answer::<Order>(Err(trouble)),
    }
}

enum Found {
    Page(Box<Order>),
    /// The key of the one that was meant.
    Event(String),
}

async fn found(visit: &Visit) -> Result<Found, Trouble> {
    let desk = visit.desk()?;
    let asked = Asked::read(&visit.uri, &["after", "limit"]).map_err(Trouble::NoSense)?;
    let number = asked.get("number").map(str::trim).unwrap_or_default().to_owned();
    let mut frame = visit.frame(if number.is_empty() { "Find".to_owned() } else { number.clone() }, "events");
    frame.sought.clone_from(&number);
    let query = Query::of(asked.pairs()).without(&["after", "limit"]);
    let mut page = Order {
        groups: Vec::new(),
        how_many: String::new(),
        earlier: None,
        newest: asked.get("after").map(|_| query.link("orders")),
        list: query.link("events"),
        csv: query.with("format", "csv").link("api/v1/export"),
        unread: None,
        wrong: None,
        others: None,
        number: number.clone(),
        frame,
    };
    if number.is_empty() {
        return Ok(Found::Page(Box::new(page)));
    }
    let filter = asked.filter(SHOWN).and_then(|filter| Ok(Filter { before: asked.after()?, ..filter }));
    let mut filter = match filter {
        Ok(filter) => filter,
        Err(what) => {
            page.wrong = Some(what);
            return Ok(Found::Page(Box::new(page)));
        }
    };
    filter.number = Some(number.clone());
    let (mut events_found, next) = desk.window(&filter).await?;
    if events_found.events.is_empty() {
        let mut like_it = if number.len() < SHORTEST { Vec::new() } else { desk.beginning(&number).await? };
        if let ([one], false) = (like_it.as_slice(), page.newest.is_some()) {
            return Ok(Found::Event(one.key.to_string()));
        }
        if like_it.is_empty()
            && let Some(event) = desk.show(&number).await?
        {
            return Ok(Found::Event(event.key.to_string()));
        }
        if !like_it.is_empty() {
            let like_it = crate::desk::Page { events: std::mem::take(&mut like_it), ..crate::desk::Page::default() };
            page.others = Some(Rows::of("Events with such ids", &like_it, None, visit, desk, ""));
        }
    }
    let count = match desk.count(&filter).await {
        Err(crate::inbox::InboxError::TooLong) => None,
        count => Some(count?),
    };
    page.how_many = match count {
        Some(Count::Exactly(number)) => events(number),
        Some(more) => format!("{} events", counted(more)),
        None => "very many events".to_owned(),
    };
    page.earlier = next.map(|next| query.with("after", &cursor(next)).link("orders"));
    events_found.events.reverse();
    page.groups = groups(&events_found.events, &number, visit, desk);
    page.unread = desk.unread().await?.map(|unread| {
        let at = crate::shown::time(unread.newest, &visit.zone);
        format!("Numbers in events that came until {at} are still being read: more may be found later.")
    });
    Ok(Found::Page(Box::new(page)))
}

/// Events by what they are about: numbers are not unique, ids are.
fn groups(found: &[EventView], number: &str, visit: &Visit, desk: &Desk) -> Vec<Group> {
    let mut groups: Vec<(Option<&str>, Vec<&EventView>)> = Vec::new();
    for event in found {
        let subject = event.subject.as_deref();
        match groups.iter_mut().find(|(known, _)| *known == subject) {
            Some((_, events)) => events.push(event),
            None => groups.push((subject, vec![event])),
        }
    }
    groups
        .into_iter()
        .map(|(subject, events)| {
            let first = events.first();
            let kind = first.and_then(|event| event.kind).map(Kind::as_str);
            let named = events.iter().rev().find_map(|event| event.document_number.as_deref());
            let title = match kind {
                None => "Refused bodies that name it".to_owned(),
                Some(kind) => {
                    let kind = if kind.contains("shipment") { "Shipment" } else { "Order" };
                    format!("{kind} {}", named.or(subject).unwrap_or_default()).trim().to_owned()
                }
            };
            let rows = Rows {
                caption: format!("{title}: its events, the oldest first"),
                root: String::new(),
                list: events.iter().map(|event| row(event, number, visit, desk)).collect(),
                unreadable: 0,
            };
            Group {
                title,
                id: subject.map(str::to_owned),
                company: events.iter().find_map(|event| event.company_id.clone()),
                rows,
            }
        })
        .collect()
}

fn row(event: &EventView, number: &str, visit: &Visit, desk: &Desk) -> Row {
    let mut row = Row::of(event, None, visit, desk);
    let orders: Vec<_> =
        event.references.iter().flatten().filter(|one| one.what == What::PurchaseOrder).map(|one| &one.value).collect();
    let is_own = event.document_number.as_deref() == Some(number) || event.subject.as_deref() == Some(number);
    if !is_own && orders.len() > 1 {
        row.part = format!("names {} orders", orders.len());
    }
    row
}
