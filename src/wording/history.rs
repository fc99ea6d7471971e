//! What people did to an event, in words: who, what with, from where, and why.

use super::numbers::events;
use crate::inbox::{ActionView, Deed};

/// `anna (cli, from 192.0.2.1) discarded it, one of 3 events, asked for with --state dead: paid by hand`.
pub(crate) fn in_words(id: &str, action: &ActionView) -> String {
    let (deed, for_whom) = match action.what {
        Deed::Deliver => ("had it delivered", "to"),
        Deed::Discard => ("discarded it", "for"),
        Deed::Accept => ("accepted it", "for"),
        Deed::Erase => ("erased it", "for"),
    };
    let from = action.address.as_ref().map(|address| format!(", from {address}")).unwrap_or_default();
    let number = usize::try_from(action.events).unwrap_or(usize::MAX);
    let is_its_own = action.event == id;
    let whom = action.handler.as_ref().map(|handler| format!(" {for_whom} handler {handler}")).unwrap_or_default();
    let parts = [
        Some(format!("{} ({}{from}) {deed}{whom}", action.who, action.via)),
        action.became.as_ref().filter(|_| is_its_own).map(|event| format!("which made it event {event}")),
        (!is_its_own).then(|| format!("when it was refused body {}", action.event)),
        (number > 1).then(|| format!("one of {}", events(number))),
        action.filter.as_ref().filter(|filter| !filter.is_empty()).map(|filter| format!("asked for with {filter}")),
    ];
    let words = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    match &action.reason {
        Some(reason) => format!("{words}: {reason}"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_action_says_who_did_what_from_where_and_why() {
        let mut action = ActionView {
            id: Uuid::nil(),
            at: "2026-03-01T12:00:00Z".parse().unwrap(),
            who: "anna".to_owned(),
            via: "cli".to_owned(),
            address: Some("192.0.2.1".to_owned()),
            what: Deed::Discard,
            handler: None,
            filter: Some("--state dead".to_owned()),
            reason: Some("paid by hand".to_owned()),
            events: 3,
            event: "e".to_owned(),
            became: None,
        };
        let bulk = in_words("e", &action);
        (action.what, action.handler) = (Deed::Deliver, Some("erp".to_owned()));
        let to_one = in_words("e", &action);
        action.handler = None;
        action.what = Deed::Accept;
        action.became = Some("m".to_owned());
        (action.address, action.filter, action.reason, action.events) = (None, None, None, 1);

        assert_eq!(
            bulk,
            "anna (cli, from 192.0.2.1) discarded it, one of 3 events, asked for with --state dead: paid by hand"
        );
        assert!(to_one.starts_with("anna (cli, from 192.0.2.1) had it delivered to handler erp, one of 3"), "{to_one}");
        assert_eq!(in_words("e", &action), "anna (cli) accepted it, which made it event m");
        assert_eq!(in_words("m", &action), "anna (cli) accepted it, when it was refused body e");
    }
}
