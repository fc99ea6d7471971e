//! What the page of alarms says is what the program tells, and all that it tells aloud is on the page or is known not to
//! be worth an alarm.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::pages::{page, root};

/// Where everything is told that happens.
const EVENTS: &str = "src/telemetry/events";

/// Warnings and errors that wake nobody: what follows from something else that does, what `check` has said before, what
/// is over by itself, and what only tells how something will be.
const NOT_WORTH_AN_ALARM: [&str; 55] = [
    "callers::keys_not_kept",
    "callers::proxy_closed",
    "callers::proxy_contradicts_itself",
    "certificates::account_unknown",
    "certificates::account_useless",
    "certificates::awaited_with_none",
    "certificates::none_but_another",
    "certificates::not_kept",
    "configuration::doubtful",
    "configuration::not_watched",
    "configuration::read_while_open",
    "configuration::written_for_long",
    "configuration::wrong",
    "delivery::end_not_noted",
    "delivery::no_work_seen",
    "delivery::not_counted",
    "delivery::not_delivered_nor_kept",
    "delivery::not_hurried",
    "delivery::not_loaded",
    "delivery::not_looked_after",
    "delivery::orphans_not_looked_for",
    "delivery::paused",
    "delivery::still_down",
    "delivery::suspected",
    "delivery::taken_over",
    "handlers::directory_not_synced",
    "handlers::duplicate_at_first",
    "handlers::files_not_written",
    "handlers::kafka_complains",
    "handlers::producer_gave_up",
    "handlers::program_not_killed",
    "inbox::attempt_not_taken_back",
    "inbox::clock_believed",
    "inbox::clock_set",
    "inbox::database_clock_set_back",
    "inbox::database_clock_set_forward",
    "inbox::end_not_noted",
    "inbox::farewell_failed",
    "inbox::log_left_behind",
    "inbox::log_not_moved",
    "inbox::not_heard",
    "inbox::not_removed",
    "inbox::nothing_taken_over",
    "inbox::time_not_noted",
    "inbox::touched",
    "inspector::export_broken_off",
    "intake::beside",
    "intake::broke_off",
    "receiver::deaf",
    "receiver::deaf_to_hangups",
    "receiver::drained_in_part",
    "receiver::open_files_not_raised",
    "receiver::tls_is_off",
    "receiver::told_twice",
    "receiver::too_few_open_files",
];

/// A function that tells something: `stage::name`, the level and the text.
#[derive(Debug)]
struct Told {
    name: String,
    level: String,
    message: String,
    is_documented: bool,
}

/// The texts in a call of a macro, and what comes behind it.
fn texts(call: &str) -> (Vec<String>, &str) {
    let (mut texts, mut depth, mut at) = (Vec::new(), 1, 0);
    let bytes = call.as_bytes();
    while depth > 0 {
        match bytes[at] {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'"' => {
                let mut text = String::new();
                let mut letters = call[at + 1..].char_indices();
                loop {
                    match letters.next().unwrap() {
                        (end, '"') => break at += end + 1,
                        // The line goes on in the next.
                        (_, '\\') => match letters.next().unwrap().1 {
                            '\n' => {
                                let rest = letters.as_str();
                                let blanks = rest.len() - rest.trim_start().len();
                                letters.by_ref().take(blanks).for_each(drop);
                            }
                            letter => text.push(letter),
                        },
                        (_, letter) => text.push(letter),
                    }
                }
                texts.push(text);
            }
            _ => {}
        }
        at += 1;
    }
    (texts, &call[at..])
}

/// Everything that the program tells, from its sources.
fn told() -> Vec<Told> {
    let mut told = Vec::new();
    for entry in std::fs::read_dir(root().join(EVENTS)).unwrap().map(|entry| entry.unwrap().path()) {
        let stage = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&entry).unwrap();
        let mut parts = text.split("\npub(crate) fn ");
        let mut before = parts.next().unwrap();
        for part in parts {
            let name = part.split(['(', '<']).next().unwrap();
            let call = part.find("tracing::").map(|at| at + "tracing::".len());
            let (level, arguments) = match call {
                Some(at) if !part[..at].contains("!(") => part[at..].split_once("!(").unwrap(),
                // One of our own macros, whose first argument is the level.
                _ => {
                    let (_, arguments) = part.split_once("!(").unwrap_or_else(|| panic!("{name} tells nothing"));
                    (arguments.trim_start().split(',').next().unwrap(), arguments)
                }
            };
            let above = before.trim_end().lines().rev().find(|line| !line.starts_with("#["));
            told.push(Told {
                name: format!("{stage}::{name}"),
                level: level.to_uppercase(),
                message: texts(arguments).0.pop().unwrap(),
                is_documented: above.is_some_and(|line| line.starts_with("/// ")),
            });
            before = part;
        }
    }
    told
}

/// What does not differ from line to line.
fn parts(message: &str) -> Vec<&str> {
    message.split('…').flat_map(|part| part.split('`')).map(str::trim).filter(|part| part.len() > 2).collect()
}

#[test]
fn every_alarm_of_the_table_is_told_by_a_function_of_its_own_at_that_level() {
    let told = told();
    let rows = page("docs/alarms.md").section("Log messages").rows();
    let mut wrong = Vec::new();
    let mut on_the_page = BTreeSet::new();

    for row in &rows {
        let message = row[0].trim_matches(['`', ' ']);
        let has_all = |told: &&Told| {
            let text = told.message.replace("{key}", "").replace('`', "");
            parts(message).iter().all(|part| text.contains(part))
        };
        let tellers: Vec<_> = told.iter().filter(has_all).collect();
        let levels: BTreeSet<_> = tellers.iter().map(|told| told.level.as_str()).collect();
        let expected: BTreeSet<_> = row[1].split(", ").collect();
        // What `check` says of the certificate is told as it is.
        let is_of_check = message.contains("server.tls.certificate");
        if !is_of_check && levels != expected {
            wrong.push(format!("{message} is {expected:?} on the page: {tellers:?}"));
        }
        on_the_page.extend(tellers.iter().map(|told| told.name.clone()));
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rows.len() > 30 && told.len() > 90, "they were not found: {} {}", rows.len(), told.len());
    let aloud = told.iter().filter(|told| ["WARN", "ERROR"].contains(&&*told.level));
    let unsaid: Vec<_> =
        aloud.filter(|told| !on_the_page.contains(&told.name) && !NOT_WORTH_AN_ALARM.contains(&&*told.name)).collect();
    assert!(unsaid.is_empty(), "neither on the page nor known not to be worth an alarm: {unsaid:#?}");
    let both: Vec<_> = NOT_WORTH_AN_ALARM
        .into_iter()
        .filter(|name| on_the_page.contains(*name) || !told.iter().any(|told| told.name == *name))
        .collect();
    assert!(both.is_empty(), "on the page all the same, or not told any more: {both:?}");
}

#[test]
fn everything_that_is_told_has_a_function_that_says_what_it_means() {
    let without: Vec<_> = told().into_iter().filter(|told| !told.is_documented).collect();

    assert!(without.is_empty(), "{without:#?}");
}

/// Else filters by module (`log.level = "error,tradecloud_webhook::dispatch=info"`) would not find it.
#[test]
fn everything_that_is_told_belongs_to_a_stage_by_which_it_is_filtered() {
    for entry in std::fs::read_dir(root().join(EVENTS)).unwrap().map(|entry| entry.unwrap().path()) {
        let text = std::fs::read_to_string(&entry).unwrap();
        let stage = text.split_once("\nconst TARGET: &str = \"tradecloud_webhook::").map(|(_, rest)| rest);
        let stage = stage.and_then(|rest| rest.split('"').next());
        let is_one = |stage: &str| {
            let place = root().join("src").join(stage);
            place.join("mod.rs").is_file() || place.with_extension("rs").is_file()
        };
        assert!(entry.ends_with("mod.rs") || stage.is_some_and(is_one), "{}: {stage:?}", entry.display());
        for call in text.split("tracing::").skip(1).filter_map(|rest| rest.split_once("!(")) {
            assert!(call.1.trim_start().starts_with("target: TARGET,"), "{}: {call:?}", entry.display());
        }
    }
}

/// Else a message could change, and nobody would count what it tells.
#[test]
fn nobody_else_writes_lines_that_are_read() {
    fn look(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                look(&entry, found);
            } else if !entry.starts_with(root().join("src/telemetry")) {
                let text = std::fs::read_to_string(&entry).unwrap();
                let writes = |line: &&str| ["info!(", "warn!(", "error!("].iter().any(|call| line.contains(call));
                found.extend(text.lines().filter(writes).map(|line| format!("{}: {line}", entry.display())));
            }
        }
    }
    let mut found = Vec::new();

    look(&root().join("src"), &mut found);

    assert!(found.is_empty(), "{found:#?}");
}
