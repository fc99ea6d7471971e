//! `[tradecloud]`: where Tradecloud's API is, and who asks there.

use std::time::Duration;

use reqwest::{Certificate, Url};
use secrecy::SecretString;

use crate::config::Section;
use crate::outgoing::{on_loopback, place, roots, url};

/// The two platforms there are, by their names in the configuration.
const ENVIRONMENTS: [(&str, &str); 2] =
    [("production", "https://api.tradecloud1.com"), ("acceptance", "https://api.accp.tradecloud1.com")];
/// Tradecloud wants no more than this from anybody.
const MOST_PER_SECOND: f64 = 10.0;
/// Less than one request in ten seconds would never come to an end.
const FEWEST_PER_SECOND: f64 = 0.1;
const PER_SECOND: f64 = 5.0;
const NOT_FOUND_AFTER: Duration = Duration::from_secs(10 * 60);

/// `[tradecloud]`
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// What stands before `/v2`, without a slash at its end.
    pub(super) url: Url,
    pub(super) roots: Vec<Certificate>,
    pub(super) login: Login,
    /// From the beginning of a request to that of the next.
    pub(super) spacing: Duration,
    /// The id of one's own company.
    pub(crate) company: Option<String>,
    /// How long a 404 is doubted.
    pub(crate) not_found_after: Duration,
    /// `[tradecloud.legacy]`
    pub(super) legacy: Option<Legacy>,
}

/// The account that asks.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: SecretString,
}

/// `[tradecloud.legacy]`: the API of the platform before.
#[derive(Debug, Clone)]
pub(super) struct Legacy {
    pub(super) url: Url,
    pub(super) login: Login,
}

impl Settings {
    /// Reads and checks the section.
    pub(crate) fn read(section: Section) -> Option<Self> {
        // Every key is read before the first missing one ends it, so that all problems are noted.
        let (url, roots, login) = (platform(&section), roots(&section), login(&section));
        let spacing = section.or("requests_per_second", spacing, Duration::from_secs(1).div_f64(PER_SECOND));
        let company = section.or("company", company, None);
        let not_found_after = section.or("not_found_after", Section::duration, NOT_FOUND_AFTER);
        let legacy = section.or("legacy", |section, key| Legacy::read(section.table(key)?).map(Some), None);
        section.finish();
        Some(Self {
            url: url?,
            roots: roots?,
            login: login?,
            spacing: spacing?,
            company: company?,
            not_found_after: not_found_after?,
            legacy: legacy?,
        })
    }

    /// What `check` says of it.
    pub(crate) fn describe(&self) -> String {
        format!("{}://{}", self.url.scheme(), place(&self.url))
    }

    /// Whether orders of the platform before can be fetched.
    pub(crate) const fn has_legacy(&self) -> bool {
        self.legacy.is_some()
    }

    /// What tells this platform and account from others: how far polls of the one have come says nothing of the other.
    pub(crate) fn platform(&self) -> String {
        format!("{} {}", self.url.as_str().trim_end_matches('/'), self.login.username)
    }

    /// Whether it is on this very machine, as one for trying things out is.
    pub(crate) fn is_on_loopback(&self) -> bool {
        self.url.host_str().is_some_and(on_loopback)
    }
}

impl Legacy {
    fn read(section: Section) -> Option<Self> {
        let (url, login) = (base(&section, "\"https://portal.tradecloud.nl/api/v1\""), login(&section));
        section.finish();
        Some(Self { url: url?, login: login? })
    }
}

/// Where the API is: one of the two that everybody knows, or another address.
fn platform(section: &Section) -> Option<Url> {
    let environment = section.or("environment", |section, key| section.choice(key, &ENVIRONMENTS).map(Some), None);
    match (section.has("environment"), section.has("url")) {
        (true, true) => {
            base(section, "");
            section.error("url", "is given beside `environment`, which stands for an address. Remove one");
            None
        }
        (false, false) => {
            section.ignore("url");
            let what = "is missing. Add `environment = \"production\"` (or \"acceptance\"), or the address as `url`";
            section.error("environment", what);
            None
        }
        (true, false) => {
            section.ignore("url");
            environment??.parse().map_err(|_| section.error("environment", "has no address")).ok()
        }
        (false, true) => {
            let url = base(section, ENVIRONMENTS[0].1)?;
            if url.path().ends_with("/v2") {
                section.error("url", "ends with /v2, which is added to it. Take that away");
                return None;
            }
            Some(url)
        }
    }
}

/// An address below which something is asked, without a slash at its end. Whoever can read what goes there has the
/// password.
fn base(section: &Section, example: &str) -> Option<Url> {
    let mut url = url(section, "url", example)?;
    if url.scheme() == "http" && !url.host_str().is_some_and(on_loopback) {
        section.error("url", "would send the password unencrypted. Use https");
        return None;
    }
    if url.query().is_some() || url.fragment().is_some() {
        section.error("url", "has a `?` or `#` in it. Give only what stands before all paths");
        return None;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Some(url)
}

fn login(section: &Section) -> Option<Login> {
    let (username, password) = (section.required_text("username", "\"…\""), section.secret("password"));
    let username = username?;
    if username.is_empty() {
        section.error("username", "is empty");
        return None;
    }
    if username.contains(':') {
        section.error("username", "contains a colon, which HTTP Basic does not allow");
        return None;
    }
    Some(Login { username, password: password? })
}

fn spacing(section: &Section, key: &str) -> Option<Duration> {
    let rate = section.number(key)?;
    if !(FEWEST_PER_SECOND..=MOST_PER_SECOND).contains(&rate) {
        let why = if rate > MOST_PER_SECOND { ": Tradecloud allows no more" } else { "" };
        let what = format!("must be from {FEWEST_PER_SECOND} to {MOST_PER_SECOND}{why}");
        section.error(key, what);
        return None;
    }
    Some(Duration::from_secs(1).div_f64(rate))
}

#[expect(clippy::option_option, reason = "none is allowed; a problem is something else")]
fn company(section: &Section, key: &str) -> Option<Option<String>> {
    let company = section.text(key)?;
    if company.is_empty() || company.contains(char::is_whitespace) {
        section.error(key, "is no id of a company. It looks like \"cbf2c7b0-eda1-4abd-af3f-0d5e24044f2d\"");
        return None;
    }
    Some(Some(company))
}
