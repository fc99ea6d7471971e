//! What is kept in the inbox of a plan that is carried out: what it is, of which events, how far it has come, and whether
//! somebody has stopped it. Each is a cursor of a fixed name, so that there is one at the most.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use clap::ValueEnum as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Frozen, least};
use crate::desk::{Errand, Person};
use crate::inbox::{Archive, Deed, DeedView, Filter, InboxError, State};

/// What is carried out; empty, or not there: nothing is.
const WORK: &str = "bulk";
/// The sequences that it is about.
const EVENTS: &str = "bulk events";
/// The id of the action, and how many of those are behind it.
const POSITION: &str = "bulk position";
/// The id of an action that is to be stopped.
const STOP: &str = "bulk stop";

/// The form in which it is kept.
const FORM: u8 = 1;

/// What can be done with it.
const VIAS: [&str; 3] = ["api", "page", "cli"];

/// A plan that is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Work {
    form: u8,
    pub(super) id: Uuid,
    #[serde(with = "by_name")]
    pub(super) deed: Deed,
    states: Vec<String>,
    handler: Option<String>,
    number: Option<String>,
    /// In words.
    pub(super) filter: String,
    reason: Option<String>,
    pub(super) who: String,
    via: String,
    address: Option<String>,
    /// When it began.
    at: Timestamp,
    /// How many events it is about, as far as they were counted,
    pub(super) count: usize,
    /// and how many are looked at.
    pub(super) length: usize,
}

impl Work {
    /// What is to be done once that person has said yes.
    pub(super) fn of(plan: &Frozen, person: &Person, reason: Option<String>) -> Self {
        Self {
            form: FORM,
            id: plan.id,
            deed: plan.deed,
            states: plan.filter.states.iter().map(|state| state.as_str().to_owned()).collect(),
            handler: plan.filter.handler.clone(),
            number: plan.filter.number.clone(),
            filter: plan.words(),
            reason: reason.or_else(|| plan.reason.clone()),
            who: person.who.clone(),
            via: person.via.to_owned(),
            address: person.address.clone(),
            at: Timestamp::now(),
            count: least(plan.count),
            length: plan.sequences.len(),
        }
    }

    /// What every event is asked for again. Of the rest that somebody has asked for, nothing changes.
    pub(super) fn filter(&self) -> Filter {
        let states = self.states.iter().filter_map(|name| State::from_str(name, false).ok()).collect();
        Filter { states, handler: self.handler.clone(), number: self.number.clone(), ..Filter::default() }
    }

    pub(super) fn errand(&self) -> Errand {
        let via = VIAS.into_iter().find(|via| *via == self.via).unwrap_or(VIAS[0]);
        let person = Person { who: self.who.clone(), via, address: self.address.clone() };
        let errand = Errand::known_as(self.id, person, self.reason.clone());
        errand.to(self.handler.as_deref()).of_words(self.filter.clone())
    }

    /// As it is told of before anything was changed.
    pub(super) fn told(&self) -> DeedView {
        DeedView {
            id: self.id,
            at: self.at,
            who: self.who.clone(),
            via: self.via.clone(),
            address: self.address.clone(),
            what: self.deed,
            handler: self.handler.clone(),
            filter: Some(self.filter.clone()),
            reason: self.reason.clone(),
            events: 0,
        }
    }
}

/// Whether what is kept makes sense.
#[derive(Debug)]
pub(super) enum Kept {
    Nothing,
    Work(Box<Work>),
    /// Another version has written it, or the disk is damaged.
    Unreadable,
}

/// What is carried out, whoever does it.
pub(super) async fn read(inbox: &dyn Archive) -> Result<Kept, InboxError> {
    let Some(text) = inbox.cursor(WORK).await?.filter(|text| !text.is_empty()) else { return Ok(Kept::Nothing) };
    let work = serde_json::from_str::<Box<Work>>(&text).ok().filter(|work| work.form == FORM);
    Ok(work.map_or(Kept::Unreadable, Kept::Work))
}

/// The same, if it can be read.
pub(super) async fn work(inbox: &dyn Archive) -> Result<Option<Box<Work>>, InboxError> {
    Ok(match read(inbox).await? {
        Kept::Work(work) => Some(work),
        Kept::Nothing | Kept::Unreadable => None,
    })
}

/// Keeps it. It is there with the last step, in which nothing is missing any more.
pub(super) async fn begin(inbox: &dyn Archive, work: &Work, sequences: &[i64]) -> Result<(), InboxError> {
    let text = serde_json::to_string(work).map_err(|error| InboxError::Failed(error.to_string()))?;
    inbox.move_cursor(POSITION, "").await?;
    inbox.move_cursor(EVENTS, &packed(sequences)).await?;
    inbox.move_cursor(WORK, &text).await
}

/// The sequences it is about; `None` if they cannot be read.
pub(super) async fn sequences(inbox: &dyn Archive, work: &Work) -> Result<Option<Vec<i64>>, InboxError> {
    let packed = inbox.cursor(EVENTS).await?.unwrap_or_default();
    Ok(unpacked(&packed).filter(|sequences| sequences.len() == work.length))
}

/// How many of them are behind it.
pub(super) async fn position(inbox: &dyn Archive, work: &Work) -> Result<usize, InboxError> {
    let text = inbox.cursor(POSITION).await?.unwrap_or_default();
    let of_it = text.split_once(' ').filter(|(id, _)| *id == work.id.to_string());
    Ok(of_it.and_then(|(_, position)| position.parse().ok()).unwrap_or_default())
}

/// Notes that so many are.
pub(super) async fn move_to(inbox: &dyn Archive, work: &Work, position: usize) -> Result<(), InboxError> {
    inbox.move_cursor(POSITION, &format!("{} {position}", work.id)).await
}

/// Has an action stopped.
pub(super) async fn stop(inbox: &dyn Archive, action: Uuid) -> Result<(), InboxError> {
    inbox.move_cursor(STOP, &action.to_string()).await
}

/// Whether it is to be.
pub(super) async fn is_stopped(inbox: &dyn Archive, work: &Work) -> Result<bool, InboxError> {
    Ok(inbox.cursor(STOP).await?.is_some_and(|stopped| stopped == work.id.to_string()))
}

/// It has ended.
pub(super) async fn clear(inbox: &dyn Archive) -> Result<(), InboxError> {
    inbox.move_cursor(WORK, "").await?;
    inbox.move_cursor(EVENTS, "").await
}

/// Sequences as text, a byte or two each: they lie close together.
fn packed(sequences: &[i64]) -> String {
    let mut bytes = Vec::with_capacity(sequences.len() * 2);
    let mut last = 0;
    for sequence in sequences {
        let mut step = sequence.wrapping_sub(last).cast_unsigned();
        last = *sequence;
        loop {
            let low = u8::try_from(step & 0x7f).unwrap_or_default();
            step >>= 7;
            if step == 0 {
                bytes.push(low);
                break;
            }
            bytes.push(low | 0x80);
        }
    }
    STANDARD_NO_PAD.encode(bytes)
}

fn unpacked(text: &str) -> Option<Vec<i64>> {
    let bytes = STANDARD_NO_PAD.decode(text).ok()?;
    let (mut sequences, mut last, mut step, mut shift) = (Vec::new(), 0_i64, 0_u64, 0_u32);
    for byte in bytes {
        step |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            last = last.wrapping_add(step.cast_signed());
            sequences.push(last);
            (step, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(sequences)
}

/// A deed by its name.
mod by_name {
    use serde::de::{Deserialize as _, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::inbox::Deed;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference to the field")]
    pub(super) fn serialize<S: Serializer>(deed: &Deed, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(deed.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Deed, D::Error> {
        let name = String::deserialize(deserializer)?;
        Deed::from_name(&name).ok_or_else(|| D::Error::custom("no deed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_the_same_after_they_were_kept() {
        for sequences in [vec![], vec![0], vec![1, 2, 3], vec![127, 128, 300, 1 << 40, i64::MAX], vec![i64::MIN, -1, 5]]
        {
            assert_eq!(unpacked(&packed(&sequences)), Some(sequences));
        }
        let million: Vec<i64> = (5_000_000..6_000_000).collect();
        assert!(packed(&million).len() < 1_400_000);
    }

    #[test]
    fn what_is_damaged_is_not_taken_for_other_events() {
        for text in ["!", "gA", "////////////////"] {
            assert_eq!(unpacked(text), None, "{text}");
        }
    }
}
