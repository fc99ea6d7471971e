//! `events erase`: what an event says is gone, and that it was there stays.

use std::io::Write;

use anyhow::bail;

use super::{EraseArgs, ask};
use crate::cli::person;
use crate::desk::{Desk, Errand};
use crate::shown::printable;

/// Erases an event; returns whether there was something to erase.
pub(super) async fn run(desk: &Desk, args: &EraseArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let reason = ask::reason(args.reason.as_deref(), "erase")?;
    let Some(event) = desk.show(&args.id).await? else {
        let id = printable(&args.id);
        match desk.became(&args.id).await? {
            Some(event) => bail!("{id} is event {0} now: `events erase {0}`", printable(&event)),
            None => bail!("there is no event {id} in the inbox"),
        }
    };
    let erased = desk.erase(&event, &Errand::new(person::at_the_terminal(), Some(reason))).await?;
    let id = printable(&event.id);
    if !erased.done {
        writeln!(out, "{id}: nothing to erase: it was erased before")?;
        return Ok(false);
    }
    write!(out, "{id}: erased: its body, what back ends answered and why attempts failed")?;
    match erased.discarded {
        0 => writeln!(out)?,
        pending => writeln!(out, "; {pending} pending delivery(s) discarded")?,
    }
    writeln!(
        out,
        "A message equal to it is still known if it comes again. Backups still have what was erased, and so may, for \
         a while, the space that the database has not written again."
    )?;
    Ok(true)
}
