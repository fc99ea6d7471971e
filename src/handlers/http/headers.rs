//! `headers`: what an ERP wants with every request besides, such as a key for its API.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Section;

/// What the receiver says of itself and of the body. Anything else there would not be true, or its answer not understood.
const OURS: [&str; 7] =
    ["accept-encoding", "content-encoding", "content-length", "content-type", "expect", "host", "user-agent"];
/// The attributes of the event begin so.
const OF_THE_EVENT: &str = "ce-";
/// What is between the two ends of one connection (RFC 9110, §7.6.1, and what proxies heed).
const OF_THE_CONNECTION: [&str; 10] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers by name.
#[derive(Debug, Default)]
pub(super) struct Headers {
    /// Marked as sensitive, so that nothing prints them.
    pub(super) headers: HeaderMap,
    /// Whether one of them comes from a file, as secrets do, or is `Authorization`.
    pub(super) has_secret: bool,
}

impl Headers {
    /// Reads the table `key`: a value for each name, or the file that `<name>_file` names. `has_auth`: whether there are
    /// other credentials. `None` if a problem was noted.
    pub(super) fn read(section: &Section, key: &str, has_auth: bool) -> Option<Self> {
        let table = section.table(key)?;
        let (keys, mut read, mut is_good) = (table.keys(), Self::default(), true);
        for key in &keys {
            table.ignore(key);
            let of_file = key.strip_suffix("_file");
            if of_file.is_none() && table.has(&format!("{key}_file")) {
                // What is wrong with that is said where the other one is read.
                continue;
            }
            let name = of_file.unwrap_or(key);
            let header = name_of(&table, key, name, has_auth, &read.headers)
                .and_then(|header| Some((header, value(&table, key, of_file)?)));
            if let Some((header, value)) = header {
                read.has_secret |= of_file.is_some() || header == AUTHORIZATION;
                read.headers.insert(header, value);
            } else {
                is_good = false;
            }
        }
        is_good.then_some(read)
    }
}

fn name_of(table: &Section, key: &str, name: &str, has_auth: bool, others: &HeaderMap) -> Option<HeaderName> {
    let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
        table.error(key, "is no name of a header: those have letters, digits and dashes");
        return None;
    };
    let what = if OURS.contains(&header.as_str()) || header.as_str().starts_with(OF_THE_EVENT) {
        "is a header that the receiver sets itself. Take it out"
    } else if OF_THE_CONNECTION.contains(&header.as_str()) {
        "is a header of the connection, which is not for the ERP to see. Take it out"
    } else if header == AUTHORIZATION && has_auth {
        "is set by `auth` already. Take one of both out"
    } else if others.contains_key(&header) {
        "is given twice: in the name of a header, upper and lower case are the same"
    } else {
        return Some(header);
    };
    table.error(key, what);
    None
}

fn value(table: &Section, key: &str, of_file: Option<&str>) -> Option<HeaderValue> {
    let text = match of_file {
        Some(name) => table.secret(name)?,
        None => SecretString::from(table.text(key)?),
    };
    let text = text.expose_secret();
    if text.is_empty() {
        table.error(key, "is empty");
        return None;
    }
    // The library takes other letters as they are in UTF-8, which a server may read as anything.
    let Some(mut value) = HeaderValue::from_str(text).ok().filter(|_| text.is_ascii()) else {
        table.error(key, "has characters that do not fit into a header");
        return None;
    };
    value.set_sensitive(true);
    Some(value)
}
