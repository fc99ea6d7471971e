//! Documents: drawings, certificates and papers, which are in the object storage, and now and then with the other
//! party.

use std::fmt::Write as _;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::object::pdf;
use super::order::{Document, Order, Side};
use super::shipment::Shipment;
use super::{Content, Event, Object, Subject, World, later};

/// So many documents at the most: of more, one is replaced, which is the same code with another file.
const MOST: usize = 5;

/// What a document is called, with `#` for the number it is about; what its file is called, and what its uploader says
/// that it is.
const PAPERS: [(&str, &str, &str); 4] = [
    ("Drawing # rev B ø60", "Drawing # rev B ø60.pdf", "application/pdf"),
    ("Certificate 3.1 for #", "certificate 3.1 (#).txt", "application/octet-stream"),
    ("Order confirmation #", "Auftragsbestätigung #.pdf", "application/pdf"),
    ("Packing instruction", "packing & marking.txt", "text/plain"),
];

impl World {
    /// Somebody attaches a document to the order at that place, or to a line of it.
    pub(super) fn attach(&mut self, place: usize, now: Timestamp) -> Event {
        self.attach_content(place, now, None)
    }

    /// Somebody attaches a file of that size to one order.
    pub(crate) fn attach_large(&mut self, size: u64, now: Timestamp) -> Option<Event> {
        let place = self.draw(1).first().copied()?;
        Some(self.attach_content(place, now, Some(size)))
    }

    fn attach_content(&mut self, place: usize, now: Timestamp, size: Option<u64>) -> Event {
        let by = if self.random.chance(0.6) { Side::Supplier } else { Side::Buyer };
        let supplier = self.orders[place].supplier;
        let at = later(now, self.orders[place].updated);
        let meta = self.meta(by, supplier, at);
        let lines = self.orders[place].lines.len();
        let line = self.random.chance(0.5).then(|| self.random.below(lines));
        let about = match line {
            Some(line) => self.orders[place].lines[line].item.number.to_owned(),
            None => self.orders[place].number.clone(),
        };
        let mut document = self.document(by, &about, at);
        if let (Some(size), Some(object)) = (size, document.object.and_then(|id| self.objects.get_mut(&id))) {
            object.content = Content::Zeros(size);
        }
        let order: &mut Order = Arc::make_mut(&mut self.orders[place]);
        order.updated = at;
        order.version += 1;
        order.meta = meta;
        let (documents, affected) = match line {
            Some(line) => {
                let line = &mut order.lines[line];
                line.updated = at;
                (&mut line.documents, vec![line.id])
            }
            None => (&mut order.documents, Vec::new()),
        };
        if documents.len() >= MOST
            && let Some(old) = documents.iter().position(|old| old.by == by)
        {
            document.code = documents.remove(old).code;
        }
        documents.push(document);
        let name = match by {
            Side::Buyer => "OrderDocumentsAttachedByBuyer",
            Side::Supplier => "OrderDocumentsAttachedBySupplier",
        };
        let of = Subject::Documents(Arc::clone(&self.orders[place]));
        Event { name, of, lines: affected, meta, silent: false }
    }

    /// What an order has from the start: some a document of their own, some one that the buyer keeps himself.
    pub(super) fn attach_from_the_start(&mut self, place: usize) {
        let (at, number) = (self.orders[place].issued, self.orders[place].number.clone());
        let mut documents = Vec::new();
        if self.random.chance(0.3) {
            documents.push(self.document(Side::Buyer, &number, at));
        }
        if self.random.chance(0.15) {
            documents.push(Document {
                by: Side::Buyer,
                code: "TERMS".to_owned(),
                name: "General conditions of purchase".to_owned(),
                object: None,
                url: Some("https://files.vandijk.example/terms/purchase%202026.pdf?lang=en"),
                updated: at,
            });
        }
        Arc::make_mut(&mut self.orders[place]).documents = documents;
    }

    /// The supplier attaches a paper to the shipment at that place.
    pub(super) fn attach_to_shipment(&mut self, place: usize, at: Timestamp) {
        let number = self.shipments[place].number.clone();
        let mut document = self.document(Side::Supplier, &number, at);
        let shipment: &mut Shipment = Arc::make_mut(&mut self.shipments[place]);
        if shipment.documents.len() >= MOST {
            document.code = shipment.documents.remove(0).code;
        }
        shipment.documents.push(document);
    }

    /// Another document, with its file in the object storage.
    fn document(&mut self, by: Side, about: &str, at: Timestamp) -> Document {
        let (name, filename, content_type) = self.random.one(&PAPERS);
        let name = name.replace('#', about);
        // Of what a file may be called on the uploader's machine, a slash is no part.
        let filename = filename.replace('#', &about.replace('/', "-"));
        let code = format!("{:09}", self.random.below(1_000_000_000));
        let id = self.random.uuid();
        let content = self.content(content_type, &name, &code, id);
        self.objects.insert(id, Object { filename, content_type, content: Content::Bytes(content), ours: true });
        Document { by, code, name, object: Some(id), url: None, updated: at }
    }

    fn content(&mut self, content_type: &str, name: &str, code: &str, id: Uuid) -> Bytes {
        if content_type == "application/pdf" {
            return pdf(&[name, &format!("Document {code}"), "Simulated: there is nothing more on it."]);
        }
        let mut text = format!("{name}\r\nDocument {code}, {id}\r\n\r\n");
        for row in 1..=1 + self.random.below(20) {
            let _ = write!(text, "{row:>4}  {:08x}\r\n", self.random.bits() >> 32);
        }
        text.into()
    }
}
