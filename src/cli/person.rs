//! Who sits at the command line, for what is kept of what he does. It is no proof: whoever may run the command may
//! also write the inbox. But nothing is taken for a name or an address that can be none.

use std::env;
use std::net::IpAddr;

use crate::desk::Person;

/// Nobody's name is longer, in characters.
const LONGEST_NAME: usize = 100;

/// The user of the operating system, and where he has logged in from.
pub(super) fn at_the_terminal() -> Person {
    let user = whoami::username().ok().unwrap_or_else(nameless);
    let address = env::var("SSH_CONNECTION").ok();
    Person {
        who: who(user, env::var("SUDO_USER").ok(), is_root()),
        via: "cli",
        address: address.as_deref().and_then(from),
    }
}

/// Behind `sudo` everybody is root: then it is who has called it. Whoever is somebody else may have set that as he likes,
/// so both are kept.
fn who(user: String, by_sudo: Option<String>, is_root: bool) -> String {
    let is_name = |name: &String| {
        name.chars().count() <= LONGEST_NAME && !name.trim().is_empty() && !name.chars().any(char::is_control)
    };
    match by_sudo.filter(is_name) {
        Some(name) if is_root => name,
        Some(name) if name != user => format!("{user} (sudo: {name})"),
        _ => user,
    }
}

/// The address of whoever has logged in by `ssh`.
fn from(connection: &str) -> Option<String> {
    let address = connection.split_whitespace().next()?;
    address.parse::<IpAddr>().is_ok().then(|| address.to_owned())
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
const fn is_root() -> bool {
    false
}

/// In a container a user often has a number and no name.
#[cfg(unix)]
fn nameless() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn nameless() -> String {
    "unknown".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_of_root_it_is_believed_who_has_called_sudo() {
        let who = |by_sudo: &str, is_root| who("user".to_owned(), Some(by_sudo.to_owned()), is_root);

        assert_eq!((who("anna", true), who("anna", false)), ("anna".to_owned(), "user (sudo: anna)".to_owned()));
        for none in ["", " ", "anna\ndiscard by: bob", "\u{1b}[2J", &"a".repeat(101)] {
            assert_eq!((who(none, true), who(none, false)), ("user".to_owned(), "user".to_owned()), "{none:?}");
        }
    }

    #[test]
    fn an_address_is_one() {
        assert_eq!(from("192.0.2.1 50000 192.0.2.2 22").as_deref(), Some("192.0.2.1"));
        assert_eq!(from("2001:db8::1 50000 2001:db8::2 22").as_deref(), Some("2001:db8::1"));
        assert_eq!((from(""), from("somewhere else"), from("\u{1b}[2J 1")), (None, None, None));
    }
}
