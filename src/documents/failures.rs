//! Why a document cannot be had now, in words.

use reqwest::Url;

use crate::outgoing::Failure;

/// A fault that has nothing to do with the back end of a handler.
pub(super) fn ours(reason: impl Into<String>) -> Failure {
    Failure { reason: reason.into(), late: false, pause: None }
}

/// The same with the document in front.
pub(super) fn of(document: &str, Failure { reason, late, pause }: Failure) -> Failure {
    Failure { reason: format!("document {}: {}", crate::shown::line(&named(document)), reason), late, pause }
}

/// A document as people are to read of it: an address without what may be as good as a password, which are the user and
/// the query.
pub(super) fn named(document: &str) -> String {
    match Url::parse(document) {
        Ok(url) if url.has_host() => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            let rest = if url.query().is_some() { "?…" } else { "" };
            format!("{}://{}{port}{}{rest}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
        }
        _ => document.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_good_as_a_password_is_not_said_of_a_document() {
        for (document, shown) in [
            ("https://user:secret@files.example:444/a%20b.pdf?sig=secret", "https://files.example:444/a%20b.pdf?…"),
            ("https://files.example/a.pdf", "https://files.example/a.pdf"),
            ("0e4e1eac-1c67", "0e4e1eac-1c67"),
            ("mailto:somebody", "mailto:somebody"),
        ] {
            assert_eq!(named(document), shown);
        }
    }
}
