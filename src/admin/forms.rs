//! The few pages that it takes to sign in and out. They work without a script, by keyboard, and at any width.

use super::access::Visitor;

/// One file, from the program itself.
pub(super) const STYLE: &str = include_str!("style.css");

pub(super) const WRONG: &str =
    "This user name and password do not open anything now. After several wrong ones wait ten seconds.";
pub(super) const NO_FORM: &str = "The form has not arrived whole. Please fill it in again.";
pub(super) const BUSY: &str = "Too many passwords are being checked. Please try again.";
pub(super) const NO_KEY: &str = "Nobody can be signed in now: the log of the receiver says why.";

const BY_LINK: &str = "<p>On the machine itself <code>tradecloud-webhook inspect</code> prints a link that needs no \
                       password.</p>";

/// User name and password, with what was wrong with the last ones.
pub(super) fn login(wrong: Option<&str>) -> String {
    let wrong = wrong.map(|wrong| format!("<p role=\"alert\">{}</p>", escaped(wrong))).unwrap_or_default();
    document(
        "Sign in",
        &format!(
            "<h1>Sign in</h1>{wrong}\
             <form method=\"post\" action=\"login\">\
             <label for=\"user\">User name</label>\
             <input id=\"user\" name=\"user\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" \
             required>\
             <label for=\"password\">Password</label>\
             <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\
             <button>Sign in</button></form>{BY_LINK}"
        ),
    )
}

/// The button behind a link that was printed.
pub(super) fn enter(visitor: &Visitor, ticket: &str) -> String {
    document(
        "Sign in",
        &format!(
            "<h1>Sign in</h1><p>As <strong>{}</strong>, {}.</p>\
             <form method=\"post\" action=\"enter\"><input type=\"hidden\" name=\"ticket\" value=\"{}\">\
             <button>Sign in</button></form>",
            escaped(&visitor.name),
            visitor.role.as_str(),
            escaped(ticket),
        ),
    )
}

/// A link that lets nobody in.
pub(super) fn not_entered() -> String {
    document(
        "Link not good",
        &format!(
            "<h1>This link is not good any more</h1><p>Each works once, within a minute.</p>{BY_LINK}\
             <p><a href=\"login\">Sign in with a password</a></p>"
        ),
    )
}

/// Where somebody is once he is signed in.
pub(super) fn home(visitor: &Visitor) -> String {
    document(
        "Inbox",
        &format!(
            "<h1>Tradecloud inbox</h1><p>Signed in as <strong>{}</strong>, {}.</p>\
             <ul><li><a href=\"api/v1/overview\">Overview</a></li><li><a href=\"api/v1/events\">Events</a></li>\
             <li><a href=\"api/v1/handlers\">Handlers</a></li>\
             <li><a href=\"api/v1/export?format=csv\">All events, for a spreadsheet</a></li></ul>\
             <form method=\"post\" action=\"logout\"><button>Sign out</button></form>",
            escaped(&visitor.name),
            visitor.role.as_str(),
        ),
    )
}

/// A whole page. Without its `referrer`, browsers would not say where a form was sent from, which is asked for.
fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{} – Tradecloud inbox</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"same-origin\"><meta name=\"color-scheme\" content=\"light dark\">\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"style.css\"></head>\
         <body><main>{body}</main></body></html>\n",
        escaped(title)
    )
}

/// As text, wherever it stands in a page: in an element, or in quotes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in crate::shown::printable(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::access::Role;

    #[test]
    fn a_name_is_text_whatever_is_in_it() {
        let name = "<script>'\"&\u{202e}".to_owned();
        let page = home(&Visitor { name, role: Role::Viewer });

        assert!(page.contains("<strong>&lt;script&gt;&#39;&quot;&amp;\u{fffd}</strong>"), "{page}");
    }
}
