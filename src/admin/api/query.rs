//! What can be asked for: the filters of the command line under their names, where a page begins, and how long it is.

use axum::extract::Query;
use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::ValueEnum as _;

use crate::desk::{ORIGINS, Within, number, time};
use crate::inbox::{AT_ONCE, Filter, State};
use crate::model::Kind;
use crate::shown::quoted;
use crate::telemetry::time_zone;

const FILTERS: [&str; 8] = ["state", "kind", "event", "handler", "number", "since", "until", "origin"];
/// More of what somebody wrote is not said back to him.
const SHOWN: usize = 40;
/// What a cursor begins with. It stands for a sequence, but that is nobody else's business.
const CURSOR: &str = "s1:";
/// Events on a page unless somebody asks for more or less.
const PAGE: usize = 50;

/// What was asked.
#[derive(Debug)]
pub(in crate::admin) struct Asked(Vec<(String, String)>);

impl Asked {
    /// The query of an address, which may have the filters and what is in `others`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::admin) fn read(uri: &Uri, others: &[&str]) -> Result<Self, String> {
        let known: Vec<&str> = FILTERS.into_iter().chain(others.iter().copied()).collect();
        Self::only(uri, &known)
    }

    /// The query of an address that has nothing but that.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::admin) fn only(uri: &Uri, known: &[&str]) -> Result<Self, String> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| "the query cannot be read")?;
        Self::of(pairs, known)
    }

    /// What was sent in another way, and has nothing but that.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn of(pairs: Vec<(String, String)>, known: &[&str]) -> Result<Self, String> {
        let mut known = known.to_vec();
        known.sort_unstable();
        for (at, (name, value)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let known = known.join(", ");
                return Err(format!("there is no {}; there is {known}", quoted(name, SHOWN)));
            }
            if name != "state" && pairs[..at].iter().any(|(before, _)| before == name) {
                return Err(format!("{name} is given twice"));
            }
            if value.contains('\0') {
                return Err(format!("{name} has a NUL in it, which nothing in the inbox has"));
            }
        }
        Ok(Self(pairs))
    }

    /// All of it, in its order.
    pub(in crate::admin) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// One value; what is empty, as in a form that was not filled in, is none.
    pub(in crate::admin) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Which events, and as many as `limit` says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::admin) fn filter(&self, limit: usize) -> Result<Filter, String> {
        let zone = time_zone();
        let instant = |name| {
            let Some(text) = self.get(name) else { return Ok(None) };
            let read = time(text).and_then(|time| time.at(&zone).map_err(|error| error.to_string()));
            read.map(Some).map_err(|what| format!("{name} is {}, and not {what}", quoted(text, SHOWN)))
        };
        let kind = self.get("kind").map(|name| {
            Kind::from_name(name).ok_or_else(|| format!("kind is {}, not {}", quoted(name, SHOWN), Kind::names("or")))
        });
        let origin = self.get("origin").map(|way| {
            let known = ORIGINS.contains(&way).then(|| way.to_owned());
            known.ok_or_else(|| format!("origin is {}, not one of {}", quoted(way, SHOWN), ORIGINS.join(", ")))
        });
        Ok(Filter {
            states: self.states()?,
            kind: kind.transpose()?,
            event: self.get("event").map(str::to_owned),
            handler: self.get("handler").map(str::to_owned),
            number: self.get("number").map(number).transpose()?,
            origin: origin.transpose()?,
            since: instant("since")?,
            until: instant("until")?,
            before: None,
            limit,
        })
    }

    /// What is looked for in bodies.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::admin) fn within(&self) -> Result<Option<Within>, String> {
        Within::new(self.get("partner"), self.get("item"))
    }

    fn states(&self) -> Result<Vec<State>, String> {
        let given = self.0.iter().filter(|(name, _)| name == "state").flat_map(|(_, value)| value.split(','));
        given
            .map(str::trim)
            .filter(|state| !state.is_empty())
            .map(|name| {
                State::from_str(name, false).map_err(|_| {
                    let known: Vec<_> = State::value_variants().iter().map(|state| state.as_str()).collect();
                    format!("state is {}, not one of {}", quoted(name, SHOWN), known.join(", "))
                })
            })
            .collect()
    }

    /// How long a page is.
    ///
    /// # Errors
    /// What it may be.
    pub(in crate::admin) fn limit(&self) -> Result<usize, String> {
        let Some(text) = self.get("limit") else { return Ok(PAGE) };
        let limit = text.parse().ok().filter(|limit| (1..=AT_ONCE).contains(limit));
        limit.ok_or_else(|| format!("limit is {}, not a number from 1 to {AT_ONCE}", quoted(text, SHOWN)))
    }

    /// The sequence where the page before ended.
    ///
    /// # Errors
    /// If it is no cursor of ours.
    pub(in crate::admin) fn after(&self) -> Result<Option<i64>, String> {
        let Some(text) = self.get("after") else { return Ok(None) };
        let sequence = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| {
            let text = String::from_utf8(bytes).ok()?;
            text.strip_prefix(CURSOR)?.parse::<i64>().ok()
        });
        sequence.map(Some).ok_or_else(|| "after is no `next` of a page before".to_owned())
    }
}

/// The `next` of a page that ends with that sequence.
pub(in crate::admin) fn cursor(sequence: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{CURSOR}{sequence}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Asked, String> {
        Asked::read(&format!("/api/v1/events?{query}").parse().unwrap(), &["limit", "after"])
    }

    #[test]
    fn several_states_are_one_filter_however_they_are_written() {
        let filter = asked("state=dead,refused&state=pending&number=&kind=order").unwrap().filter(7).unwrap();

        assert_eq!(filter.states, [State::Dead, State::Refused, State::Pending]);
        assert_eq!((filter.number, filter.kind, filter.limit), (None, Some(Kind::Order), 7));
    }

    #[test]
    fn what_makes_no_sense_is_named_and_not_said_back_at_length() {
        let wrong = |query: &str| {
            let read = asked(query).and_then(|asked| {
                asked.limit()?;
                asked.after()?;
                asked.filter(1)
            });
            read.unwrap_err()
        };

        assert!(wrong("stat=dead").contains("there is after, event, handler"), "{}", wrong("stat=dead"));
        for query in ["kind=x", "state=x", "limit=0", "limit=501", "after=x", "origin=x", "since=x", "number=-"] {
            assert!(!wrong(query).is_empty());
        }
        assert_eq!(wrong("kind=order&kind=shipment"), "kind is given twice");
        assert!(wrong("event=%00").contains("NUL"));
        assert!(wrong(&format!("kind={}", "x".repeat(9000))).len() < 200);
    }

    #[test]
    fn a_cursor_leads_to_where_the_page_ended() {
        let next = cursor(-4711);

        assert_eq!(asked(&format!("after={next}")).unwrap().after(), Ok(Some(-4711)));
    }
}
