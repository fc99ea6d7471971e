//! Which event somebody means: by its id, by the beginning of that, or by a number in it.

use jiff::tz::TimeZone;

use super::lines::{number, title};
use super::words::counted;
use crate::cli::WrongUsage;
use crate::desk::{CANDIDATES, Desk, SHORTEST};
use crate::inbox::{Count, EventView, Filter};
use crate::model::folded;
use crate::shown::{printable, time};

/// The event to look at: of that id, else whose id or key begins like that, else the newest that names that number. A
/// beginning of a few digits may be that of any event, so that a number is meant where there is one.
///
/// # Errors
/// [`WrongUsage`] if the ids of several events begin like that.
pub(super) async fn to_look_at(desk: &Desk, text: &str, zone: &TimeZone) -> anyhow::Result<Option<EventView>> {
    let found = desk.beginning(text).await?;
    if (text.len() < SHORTEST || found.is_empty())
        && let Some(newest) = by_number(desk, text).await?
    {
        return Ok(Some(newest));
    }
    only(found, text, zone)
}

/// The ids that are meant: each as it is, or the one that begins like that, if it is long enough not to be a slip.
///
/// # Errors
/// [`WrongUsage`] if the ids of several events begin like one of them: nothing is done then.
pub(super) async fn to_act_on(desk: &Desk, ids: &[String], zone: &TimeZone) -> anyhow::Result<Vec<String>> {
    let mut meant = Vec::with_capacity(ids.len());
    for id in ids {
        let found = if id.len() < SHORTEST { Vec::new() } else { desk.beginning(id).await? };
        let is_an_id = found.is_empty() || desk.show(id).await?.is_some() || desk.became(id).await?.is_some();
        let whole = if is_an_id { None } else { only(found, id, zone)?.map(|event| event.id) };
        meant.push(whole.unwrap_or_else(|| id.clone()));
    }
    Ok(meant)
}

fn only(mut found: Vec<EventView>, text: &str, zone: &TimeZone) -> anyhow::Result<Option<EventView>> {
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let more = if found.len() > CANDIDATES { "\n  …" } else { "" };
    let lines = found.iter().take(CANDIDATES).map(|event| {
        let (id, number) = (printable(&event.id), printable(number(event).unwrap_or_default()));
        // Of one whose id is none of Tradecloud's it is the key that begins so.
        let key = event.key.hyphenated().to_string();
        let key = if event.id.eq_ignore_ascii_case(&key) { String::new() } else { format!(" (key {key})") };
        format!("\n  {id}{key}  {}  {}  {number}", time(event.received, zone), title(event))
    });
    let lines: String = lines.collect();
    Err(WrongUsage(format!("more than one event begins with {}:{lines}{more}", printable(text))).into())
}

async fn by_number(desk: &Desk, text: &str) -> anyhow::Result<Option<EventView>> {
    if folded(text).is_empty() {
        return Ok(None);
    }
    let filter = Filter { number: Some(text.to_owned()), limit: 1, ..Filter::default() };
    let Some(newest) = desk.newest(&filter).await?.first().copied() else { return Ok(None) };
    let Some(event) = desk.views(&[newest]).await?.pop() else { return Ok(None) };
    let (count, text) = (desk.count(&filter).await?, printable(text));
    if count == Count::Exactly(1) {
        eprintln!("The event that names {text}:");
    } else {
        eprintln!("The newest of {} events that name {text}; `events order {text}` has all:", counted(count));
    }
    Ok(Some(event))
}
