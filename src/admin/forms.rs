//! The few pages that it takes to sign in. They work without a script, by keyboard, and at any width.

use askama::Template;

use super::access::Visitor;
use super::pages::version;
use crate::shown::printable;

pub(super) const WRONG: &str =
    "This user name and password do not open anything now. After several wrong ones wait ten seconds.";
pub(super) const NO_FORM: &str = "The form has not arrived whole. Please fill it in again.";
pub(super) const BUSY: &str = "Too many passwords are being checked. Please try again.";
pub(super) const NO_KEY: &str = "Nobody can be signed in now: the log of the receiver says why.";

#[derive(Template)]
#[template(path = "login.html", config = "src/admin/pages/askama.toml")]
struct Login<'a> {
    version: &'static str,
    wrong: Option<&'a str>,
    to: &'a str,
}

#[derive(Template)]
#[template(path = "enter.html", config = "src/admin/pages/askama.toml")]
struct Enter<'a> {
    version: &'static str,
    name: String,
    role: &'static str,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "not_entered.html", config = "src/admin/pages/askama.toml")]
struct NotEntered {
    version: &'static str,
}

/// User name and password, with what was wrong with the last ones, and where to go then.
pub(super) fn login(wrong: Option<&str>, to: &str) -> String {
    drawn(&Login { version: version(), wrong, to })
}

/// The button behind a link that was printed.
pub(super) fn enter(visitor: &Visitor, ticket: &str) -> String {
    drawn(&Enter { version: version(), name: printable(&visitor.name), role: visitor.role.as_str(), ticket })
}

/// A link that lets nobody in.
pub(super) fn not_entered() -> String {
    drawn(&NotEntered { version: version() })
}

/// Nothing in these can fail.
fn drawn(page: &impl Template) -> String {
    page.render().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::access::Role;

    #[test]
    fn a_name_is_text_whatever_is_in_it() {
        let name = "<script>'\"&\u{202e}".to_owned();
        let page = enter(&Visitor { name, role: Role::Viewer }, "\"><img>");

        assert!(page.contains("<strong>&#60;script&#62;&#39;&#34;&#38;\u{fffd}</strong>"), "{page}");
        assert!(!page.contains("<img"), "{page}");
    }
}
