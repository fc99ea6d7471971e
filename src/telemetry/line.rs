//! One line of the log: as text, whose fields are logfmt, or as an object of JSON.
//!
//! What is a text is one there, and what is a number is a number: a search for `id=a749…` or for an order's number is
//! to find the line, whatever the form. What came from outside can neither end a line nor reach a terminal.

use std::fmt::{self, Debug, Display};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What a line is written as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Text,
    Json,
}

/// How all lines are written.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    pub(super) form: Form,
    pub(super) time_zone: TimeZone,
    /// For the journal of systemd, which has a time of its own for each line, and wants to know how urgent it is.
    pub(super) for_journal: bool,
    /// For a terminal.
    pub(super) coloured: bool,
}

/// How urgent a line is, as syslog and the journal count (sd-daemon(3)).
pub(super) const fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        Level::DEBUG | Level::TRACE => "<7>",
    }
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = *event.metadata().level();
        if self.for_journal {
            to.write_str(priority(level))?;
        }
        match self.form {
            Form::Text => self.text(level, &mut to, event)?,
            Form::Json => self.json(level, &mut to, event)?,
        }
        to.write_char('\n')
    }
}

impl Lines {
    /// The time, with as many digits in every line.
    fn time(&self, to: &mut Writer<'_>) -> fmt::Result {
        let local = Timestamp::now().to_zoned(self.time_zone.clone());
        if local.offset().is_zero() {
            return SystemTime.format_time(to);
        }
        write!(to, "{}", local.strftime("%FT%T.%6f%:z"))
    }

    fn text(&self, level: Level, to: &mut Writer<'_>, event: &Event<'_>) -> fmt::Result {
        match (self.for_journal, self.coloured) {
            (true, _) => write!(to, "{level}")?,
            (false, true) => {
                to.write_str("\x1b[2m")?;
                self.time(to)?;
                write!(to, "\x1b[0m {}{level:>5}\x1b[0m", colour(level))?;
            }
            (false, false) => {
                self.time(to)?;
                write!(to, " {level:>5}")?;
            }
        }
        let mut fields = Fields { form: Form::Text, to, ended: Ok(()) };
        event.record(&mut fields);
        fields.ended
    }

    fn json(&self, level: Level, to: &mut Writer<'_>, event: &Event<'_>) -> fmt::Result {
        to.write_char('{')?;
        if !self.for_journal {
            to.write_str("\"timestamp\":\"")?;
            self.time(to)?;
            to.write_str("\",")?;
        }
        write!(to, "\"level\":\"{level}\"")?;
        let mut fields = Fields { form: Form::Json, to, ended: Ok(()) };
        event.record(&mut fields);
        fields.ended?;
        to.write_char('}')
    }
}

/// Writes the fields of a line, the message first.
struct Fields<'a, 'w> {
    form: Form,
    to: &'a mut Writer<'w>,
    ended: fmt::Result,
}

impl Fields<'_, '_> {
    /// A field whose value is written as it is: a number, or a word.
    fn plain(&mut self, field: &Field, value: impl Display) {
        self.write(field, |form, to, name| match form {
            Form::Text => write!(to, " {name}={value}"),
            Form::Json => write!(to, ",\"{name}\":{value}"),
        });
    }

    /// A field that is a text.
    fn text(&mut self, field: &Field, value: &str) {
        self.write(field, |form, to, name| match (form, name) {
            (Form::Text, "message") => {
                to.write_char(' ')?;
                write_safely(to, value)
            }
            (Form::Text, _) => {
                write!(to, " {name}=")?;
                write_value(to, value)
            }
            (Form::Json, _) => {
                write!(to, ",\"{name}\":")?;
                let json = serde_json::to_string(value).map_err(|_| fmt::Error)?;
                // JSON itself has but the first of the control characters escaped; what does not show may be so, too.
                write_safely(to, &json)
            }
        });
    }

    fn write(&mut self, field: &Field, write: impl FnOnce(Form, &mut Writer<'_>, &str) -> fmt::Result) {
        let name = field.name();
        // Those say where in a library a line was written.
        if self.ended.is_ok() && !name.starts_with("log.") {
            self.ended = write(self.form, self.to, name.trim_start_matches("r#"));
        }
    }
}

impl Visit for Fields<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field, value);
        } else {
            self.text(field, &value.to_string());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.plain(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, &format!("{value:?}"));
    }
}

/// A value as logfmt has it: as it is if it is one word, else in quotes.
fn write_value(to: &mut Writer<'_>, value: &str) -> fmt::Result {
    let is_word = !value.is_empty() && value.chars().all(|letter| !matches!(letter, '"' | '=' | ' ') && shows(letter));
    if is_word {
        return to.write_str(value);
    }
    to.write_char('"')?;
    let mut rest = value;
    while let Some(at) = rest.find(['"', '\\']) {
        write_safely(to, &rest[..at])?;
        to.write_char('\\')?;
        to.write_str(&rest[at..=at])?;
        rest = &rest[at + 1..];
    }
    write_safely(to, rest)?;
    to.write_char('"')
}

/// A text in which each character is escaped, as JSON and logfmt have it, that does not show as itself.
fn write_safely(to: &mut Writer<'_>, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some((at, letter)) = rest.char_indices().find(|(_, letter)| !shows(*letter)) {
        to.write_str(&rest[..at])?;
        match letter {
            '\n' => to.write_str("\\n")?,
            '\r' => to.write_str("\\r")?,
            '\t' => to.write_str("\\t")?,
            letter => letter.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(to, "\\u{unit:04x}"))?,
        }
        rest = &rest[at + letter.len_utf8()..];
    }
    to.write_str(rest)
}

/// Whether a character is one that shows, and changes nothing around it: no control character, nor one that turns
/// the direction of the text.
fn shows(letter: char) -> bool {
    // The first is for speed: nearly all are.
    matches!(letter, ' '..='~') || letter.is_alphanumeric() || letter.escape_debug().len() == 1
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use jiff::tz::TimeZone;
    use serde_json::{Value, json};
    use tracing_subscriber::fmt::MakeWriter;

    use super::{Form, Lines};

    /// What is written while `what` is done.
    fn written(lines: Lines, what: impl FnOnce()) -> String {
        let page = Page::default();
        let subscriber = tracing_subscriber::fmt().event_format(lines).with_writer(page.clone()).finish();
        tracing::subscriber::with_default(subscriber, what);
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Page {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    const fn lines(form: Form, for_journal: bool) -> Lines {
        Lines { form, time_zone: TimeZone::UTC, for_journal, coloured: false }
    }

    fn one_of_each() {
        let error = io::Error::other("the store failed: error 5");
        let (none, some) = (None::<&str>, Some("x"));
        tracing::warn!(id = "a749", %error, took_ms = 3, share = 0.5, good = true, none, some, r#type = "t", "not \"now\"");
    }

    #[test]
    fn in_json_texts_are_texts_and_numbers_numbers() {
        let line = written(lines(Form::Json, false), one_of_each);

        let mut line: Value = serde_json::from_str(&line).unwrap();
        let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert_eq!(time.as_str().unwrap().len(), "2026-11-26T09:16:00.985460Z".len(), "{time}");
        let whole = json!({
            "level": "WARN", "message": "not \"now\"", "id": "a749", "error": "the store failed: error 5", "took_ms": 3,
            "share": 0.5, "good": true, "some": "x", "type": "t",
        });
        assert_eq!(line, whole);
    }

    #[test]
    fn in_text_every_value_is_one_word_or_in_quotes() {
        let line = written(lines(Form::Text, false), one_of_each);

        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.ends_with('Z') && time.starts_with("20"), "{line}");
        assert_eq!(
            rest,
            " WARN not \"now\" id=a749 error=\"the store failed: error 5\" took_ms=3 share=0.5 good=true some=x type=t\n"
        );
    }

    #[test]
    fn a_line_has_the_time_of_its_zone_with_all_digits() {
        let time_zone = TimeZone::get("Asia/Kolkata").unwrap();
        let line = written(Lines { time_zone, ..lines(Form::Text, false) }, one_of_each);

        let (time, _) = line.split_once(' ').unwrap();
        assert!(time.len() == "2026-11-26T09:16:00.985460+05:30".len() && time.ends_with("+05:30"), "{line}");
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{line}");
    }

    #[test]
    fn nothing_in_a_value_ends_it_or_the_line_or_reaches_the_terminal() {
        let values = [
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("a=b", r#""a=b""#),
            (r#"a"b"#, r#""a\"b""#),
            (r"a\b", r"a\b"),
            (r"a \b", r#""a \\b""#),
            ("a\nlevel=ERROR", r#""a\nlevel=ERROR""#),
            ("\x1b[2J\u{9b}", r#""\u001b[2J\u009b""#),
            ("\u{202e}moc", r#""\u202emoc""#),
            ("螺母-é's", "螺母-é's"),
            ("/webhooks/tradecloud", "/webhooks/tradecloud"),
        ];
        for (value, expected) in values {
            let line = written(lines(Form::Text, true), || tracing::info!(value, "m\u{1b}\n{value}"));
            let (message, field) = line.rsplit_once(" value=").unwrap();
            assert_eq!(field.trim_end_matches('\n'), expected, "{value:?}");
            assert!(message.starts_with(r"<6>INFO m\u001b\n") && !message.contains(['\n', '\x1b']), "{message:?}");
            let line = written(lines(Form::Json, false), || tracing::info!(value, "m"));
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["value"], value);
        }
    }

    #[test]
    fn in_json_nothing_reaches_the_terminal_either_and_every_value_is_what_it_was() {
        let unseen =
            "\0\u{7f}\u{9b}\u{85}\u{ad}\u{61c}\u{200b}\u{200e}\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}\u{e0001}";
        let value = format!("a\n\"\\{unseen}螺母-é's🔩");

        let line = written(lines(Form::Json, false), || tracing::info!(value, "{value}"));

        let raw: Vec<_> = unseen.chars().filter(|letter| line.contains(*letter)).collect();
        assert!(raw.is_empty(), "{raw:?} in {line:?}");
        assert!(line.contains(r"\u009b") && line.contains(r"\udb40\udc01") && line.contains("螺母-é's🔩"), "{line:?}");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["value"], &line["message"]), (&Value::from(&*value), &Value::from(&*value)));
    }

    #[test]
    fn for_the_journal_a_line_says_how_urgent_it_is_and_has_no_time_of_its_own() {
        let say = || {
            tracing::error!("m");
            tracing::warn!("m");
            tracing::info!("m");
        };

        assert_eq!(written(lines(Form::Text, true), say), "<3>ERROR m\n<4>WARN m\n<6>INFO m\n");
        assert_eq!(
            written(lines(Form::Json, true), say),
            "<3>{\"level\":\"ERROR\",\"message\":\"m\"}\n<4>{\"level\":\"WARN\",\"message\":\"m\"}\n\
             <6>{\"level\":\"INFO\",\"message\":\"m\"}\n"
        );
    }
}
