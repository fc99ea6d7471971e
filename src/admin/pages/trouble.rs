//! What is said in the place of a page: in words, with what to do.

use askama::Template;
use axum::response::Response;

use super::visit::{Frame, Visit, drawn};
use crate::inbox::InboxError;
use crate::respond::{self, Declined};
use crate::shown;

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nothing is kept.
    NothingKept,
    /// There is no such thing.
    NotThere(String),
    /// There was.
    Gone(String),
    /// The question makes no sense.
    NoSense(String),
    /// Whoever asks may only look.
    MayNot,
    /// Not as things are, and where to look at them, from here.
    Conflict { what: String, back: String },
    /// A plan that is not good any more, and where it is made anew.
    Stale(String),
    /// The address takes no such method.
    Method,
    /// Too much goes out already.
    Busy,
    /// The inbox does not answer.
    Inbox(InboxError),
    /// A page could not be made.
    Ours(String),
}

impl From<InboxError> for Trouble {
    fn from(error: InboxError) -> Self {
        Self::Inbox(error)
    }
}

#[derive(Template)]
#[template(path = "trouble.html", config = "src/admin/pages/askama.toml")]
struct Page {
    frame: Frame,
    what: String,
    to_do: String,
    again: bool,
    /// Where to go on, and what that is called.
    on: Option<(String, &'static str)>,
}

/// The page that says it.
pub(super) fn page(visit: &Visit, trouble: &Trouble) -> Response {
    let (why, title, what, to_do) = words(trouble);
    let again = why == Declined::NotNow;
    let on = match trouble {
        Trouble::Conflict { back, .. } => Some((back.clone(), "Look at the event")),
        Trouble::Stale(link) => Some((link.clone(), "Make the plan anew")),
        _ => None,
    };
    let page = Page { frame: visit.frame(title, ""), what, to_do: to_do.to_owned(), again, on };
    match drawn(&page) {
        Ok(html) => respond::page_declined(why, html),
        Err(_) => respond::declined(why, title),
    }
}

fn words(trouble: &Trouble) -> (Declined, &'static str, String, &'static str) {
    match trouble {
        Trouble::NothingKept => (
            Declined::NotThere,
            "Nothing is kept here",
            "This receiver hands events on at once and keeps none of them (inbox.store = \"none\"): they are where the \
             handlers put them."
                .to_owned(),
            "To look at events, deliver them again and see what the ERP said, set inbox.store to \"sqlite\" or \
             \"postgres\" and start the receiver anew.",
        ),
        Trouble::NotThere(what) => (Declined::NotThere, "Not there", what.clone(), ""),
        Trouble::Gone(what) => (Declined::Gone, "Erased", what.clone(), "That it came, and what was done to it, stays."),
        Trouble::NoSense(what) => (Declined::NoSense, "That cannot be asked", what.clone(), ""),
        Trouble::MayNot => (
            Declined::NotAllowed,
            "You may look, and change nothing",
            "Whoever changes something here is to be an operator. Nothing was done.".to_owned(),
            "Who is one is in the configuration: role = \"operator\" in [admin.users], or what the proxy says.",
        ),
        Trouble::Conflict { what, .. } => (Declined::Conflict, "Nothing was done", what.clone(), ""),
        Trouble::Stale(_) => (
            Declined::Conflict,
            "This plan is not good any more",
            "Nothing was done. A plan is good for ten minutes, and until the receiver ends: what it says may be otherwise \
             by now."
                .to_owned(),
            "",
        ),
        Trouble::Method => (
            Declined::Method,
            "Not in that way",
            "This address does not take that method.".to_owned(),
            "",
        ),
        Trouble::Busy => (
            Declined::NotNow,
            "Not at the moment",
            "Others are being sent bodies and exports.".to_owned(),
            "Ask again when they have them.",
        ),
        Trouble::Inbox(InboxError::TooLong) => (
            Declined::NotNow,
            "That took too long",
            "Looking took longer than two seconds and was ended, so that no delivery has to wait.".to_owned(),
            "Ask for less: by a number, a state, or a shorter time.",
        ),
        Trouble::Inbox(error) => (
            Declined::NotNow,
            "The inbox cannot be read now",
            shown::line(&error.to_string()),
            "Tradecloud sends again what cannot be stored meanwhile. The log of the receiver says more.",
        ),
        Trouble::Ours(error) => {
            (Declined::NotNow, "The page could not be made", shown::line(error), "The log of the receiver says more.")
        }
    }
}

/// There is nothing at that address.
pub(super) async fn not_there(visit: Visit) -> Response {
    if visit.uri.path().starts_with("/api/") {
        return respond::declined(Declined::NotThere, "there is nothing at this address");
    }
    page(&visit, &Trouble::NotThere("There is no page at this address.".to_owned()))
}

/// There is, but not for that method.
pub(super) async fn other_method(visit: Visit) -> Response {
    if visit.uri.path().starts_with("/api/") {
        return respond::declined(Declined::Method, "this address does not take that method");
    }
    page(&visit, &Trouble::Method)
}
