//! The log: where it goes, in which form, and in which time zone.

use std::fmt::Display;
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use super::line::{Form, Lines, priority};
use crate::config::Section;
use crate::shown;

/// Lines that wait to be written. Past it lines are dropped: whoever reads the log may stop reading it,
/// and that must not stop the receiver.
const WAITING_LINES: usize = 16 * 1024;

/// Libraries that would log whole messages or addresses with their password in it, at whatever level; or an ERROR about
/// what is tried again. Of what goes wrong in them, those who use them say what concerns the operator.
const SILENT: [&str; 6] = [
    "lapin=off",
    "amq_protocol=off",
    "amq_protocol_tcp=off",
    "async_nats=off",
    "rustls_platform_verifier=off",
    "tokio_postgres=warn",
];

/// The levels by name.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// How filters name this program,
const OWN: &str = "tradecloud_webhook";
/// and what stands before a stage of it.
const OWN_STAGES: &str = "tradecloud_webhook::";
/// The stages that are documented.
const STAGES: [&str; 6] = ["listener", "inbox", "dispatch", "handlers", "reload", "app"];

/// The time zone of this process's log, and of whatever else it shows to people.
static TIME_ZONE: OnceLock<TimeZone> = OnceLock::new();
/// That of what stands in its lines. Programs read those of JSON, in UTC.
static TIME_ZONE_OF_LINES: OnceLock<TimeZone> = OnceLock::new();

/// `[log]`
#[derive(Debug, Clone)]
pub struct Settings {
    form: Form,
    level: String,
    pub(crate) time_zone: TimeZone,
}

impl Settings {
    /// Reads and checks the section.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let form = section.choice("format", &[("text", Form::Text), ("json", Form::Json)]);
        let level = section.text("level");
        if let Some(level) = &level {
            check_level(&section, level);
        }
        let time_zone = read_time_zone(&section);
        section.finish();
        Some(Self { form: form?, level: level?, time_zone: time_zone? })
    }

    /// Starts logging to standard error, from a thread of its own. Only the first call in a process has
    /// an effect. What waits to be written is written when the guard is dropped.
    pub fn start(&self) -> WorkerGuard {
        let (writer, guard) =
            NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING_LINES).finish(std::io::stderr());
        let filter = EnvFilter::try_new(&self.level).unwrap_or_else(|_| EnvFilter::new("info"));
        let filter = SILENT.iter().filter_map(|silent| silent.parse().ok()).fold(filter, EnvFilter::add_directive);
        let time_zone = match self.form {
            Form::Text => self.time_zone.clone(),
            Form::Json => TimeZone::UTC,
        };
        let _ = TIME_ZONE.set(self.time_zone.clone());
        let _ = TIME_ZONE_OF_LINES.set(time_zone.clone());
        let lines = Lines {
            form: self.form,
            time_zone,
            for_journal: leads_to_journal(),
            coloured: std::io::IsTerminal::is_terminal(&std::io::stderr()),
        };
        let started =
            tracing_subscriber::fmt().event_format(lines).with_env_filter(filter).with_writer(writer).try_init();
        if started.is_err() {
            tracing::debug!("logging was started before");
        }
        guard
    }
}

/// Notes what is wrong with a level, or with a filter of several. The library takes a word that is no level for the
/// name of a module, of which it then tells everything, and of all others nothing: nobody would hear of a lost event.
fn check_level(section: &Section, level: &str) {
    if level.is_empty() || EnvFilter::try_new(level).is_err() {
        section.error("level", "must be error, warn, info, debug or trace (or a filter of tracing's EnvFilter)");
        return;
    }
    // What stands in brackets may have commas of its own.
    let parts = level.split(',').filter(|part| !part.is_empty() && !level.contains('['));
    for part in parts {
        let module = part.split_once('=').map_or(part, |(module, _)| module);
        if let Some(stage) = module.strip_prefix(OWN_STAGES).and_then(|below| below.split("::").next()) {
            // There are more modules than stages, so a name that is like none is left alone. A beginning is enough.
            if let Some(meant) = nearest(&STAGES, stage).filter(|meant| !meant.starts_with(stage)) {
                section.error("level", format!("has \"{module}\", which is no stage. Did you mean `{meant}`?"));
            }
        } else if module == part && part.parse::<LevelFilter>().is_err() && !part.starts_with(OWN) {
            let hint = match nearest(&LEVELS, part.trim()) {
                Some(meant) => format!("Did you mean `{meant}`?"),
                None => format!("There are {}; for a module, write `{}=trace`", LEVELS.join(", "), part.trim()),
            };
            section.error("level", format!("has \"{part}\", which is no level. {hint}"));
        }
    }
}

/// The word that was most likely meant, if one is near enough.
fn nearest(known: &[&'static str], word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(known, &word), *known)).min();
    near.filter(|(away, _)| *away <= 2).map(|(_, known)| known)
}

/// Reads `time_zone`: the one that times are shown and read in. The machine's, if none is named.
pub(crate) fn read_time_zone(section: &Section) -> Option<TimeZone> {
    let Some(name) = section.text("time_zone") else { return Some(TimeZone::system()) };
    let found = TimeZone::get(&name);
    if found.is_err() {
        let nearest = jiff::tz::db().available().map(|known| known.to_string()).filter_map(|known| {
            let away = strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase());
            (away <= 1 + known.len() / 4).then_some((away, known))
        });
        let hint = match nearest.min() {
            Some((_, known)) => format!("Did you mean `{known}`?"),
            None => "They are named as in \"Europe/Amsterdam\", or \"UTC\"".to_owned(),
        };
        section.error("time_zone", format!("is \"{name}\", which is no time zone that is known here. {hint}"));
    }
    found.ok()
}

/// The time zone of what this process shows to people: UTC, as long as its log has not been started.
pub(crate) fn time_zone() -> TimeZone {
    TIME_ZONE.get().cloned().unwrap_or(TimeZone::UTC)
}

/// A time as it stands in a line of the log: without the parts of its second, and one word.
pub(crate) fn in_line(at: Timestamp) -> impl Display {
    let zone = TIME_ZONE_OF_LINES.get().cloned().unwrap_or(TimeZone::UTC);
    shown::time(at, &zone).replacen(' ', "T", 1)
}

/// Whether standard error is the journal of systemd, which then has named its device and inode. What is only told so,
/// because whoever started this process writes to the journal, is not believed.
#[cfg(unix)]
fn leads_to_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(std::io::stderr()).is_ok_and(|file| named == format!("{}:{}", file.st_dev, file.st_ino))
}

#[cfg(not(unix))]
fn leads_to_journal() -> bool {
    false
}

/// What a line with an error begins with that is written before there is a log.
pub(crate) fn priority_of_errors() -> &'static str {
    if leads_to_journal() { priority(Level::ERROR) } else { "" }
}

/// The same for a warning.
pub(crate) fn priority_of_warnings() -> &'static str {
    if leads_to_journal() { priority(Level::WARN) } else { "" }
}
