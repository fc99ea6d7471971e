//! What the stores keep of an event beside what it came with: the references in it, and the checksum by which damage
//! shows.

use serde_json::json;
use xxhash_rust::xxh3::Xxh3;

use crate::model::Reference;
use crate::model::{What, folded};

/// References as a store keeps them: a list of pairs, what and value.
pub(super) fn refs_json(references: &[Reference]) -> String {
    let pairs: Vec<_> = references.iter().map(|one| (one.what.as_str(), one.value.as_str())).collect();
    json!(pairs).to_string()
}

/// References as a store has kept them. What a later version has written that this one does not know is left out.
pub(super) fn refs_of(json: &str) -> Vec<Reference> {
    let pairs: Vec<(String, String)> = serde_json::from_str(json).unwrap_or_default();
    let known = pairs.into_iter().filter_map(|(what, value)| Some(Reference { what: What::from_name(&what)?, value }));
    known.collect()
}

/// What the references are looked up by: each once, in order.
pub(super) fn folds(references: &[Reference]) -> Vec<String> {
    let mut folds: Vec<_> = references.iter().map(|one| folded(&one.value)).collect();
    folds.sort_unstable();
    folds.dedup();
    folds
}

/// What is stored of an event or refused body, as far as nothing changes it.
pub(super) struct Record<'a> {
    pub(super) key: &'a [u8],
    pub(super) id: &'a str,
    pub(super) content_type: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) format: Option<&'a str>,
    pub(super) event_name: Option<&'a str>,
    pub(super) message_id: Option<&'a str>,
    pub(super) subject: Option<&'a str>,
    pub(super) document: Option<&'a str>,
    pub(super) company: Option<&'a str>,
    pub(super) companies: Option<&'a str>,
    pub(super) created: Option<&'a str>,
    pub(super) body: &'a [u8],
}

impl Record<'_> {
    /// The checksum of it: against disks that forget, not against people.
    pub(super) fn checksum(&self) -> i64 {
        let mut hash = Xxh3::new();
        let mut part = |part: Option<&[u8]>| {
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            hash.update(&length.to_le_bytes());
            hash.update(part.unwrap_or_default());
        };
        part(Some(self.key));
        part(Some(self.id.as_bytes()));
        for text in [
            self.content_type,
            self.kind,
            self.format,
            self.event_name,
            self.message_id,
            self.subject,
            self.document,
            self.company,
            // An inbox of an earlier version may have none in the place of an empty one.
            self.companies.filter(|companies| !companies.is_empty()),
            self.created,
        ] {
            part(text.map(str::as_bytes));
        }
        part(Some(self.body));
        i64::from_le_bytes(hash.digest().to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(value: &str) -> Reference {
        Reference { what: What::PurchaseOrder, value: value.to_owned() }
    }

    #[test]
    fn references_come_back_as_they_were_and_are_looked_up_once_each() {
        let references = [order("PO-\"1\""), order("po 0"), order("PO0")];

        assert_eq!(refs_of(&refs_json(&references)), references);
        assert_eq!(folds(&references[1..]), ["po0"]);
        assert_eq!(refs_of(r#"[["purchaseOrder","1"],["something new","2"]]"#), [order("1")]);
        assert!(refs_of("no JSON").is_empty());
    }

    #[test]
    fn whatever_changes_in_a_record_changes_its_checksum() {
        let record = || Record {
            key: &[1],
            id: "a",
            content_type: None,
            kind: Some("order"),
            format: None,
            event_name: None,
            message_id: None,
            subject: Some("b"),
            document: None,
            company: None,
            companies: None,
            created: None,
            body: b"body",
        };
        let of = record().checksum();

        assert_eq!(of, Record { companies: Some(""), ..record() }.checksum());
        for other in [
            Record { body: b"bodz", ..record() },
            Record { id: "ab", subject: Some(""), ..record() },
            Record { subject: None, document: Some("b"), ..record() },
            Record { content_type: Some(""), ..record() },
        ] {
            assert_ne!(of, other.checksum());
        }
    }
}
