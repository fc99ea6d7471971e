//! Why no answer came, in words a person can act on.

use std::io::{self, ErrorKind};

use reqwest::Url;

use crate::outgoing::{self, TrustedBy, causes};

/// The reason for a failed request to `url`; `extra_ca` says that `--ca` was given.
pub(super) fn in_words(error: &reqwest::Error, url: &Url, extra_ca: bool) -> String {
    let host = url.host_str().unwrap_or_default();
    if let Some(tls) = outgoing::failure(error) {
        return outgoing::in_words(tls, TrustedBy::CommandLine(extra_ca));
    }
    if error.is_timeout() {
        return format!("no answer within {} seconds", super::ANSWER_WITHIN.as_secs());
    }
    if causes(error).any(|cause| cause.to_string() == "dns error") {
        return format!("the name {host} cannot be found: is it spelled right?");
    }
    let port = url.port_or_known_default().unwrap_or_default();
    match causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => {
            format!("connection refused by {host}, port {port}: is the receiver running?")
        }
        Some(ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
            format!("{host}, port {port} cannot be reached: is there a firewall between?")
        }
        _ if url.scheme() == "http" => {
            format!("the connection ended without an answer ({}): does the receiver want https://?", root_cause(error))
        }
        _ => format!("the connection ended without an answer ({})", root_cause(error)),
    }
}

/// The innermost cause, which is the one that says what happened.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    match outgoing::failure(error) {
        Some(tls) => outgoing::in_words(tls, TrustedBy::CommandLine(false)),
        None => causes(error).last().map(ToString::to_string).unwrap_or_default(),
    }
}
