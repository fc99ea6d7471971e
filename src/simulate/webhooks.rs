//! The webhooks of the simulated platform: which event goes where and in which form, and again when Tradecloud would.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::Method;
use bytes::Bytes;
use reqwest::Url;

use super::forms::{txml::txml, webhook};
use super::world::{Event, Subject};
use super::{Simulation, lock};
use crate::outgoing::percent_encode;
use crate::respond::Verdict;

/// The placeholders of a GET webhook.
const ORDER: &str = "{orderId}";
const LEGACY: &str = "{legacyOrderId}";
const SHIPMENT: &str = "{shipmentId}";

/// Where a webhook goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Webhook {
    /// The address; the id stands in for a placeholder.
    address: String,
    method: Method,
}

/// One call of a webhook.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The media type and the bytes; a GET has none.
    pub(crate) body: Option<(&'static str, Bytes)>,
}

/// What came of one call.
pub(crate) struct Played {
    pub(crate) verdict: Verdict,
    pub(crate) status: Option<u16>,
    pub(crate) detail: Option<String>,
}

/// Who calls: the one that `send` and `replay` have.
#[async_trait]
pub(crate) trait Player: Send + Sync {
    /// Calls once.
    async fn play(&self, call: &Call) -> Played;

    /// How long to wait after that attempt, from 1 on.
    fn pause_after(&self, attempt: u32) -> Duration;
}

impl Webhook {
    /// Reads an address. One with a placeholder is called by GET unless a method is given.
    ///
    /// # Errors
    /// If it is no address, or is to be called by GET and has no place for an id.
    pub(crate) fn read(address: &str, method: Option<&Method>) -> Result<Self, String> {
        let has_place = [ORDER, LEGACY, SHIPMENT].iter().any(|placeholder| address.contains(placeholder));
        let method = method.cloned().unwrap_or(if has_place { Method::GET } else { Method::POST });
        if method == Method::GET && !has_place {
            return Err(format!("{address}: a GET webhook has {ORDER}, {LEGACY} or {SHIPMENT} where the id belongs"));
        }
        let webhook = Self { address: address.to_owned(), method };
        match webhook.url("id") {
            Some(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
                Err(format!("{address}: it has to begin with https:// (or http:// for a receiver on this machine)"))
            }
            Some(url) if !url.username().is_empty() || url.password().is_some() => {
                Err("the address holds a user name or password: give them with --basic instead".to_owned())
            }
            Some(_) => Ok(webhook),
            None => Err(format!("{address}: it has to be a whole address, from https:// on")),
        }
    }

    /// Whether it speaks plain HTTP.
    pub(crate) fn is_plain(&self) -> bool {
        self.address.starts_with("http://")
    }

    /// The id that stands in for its placeholder, if it wants the event.
    fn wants<'e>(&self, event: &'e Event) -> Option<&'e str> {
        let is_shipment = matches!(event.of, Subject::Shipment(_));
        if self.address.contains(LEGACY) {
            event.of.legacy()
        } else if self.address.contains(ORDER) {
            (!is_shipment).then(|| event.of.id())
        } else if self.address.contains(SHIPMENT) {
            is_shipment.then(|| event.of.id())
        } else {
            Some(event.of.id())
        }
    }

    fn url(&self, id: &str) -> Option<Url> {
        let id = percent_encode(id, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        let placed =
            [ORDER, LEGACY, SHIPMENT].iter().fold(self.address.clone(), |text, place| text.replace(place, &id));
        Url::parse(&placed).ok()
    }
}

impl Simulation {
    /// Tells an event to whom it concerns, or loses it on purpose. Returns whether any webhook wants it.
    pub(super) fn publish(self: &Arc<Self>, event: &Event) -> bool {
        let wanted: Vec<Url> = {
            let to = self.options.webhooks.iter();
            to.filter_map(|to| to.wants(event).and_then(|id| to.url(id))).collect()
        };
        let lines = match event.lines.len() {
            0 => String::new(),
            1 => "  1 line".to_owned(),
            lines => format!("  {lines} lines"),
        };
        let what = format!("{}  {}", event.name, event.of.number());
        let place = lock(&self.journal).happened(event.clone());
        if event.silent {
            self.tell(format!("{what}{lines}  our own request: no webhook tells it"));
            return false;
        }
        if wanted.is_empty() {
            self.tell(format!("{what}{lines}"));
            return false;
        }
        if lock(&self.fate).chance(self.options.drop) {
            lock(&self.journal).dropped(place);
            self.tell(format!("{what}{lines}  dropped on purpose"));
            return true;
        }
        self.tell(format!("{what}{lines}"));
        lock(&self.journal).sent(place);
        let body = self.body(event);
        for (webhook, url) in self.options.webhooks.iter().filter(|to| to.wants(event).is_some()).zip(wanted) {
            let body = (webhook.method != Method::GET).then(|| body.clone());
            let call = Call { method: webhook.method.clone(), url, body };
            tokio::spawn(Arc::clone(self).deliver(place, what.clone(), call));
        }
        true
    }

    fn body(&self, event: &Event) -> (&'static str, Bytes) {
        let body = {
            let living = lock(&self.living);
            webhook(event, &living.world.parties, self.options.form)
        };
        // Shipments know no other form than JSON.
        if self.options.as_txml && !matches!(event.of, Subject::Shipment(_)) {
            ("application/xml", txml(&body).into())
        } else {
            ("application/json", body.to_string().into())
        }
    }

    /// Calls until Tradecloud would stop. It promises no order: what happens meanwhile is sent meanwhile.
    async fn deliver(self: Arc<Self>, place: usize, what: String, call: Call) {
        let mut attempt = 1;
        loop {
            let played = {
                let Ok(_turn) = self.calls.acquire().await else { return };
                self.player.play(&call).await
            };
            lock(&self.journal).answered(place, played.verdict, played.status);
            let pause = (played.verdict == Verdict::WillRetry).then(|| self.player.pause_after(attempt));
            let status = played.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            let mut said = format!("  {what} -> {}  {status}  {}", played.verdict.as_str(), call.method);
            if let Some(detail) = played.detail {
                said = format!("{said}  {detail}");
            }
            let Some(pause) = pause else { return self.tell(said) };
            self.tell(format!("{said}; again in {}", humantime::format_duration(pause)));
            tokio::time::sleep(pause).await;
            attempt = attempt.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_goes_out_as_one_encoded_part_of_the_address() {
        let webhook = Webhook::read("https://host/orders/{orderId}?x=1", None).unwrap();

        let url = webhook.url("a-PO26/00417+ø").unwrap();

        assert_eq!(webhook.method, Method::GET);
        assert_eq!(url.as_str(), "https://host/orders/a-PO26%2F00417%2B%C3%B8?x=1");
    }

    #[test]
    fn an_address_is_whole_and_has_a_place_for_the_id_of_a_get() {
        let read = |address, method: Option<Method>| Webhook::read(address, method.as_ref());

        assert_eq!(read("https://host/", None).unwrap().method, Method::POST);
        assert_eq!(read("https://host/{shipmentId}", Some(Method::PUT)).unwrap().method, Method::PUT);
        assert!(read("https://host/", Some(Method::GET)).unwrap_err().contains("{orderId}"));
        assert!(read("host/{orderId}", None).is_err());
        assert!(read("ftp://host/", None).is_err());
        assert!(!read("https://a:hunter2@host/", None).unwrap_err().contains("hunter2"));
    }
}
