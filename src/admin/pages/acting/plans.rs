//! `/deliver` and `/discard`: what is done to many events. To look at the page makes a plan, which is fixed by that, and does
//! nothing; to send its form has that plan carried out, and nothing else.

use askama::Template;
use axum::Extension;
use axum::extract::Request;
use axum::response::Response;
use uuid::Uuid;

use super::many::words;
use super::sent::{Form, operator};
use crate::admin::access::Way;
use crate::admin::api::{Asked, not_meant};
use crate::admin::pages::address::Query;
use crate::admin::pages::marks::{Badge, When};
use crate::admin::pages::trouble::Trouble;
use crate::admin::pages::visit::{Frame, Visit};
use crate::desk::{Desk, Frozen, RunError, Stage};
use crate::inbox::{Count, Deed};
use crate::respond::{self, Declined};
use crate::wording::numbers::{counted, events, with_commas};

/// Of more than that somebody has to type how many they are.
const MANY: usize = 100;

#[derive(Template)]
#[template(path = "plan.html", config = "src/admin/pages/askama.toml")]
struct Plan {
    frame: Frame,
    discards: bool,
    /// Where the form goes, and where the plan is made anew.
    link: String,
    list: Option<String>,
    id: Uuid,
    how_many: String,
    is_empty: bool,
    not_all: bool,
    asked: Vec<String>,
    undoes: Option<Uuid>,
    states: Vec<(Badge, String)>,
    kinds: Vec<(String, String)>,
    handlers: Vec<(String, String)>,
    oldest: Option<When>,
    newest: Option<When>,
    at: When,
    expires: When,
    others: Vec<(String, String)>,
    beyond: Option<String>,
    overtakes: Option<String>,
    /// How many, to be typed.
    number: Option<String>,
    typed: String,
    wrong_number: Option<String>,
    reason: String,
    wrong: Option<String>,
    /// Where it is told of what is carried out already.
    busy: Option<String>,
}

/// What was filled in, and what is wrong with it.
#[derive(Default)]
struct Given {
    typed: String,
    wrong_number: Option<String>,
    reason: String,
    wrong: Option<String>,
    is_busy: bool,
}

pub(super) async fn ask_deliver(visit: Visit, Extension(way): Extension<Way>) -> Response {
    let page = ask(&visit, way, Deed::Deliver).await;
    visit.answer(page)
}

pub(super) async fn ask_discard(visit: Visit, Extension(way): Extension<Way>) -> Response {
    let page = ask(&visit, way, Deed::Discard).await;
    visit.answer(page)
}

pub(super) async fn deliver(visit: Visit, Extension(way): Extension<Way>, request: Request) -> Response {
    let then = run(&visit, way, Deed::Deliver, request).await;
    answer(&visit, then)
}

pub(super) async fn discard(visit: Visit, Extension(way): Extension<Way>, request: Request) -> Response {
    let then = run(&visit, way, Deed::Discard, request).await;
    answer(&visit, then)
}

/// Where somebody goes from here.
enum Then {
    Action(Uuid),
    Again(Box<Plan>, Declined),
}

fn answer(visit: &Visit, then: Result<Then, Trouble>) -> Response {
    match then {
        Ok(Then::Action(id)) => respond::elsewhere(&format!("actions/{id}")),
        Ok(Then::Again(page, why)) => visit.answer_declined(why, &*page),
        Err(trouble) => visit.answer::<Plan>(Err(trouble)),
    }
}

async fn ask(visit: &Visit, way: Way, deed: Deed) -> Result<Plan, Trouble> {
    let person = operator(visit, way)?;
    let desk = visit.desk()?;
    let asked = Asked::read(&visit.uri, &["undo"]).map_err(Trouble::NoSense)?;
    let plan = match asked.get("undo") {
        Some(action) if deed == Deed::Deliver => {
            let id = Uuid::try_parse(action).ok();
            let plan = match id {
                Some(id) => desk.freeze_undo(&person, id).await?,
                None => None,
            };
            plan.ok_or_else(|| Trouble::NotThere("No action of that id has set anything aside.".to_owned()))?
        }
        _ => {
            let filter = asked.filter(0).map_err(Trouble::NoSense)?;
            if let Some(what) = not_meant(desk, deed, &filter).await? {
                return Err(Trouble::NoSense(format!("{}.", crate::wording::names::capitalised(&what))));
            }
            desk.freeze(&person, deed, &filter, None).await?
        }
    };
    Plan::of(visit, &plan, Given::default()).await
}

async fn run(visit: &Visit, way: Way, deed: Deed, request: Request) -> Result<Then, Trouble> {
    let person = operator(visit, way)?;
    let form = Form::read(request).await?;
    let desk = visit.desk()?;
    let id = Uuid::try_parse(form.get("plan")).map_err(|_| stale(visit, deed))?;
    // A double click, a reload: it is the same action.
    if desk.was_run(id).await? {
        return Ok(Then::Action(id));
    }
    let Some(plan) = desk.frozen(id).filter(|plan| plan.deed == deed) else {
        // Another click may have begun it just now.
        return if desk.was_run(id).await? { Ok(Then::Action(id)) } else { Err(stale(visit, deed)) };
    };
    let mut given =
        Given { typed: form.get("number").to_owned(), reason: form.get("reason").to_owned(), ..Given::default() };
    let reason = form.reason(deed == Deed::Discard);
    if let Some(number) = to_be_typed(&plan)
        && !is_number(&given.typed, number)
    {
        given.wrong_number = Some(format!(
            "That is not {}. Type how many events this is about, so that it is not done by mistake.",
            with_commas(number)
        ));
    }
    let reason = match reason {
        Ok(reason) if given.wrong_number.is_none() => reason,
        reason => {
            given.wrong = reason.err();
            let page = Plan::of(visit, &plan, given).await?;
            return Ok(Then::Again(Box::new(page), Declined::Unfit));
        }
    };
    match desk.run_because(id, &person, reason).await {
        Ok(action) => Ok(Then::Action(action)),
        Err(RunError::Stale) => Err(stale(visit, deed)),
        Err(RunError::Busy) => {
            let page = Plan::of(visit, &plan, Given { is_busy: true, ..given }).await?;
            Ok(Then::Again(Box::new(page), Declined::Conflict))
        }
        Err(RunError::Store(error)) => Err(error.into()),
    }
}

fn stale(visit: &Visit, deed: Deed) -> Trouble {
    Trouble::Stale(Query::of(&pairs(visit)).link(path(deed)))
}

/// What the address asks for, as far as it can be read.
fn pairs(visit: &Visit) -> Vec<(String, String)> {
    Asked::read(&visit.uri, &["undo"]).map(|asked| asked.pairs().to_vec()).unwrap_or_default()
}

const fn path(deed: Deed) -> &'static str {
    match deed {
        Deed::Discard => "discard",
        _ => "deliver",
    }
}

/// How many, if somebody has to type it.
fn to_be_typed(plan: &Frozen) -> Option<usize> {
    let (Count::Exactly(count) | Count::MoreThan(count)) = plan.count;
    (count > MANY).then_some(count)
}

/// Whether somebody has typed that number, in whatever way he writes thousands.
fn is_number(typed: &str, number: usize) -> bool {
    let digits: String =
        typed.chars().filter(|letter| !letter.is_whitespace() && !['.', ',', '\''].contains(letter)).collect();
    digits == number.to_string()
}

impl Plan {
    async fn of(visit: &Visit, plan: &Frozen, given: Given) -> Result<Self, Trouble> {
        let desk = visit.desk()?;
        let discards = plan.deed == Deed::Discard;
        let query = Query::of(&pairs(visit));
        let how_many = match plan.count {
            Count::Exactly(count) => events(count),
            count @ Count::MoreThan(_) => format!("{} events", counted(count)),
        };
        let verb = if discards { "Set aside" } else { "Deliver" };
        let is_empty = plan.count == Count::Exactly(0);
        let title = if is_empty { format!("Nothing to {}", verb.to_lowercase()) } else { format!("{verb} {how_many}") };
        let states_asked = plan.filter.states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(",");
        let asked = query.with("state", &states_asked);
        let count = |number: usize| with_commas(number);
        Ok(Self {
            frame: visit.frame(title, "events"),
            discards,
            link: query.link(path(plan.deed)),
            list: plan.undoes.is_none().then(|| asked.link("events")),
            id: plan.id,
            is_empty,
            not_all: matches!(plan.count, Count::MoreThan(_)),
            asked: words(&asked),
            undoes: plan.undoes,
            states: plan.states.iter().map(|(state, number)| (Badge(*state), count(*number))).collect(),
            kinds: plan
                .kinds
                .iter()
                .map(|(kind, number)| (kind.map_or("refused body".to_owned(), |kind| kind.to_string()), count(*number)))
                .collect(),
            handlers: plan.handlers.iter().map(|(name, number)| (name.clone(), count(*number))).collect(),
            oldest: plan.oldest.map(|at| visit.when(at)),
            newest: plan.newest.map(|at| visit.when(at)),
            at: visit.when(plan.at),
            expires: visit.when(plan.expires),
            others: plan.others.iter().map(|(other, number)| (other.clone(), events(*number))).collect(),
            beyond: (plan.beyond > 0).then(|| events(plan.beyond)),
            overtakes: overtakes(plan),
            number: to_be_typed(plan).map(with_commas),
            typed: given.typed,
            wrong_number: given.wrong_number,
            reason: given.reason,
            wrong: given.wrong,
            busy: if given.is_busy { Some(running(desk).await?) } else { None },
            how_many,
        })
    }
}

/// What comes after something newer, in a sentence.
fn overtakes(plan: &Frozen) -> Option<String> {
    let found = plan.overtakes;
    let so_far = if found.all { String::new() } else { format!(" (of {} that were looked at)", events(found.looked)) };
    if found.events > 0 {
        return Some(format!(
            "For {}{so_far} something newer of the same order or shipment is done already: the ERP may get older data in \
             the place of newer.",
            events(found.events)
        ));
    }
    let unsure = plan.deed == Deed::Deliver && !found.all;
    unsure.then(|| {
        format!(
            "Whether the ERP has something newer of the same orders was looked at for {} only: for those it has not.",
            events(found.looked)
        )
    })
}

/// Where it is told of what is carried out now.
async fn running(desk: &Desk) -> Result<String, Trouble> {
    let (deeds, _) = desk.deeds(None, 20).await?;
    let runs = deeds.into_iter().find(|one| one.progress.is_some_and(|progress| progress.state == Stage::Running));
    Ok(runs.map_or_else(|| "actions".to_owned(), |one| format!("actions/{}", one.deed.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_it_says_however_thousands_are_written() {
        for typed in ["1200", "1,200", " 1.200 ", "1 200", "1\u{a0}200", "1'200"] {
            assert!(is_number(typed, 1200), "{typed}");
        }
        for typed in ["", "120", "12000", "-1200", "1200x", "0x4b0"] {
            assert!(!is_number(typed, 1200), "{typed}");
        }
    }
}
