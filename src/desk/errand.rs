//! What a person asks to have done to events, and who that is: it is one action, however many events it is about, and
//! the inbox keeps it beside each of them.

use jiff::Timestamp;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use crate::inbox::{Action, Deed, Filter};

/// More than that is no reason but a document, which belongs elsewhere.
pub const LONGEST_REASON: usize = 500;

/// Somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user of the operating system, or of the pages.
    pub who: String,
    /// What he asks with: `cli`, `page` or `api`.
    pub via: &'static str,
    /// From where, if that is another machine.
    pub address: Option<String>,
}

/// What somebody asks to have done.
#[derive(Debug, Clone)]
pub struct Errand {
    id: Uuid,
    /// Refused bodies that become events on the way are another thing that is done.
    accepting: Uuid,
    at: Timestamp,
    person: Person,
    handler: Option<String>,
    filter: Option<String>,
    reason: Option<String>,
}

impl Errand {
    /// What that person asks for from now on, and why.
    pub fn new(person: Person, reason: Option<String>) -> Self {
        Self::known_as(Uuid::new_v4(), person, reason)
    }

    /// The same, of something that is known by that id already: whatever it has been done to, it is not done to again.
    pub fn known_as(id: Uuid, person: Person, reason: Option<String>) -> Self {
        let (accepting, at) = (accepting(id), Timestamp::now());
        Self { id, accepting, at, person, handler: None, filter: None, reason }
    }

    /// The id of what is done, and that of the other thing that is done on the way.
    pub fn ids(&self) -> [Uuid; 2] {
        [self.id, self.accepting]
    }

    /// The same of what goes by that id.
    pub fn ids_of(id: Uuid) -> [Uuid; 2] {
        [id, accepting(id)]
    }

    /// For that handler only.
    #[must_use]
    pub fn to(self, handler: Option<&str>) -> Self {
        Self { handler: handler.map(str::to_owned), ..self }
    }

    /// Of whatever matches, not of single events.
    #[must_use]
    pub fn of(self, filter: &Filter) -> Self {
        Self { filter: Some(in_words(filter)), ..self }
    }

    /// Of whatever matches a filter in these words.
    #[must_use]
    pub(super) fn of_words(self, filter: String) -> Self {
        Self { filter: Some(filter), ..self }
    }

    /// The handler it is for, if it is for one only.
    pub(super) fn handler(&self) -> Option<&str> {
        self.handler.as_deref()
    }

    /// What the inbox is to keep of it.
    pub(super) fn action(&self, what: Deed) -> Action {
        let accepts = what == Deed::Accept;
        Action {
            id: if accepts { self.accepting } else { self.id },
            at: self.at,
            who: self.person.who.clone(),
            via: self.person.via,
            address: self.person.address.clone(),
            what,
            // An event that a refused body becomes is for all who want it.
            handler: self.handler.clone().filter(|_| !accepts),
            filter: self.filter.clone(),
            reason: self.reason.clone(),
        }
    }
}

/// What refused bodies that become events are kept under, of an action of that id: the same each time, so that it can go
/// on after an interruption.
pub(super) fn accepting(id: Uuid) -> Uuid {
    Uuid::new_v8(xxh3_128(&[id.as_bytes().as_slice(), b"accept"].concat()).to_be_bytes())
}

/// A reason as it is kept; `None` if that is none: blank, or longer than [`LONGEST_REASON`].
pub fn reason(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= LONGEST_REASON;
    fits.then(|| text.to_owned())
}

/// A filter as the command line has it. Times are instants, so that they mean the same later.
pub(super) fn in_words(filter: &Filter) -> String {
    let word = |text: &String| shlex::try_quote(text).map_or_else(|_| text.clone(), Into::into);
    let states: Vec<_> = filter.states.iter().map(|state| state.as_str()).collect();
    let options = [
        ("state", Some(states.join(",")).filter(|states| !states.is_empty())),
        ("kind", filter.kind.map(|kind| kind.to_string())),
        ("event", filter.event.as_ref().map(word)),
        ("handler", filter.handler.as_ref().map(word)),
        ("number", filter.number.as_ref().map(word)),
        ("origin", filter.origin.clone()),
        ("since", filter.since.map(|time| time.to_string())),
        ("until", filter.until.map(|time| time.to_string())),
    ];
    let given = options.into_iter().filter_map(|(name, value)| Some(format!("--{name} {}", value?)));
    given.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::State;

    #[test]
    fn a_filter_reads_as_it_is_typed() {
        let filter = Filter {
            states: vec![State::Dead, State::Refused],
            event: Some("Order*".to_owned()),
            handler: Some("erp".to_owned()),
            since: Some("2026-03-01T12:00:00Z".parse().unwrap()),
            limit: 50,
            ..Filter::default()
        };

        assert_eq!(
            in_words(&filter),
            "--state dead,refused --event 'Order*' --handler erp --since 2026-03-01T12:00:00Z"
        );
        assert_eq!(in_words(&Filter::default()), "");
    }

    #[test]
    fn a_reason_says_something_and_is_not_endless() {
        assert_eq!(reason(" paid by hand\n").as_deref(), Some("paid by hand"));
        assert_eq!(reason(&"ä".repeat(LONGEST_REASON)).map(|kept| kept.chars().count()), Some(LONGEST_REASON));
        assert_eq!((reason(" \t"), reason(&"ä".repeat(LONGEST_REASON + 1))), (None, None));
    }

    #[test]
    fn what_is_delivered_and_what_becomes_an_event_on_the_way_are_two_actions() {
        let person = Person { who: "anna".to_owned(), via: "cli", address: None };
        let errand = Errand::new(person, None).to(Some("erp"));

        let (deliver, accept) = (errand.action(Deed::Deliver), errand.action(Deed::Accept));

        assert_ne!(deliver.id, accept.id);
        assert_eq!((deliver.handler.as_deref(), accept.handler.as_deref()), (Some("erp"), None));
        assert_eq!(errand.action(Deed::Deliver), deliver, "many batches are one action");
    }
}
