//! What somebody sends who wants something done: whether he may is found out before anything is read; then a form, small,
//! with an id of its own.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{FromRequest as _, Request};
use tokio::time::timeout;
use uuid::Uuid;

use crate::admin::access::{Role, Way};
use crate::admin::pages::trouble::Trouble;
use crate::admin::pages::visit::Visit;
use crate::desk::{Desk, Errand, LONGEST_REASON, Person, reason};
use crate::inbox::InboxError;

/// No form is larger, nor takes longer to come.
pub(super) const LARGEST: usize = 64 << 10;
const WHILE: Duration = Duration::from_secs(10);

type Filled = axum::Form<Vec<(String, String)>>;

/// A form that was filled in.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads one. Whoever sends it is to be an operator, which is looked at before.
    pub(super) async fn read(request: Request) -> Result<Self, Trouble> {
        let not_whole = || Trouble::NoSense("The form has not arrived whole. Go back and send it again.".to_owned());
        let form = timeout(WHILE, Filled::from_request(request, &())).await;
        form.ok().and_then(Result::ok).map(|axum::Form(fields)| Self(fields)).ok_or_else(not_whole)
    }

    /// What is in a field; nothing, if there is no such field.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Why, if that was said.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn reason(&self, has_to_be: bool) -> Result<Option<String>, String> {
        // It is one line wherever it is read.
        let text = self.get("reason").split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            let missing = "Say why: whoever looks for this event later reads it there.";
            return if has_to_be { Err(missing.to_owned()) } else { Ok(None) };
        }
        if text.contains('\0') {
            return Err("There is a character in it that cannot be kept.".to_owned());
        }
        let length = text.chars().count();
        let kept = reason(&text);
        kept.map(Some).ok_or_else(|| {
            format!("That has {length} characters, and {LONGEST_REASON} are kept at the most. Shorten it.")
        })
    }

    /// What is done by this form is known by that: the same however often it is sent, and another for everybody and every
    /// event.
    pub(super) fn action(&self, person: &Person, what: &str) -> Result<Uuid, Trouble> {
        let own = self.get("once");
        if Uuid::try_parse(own).is_err() {
            return Err(Trouble::NoSense("The form has not arrived whole. Go back and send it again.".to_owned()));
        }
        let who = &person.who;
        let whole = digest(&SHA256, format!("page {}:{who}{what} {own}", who.len()).as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&whole.as_ref()[..16]);
        Ok(Uuid::new_v8(id))
    }
}

/// Who acts, for what is kept of it, if he may.
pub(super) fn operator(visit: &Visit, way: Way) -> Result<Person, Trouble> {
    if visit.visitor.role != Role::Operator {
        return Err(Trouble::MayNot);
    }
    Ok(Person { who: visit.visitor.name.clone(), via: "page", address: Some(way.client().to_string()) })
}

/// Whether anything was done by that form before: also a refused body that became an event.
pub(super) async fn was_done(desk: &Desk, action: Uuid) -> Result<bool, InboxError> {
    for id in Errand::ids_of(action) {
        if desk.deed(id).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The id of a form that nobody has sent so far.
pub(super) fn once() -> String {
    Uuid::new_v4().to_string()
}
