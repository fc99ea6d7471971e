//! Whom we trust: the roots of the system, and those of `ca_file`.

use reqwest::Certificate;

use crate::config::Section;

/// The certificates of `ca_file`; none without the key, and `None` if a problem was noted.
pub(crate) fn roots(section: &Section) -> Option<Vec<Certificate>> {
    let authorities = section.authorities()?;
    let roots = authorities.certificates.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>();
    roots.map_err(|error| section.error("ca_file", format!("has a certificate that cannot be used: {error}"))).ok()
}
