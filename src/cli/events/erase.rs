//! `events erase`: what an event says is gone, and that it was there stays.

use std::io::Write;

use anyhow::bail;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{EraseArgs, ask, find, words};
use crate::cli::person;
use crate::desk::{Desk, Erased, Errand};
use crate::shown::printable;

/// Erases an event; returns whether there was something to erase.
pub(super) async fn run(desk: &Desk, zone: &TimeZone, args: &EraseArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let ids = find::to_act_on(desk, std::slice::from_ref(&args.id), zone).await?;
    let id = ids.first().unwrap_or(&args.id);
    let reason = ask::reason(args.reason.as_deref(), "erase")?;
    let Some(event) = desk.show(id).await? else {
        let shown = printable(id);
        match desk.became(id).await? {
            Some(event) => bail!("{shown} is event {0} now: `events erase {0}`", printable(&event)),
            None => bail!("there is no event {shown} in the inbox"),
        }
    };
    let erased = desk.erase(&event, &Errand::new(person::at_the_terminal(), Some(reason))).await?;
    let what = in_words(&erased);
    if args.json {
        let line = json!({"id": event.id, "done": erased.done, "what": what, "discarded": erased.discarded});
        writeln!(out, "{line}")?;
        return Ok(erased.done);
    }
    writeln!(out, "{}: {}", printable(&event.id), printable(&what))?;
    if !erased.done {
        return Ok(false);
    }
    writeln!(
        out,
        "A message equal to it is still known if it comes again. Backups still have what was erased, and so may, for \
         a while, the space that the database has not written again."
    )?;
    Ok(true)
}

fn in_words(Erased { done, discarded, under_way }: &Erased) -> String {
    if !done {
        return "nothing to erase: it was erased before".to_owned();
    }
    let discarded = match discarded {
        0 => String::new(),
        pending => format!("; {pending} pending delivery(s) discarded"),
    };
    let under_way = words::under_way(under_way);
    format!("erased: its body, what back ends answered and why attempts failed{discarded}{under_way}")
}
