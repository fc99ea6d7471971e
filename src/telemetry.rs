//! Logging: where it goes, and in which form.

use jiff::Timestamp;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::config::Section;

/// Lines that wait to be written. Past it lines are dropped: whoever reads the log may stop reading it,
/// and that must not stop the receiver.
const WAITING_LINES: usize = 16 * 1024;

/// Libraries that would log whole messages or addresses with their password in it, at whatever level. Of
/// what goes wrong in them, the handlers say what concerns the operator.
const SILENT: [&str; 4] = ["lapin=off", "amq_protocol=off", "amq_protocol_tcp=off", "async_nats=warn"];

/// `[log]`
#[derive(Debug, Clone)]
pub struct Settings {
    format: Format,
    level: String,
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Text,
    Json,
}

impl Settings {
    /// Reads and checks the section.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let format = section.choice("format", &[("text", Format::Text), ("json", Format::Json)]);
        let level = section.text("level");
        if let Some(level) = &level
            && EnvFilter::try_new(level).is_err()
        {
            section.error("level", "must be error, warn, info, debug or trace (or a filter of tracing's EnvFilter)");
        }
        section.finish();
        Some(Self { format: format?, level: level? })
    }

    /// Starts logging to standard error, from a thread of its own. Only the first call in a process has
    /// an effect. What waits to be written is written when the guard is dropped.
    pub fn start(&self) -> WorkerGuard {
        let (writer, guard) =
            NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING_LINES).finish(std::io::stderr());
        let filter = EnvFilter::try_new(&self.level).unwrap_or_else(|_| EnvFilter::new("info"));
        let filter = SILENT.iter().filter_map(|silent| silent.parse().ok()).fold(filter, EnvFilter::add_directive);
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
        let started = match self.format {
            Format::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
            Format::Json => {
                builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
            }
        };
        if started.is_err() {
            tracing::debug!("logging was started before");
        }
        guard
    }
}

/// A time as people want to read it: without the parts of its second.
pub(crate) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
