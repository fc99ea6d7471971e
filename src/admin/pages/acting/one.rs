//! `/events/<key>/deliver` and `/events/<key>/discard`: what is done to one event. A page asks first where somebody has to
//! say why, or should know something before: that a handler has it already, or has something newer.

use askama::Template;
use axum::Extension;
use axum::extract::Request;
use axum::response::Response;

use super::sent::{Form, once, operator, was_done};
use crate::admin::access::Way;
use crate::admin::pages::address::encoded;
use crate::admin::pages::event::{Found, Key, find};
use crate::admin::pages::marks::{Badge, When};
use crate::admin::pages::rows::Rows;
use crate::admin::pages::trouble::Trouble;
use crate::admin::pages::visit::{Frame, Visit};
use crate::desk::{Configured, Errand, Outcome, Page};
use crate::inbox::{EventView, State};
use crate::respond::{self, Declined};
use crate::shown;
use crate::wording::attempts;
use crate::wording::names::{capitalised, number, title};
use crate::wording::notes;
use crate::wording::standing::{last, said};

/// What is asked before.
#[derive(Template)]
#[template(path = "ask.html", config = "src/admin/pages/askama.toml")]
struct Ask {
    frame: Frame,
    /// Whether it is to be set aside, and not delivered.
    discards: bool,
    event: String,
    badge: Badge,
    key: String,
    once: String,
    handler: Option<String>,
    /// What that handler has said of it.
    there: Option<There>,
    /// Newer events of its order that are there already,
    newer: Rows,
    /// and what it is by that somebody knows of them.
    sure: String,
    reason: String,
    wrong: Option<String>,
    meanwhile: bool,
}

/// How far an event is at a handler.
struct There {
    badge: Badge,
    is_done: bool,
    at: When,
    answered: Option<String>,
}

/// What is asked for, as far as it is known so far.
#[derive(Default)]
struct Given {
    handler: Option<String>,
    reason: String,
    wrong: Option<String>,
    meanwhile: bool,
}

pub(super) async fn ask_deliver(visit: Visit, Extension(way): Extension<Way>, key: Key) -> Response {
    let handler = query(&visit, "handler");
    ask(visit, way, key, false, Given { handler, ..Given::default() }).await
}

pub(super) async fn ask_discard(visit: Visit, Extension(way): Extension<Way>, key: Key) -> Response {
    ask(visit, way, key, true, Given::default()).await
}

async fn ask(visit: Visit, way: Way, key: Key, discards: bool, given: Given) -> Response {
    let page = async {
        operator(&visit, way)?;
        let event = match find(&visit, key).await? {
            Found::Event(event) => event,
            Found::Became(key) => return Ok(Err(format!("../{key}"))),
        };
        Ask::of(&visit, &event, discards, given).await.map(Ok)
    };
    match page.await {
        Ok(Err(elsewhere)) => respond::elsewhere(&elsewhere),
        Ok(Ok(page)) => visit.answer(Ok(page)),
        Err(trouble) => visit.answer::<Ask>(Err(trouble)),
    }
}

/// Where somebody goes from here.
enum Then {
    Elsewhere(String),
    Again(Box<Ask>, Declined),
}

pub(super) async fn deliver(visit: Visit, Extension(way): Extension<Way>, key: Key, request: Request) -> Response {
    let then = try_deliver(&visit, way, key, request).await;
    answer(&visit, then)
}

pub(super) async fn discard(visit: Visit, Extension(way): Extension<Way>, key: Key, request: Request) -> Response {
    let then = try_discard(&visit, way, key, request).await;
    answer(&visit, then)
}

fn answer(visit: &Visit, then: Result<Then, Trouble>) -> Response {
    match then {
        Ok(Then::Elsewhere(location)) => respond::elsewhere(&location),
        Ok(Then::Again(page, why)) => visit.answer_declined(why, &*page),
        Err(trouble) => visit.answer::<Ask>(Err(trouble)),
    }
}

async fn try_deliver(visit: &Visit, way: Way, key: Key, request: Request) -> Result<Then, Trouble> {
    let person = operator(visit, way)?;
    let form = Form::read(request).await?;
    let desk = visit.desk()?;
    let event = match find(visit, key).await? {
        Found::Event(event) => event,
        // It was taken as an event before, by this form or by somebody else.
        Found::Became(key) => return Ok(Then::Elsewhere(format!("../{key}"))),
    };
    let handler = Some(form.get("handler")).filter(|name| !name.is_empty());
    let id = form.action(&person, &format!("deliver {} {}", event.key, handler.unwrap_or_default()))?;
    let done = Then::Elsewhere(format!("../{}?did={id}", event.key));
    if was_done(desk, id).await? {
        return Ok(done);
    }
    let given = |wrong, meanwhile| Given {
        handler: handler.map(str::to_owned),
        reason: form.get("reason").to_owned(),
        wrong,
        meanwhile,
    };
    if let Some(name) = handler.filter(|name| desk.configured(name) == Configured::No) {
        let what = format!("There is no handler {} in the configuration.", shown::quoted(name, 100));
        return Err(Trouble::Conflict { what, back: format!("../{}", event.key) });
    }
    let reason = match form.reason(false) {
        Ok(reason) => reason,
        Err(wrong) => {
            let page = Ask::of(visit, &event, false, given(Some(wrong), false)).await?;
            return Ok(Then::Again(Box::new(page), Declined::Unfit));
        }
    };
    let newer = desk.overtakes(&event, handler).await?;
    if form.get("sure") != sure(&newer, &event, handler) {
        // From the button it comes without that, and what is to be known is said first.
        if form.get("sure").is_empty() {
            let handler = handler.map(|name| format!("?handler={}", encoded(name))).unwrap_or_default();
            return Ok(Then::Elsewhere(format!("deliver{handler}")));
        }
        let page = Ask::of(visit, &event, false, given(None, true)).await?;
        return Ok(Then::Again(Box::new(page), Declined::Conflict));
    }
    let errand = Errand::known_as(id, person, reason);
    let why = match desk.deliver_one(&event, handler, &errand).await? {
        Outcome::Accepted(Ok(accepted)) => {
            let became = desk.show(&accepted.id).await?;
            return Ok(became.map_or(done, |became| Then::Elsewhere(format!("../{}?did={id}", became.key))));
        }
        Outcome::Accepted(Err(unreadable)) => {
            format!("It still cannot be read as an event: {}", shown::line(&unreadable.to_string()))
        }
        Outcome::Delivered(delivered) if delivered.done => return Ok(done),
        Outcome::Delivered(delivered) => {
            let notes: Vec<_> = delivered.notes.iter().map(notes::in_words).collect();
            format!("{}.", capitalised(&notes.join("; ")))
        }
    };
    // The other click of two was quicker.
    if was_done(desk, id).await? {
        return Ok(done);
    }
    Err(Trouble::Conflict { what: why, back: format!("../{}", event.key) })
}

async fn try_discard(visit: &Visit, way: Way, key: Key, request: Request) -> Result<Then, Trouble> {
    let person = operator(visit, way)?;
    let form = Form::read(request).await?;
    let desk = visit.desk()?;
    let event = match find(visit, key).await? {
        Found::Event(event) => event,
        Found::Became(key) => return Ok(Then::Elsewhere(format!("../{key}"))),
    };
    let id = form.action(&person, &format!("discard {}", event.key))?;
    let done = Then::Elsewhere(format!("../{}?did={id}", event.key));
    if was_done(desk, id).await? {
        return Ok(done);
    }
    let reason = match form.reason(true) {
        Ok(reason) => reason,
        Err(wrong) => {
            let reason = form.get("reason").to_owned();
            let given = Given { reason, wrong: Some(wrong), ..Given::default() };
            let page = Ask::of(visit, &event, true, given).await?;
            return Ok(Then::Again(Box::new(page), Declined::Unfit));
        }
    };
    let errand = Errand::known_as(id, person, reason);
    if desk.discard_one(&event, None, &errand).await?.discarded > 0 || was_done(desk, id).await? {
        return Ok(done);
    }
    let what = "There is nothing left to set aside: it is done, or somebody was quicker.".to_owned();
    Err(Trouble::Conflict { what, back: format!("../{}", event.key) })
}

impl Ask {
    async fn of(visit: &Visit, event: &EventView, discards: bool, given: Given) -> Result<Self, Trouble> {
        let desk = visit.desk()?;
        let Given { handler, reason, wrong, meanwhile } = given;
        let newer = if discards { Vec::new() } else { desk.overtakes(event, handler.as_deref()).await? };
        let name = capitalised(&title(event));
        let title = match (discards, &handler) {
            (true, _) => "Set aside".to_owned(),
            (false, Some(handler)) => format!("Deliver to {handler}"),
            (false, None) => "Deliver again".to_owned(),
        };
        let frame = visit.frame(title, "events");
        let sure = sure(&newer, event, handler.as_deref());
        let page = Page { events: newer, ..Page::default() };
        Ok(Self {
            discards,
            event: number(event).map_or_else(|| name.clone(), |number| format!("{name} {number}")),
            badge: Badge(event.state),
            key: event.key.to_string(),
            once: once(),
            there: handler.as_deref().and_then(|handler| There::of(visit, event, handler)),
            newer: Rows::of("Newer events that are done", &page, handler.as_deref(), visit, desk, &frame.root),
            handler,
            sure,
            reason,
            wrong,
            meanwhile,
            frame,
        })
    }
}

impl There {
    fn of(visit: &Visit, event: &EventView, handler: &str) -> Option<Self> {
        let delivery = event.deliveries.iter().find(|one| one.handler == handler)?;
        let attempt = last(delivery, &event.attempts);
        let answered = attempt.map(|attempt| match said(attempt) {
            Some(said) => format!("{}: {said}", attempts::ending(attempt)),
            None => attempts::ending(attempt),
        });
        Some(Self {
            badge: Badge(delivery.state),
            is_done: delivery.state == State::Done,
            at: visit.when(attempt.map_or(delivery.changed, |attempt| attempt.begun)),
            answered,
        })
    }
}

/// What somebody is to have seen before it is delivered: the newest event that it would come after, or that the handler
/// has it. Nothing, if there is nothing to know.
fn sure(newer: &[EventView], event: &EventView, handler: Option<&str>) -> String {
    let has_it = event.deliveries.iter().any(|one| Some(one.handler.as_str()) == handler && one.state == State::Done);
    match newer.first() {
        Some(newest) => newest.key.to_string(),
        None if has_it => "again".to_owned(),
        None => String::new(),
    }
}

/// A value of the query.
fn query(visit: &Visit, name: &str) -> Option<String> {
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&visit.uri).ok()?.0;
    pairs.into_iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value)
}
