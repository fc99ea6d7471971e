//! An event as a person at a terminal reads it: what happens next, what it is, what happened to it in the order of time,
//! and what is in it.

use std::io::Write;

use jiff::tz::TimeZone;

use super::lines::{number, short, style_of, title};
use super::{contents, handlers, show};
use crate::cli::terminal::{FAINT, STRONG, Terminal};
use crate::desk::Desk;
use crate::inbox::EventView;
use crate::shown::{printable, time};
use crate::wording::headline;
use crate::wording::timeline::moments;

/// Shows it.
pub(super) async fn run(
    event: &EventView,
    desk: &Desk,
    zone: &TimeZone,
    terminal: Terminal,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let state = terminal.painted(style_of(event.state), event.state.as_str());
    let number = number(event).map(|number| format!("  {}", printable(number))).unwrap_or_default();
    writeln!(out, "{}  {state}", terminal.painted(STRONG, &format!("{}{number}", title(event))))?;
    for sentence in headline::sentences(event, desk, zone, headline::Reader::Terminal) {
        writeln!(out, "{sentence}")?;
    }
    writeln!(out)?;
    facts(event, out)?;
    for handler in desk.not_wanted(event).await? {
        handlers::not_wanted(&handler, out)?;
    }
    writeln!(out)?;
    timeline(event, zone, terminal, out)?;
    what_is_in_it(event, desk, terminal, out).await?;
    let (id, content) = (short(event), event.erased.is_none() && event.size > 0);
    if content {
        let more = if event.kind.is_some() { ", --as-delivered or --diff" } else { "" };
        writeln!(out)?;
        writeln!(out, "{}", terminal.painted(FAINT, &format!("More: events show {id} --body{more}")))?;
    }
    Ok(())
}

fn facts(event: &EventView, out: &mut impl Write) -> anyhow::Result<()> {
    let key = event.key.hyphenated().to_string();
    let size = match event.content_type.as_deref() {
        _ if event.erased.is_some() => "erased".to_owned(),
        Some(content_type) => format!("{} bytes, {content_type}", event.size),
        None => format!("{} bytes", event.size),
    };
    let rows = [
        ("id", Some(event.id.clone())),
        ("key", Some(key).filter(|key| !key.eq_ignore_ascii_case(&event.id))),
        ("event", event.event_name.clone()),
        ("kind", event.kind.map(|kind| kind.to_string())),
        ("company", event.company_id.clone()),
        ("size", Some(size)),
    ];
    for (what, value) in rows {
        if let Some(value) = value {
            writeln!(out, "{what:<13} {}", printable(&value))?;
        }
    }
    show::references(event, out)
}

fn timeline(event: &EventView, zone: &TimeZone, terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    for moment in moments(event) {
        let at = terminal.painted(FAINT, &time(moment.at, zone));
        writeln!(out, "{at}  {}", printable(&moment.what))?;
        for line in moment.more {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

async fn what_is_in_it(event: &EventView, desk: &Desk, terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(event) = desk.event(event).await? else { return Ok(()) };
    match event.message() {
        Ok(message) => contents::table(&message, terminal, out),
        Err(error) => {
            writeln!(out)?;
            writeln!(out, "What is in it is not shown as a table: {}", printable(&error.to_string()))?;
            Ok(())
        }
    }
}
