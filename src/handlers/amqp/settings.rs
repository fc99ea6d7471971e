//! The keys of `type = "amqp"`.

use std::time::Duration;

use lapin::uri::{AMQPScheme, AMQPUri};
use rustls::pki_types::CertificateDer;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Section;
use crate::handlers::Readable;
use crate::handlers::template::Template;
use crate::outgoing::on_loopback;

/// The longest name of an exchange and the longest routing key, in bytes (AMQP 0-9-1, shortstr).
const LONGEST: usize = 255;

/// The keys of `type = "amqp"`, checked.
#[derive(Debug)]
pub struct Settings {
    /// With the password in it.
    pub(super) url: SecretString,
    /// Host and port, for reasons.
    pub(super) place: String,
    pub(super) exchange: String,
    pub(super) routing_key: Template,
    pub(super) timeout: Duration,
    pub(super) roots: Vec<CertificateDer<'static>>,
}

impl Readable for Settings {
    fn read(section: &Section, timeout: Duration) -> Option<Self> {
        // Every key is read before the first missing one ends it, so that all problems are noted.
        let url = section.secret("url").and_then(|url| Some((place(section, &url)?, url)));
        let exchange = section.required_text("exchange", "\"tradecloud\"").filter(|exchange| {
            let fits = exchange.len() <= LONGEST;
            if !fits {
                section.error("exchange", format!("is longer than {LONGEST} bytes"));
            }
            fits
        });
        let routing_key = Template::read(section, "routing_key", "{kind}.{event}").filter(|key| {
            let fits = key.longest().len() <= LONGEST;
            if !fits {
                section.error("routing_key", format!("may become longer than {LONGEST} bytes. Shorten it"));
            }
            fits
        });
        let roots = section.authorities().map(|authorities| authorities.certificates);
        let (place, url) = url?;
        Some(Self { url, place, exchange: exchange?, routing_key: routing_key?, timeout, roots: roots? })
    }
}

/// The address in parts.
pub(super) fn parse(url: &SecretString) -> Option<AMQPUri> {
    url.expose_secret().parse().ok()
}

/// Host and port of a proper address. What is wrong is said without repeating the address, which has a
/// password in it.
fn place(section: &Section, url: &SecretString) -> Option<String> {
    let key = if section.has("url") { "url" } else { "url_file" };
    let Some(uri) = parse(url) else {
        section.error(key, "is no address of AMQP. Write it like amqps://user:password@rabbit.example:5671/%2f");
        return None;
    };
    let host = &uri.authority.host;
    if uri.scheme == AMQPScheme::AMQP && !on_loopback(host) {
        section.warning(key, "sends credentials unencrypted. Use amqps://");
    }
    Some(format!("{host}:{}", uri.authority.port))
}
