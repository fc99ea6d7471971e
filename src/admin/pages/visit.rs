//! Somebody who looks at a page: who he is, where the page is, and how times are shown to him.

use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Pages;
use super::marks::When;
use super::trouble::{self, Trouble};
use crate::admin::access::Visitor;
use crate::desk::Desk;
use crate::respond::{self, Declined};
use crate::shown::printable;
use crate::telemetry::time_zone;

/// The pages that are always at hand.
const PLACES: [(&str, &str); 7] = [
    ("Overview", "./"),
    ("Events", "events"),
    ("Handlers", "handlers"),
    ("Tradecloud", "tradecloud"),
    ("Actions", "actions"),
    ("Setup", "setup"),
    ("Help", "help"),
];

/// A look at a page.
pub(super) struct Visit {
    pub(super) pages: Arc<Pages>,
    pub(super) visitor: Visitor,
    pub(super) uri: Uri,
    pub(super) zone: TimeZone,
    pub(super) now: Timestamp,
}

/// What is around every page.
pub(super) struct Frame {
    /// What it is called.
    pub(super) title: String,
    /// Where the root is from here.
    pub(super) root: String,
    /// Of which place it is.
    here: &'static str,
    /// Who looks,
    pub(super) who: String,
    /// and what he may.
    pub(super) role: &'static str,
    /// The zone of all times.
    pub(super) zone: String,
    /// What stands in the search box.
    pub(super) sought: String,
    /// By what the style and the script are known to be others.
    pub(super) version: &'static str,
    pub(super) program: &'static str,
}

impl Frame {
    /// The places, and whether this is one of them.
    pub(super) fn places(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        PLACES.iter().map(|(name, href)| (*name, *href, *href == self.here))
    }
}

impl Visit {
    /// The frame of a page of that title, at that place.
    pub(super) fn frame(&self, title: impl Into<String>, here: &'static str) -> Frame {
        let offset = self.now.to_zoned(self.zone.clone());
        let zone = match self.zone.iana_name() {
            Some("UTC" | "Etc/UTC" | "Etc/UCT") => "UTC".to_owned(),
            None if offset.offset().is_zero() => "UTC".to_owned(),
            Some(name) => format!("{name} (now {})", offset.strftime("%:z")),
            None => offset.strftime("UTC%:z").to_string(),
        };
        Frame {
            title: title.into(),
            root: "../".repeat(self.uri.path().matches('/').count().saturating_sub(1)),
            here,
            who: self.visitor.name.clone(),
            role: self.visitor.role.as_str(),
            zone,
            sought: String::new(),
            version: super::assets::version(),
            program: env!("CARGO_PKG_VERSION"),
        }
    }

    /// The desk, where anything is kept.
    pub(super) fn desk(&self) -> Result<&Arc<Desk>, Trouble> {
        self.pages.api.desk.as_ref().ok_or(Trouble::NothingKept)
    }

    /// A time as it is shown here.
    pub(super) fn when(&self, at: Timestamp) -> When {
        When::new(at, self.now, &self.zone)
    }

    /// The page, with what somebody has asked for and does not get.
    pub(super) fn answer_declined(&self, why: Declined, page: &impl Template) -> Response {
        match drawn(page) {
            Ok(html) => respond::page_declined(why, html),
            Err(error) => trouble::page(self, &Trouble::Ours(error.to_string())),
        }
    }

    /// The page, or what is said in its place.
    pub(super) fn answer<T: Template>(&self, page: Result<T, Trouble>) -> Response {
        let drawn = match page {
            Ok(page) => drawn(&page),
            Err(trouble) => return trouble::page(self, &trouble),
        };
        match drawn {
            Ok(html) => respond::page(html),
            Err(error) => trouble::page(self, &Trouble::Ours(error.to_string())),
        }
    }
}

/// A page as it goes out. Of what others wrote nothing steers a reader's eye, wherever it stands.
pub(super) fn drawn(page: &impl Template) -> askama::Result<String> {
    let html = page.render()?;
    let steers = |letter: char| {
        letter != '\n' && (letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    };
    if !html.contains(steers) {
        return Ok(html);
    }
    Ok(html.split('\n').map(printable).collect::<Vec<_>>().join("\n"))
}

impl FromRequestParts<Arc<Pages>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, pages: &Arc<Pages>) -> Result<Self, Response> {
        let Some(visitor) = parts.extensions.get::<Visitor>().cloned() else {
            return Err(respond::declined(Declined::NotSignedIn, "sign in first"));
        };
        Ok(Self { pages: Arc::clone(pages), visitor, uri: parts.uri.clone(), zone: time_zone(), now: Timestamp::now() })
    }
}
