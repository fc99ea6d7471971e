//! Names made from an event: the subject, topic or routing key that a broker files it under, written by
//! the user as `tradecloud.{kind}.{event}`.
//!
//! Few placeholders on purpose: each of them takes a small number of values. An order's id would make
//! an address per order, which brokers are not made for; it is in the event itself.

use crate::config::Section;
use crate::event::Event;

/// The longest text that a placeholder becomes.
const LONGEST: usize = 80;

/// What a placeholder stands for, by its name.
const PLACEHOLDERS: [(&str, Placeholder); 3] =
    [("kind", Placeholder::Kind), ("event", Placeholder::Event), ("company", Placeholder::Company)];

#[derive(Debug, Clone, Copy)]
enum Placeholder {
    /// `order`, `order-documents` or `shipment`.
    Kind,
    /// The event name; `Changed` if it has none.
    Event,
    /// The id of the company on whose behalf Tradecloud sends; `_` if the event does not tell.
    Company,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// A text with placeholders.
#[derive(Debug, Clone)]
pub(super) struct Template(Vec<Part>);

impl Template {
    /// The template at `key`, else `default`; `None` if a problem was noted.
    pub(super) fn read(section: &Section, key: &str, default: &str) -> Option<Self> {
        let text = section.or(key, Section::text, default.to_owned())?;
        Self::parse(&text).map_err(|what| section.error(key, what)).ok()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(brace);
            let inside = from.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            let (name, after) = inside.ok_or("has a brace without its counterpart")?;
            let Some((_, placeholder)) = PLACEHOLDERS.iter().find(|(known, _)| *known == name) else {
                let known: Vec<_> = PLACEHOLDERS.iter().map(|(known, _)| format!("{{{known}}}")).collect();
                return Err(format!("has {{{name}}}, which is not one of {}", known.join(", ")));
            };
            parts.extend((!before.is_empty()).then(|| Part::Text(before.to_owned())));
            parts.push(Part::Placeholder(*placeholder));
            rest = after;
        }
        parts.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
        Ok(Self(parts))
    }

    /// The name for this event. What comes from the event is letters, digits, `-` and `_` only: no
    /// separator and no wildcard of any broker, and never empty.
    pub(super) fn fill(&self, event: &Event) -> String {
        self.with(|placeholder| {
            clean(match placeholder {
                Placeholder::Kind => event.envelope.kind.as_str(),
                Placeholder::Event => event.envelope.event_name_or_changed(),
                Placeholder::Company => event.envelope.company_id.as_deref().unwrap_or_default(),
            })
        })
    }

    /// The template with the same text for every placeholder.
    pub(super) fn pattern(&self, stand_in: &str) -> String {
        self.with(|_| stand_in.to_owned())
    }

    /// A name as long as they can get.
    pub(super) fn longest(&self) -> String {
        self.pattern(&"x".repeat(LONGEST))
    }

    fn with(&self, value: impl Fn(Placeholder) -> String) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Placeholder(placeholder) => value(*placeholder),
            })
            .collect()
    }
}

fn clean(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let cleaned: String = text.chars().take(LONGEST).map(safe).collect();
    if cleaned.is_empty() { "_".to_owned() } else { cleaned }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{Envelope, Format, Kind};

    /// An event with that id.
    pub(in crate::handlers) fn event_with(id: &str) -> Event {
        Event { id: id.to_owned(), ..event(None, None) }
    }

    fn event(name: Option<&str>, company: Option<&str>) -> Event {
        Event {
            origin: crate::event::WEBHOOK.into(),
            documents: None,
            id: "m-1".to_owned(),
            envelope: Envelope {
                kind: Kind::OrderDocuments,
                format: Format::Json,
                event_name: name.map(str::to_owned),
                message_id: None,
                subject: None,
                number: None,
                company_id: company.map(str::to_owned),
                companies: company.map(str::to_owned).into_iter().collect(),
                created: None,
            },
            received: jiff::Timestamp::UNIX_EPOCH,
            attempt: 1,
            round: 1,
            content_type: None,
            body: bytes::Bytes::new(),
            answers: crate::event::Answers::default(),
        }
    }

    #[test]
    fn placeholders_become_what_the_event_says() {
        let template = Template::parse("a.{kind}.{event}-{company}.z").unwrap();

        assert_eq!(template.fill(&event(Some("OrderIssued"), Some("c-1"))), "a.order-documents.OrderIssued-c-1.z");
        assert_eq!(template.fill(&event(None, None)), "a.order-documents.Changed-_.z");
        assert_eq!(template.pattern("*"), "a.*.*-*.z");
    }

    #[test]
    fn nothing_from_outside_adds_a_level_or_a_wildcard() {
        let template = Template::parse("a.{event}").unwrap();
        for hostile in ["*", ">", "#", "b.c", "b c", "b\r\nPUB x", "ü", "", "b\tc", "$SYS", "\0"] {
            let filled = template.fill(&event(Some(hostile), None));

            let name = filled.strip_prefix("a.").unwrap();
            assert!(!name.is_empty(), "{hostile:?}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{filled}");
        }
    }

    #[test]
    fn a_name_has_a_longest_length() {
        let template = Template::parse("a.{event}").unwrap();

        assert_eq!(template.fill(&event(Some(&"x".repeat(1000)), None)), template.longest());
    }

    #[test]
    fn a_mistake_is_named() {
        for (text, what) in [
            ("a.{knid}", "{knid}, which is not one of {kind}, {event}, {company}"),
            ("a.{kind", "counterpart"),
            ("a.kind}", "counterpart"),
            ("}{kind}", "counterpart"),
        ] {
            let error = Template::parse(text).unwrap_err();

            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
