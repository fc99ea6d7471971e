//! Whom we trust: the roots of the system, and those of `ca_file`.

use reqwest::Certificate;

use crate::config::Section;
use crate::shown;

/// The certificates of `ca_file`; none without the key, and `None` if a problem was noted.
pub(crate) fn roots(section: &Section) -> Option<Vec<Certificate>> {
    let authorities = section.authorities()?;
    let roots = authorities.certificates.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>();
    roots.map_err(|error| section.error("ca_file", format!("has a certificate that cannot be used: {error}"))).ok()
}

/// What a library said of a connection that could not be made, with what to do where that is known.
pub(crate) fn advised(error: &str) -> String {
    let hint =
        if error.contains("UnknownIssuer") { " (the certificate of a private CA goes into `ca_file`)" } else { "" };
    shown::line(error) + hint
}
