//! A certificate with its chain: what it says, and what Tradecloud will think of it (`objections`).

mod objections;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate, X509Name};

use crate::shown;

/// What a certificate and its chain say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The names that it is for: of the DNS, and addresses.
    pub(crate) names: Vec<String>,
    /// Who issued it.
    pub(crate) issuer: String,
    pub(crate) begins: Timestamp,
    pub(crate) ends: Timestamp,
    /// How many certificates there are, with itself.
    pub(crate) length: usize,
    /// What Tradecloud will not like, each to be read after what the certificate was called. Nothing about its time.
    pub(crate) objections: Vec<String>,
    /// What Tradecloud does not mind, but others do, in the same form.
    advice: Option<String>,
}

impl Chain {
    /// Reads it; `None` if there is none, or one that is damaged.
    pub(crate) fn read(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let parsed = chain.iter().map(|der| X509Certificate::from_der(der).map(|(_, parsed)| parsed));
        let parsed = parsed.collect::<Result<Vec<_>, _>>().ok()?;
        let own = parsed.first()?;
        let validity = own.validity();
        let (begins, ends) = (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()));
        let names = names_of(own);
        let mut objections = Vec::new();
        if names.is_empty() {
            objections.push("is for no name (subjectAltName). Get one for the name in Tradecloud's URL".to_owned());
        }
        objections.extend(objections::to(chain, &parsed, (begins, ends)));
        let advice = objections::of_others(&parsed);
        Some(Self { names, issuer: name(own.issuer()), begins, ends, length: parsed.len(), objections, advice })
    }

    /// All that there is to say against it.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = &str> {
        self.objections.iter().chain(&self.advice).map(String::as_str)
    }
}

/// A time of a certificate. Some end with the year 9999, which is for ever (RFC 5280, §4.1.2.5).
pub(super) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(shown::line(name)),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    alternatives.value.general_names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(|four| std::net::IpAddr::from(four).to_string());
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|six| std::net::IpAddr::from(six).to_string())).ok()
}

/// What people call somebody in a certificate.
fn name(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().chain(name.iter_organization()).find_map(|part| part.as_str().ok());
    shown::line(common.unwrap_or(&name.to_string()))
}

#[cfg(test)]
mod tests;
