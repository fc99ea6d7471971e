//! Looks into bodies for what no list has: the name of a partner, an item. That is work for each event, so it begins with
//! the newest, ends after a while wherever it is, and says where.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::{Desk, Page};
use crate::decode::{self, Told};
use crate::inbox::{EventView, Filter, InboxError};

/// So long it looks.
const LOOK: Duration = Duration::from_secs(2);
/// So many events are read at a time, which may be far fewer than match in the end.
const AT_A_TIME: usize = 100;
/// Nobody looks for more, in characters.
const LONGEST: usize = 200;

/// What a body is to have in it, in any case of letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    partner: Option<Arc<str>>,
    item: Option<Arc<str>>,
}

/// What was found, and how far it was looked.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest first; and what could not be read on the way.
    pub page: Page,
    /// Below which sequence to go on; `None`: all of it was looked at.
    pub next: Option<i64>,
    /// When that came which was looked at last, if time was over and not the page full.
    pub looked_back_to: Option<Timestamp>,
}

impl Within {
    /// A partner whose name, id or account number has `partner` in it, and a line of an item whose number, name or
    /// description has `item` in it; of both, if both are given. `None`: nothing is.
    ///
    /// # Errors
    /// What they may be.
    pub fn new(partner: Option<&str>, item: Option<&str>) -> Result<Option<Self>, String> {
        let read = |name: &str, text: Option<&str>| -> Result<Option<Arc<str>>, String> {
            let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
            if text.chars().count() > LONGEST {
                return Err(format!("{name} has more than {LONGEST} characters"));
            }
            Ok(Some(text.to_lowercase().into()))
        };
        let within = Self { partner: read("partner", partner)?, item: read("item", item)? };
        Ok((within.partner.is_some() || within.item.is_some()).then_some(within))
    }

    fn is_in(&self, body: &decode::Body) -> bool {
        let (mut partner, mut item) = (self.partner.is_none(), self.item.is_none());
        decode::told(body, |told, text| {
            let (wanted, found) = match told {
                Told::Partner => (&self.partner, &mut partner),
                Told::Item => (&self.item, &mut item),
            };
            *found = *found || wanted.as_ref().is_some_and(|wanted| text.to_lowercase().contains(&**wanted));
        });
        partner && item
    }
}

impl Desk {
    /// Of the events that match, the newest in whose bodies that is, as many as the filter's limit says, as far as they are
    /// found within two seconds or so.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn inside(&self, filter: &Filter, within: &Within) -> Result<Found, InboxError> {
        let ends = Instant::now() + LOOK;
        let mut found = Found::default();
        let limit = filter.limit;
        if limit == 0 {
            return Ok(found);
        }
        let mut filter = Filter { limit: AT_A_TIME, ..filter.clone() };
        loop {
            let sequences = self.inbox.sequences(&filter).await?;
            let Some(last) = sequences.last().copied() else { return Ok(found) };
            let is_last = sequences.len() < AT_A_TIME;
            let mut oldest_first = sequences;
            oldest_first.reverse();
            let mut page = self.page(&oldest_first).await?;
            found.page.unreadable.append(&mut page.unreadable);
            for event in page.events.into_iter().rev() {
                let (sequence, received) = (event.sequence, event.received);
                match self.is_inside(&event, within).await? {
                    Ok(true) => found.page.events.push(event),
                    Ok(false) => {}
                    Err(error) => found.page.unreadable.push((sequence, error)),
                }
                let is_over = Instant::now() >= ends;
                if found.page.events.len() == limit || is_over {
                    let is_all = is_last && sequence == last;
                    found.next = Some(sequence).filter(|_| !is_all);
                    found.looked_back_to = Some(received).filter(|_| !is_all && found.page.events.len() < limit);
                    return Ok(found);
                }
            }
            if is_last {
                return Ok(found);
            }
            filter.before = Some(last);
        }
    }

    /// Whether that is in the body of an event, or why the body cannot be read.
    ///
    /// # Errors
    /// If the inbox cannot be read at all.
    pub async fn is_inside(&self, event: &EventView, within: &Within) -> Result<Result<bool, InboxError>, InboxError> {
        if event.size == 0 || event.erased.is_some() {
            return Ok(Ok(false));
        }
        let bytes = match self.body_if_readable(event).await? {
            Ok(bytes) => bytes,
            // It was removed meanwhile, as its time was over.
            Err(_) if self.views(&[event.sequence]).await.is_ok_and(|found| found.is_empty()) => return Ok(Ok(false)),
            Err(error) => return Ok(Err(error)),
        };
        let body = decode::Body::kept(event.content_type.clone(), bytes);
        let within = within.clone();
        // A large one takes a moment, in which others want to be answered.
        Ok(Ok(spawn_blocking(move || within.is_in(&body)).await.unwrap_or(false)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(partner: &str, item: &str) -> bool {
        let text = r#"{"orderEvent":{"buyerOrder":{"supplierParty":{"names":["Müller & Söhne"]}},
                       "lines":[{"buyerLine":{"item":{"number":"M12-ZN","name":"Bolt"}}}]}}"#;
        let within = Within::new(Some(partner), Some(item)).unwrap().unwrap();
        within.is_in(&decode::Body::kept(None, text.into()))
    }

    #[test]
    fn both_are_to_be_there_in_any_case_of_letters() {
        assert!(is_in("MÜLLER", "m12") && is_in("", "bolt") && is_in(" söhne ", ""));
        assert!(!is_in("Müller", "nut") && !is_in("Bolt", "") && !is_in("", "Müller"));
    }

    #[test]
    fn nothing_is_no_filter_and_too_much_is_named() {
        assert_eq!(Within::new(Some(" "), None), Ok(None));
        assert!(Within::new(None, Some(&"x".repeat(201))).is_err());
    }
}
