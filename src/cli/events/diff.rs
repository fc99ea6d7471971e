//! `events show --diff`: what an event says otherwise than the one before it of the same order or shipment, field by field.
//! Numbers are compared as they are written, because `1.50` that has become `1.5` is a change to whoever reads digits.

use std::io::Write;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::lines::title;
use crate::desk::Desk;
use crate::inbox::EventView;
use crate::shown::{printable, time};
use crate::wording::changes::changes;

/// Shows what has changed.
pub(super) async fn run(desk: &Desk, event: &EventView, zone: &TimeZone, out: &mut impl Write) -> anyhow::Result<()> {
    let id = printable(&event.id);
    let Some(new) = desk.event(event).await? else { anyhow::bail!("event {id} has nothing in it to be compared") };
    let Some(before) = desk.before(event).await? else {
        writeln!(out, "{id} is the first event of its order or shipment that is here.")?;
        return Ok(());
    };
    let Some(old) = desk.event(&before).await? else {
        anyhow::bail!("event {} has nothing in it to be compared", printable(&before.id))
    };
    let read = |data: &[u8]| serde_json::from_slice::<Value>(data);
    let changes = changes(&read(&old.data()?)?, &read(&new.data()?)?);
    let of = |event: &EventView| format!("{}, received {}", title(event), time(event.received, zone));
    writeln!(out, "- {}  {}", printable(&before.id), of(&before))?;
    writeln!(out, "+ {id}  {}", of(event))?;
    for change in &changes {
        writeln!(out, "{}", printable(&change.to_string()))?;
    }
    if changes.is_empty() {
        writeln!(out, "Nothing else is in it, but for what is about the message itself.")?;
    }
    Ok(())
}
