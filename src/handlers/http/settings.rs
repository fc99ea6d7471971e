//! The keys of `type = "http"`.

use std::time::Duration;

use reqwest::{Certificate, Identity, Url};

use super::answer::Refusals;
use super::binding::Format;
use super::documents::DocumentsUrl;
use super::headers::Headers;
use crate::config::Section;
use crate::handlers::Readable;
use crate::outgoing::{Auth, identity, roots, url, warn_of_plain_http};

/// The statuses that a handler takes for a functional fault unless told otherwise.
const REJECT_ON: [u16; 7] = [400, 404, 409, 410, 413, 415, 422];

/// The keys of `type = "http"`, checked.
#[derive(Debug)]
pub struct Settings {
    pub(super) url: Url,
    pub(super) format: Format,
    pub(super) timeout: Duration,
    pub(super) refusals: Refusals,
    pub(super) auth: Auth,
    pub(super) headers: Headers,
    pub(super) roots: Vec<Certificate>,
    pub(super) identity: Option<Identity>,
    pub(super) documents_url: Option<DocumentsUrl>,
}

impl Readable for Settings {
    fn read(section: &Section, timeout: Duration) -> Option<Self> {
        // Every key is read before the first missing one ends it, so that all problems are noted.
        let url = url(section, "url", "\"https://erp.example/tradecloud\"");
        let format = section.or("format", |section, key| section.choice(key, &Format::NAMES), Format::CloudEvents);
        let statuses = |section: &Section, key: &str| section.numbers(key, 400..=599);
        let reject_on = section.or("reject_on", statuses, REJECT_ON.to_vec());
        let retry_on_text = section.or("retry_on_text", retry_on_text, Vec::new());
        let auth = section.or("auth", auth, Auth::None);
        let headers = |section: &Section, key: &str| Headers::read(section, key, section.has("auth"));
        let headers = section.or("headers", headers, Headers::default());
        let (roots, identity) = (roots(section), identity(section));
        if let (Some(url), Some(auth), Some(headers)) = (&url, &auth, &headers)
            && (!matches!(auth, Auth::None) || headers.has_secret)
        {
            warn_of_plain_http(section, "url", url);
        }
        let has_secret = section.has("auth") || headers.as_ref().is_some_and(|headers| headers.has_secret);
        let documents_url = |section: &Section, key: &str| DocumentsUrl::read(section, key, has_secret).map(Some);
        let documents_url = section.or("documents_url", documents_url, None);
        if documents_url.as_ref().is_some_and(Option::is_some) && section.boolean("documents") != Some(true) {
            section.error("documents_url", "is of no use without documents. Add `documents = true`, or take it out");
            return None;
        }
        if let (Some(url), Some(Some(_))) = (&url, &identity)
            && url.scheme() == "http"
        {
            let what = "is given, but `url` is plain http, where nobody sees it. Use https, or take it out";
            section.error("client_certificate", what);
            return None;
        }
        Some(Self {
            url: url?,
            format: format?,
            timeout,
            refusals: Refusals { reject_on: reject_on?, retry_on_text: retry_on_text? },
            auth: auth?,
            headers: headers?,
            roots: roots?,
            identity: identity?,
            documents_url: documents_url?,
        })
    }
}

fn auth(section: &Section, key: &str) -> Option<Auth> {
    let table = section.table(key)?;
    let auth = Auth::read(&table);
    table.finish();
    auth
}

/// Parts of texts, in lower case: case does not matter.
fn retry_on_text(section: &Section, key: &str) -> Option<Vec<String>> {
    let texts = section.words(key)?;
    if texts.iter().any(|text| text.trim().is_empty()) {
        section.error(key, "has an empty text in it, which stands in every answer. Take it out");
        return None;
    }
    Some(texts.iter().map(|text| text.to_lowercase()).collect())
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use ::config::{File, FileFormat};

    use super::*;

    #[test]
    fn settings_show_no_secret() {
        for auth in [
            "type = 'basic'\nusername = 'me'\npassword = 'hidden'",
            "type = 'bearer'\ntoken = 'hidden'",
            "type = 'oauth'\ntoken_url = 'https://login.example'\nclient_id = 'me'\nclient_secret = 'hidden'",
        ] {
            let table = format!("url = 'https://erp.example'\nheaders = {{ X-Key = 'hidden' }}\n[auth]\n{auth}");
            let source = File::from_str(&table, FileFormat::Toml);
            let values = ::config::Config::builder().add_source(source).build().unwrap().try_deserialize().unwrap();
            let section = Section::new("handlers.erp", values, Rc::default());

            let settings = Settings::read(&section, Duration::from_secs(60)).unwrap();

            let shown = format!("{settings:?}");
            assert!(shown.contains("REDACTED") && shown.contains("x-key") && !shown.contains("hidden"), "{shown}");
        }
    }
}
