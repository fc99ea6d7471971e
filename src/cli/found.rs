//! What a valid configuration comes to: where Tradecloud is to send, what it will see there, who may send, and where
//! events go. Nothing in it is secret.

use std::io::{self, Write};
use std::net::SocketAddr;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::auth::AddressList;
use crate::listener::connections::certificates::FAR_OFF_DAYS;
use crate::listener::connections::chain::Chain;
use crate::listener::connections::tls::days_until;
use crate::listener::requests::endpoints::{Acknowledge, Endpoint};
use crate::settings::Settings;

/// All of it.
pub(super) struct Found {
    listen: SocketAddr,
    endpoints: Vec<Place>,
    /// `None` where something else ends TLS.
    tls: Option<Certificate>,
    inbox: String,
    /// Whom to fetch from, and what is polled there.
    tradecloud: Option<(String, Vec<&'static str>)>,
    handlers: Vec<Target>,
}

/// One of the endpoints.
struct Place {
    url: String,
    acknowledge: Acknowledge,
    senders: Vec<Sender>,
    /// `None` for anyone.
    allow_from: Option<Vec<String>>,
}

struct Sender {
    name: String,
    what: String,
}

/// The certificate; `None` before a CA has given one.
struct Certificate(Option<Chain>);

struct Target {
    name: String,
    what: String,
    paused: bool,
}

impl Found {
    /// What these settings come to.
    pub(super) fn new(settings: &Settings) -> Self {
        let tls = settings.server.tls.as_ref();
        let listen = settings.server.listen;
        let origin = settings.server.origin();
        let endpoints = settings.endpoints.iter().map(|endpoint| Place::new(&origin, endpoint));
        let handlers = settings.handlers.iter().map(|handler| Target {
            name: handler.route.name.clone(),
            what: handler.settings.describe(),
            paused: handler.route.paused,
        });
        Self {
            listen,
            endpoints: endpoints.collect(),
            tls: tls.map(|tls| Certificate(tls.chain.clone())),
            inbox: settings.inbox.store.describe(),
            tradecloud: settings.tradecloud.as_ref().map(|tradecloud| {
                let polled = settings.poll.iter().flat_map(|poll| poll.of.iter().map(|of| of.as_str()));
                (tradecloud.describe(), polled.collect())
            }),
            handlers: handlers.collect(),
        }
    }

    /// For people.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for endpoint in &self.endpoints {
            endpoint.write(out)?;
        }
        let reach = if self.listen.ip().is_loopback() { ", which only this machine can reach" } else { "" };
        writeln!(out, "listens on {}{reach}", self.listen)?;
        match &self.tls {
            None => writeln!(out, "certificate: that of what ends TLS in front (server.tls = \"off\")")?,
            Some(Certificate(None)) => writeln!(out, "certificate: not there yet")?,
            Some(Certificate(Some(chain))) => writeln!(out, "certificate: {}", certificate_in_words(chain))?,
        }
        writeln!(out, "inbox: {}", self.inbox)?;
        if let Some((place, polled)) = &self.tradecloud {
            let polled = if polled.is_empty() { String::new() } else { format!("; polled: {}", polled.join(", ")) };
            writeln!(out, "tradecloud: {place}{polled}")?;
        }
        for Target { name, what, paused } in &self.handlers {
            writeln!(out, "handler {name}: {what}{}", if *paused { " (paused)" } else { "" })?;
        }
        Ok(())
    }

    /// For scripts.
    pub(super) fn to_json(&self) -> Value {
        let handlers = self.handlers.iter();
        json!({
            "listen": self.listen.to_string(),
            "endpoints": self.endpoints.iter().map(Place::to_json).collect::<Vec<_>>(),
            "tls": self.tls.as_ref().map(|certificate| certificate.0.as_ref().map(|chain| json!({
                "names": chain.names, "issuer": chain.issuer, "begins": chain.begins, "ends": chain.ends,
                "days_left": days_until(chain.ends), "length": chain.length, "accepted": is_accepted(chain),
            }))),
            "inbox": self.inbox,
            "tradecloud": self.tradecloud.as_ref().map(|(place, polled)| json!({"place": place, "polled": polled})),
            "handlers": handlers.map(|Target { name, what, paused }| json!({
                "name": name, "what": what, "paused": paused,
            })).collect::<Vec<_>>(),
        })
    }
}

impl Place {
    fn new(origin: &str, endpoint: &Endpoint) -> Self {
        let credentials = endpoint.gate.credentials.iter();
        Self {
            url: format!("{origin}{}", endpoint.path),
            acknowledge: endpoint.acknowledge,
            senders: credentials
                .map(|(name, credential)| Sender { name: name.clone(), what: credential.describe() })
                .collect(),
            allow_from: endpoint.gate.allow_from.as_ref().map(AddressList::describe),
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "URL for Tradecloud's portal: {}", self.url)?;
        let senders: Vec<_> = self.senders.iter().map(|Sender { name, what }| format!("{name} ({what})")).collect();
        writeln!(out, "  may send: {}", senders.join("; "))?;
        match &self.allow_from {
            Some(addresses) => writeln!(out, "  from: {}", addresses.join(", "))?,
            None => writeln!(out, "  from: every address")?,
        }
        writeln!(out, "  answers {}", self.answers())
    }

    fn answers(&self) -> &'static str {
        match self.acknowledge {
            Acknowledge::Stored => "once the event is safe in the inbox",
            Acknowledge::Handled => "once every handler is done with the event",
        }
    }

    fn to_json(&self) -> Value {
        let senders = self.senders.iter().map(|Sender { name, what }| json!({"name": name, "what": what}));
        let acknowledge = match self.acknowledge {
            Acknowledge::Stored => "stored",
            Acknowledge::Handled => "handled",
        };
        json!({
            "url": self.url, "acknowledge": acknowledge, "allow_from": self.allow_from,
            "auth": senders.collect::<Vec<_>>(),
        })
    }
}

fn certificate_in_words(chain: &Chain) -> String {
    let names = if chain.names.is_empty() { "for no name".to_owned() } else { chain.names.join(", ") };
    let verdict = if is_accepted(chain) { "Tradecloud accepts it" } else { "not as Tradecloud wants it" };
    let left = match days_until(chain.ends) {
        _ if chain.ends < Timestamp::now() => " (over)".to_owned(),
        1 => " (1 day)".to_owned(),
        days if days < FAR_OFF_DAYS => format!(" ({days} days)"),
        _ => String::new(),
    };
    let (issuer, ends, length) = (&chain.issuer, chain.ends.strftime("%F"), chain.length);
    format!("{names}; of {issuer}; until {ends}{left}; {length} in the chain; {verdict}")
}

/// Whether Tradecloud's client goes on to send, as far as that can be told from here.
fn is_accepted(chain: &Chain) -> bool {
    let now = Timestamp::now();
    chain.objections.is_empty() && chain.begins <= now && now < chain.ends
}
