//! The log: where it goes, and in which form.

use jiff::Timestamp;
use tracing::Level;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use super::line::{Form, Lines, priority};
use crate::config::Section;

/// Lines that wait to be written. Past it lines are dropped: whoever reads the log may stop reading it,
/// and that must not stop the receiver.
const WAITING_LINES: usize = 16 * 1024;

/// Libraries that would log whole messages or addresses with their password in it, at whatever level; or an ERROR about
/// what is tried again. Of what goes wrong in them, those who use them say what concerns the operator.
const SILENT: [&str; 5] =
    ["lapin=off", "amq_protocol=off", "amq_protocol_tcp=off", "async_nats=off", "rustls_platform_verifier=off"];

/// `[log]`
#[derive(Debug, Clone)]
pub struct Settings {
    form: Form,
    level: String,
}

impl Settings {
    /// Reads and checks the section.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let form = section.choice("format", &[("text", Form::Text), ("json", Form::Json)]);
        let level = section.text("level");
        if let Some(level) = &level
            && EnvFilter::try_new(level).is_err()
        {
            section.error("level", "must be error, warn, info, debug or trace (or a filter of tracing's EnvFilter)");
        }
        section.finish();
        Some(Self { form: form?, level: level? })
    }

    /// Starts logging to standard error, from a thread of its own. Only the first call in a process has
    /// an effect. What waits to be written is written when the guard is dropped.
    pub fn start(&self) -> WorkerGuard {
        let (writer, guard) =
            NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING_LINES).finish(std::io::stderr());
        let filter = EnvFilter::try_new(&self.level).unwrap_or_else(|_| EnvFilter::new("info"));
        let filter = SILENT.iter().filter_map(|silent| silent.parse().ok()).fold(filter, EnvFilter::add_directive);
        let lines = Lines {
            form: self.form,
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

/// A time as people want to read it: without the parts of its second.
pub(crate) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
