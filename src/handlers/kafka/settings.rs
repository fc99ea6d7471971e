//! The keys of `type = "kafka"`. They are checked in every build; only the work itself needs the feature.

use std::time::Duration;

use secrecy::SecretString;

use crate::config::Section;
use crate::handlers::Readable;

/// The keys of `type = "kafka"`, checked.
#[derive(Debug)]
#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "read by the feature, checked by every build"))]
pub struct Settings {
    /// Some of the cluster's brokers, `host:port`; they name the others.
    pub(super) brokers: Vec<String>,
    pub(super) topic: String,
    pub(super) tls: Tls,
    pub(super) login: Login,
    pub(super) timeout: Duration,
}

/// Whether connections are encrypted.
#[derive(Debug)]
#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "as above"))]
pub(super) enum Tls {
    Off,
    /// With the certificates to trust, in PEM; those of the system if there are none.
    On(Option<String>),
}

/// Who we are (SASL).
#[derive(Debug)]
#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "as above"))]
pub(super) enum Login {
    None,
    /// The mechanism is spelled as Kafka does it.
    Sasl {
        mechanism: &'static str,
        username: String,
        password: SecretString,
    },
}

impl Readable for Settings {
    fn read(section: &Section, timeout: Duration) -> Option<Self> {
        // Every key is read before the first missing one ends it, so that all problems are noted.
        let brokers = brokers(section);
        let topic = topic(section);
        let tls = tls(section);
        let login = section.or("auth", |section, key| section.table(key).and_then(login), Login::None);
        if let (Some(Login::Sasl { mechanism: "PLAIN", .. }), Some(Tls::Off)) = (&login, &tls) {
            section.warning("auth", "sends the password unencrypted. Add `tls = true`");
        }
        if !cfg!(feature = "kafka") {
            section.left_out("type");
        }
        Some(Self { brokers: brokers?, topic: topic?, tls: tls?, login: login?, timeout })
    }
}

impl Settings {
    /// As a handler's settings are described, in every build.
    pub(super) fn in_words(&self) -> String {
        format!("kafka, topic {} at {}", self.topic, self.brokers.join(", "))
    }
}

fn brokers(section: &Section) -> Option<Vec<String>> {
    let example = "[\"kafka-1.internal:9092\", \"kafka-2.internal:9092\"]";
    let brokers = section.required("brokers", example, Section::texts)?;
    let has_port = |broker: &String| {
        let (host, port) = broker.rsplit_once(':').unwrap_or_default();
        !host.is_empty() && !host.contains(['/', ',', '@', ' ']) && port.parse::<u16>().is_ok()
    };
    if brokers.is_empty() || !brokers.iter().all(has_port) {
        section.error("brokers", format!("must be a list of hosts with their ports, such as {example}"));
        return None;
    }
    Some(brokers)
}

fn topic(section: &Section) -> Option<String> {
    let topic = section.required_text("topic", "\"tradecloud\"")?;
    let fits = topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if topic.is_empty() || topic.len() > 249 || topic == "." || topic == ".." || !fits {
        section.error("topic", "must be 1 to 249 of the letters a to z, A to Z, 0 to 9, `.`, `_` and `-`");
        return None;
    }
    Some(topic)
}

fn tls(section: &Section) -> Option<Tls> {
    let on = section.or("tls", Section::boolean, false)?;
    if section.has("ca_file") && !on {
        section.ignore("ca_file");
        section.error("ca_file", "is of no use without TLS. Add `tls = true`");
        return None;
    }
    let authorities = section.authorities()?;
    Some(if on { Tls::On(authorities.pem) } else { Tls::Off })
}

fn login(table: Section) -> Option<Login> {
    let mechanisms = [("plain", "PLAIN"), ("scram-sha-256", "SCRAM-SHA-256"), ("scram-sha-512", "SCRAM-SHA-512")];
    let mechanism = table.required_text("type", "\"scram-sha-512\"").and_then(|_| table.choice("type", &mechanisms));
    let (username, password) = (table.required_text("username", "\"tradecloud\""), table.secret("password"));
    table.finish();
    Some(Login::Sasl { mechanism: mechanism?, username: username?, password: password? })
}

#[cfg(not(feature = "kafka"))]
impl crate::handlers::Configured for Settings {
    fn describe(&self) -> String {
        self.in_words()
    }

    fn build(self: Box<Self>, name: &str) -> Result<crate::handlers::SharedHandler, crate::handlers::BuildError> {
        // Settings that were read have noted the same; nobody should come here.
        let what = "this program was built without the feature `kafka`".to_owned();
        Err(crate::handlers::BuildError { name: name.to_owned(), what })
    }
}
