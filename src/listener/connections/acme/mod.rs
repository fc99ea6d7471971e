//! A certificate that renews itself: ACME (RFC 8555), with the challenge TLS-ALPN-01 (RFC 8737) that is
//! answered on the receiver's own port.
//!
//! `renewal` sees to it that there is always a certificate, `order` gets one from the CA, `cache` keeps
//! it and the account on disk, `client` speaks HTTP. As long as there is no certificate at all,
//! handshakes fail: Tradecloud tries again, as with any connection that cannot be made.

mod cache;
mod certificate;
mod client;
mod order;
mod renewal;

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretSlice};

pub(crate) use self::certificate::Certificate;
pub(crate) use self::renewal::keep;

use self::cache::Cache;
use crate::config::Section;
use crate::outgoing;

/// Let's Encrypt.
const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Where account and certificate are kept unless the configuration says otherwise.
const CACHE: &str = "data/acme";
/// How CAs write the key of an external account: some with padding, some without.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `[server.tls.acme]`, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The names in the certificate, in lower case.
    pub(crate) domains: Vec<String>,
    /// Where the CA may write to, as URLs.
    pub(crate) contact: Vec<String>,
    /// The CA's directory.
    pub(crate) directory: Url,
    /// Certificates to trust besides those of the system.
    pub(crate) roots: Vec<reqwest::Certificate>,
    /// An account with the CA that is there already.
    pub(crate) external: Option<ExternalAccount>,
    cache: Cache,
    /// The certificate of the last time.
    pub(crate) kept: Option<Arc<Certificate>>,
}

/// Binds our account to one that the CA knows from elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct ExternalAccount {
    pub(crate) key_id: String,
    pub(crate) hmac_key: Arc<SecretSlice<u8>>,
}

impl Settings {
    /// Reads the table, and the certificate of the last time if there is one. Writes nothing.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let domains = read_domains(&section);
        let contact = section.texts("contact").unwrap_or_default();
        let directory = section.or_else("directory", read_directory, || DIRECTORY.parse().ok());
        let roots = outgoing::roots(&section);
        let cache = section.file("cache").unwrap_or_else(|| PathBuf::from(CACHE));
        let external = read_external(&section);
        let contact: Vec<_> = contact.iter().filter_map(|address| read_contact(&section, address)).collect();
        let cache = directory.as_ref().map(|directory| Cache::new(&cache, directory));
        let kept = cache.as_ref().and_then(|cache| match cache.certificate() {
            Ok(kept) => kept.map(Arc::new),
            Err(error) => {
                section.warning("cache", format!("has a certificate that is of no use: {error:#}. A new one is made"));
                None
            }
        });
        for file in cache.iter().flat_map(Cache::files) {
            section.warn_if_open_to_all("cache", &file);
        }
        if let Some(kept) = &kept
            && kept.is_late()
        {
            let what = "has a certificate that should have been renewed long since. The log of the receiver says why \
                        it was not";
            section.warning("", format!("{what}: {}", kept.expiry()));
        }
        section.finish();
        let (domains, directory, cache) = (domains?, directory?, cache?);
        Some(Self { domains, contact, directory, roots: roots?, external: external?, cache, kept })
    }

    /// Whether the CA is there, and what it gives can be kept; what it is or is not, for people.
    pub(crate) async fn probe(&self) -> Result<String, String> {
        let answers = client::probe(self).await?;
        let cache = self.cache.clone();
        let tried = tokio::task::spawn_blocking(move || cache.rehearse()).await.map_err(|error| error.to_string())?;
        tried.map(|()| answers).map_err(|error| format!("{error:#}"))
    }

    /// What there is to say of the certificate.
    pub(crate) fn describe(&self) -> String {
        let names = self.domains.join(", ");
        match &self.kept {
            Some(kept) if kept.is_for(&self.domains) => {
                format!("{names}: {}; renewed from {} on", kept.expiry(), kept.renew_at(0.0).strftime("%F"))
            }
            Some(kept) => {
                format!("{names}: `serve` gets one; until then there is one for other names, {}", kept.expiry())
            }
            None => format!("{names}: not there yet; `serve` gets one from {}", outgoing::place(&self.directory)),
        }
    }
}

fn read_domains(section: &Section) -> Option<Vec<String>> {
    let domains = section.or_else("domains", Section::texts, || {
        section
            .error("domains", "is missing. Add `domains = [\"webhooks.example.com\"]`, the name in Tradecloud's URL");
        None
    });
    let domains: Vec<String> = domains?.iter().map(|domain| domain.to_ascii_lowercase()).collect();
    if domains.is_empty() {
        section.error("domains", "is empty. Name what stands in Tradecloud's URL, such as \"webhooks.example.com\"");
        return None;
    }
    let mut valid = true;
    for domain in &domains {
        if let Err(what) = check_domain(domain) {
            section.error("domains", format!("has \"{domain}\", which {what}"));
            valid = false;
        }
    }
    valid.then_some(domains)
}

fn check_domain(domain: &str) -> Result<(), &'static str> {
    if domain.starts_with("*.") {
        return Err("stands for many names: this kind of challenge (TLS-ALPN-01) is for one. Name each");
    }
    if domain.parse::<std::net::IpAddr>().is_ok() {
        return Err("is an address: a certificate is for a name");
    }
    let fits = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    if domain.len() > 253 || !domain.split('.').all(fits) {
        return Err("is no name: letters, digits and dashes between dots, without `https://` and port (and names \
                    beyond ASCII in their form `xn--…`)");
    }
    Ok(())
}

fn read_contact(section: &Section, address: &str) -> Option<String> {
    let mail = address.strip_prefix("mailto:").unwrap_or(address);
    let fits = mail.split_once('@').is_some_and(|(name, host)| !name.is_empty() && check_domain(host).is_ok());
    if !fits {
        section.error("contact", format!("has \"{address}\", which is no mail address such as \"it@example.com\""));
    }
    fits.then(|| format!("mailto:{mail}"))
}

fn read_directory(section: &Section, key: &str) -> Option<Url> {
    let url = outgoing::url(section, key, &format!("\"{DIRECTORY}\""))?;
    if url.scheme() != "https" {
        section.error(key, "must be https: whoever gives out certificates must be who it says");
        return None;
    }
    Some(url)
}

/// `None` if it is wrong, `Some(None)` if there is none.
#[expect(clippy::option_option, reason = "wrong is something else than absent")]
fn read_external(section: &Section) -> Option<Option<ExternalAccount>> {
    let has_key = section.has("eab_hmac_key") || section.has("eab_hmac_key_file");
    if !section.has("eab_key_id") && !has_key {
        return Some(None);
    }
    let key_id = section.required_text("eab_key_id", "\"the key id that the CA gave you\"");
    let encoded = section.secret("eab_hmac_key")?;
    let Ok(hmac_key) = BASE64URL.decode(encoded.expose_secret().trim()) else {
        section.error("eab_hmac_key", "is not what CAs give out: letters, digits, `-` and `_` (base64url)");
        return None;
    };
    Some(Some(ExternalAccount { key_id: key_id?, hmac_key: Arc::new(hmac_key.into()) }))
}
