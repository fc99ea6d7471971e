//! Who sits at the command line, for what is kept of what he does. It is no proof: whoever may run the command may
//! also write the inbox.

use std::env;

use crate::desk::Person;

/// The user of the operating system, and where he has logged in from.
pub(super) fn at_the_terminal() -> Person {
    // Behind `sudo` everybody is root.
    let who = variable("SUDO_USER").or_else(|| whoami::username().ok()).unwrap_or_else(nameless);
    let connection = variable("SSH_CONNECTION");
    let address = connection.and_then(|words| words.split_whitespace().next().map(str::to_owned));
    Person { who, via: "cli", address }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
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
