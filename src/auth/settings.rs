//! `[auth]`, and what an endpoint says of who may call.

use std::collections::BTreeMap;

use super::{AddressList, Gate, KINDS, SharedCredential};
use crate::config::Section;

/// Credentials by the names the configuration gives them.
pub(crate) type Credentials = BTreeMap<String, SharedCredential>;

/// Reads and checks every credential of the configuration `root`.
pub(crate) fn read(root: &Section) -> Credentials {
    let mut credentials = BTreeMap::new();
    for section in root.tables("auth") {
        let Some(read) = section.required_choice("type", KINDS) else { continue };
        let credential = read(&section);
        let name = section.name().to_owned();
        section.finish();
        if let Some(credential) = credential {
            credentials.insert(name, credential);
        }
    }
    credentials
}

impl Gate {
    /// Reads `auth` and `allow_from` of an endpoint: by name, some of the credentials of the configuration `root`, or
    /// all of them.
    pub(crate) fn read(section: &Section, root: &Section, credentials: &Credentials) -> Self {
        let named = section.texts("auth");
        let mut chosen = Vec::new();
        for name in named.as_deref().unwrap_or_default() {
            match credentials.get(name) {
                Some(credential) => chosen.push((name.clone(), credential.clone())),
                // A credential that is there but not valid has been reported where it stands.
                None if root.table("auth").is_some_and(|auth| auth.has(name)) => {}
                None => section.error("auth", format!("names \"{name}\", but there is no `[auth.{name}]`")),
            }
        }
        if named.is_none() {
            chosen = credentials.iter().map(|(name, credential)| (name.clone(), credential.clone())).collect();
        }
        let none_configured = root.table("auth").is_none_or(|auth| auth.is_empty());
        if named.is_some_and(|names| names.is_empty()) || none_configured {
            section
                .error("auth", "has no credentials: nobody could call. Add `[auth.portal]` (see config/default.toml)");
        }
        let allow_from = section.texts("allow_from").and_then(|entries| match AddressList::read(&entries) {
            Ok(list) => Some(list),
            Err(wrong) => {
                for entry in wrong {
                    section.error(
                        "allow_from",
                        format!(
                            "has \"{entry}\", which is neither a network such as \"10.0.0.0/8\" nor \
                             \"tradecloud-production\" or \"tradecloud-acceptance\""
                        ),
                    );
                }
                None
            }
        });
        Self { credentials: chosen, allow_from }
    }

    /// For requests to what is no endpoint: every credential, from wherever events are taken at one of `gates`.
    pub(crate) fn anywhere<'a>(gates: impl Iterator<Item = &'a Self>, credentials: Credentials) -> Self {
        Self { allow_from: somewhere(gates), credentials: credentials.into_iter().collect() }
    }
}

/// The addresses that events are taken from at one gate or another.
fn somewhere<'a>(gates: impl Iterator<Item = &'a Gate>) -> Option<AddressList> {
    let mut lists = gates.map(|gate| gate.allow_from.as_ref());
    let first = lists.next()??.clone();
    lists.try_fold(first, |all, list| Some(all.and(list?)))
}
