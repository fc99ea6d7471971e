//! The event as an HTTP message: the CloudEvents HTTP binding in its two modes, or the body as received.

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::event::Event;
use crate::handlers::{Outcome, render};
use crate::outgoing::percent_encode;

/// How the event is put into a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Format {
    /// One JSON object with everything (structured mode).
    CloudEvents,
    /// The attributes as headers, the data as body (binary mode).
    CloudEventsBinary,
    /// Body and media type as Tradecloud sent them.
    Original,
}

/// A request without its address and credentials.
pub(super) struct Message {
    pub(super) content_type: HeaderValue,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Format {
    /// The names in the configuration.
    pub(super) const NAMES: [(&'static str, Self); 3] = [
        ("cloudevents", Self::CloudEvents),
        ("cloudevents-binary", Self::CloudEventsBinary),
        ("original", Self::Original),
    ];

    pub(super) async fn render(self, event: &Event) -> Result<Message, Outcome> {
        Ok(match self {
            Self::CloudEvents => Message {
                content_type: HeaderValue::from_static("application/cloudevents+json"),
                headers: HeaderMap::new(),
                body: render(event, Event::cloud_event).await?,
            },
            Self::CloudEventsBinary => Message {
                content_type: HeaderValue::from_static("application/json"),
                headers: attribute_headers(event),
                body: render(event, |event| Ok(event.data()?.into_owned().into())).await?,
            },
            Self::Original => Message {
                content_type: HeaderValue::from_str(event.original_content_type())
                    .unwrap_or_else(|_| HeaderValue::from_static(event.envelope.format.media_type())),
                headers: HeaderMap::new(),
                body: event.body.clone(),
            },
        })
    }
}

/// `ce-<attribute>: <value>` for every attribute but the content type, which is a header of its own.
fn attribute_headers(event: &Event) -> HeaderMap {
    let attributes = serde_json::to_value(event.attributes()).unwrap_or_default();
    let mut headers = HeaderMap::new();
    for (attribute, value) in attributes.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name = HeaderName::from_bytes(format!("ce-{attribute}").as_bytes());
        let value = HeaderValue::from_str(&percent_encode(&text, fits_in_header));
        if let (Ok(name), Ok(value)) = (name, value)
            && attribute != "datacontenttype"
        {
            headers.insert(name, value);
        }
    }
    headers
}

/// CloudEvents HTTP binding 1.0, §3.1.3.2: printable ASCII but for space, quote and percent.
fn fits_in_header(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"%".contains(&byte)
}
