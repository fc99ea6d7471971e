//! An event as it is stored, body and all, to be read for its references or compared with its checksum.

use bytes::Bytes;
use tokio_postgres::Row;

use crate::inbox::kept::Record;

/// What [`Stored`] is read from, of the tables `events e` and `listed l`.
pub(super) const COLUMNS: &str = "\
    e.number, e.key, e.id, e.content_type, e.kind, e.format, e.event_name, e.message_id, e.subject, e.document, e.company,
    e.companies, e.created, l.checksum, l.event IS NOT NULL, e.body, e.path";

/// An event or a refused body.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) number: i64,
    key: Vec<u8>,
    id: String,
    pub(super) content_type: Option<String>,
    /// Kind, format, event name, message id, subject, document, company, companies and created.
    texts: [Option<String>; 9],
    /// The one that was noted.
    pub(super) checksum: Option<i64>,
    pub(super) is_listed: bool,
    pub(super) body: Bytes,
    pub(super) path: String,
}

impl Stored {
    pub(super) fn read(row: &Row) -> Self {
        Self {
            number: row.get(0),
            key: row.get(1),
            id: row.get(2),
            content_type: row.get(3),
            texts: [4, 5, 6, 7, 8, 9, 10, 11, 12].map(|column| row.get(column)),
            checksum: row.get(13),
            is_listed: row.get(14),
            body: Bytes::from(row.get::<_, Vec<u8>>(15)),
            path: row.get(16),
        }
    }

    /// The checksum of what is there.
    pub(super) fn checksum_of(&self, body: &[u8]) -> i64 {
        let texts = self.texts.each_ref().map(Option::as_deref);
        let [kind, format, event_name, message_id, subject, document, company, companies, created] = texts;
        let record = Record {
            key: &self.key,
            id: &self.id,
            content_type: self.content_type.as_deref(),
            kind,
            format,
            event_name,
            message_id,
            subject,
            document,
            company,
            companies,
            created,
            body,
        };
        record.checksum()
    }

    /// The name of the format; a refused body has none.
    pub(super) fn format(&self) -> Option<&str> {
        self.texts[1].as_deref()
    }
}
