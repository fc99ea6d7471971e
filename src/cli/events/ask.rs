//! Asks whoever sits at the terminal before much is done, and for his reason. Where nobody sits there, nothing is done
//! that was not said outright.

use std::io::{self, IsTerminal as _};

use jiff::tz::TimeZone;

use super::words::{events, with_commas};
use crate::cli::WrongUsage;
use crate::desk::{self, LONGEST_REASON, Plan};
use crate::model::Kind;
use crate::shown::{printable, time};

/// Shows what is about to be done, and returns whether it is to be: `verb` is `deliver` or `discard`.
///
/// # Errors
/// [`WrongUsage`] if nobody can be asked, and `yes` was not said.
pub(super) fn agreed(
    verb: &str,
    plan: &Plan,
    handler: Option<&str>,
    zone: &TimeZone,
    yes: bool,
) -> anyhow::Result<bool> {
    let number = plan.sequences.len();
    let preposition = if verb == "deliver" { "to" } else { "for" };
    let to = handler.map(|name| format!(", {preposition} handler {}", printable(name))).unwrap_or_default();
    eprintln!("To {verb}: {}{to}", events(number));
    eprintln!("  {}", counts(plan.states.iter().map(|(state, count)| (state.as_str(), *count))));
    eprintln!("  {}", counts(plan.kinds.iter().map(|(kind, count)| (kind_name(*kind), *count))));
    if let (Some(oldest), Some(newest)) = (plan.oldest, plan.newest) {
        eprintln!("  received from {} to {}", time(oldest, zone), time(newest, zone));
    }
    if yes {
        return Ok(true);
    }
    if !somebody_is_there() {
        let number = events(number);
        let what =
            format!("{number} would be {verb}ed, and no terminal is there to ask at: nothing was done. Add --yes");
        return Err(WrongUsage(what).into());
    }
    let these = if number == 1 { "this event".to_owned() } else { format!("these {}", events(number)) };
    let answer = answer(&format!("{} {these}? [y/N] ", capitalised(verb)))?;
    let agreed = ["y", "yes"].contains(&answer.to_lowercase().as_str());
    if !agreed {
        eprintln!("Nothing was done.");
    }
    Ok(agreed)
}

/// Why it is done: as it was given, or as somebody says when asked.
///
/// # Errors
/// [`WrongUsage`] if nobody can be asked, or has none.
pub(super) fn reason(given: Option<&str>, command: &str) -> anyhow::Result<String> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    ensure_reason(None, command)?;
    let answer = answer("Why? (It is kept beside the event.) ")?;
    let no_reason = || WrongUsage(format!("a reason has 1 to {LONGEST_REASON} characters: nothing was done"));
    Ok(desk::reason(&answer).ok_or_else(no_reason)?)
}

/// Makes sure that there is a reason, or somebody to ask for it: before anybody is asked anything else.
///
/// # Errors
/// [`WrongUsage`] if there is neither.
pub(super) fn ensure_reason(given: Option<&str>, command: &str) -> Result<(), WrongUsage> {
    if given.is_some() || somebody_is_there() {
        return Ok(());
    }
    Err(WrongUsage(format!("`{command}` needs --reason TEXT, for those who ask later why it was done")))
}

/// Says which events only look as if they were meant, because a number is spelled in another way there.
///
/// # Errors
/// If there are no others.
pub(super) fn exactly(plan: &Plan, number: Option<&str>) -> anyhow::Result<()> {
    let (Some(number), false) = (number, plan.others.is_empty()) else { return Ok(()) };
    let others: Vec<_> = plan.others.iter().map(|(other, count)| name(*count, &printable(other))).collect();
    let (number, others) = (printable(number), others.join(", "));
    if plan.is_empty() {
        anyhow::bail!("no event names {number} exactly; {others}");
    }
    eprintln!("Left alone, as they do not name {number} exactly: {others}");
    Ok(())
}

fn name(count: usize, number: &str) -> String {
    format!("{} name{} {number}", with_commas(count), if count == 1 { "s" } else { "" })
}

/// Whether there is a terminal to ask at, and one to read the question on.
fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn answer(question: &str) -> anyhow::Result<String> {
    eprint!("{question}");
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn counts<'n>(counts: impl Iterator<Item = (&'n str, usize)>) -> String {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let counts: Vec<_> = counts.into_iter().map(|(name, count)| format!("{name} {}", with_commas(count))).collect();
    counts.join(", ")
}

fn kind_name(kind: Option<Kind>) -> &'static str {
    kind.map_or("refused bodies", Kind::as_str)
}

fn capitalised(verb: &str) -> String {
    let mut letters = verb.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
