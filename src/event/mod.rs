//! An event on its way to a handler: the envelope, the body as received, and the CloudEvents form. `attached` are its
//! documents, and `answer` is what comes back.

mod answer;
mod attached;

use std::borrow::Cow;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

pub(crate) use self::answer::ENOUGH;
pub use self::answer::{Answer, Answers};
pub use self::attached::{Attached, Held};

use crate::decode::{self, DecodeError};
use crate::model::instant::{instant, is_rfc_3339};
use crate::model::{Envelope, Kind, Message};
use crate::telemetry::events::About;

/// The origin of what Tradecloud sent by itself.
pub const WEBHOOK: &str = "webhook";

/// One event as a handler sees it.
///
/// The raw body is the truth: [`Event::cloud_event`] and [`Event::message`] are made from it, so
/// nothing that this program does not know of is lost.
#[derive(Debug, Clone)]
pub struct Event {
    /// The CloudEvents id: the `messageId`, else an id made from the digest of the body.
    pub id: String,
    /// What is known of it without reading its lines.
    pub envelope: Envelope,
    /// When it was received.
    pub received: Timestamp,
    /// 1 for the first attempt of this handler, 2 for the second, …
    pub attempt: u32,
    /// 1, and one more each time that somebody has begun the delivery anew by hand.
    pub round: u32,
    /// The media type as received, if the sender named one.
    pub content_type: Option<String>,
    /// The body as received.
    pub body: Bytes,
    /// How it came: `webhook`, `get`, `poll`, `missed`, `fetch` or `backfill`.
    pub origin: Cow<'static, str>,
    /// Its documents, if the handler wants to have them; else `None`.
    pub documents: Option<Arc<[Attached]>>,
    /// What the back end says to this attempt; see [`Event::answered`].
    pub answers: Answers,
}

/// The attributes of the CloudEvents form (CloudEvents 1.0, §3), in the order they are written.
#[derive(Debug, Serialize)]
pub struct Attributes<'a> {
    /// Always `1.0`.
    pub specversion: &'static str,
    /// Identifies the message; the same for a repeated one.
    pub id: &'a str,
    /// The company on whose behalf Tradecloud sends.
    pub source: String,
    /// `com.tradecloud1.<kind>.<eventName>`.
    pub r#type: String,
    /// The order's or shipment's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// When Tradecloud made the message, else when it was received (RFC 3339, whatever was written in the body).
    pub time: String,
    /// Always `application/json`.
    pub datacontenttype: &'static str,
    /// Extension: when it was received (RFC 3339).
    pub tcreceived: String,
    /// Extension: 1, 2, … per handler.
    pub tcattempt: u32,
    /// Extension: `json` or `txml`.
    pub tcformat: &'static str,
    /// Extension: how it came. See [`Event::origin`].
    pub tcorigin: &'a str,
    /// Extension: its documents, as a list in JSON, if the handler wants to have them. See [`Attached`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcdocuments: Option<String>,
}

impl Event {
    /// What a line of the log is about.
    pub(crate) fn about(&self) -> About<'_> {
        let Envelope { number, event_name, .. } = &self.envelope;
        About { id: Some(&self.id), number: number.as_deref(), event: event_name.as_deref() }
    }

    /// The event that a body would be, received now and on its first attempt: for the tests of a handler of one's
    /// own, from what was recorded (`events export`, `events show --body`) or written for the purpose. JSON and tXML
    /// are told apart as on the way in, and their encoding is found as if no media type had come with them. For another
    /// attempt or time, set the field:
    ///
    /// ```
    /// use tradecloud_webhook::event::Event;
    ///
    /// let body = r#"{"eventName": "OrderIssuedByBuyer", "orderEvent": {"orderId": "a334"}, "meta": {"messageId": "m-1"}}"#;
    /// let event = Event { attempt: 2, ..Event::from_body(body)? };
    ///
    /// assert_eq!(event.id, "m-1");
    /// assert_eq!(event.envelope.subject.as_deref(), Some("a334"));
    /// # Ok::<(), tradecloud_webhook::decode::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// If the receiver would refuse the body: as [`decode::envelope`].
    pub fn from_body(body: impl Into<Bytes>) -> Result<Self, DecodeError> {
        let body = body.into();
        let envelope = decode::envelope(None, &body)?;
        let id = id(envelope.message_id.as_deref(), &body);
        let (received, answers, origin) = (Timestamp::now(), Answers::default(), Cow::Borrowed(WEBHOOK));
        let (content_type, documents) = (None, None);
        Ok(Self { id, envelope, received, attempt: 1, round: 1, content_type, body, origin, documents, answers })
    }

    /// Notes what the back end has said to this attempt, good or bad: its status, if it speaks HTTP, and its words, of
    /// which the first 1024 bytes are kept with the attempt. The outcome does not depend on it.
    ///
    /// For a handler to call once the back end has answered, before it returns. It counts even if the attempt is cut
    /// off by its time-out afterwards. The last call counts, and an empty text is none:
    ///
    /// ```
    /// use tradecloud_webhook::event::Event;
    ///
    /// let event = Event::from_body(r#"{"eventName": "OrderIssuedByBuyer", "orderEvent": {"orderId": "a334"}}"#)?;
    ///
    /// event.answered(Some(201), "booked as 4900000002");
    ///
    /// let answer = event.answers.take();
    /// assert_eq!(answer.and_then(|answer| answer.text).as_deref(), Some("booked as 4900000002"));
    /// # Ok::<(), tradecloud_webhook::decode::DecodeError>(())
    /// ```
    pub fn answered(&self, status: Option<u16>, text: impl AsRef<[u8]>) {
        self.answers.put(status, text.as_ref());
    }

    /// Whether anybody keeps what the back end says. If not, a handler need not wait for more than it has to know.
    pub fn wants_answer(&self) -> bool {
        self.answers.are_wanted()
    }

    /// The attributes of the CloudEvents form.
    pub fn attributes(&self) -> Attributes<'_> {
        let envelope = &self.envelope;
        let received = rfc3339(self.received);
        Attributes {
            specversion: "1.0",
            id: &self.id,
            source: source(envelope.company_id.as_deref()),
            r#type: format!("com.tradecloud1.{}.{}", envelope.kind, envelope.event_name_or_changed()),
            subject: envelope.subject.as_deref().filter(|subject| !subject.is_empty()),
            time: envelope.created.as_deref().and_then(time).unwrap_or_else(|| received.clone()),
            datacontenttype: "application/json",
            tcreceived: received,
            tcattempt: self.attempt,
            tcformat: envelope.format.as_str(),
            tcorigin: &self.origin,
            tcdocuments: self.documents.as_deref().map(attached::to_json),
        }
    }

    /// The event as one JSON object: CloudEvents 1.0, structured, with the whole body as `data`.
    ///
    /// # Errors
    /// Only if the body is no longer what [`decode::envelope`] accepted, which would be a fault of
    /// this program; a handler answers it with [`crate::handlers::Outcome::rejected`].
    pub fn cloud_event(&self) -> Result<Bytes, DecodeError> {
        #[derive(Serialize)]
        struct Structured<'a> {
            #[serde(flatten)]
            attributes: Attributes<'a>,
            data: &'a RawValue,
        }
        let data = self.data()?;
        let data: &RawValue = serde_json::from_slice(&data).map_err(|error| decode::json::malformed(&error))?;
        let mut json = Vec::with_capacity(data.get().len() + 1024);
        let event = Structured { attributes: self.attributes(), data };
        serde_json::to_writer(&mut json, &event).map_err(|error| decode::json::malformed(&error))?;
        Ok(json.into())
    }

    /// The body as JSON in UTF-8: the text as received, or the JSON Tradecloud would have sent for a tXML body.
    ///
    /// # Errors
    /// As [`Event::cloud_event`].
    pub fn data(&self) -> Result<Cow<'_, [u8]>, DecodeError> {
        decode::to_json(self.envelope.format, self.content_type.as_deref(), &self.body)
    }

    /// The body as typed message, for handlers that compute with it.
    ///
    /// # Errors
    /// If a known field holds something of another type than Tradecloud documents; the error names
    /// the field. The event itself is intact: pass on [`Event::data`], or reject it.
    pub fn message(&self) -> Result<Message, DecodeError> {
        Message::from_json(self.envelope.kind, &self.data()?)
    }

    /// The media type to pass the original body on with.
    pub fn original_content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or_else(|| self.envelope.format.media_type())
    }

    /// Whether it is an order event, order documents or a shipment.
    pub fn kind(&self) -> Kind {
        self.envelope.kind
    }
}

/// The id that an event goes by: its `messageId`, and for one without, an id from its body, so that the same body
/// has the same id.
pub(crate) fn id(message_id: Option<&str>, body: &[u8]) -> String {
    if let Some(id) = message_id.filter(|id| !id.is_empty()) {
        return id.to_owned();
    }
    let mut beginning = [0; 16];
    beginning.copy_from_slice(&digest(&SHA256, body).as_ref()[..16]);
    Uuid::new_v8(beginning).to_string()
}

/// The time that a sender wrote, as it is if that is RFC 3339, which CloudEvents wants; else the instant that it is.
fn time(written: &str) -> Option<String> {
    // Who indents XML may have put blanks around it.
    let written = written.trim();
    let at = instant(written)?;
    Some(if is_rfc_3339(written) { written.to_owned() } else { rfc3339(at) })
}

/// RFC 3339 in UTC with microseconds, always the same length: sortable as text.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// The CloudEvents `source`. A company id is a UUID; whatever else stands there is percent-encoded,
/// because the attribute must be a URI reference.
fn source(company_id: Option<&str>) -> String {
    use std::fmt::Write as _;
    let Some(company) = company_id.filter(|id| !id.is_empty()) else {
        return "https://tradecloud1.com".to_owned();
    };
    let mut source = String::from("https://tradecloud1.com/company/");
    for byte in company.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            source.push(char::from(byte));
        } else {
            let _ = write!(source, "%{byte:02X}");
        }
    }
    source
}
