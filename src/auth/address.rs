//! Lists of addresses: `allow_from` of an endpoint, `server.trusted_proxies`.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// The addresses Tradecloud sends from, by the names the configuration knows them by. Tradecloud
/// announces changes at least five working days ahead.
const TRADECLOUD: &[(&str, &[&str])] =
    &[("tradecloud-production", &["35.204.224.107", "34.90.20.233"]), ("tradecloud-acceptance", &["35.204.36.162"])];

/// A list of networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressList(Vec<IpNet>);

impl AddressList {
    /// Reads one entry each: a network (`10.0.0.0/8`), an address, or one of Tradecloud's names.
    ///
    /// # Errors
    /// The entries that are none of these.
    pub fn read(entries: &[String]) -> Result<Self, Vec<String>> {
        let mut networks = Vec::new();
        let mut wrong = Vec::new();
        for entry in entries {
            let named = TRADECLOUD.iter().find(|(name, _)| name == entry).map(|(_, addresses)| *addresses);
            let texts = named.map_or_else(|| vec![entry.as_str()], <[&str]>::to_vec);
            for text in texts {
                match text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
                    Ok(network) => networks.push(canonical(network)),
                    Err(_) => wrong.push(entry.clone()),
                }
            }
        }
        if wrong.is_empty() { Ok(Self(networks)) } else { Err(wrong) }
    }

    /// Reads one entry each: a network (`10.0.0.0/8`) or an address.
    ///
    /// # Errors
    /// The entries that are neither.
    pub fn read_networks(entries: &[String]) -> Result<Self, Vec<String>> {
        let (mut wrong, unnamed): (Vec<_>, Vec<_>) =
            entries.iter().cloned().partition(|entry| TRADECLOUD.iter().any(|(name, _)| name == entry));
        let list = Self::read(&unnamed).unwrap_or_else(|entries| {
            wrong.extend(entries);
            Self::default()
        });
        if wrong.is_empty() { Ok(list) } else { Err(wrong) }
    }

    /// The addresses that Tradecloud sends from, for production and acceptance.
    pub fn tradecloud() -> Self {
        let texts = TRADECLOUD.iter().flat_map(|(_, addresses)| *addresses);
        Self(texts.filter_map(|text| text.parse::<IpAddr>().ok()).map(IpNet::from).collect())
    }

    /// Whether Tradecloud may send from there both for production and for acceptance.
    pub(crate) fn is_of_both_platforms(&self) -> bool {
        let from = |address: &&str| address.parse().is_ok_and(|address| self.contains(address));
        TRADECLOUD.iter().all(|(_, addresses)| addresses.iter().any(&from))
    }

    /// All of both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.extend(&other.0);
        self
    }

    /// What is in it, for people: Tradecloud's addresses by their names, and the other networks.
    pub(crate) fn describe(&self) -> Vec<String> {
        let (mut described, mut others) = (Vec::new(), self.0.clone());
        for (name, addresses) in TRADECLOUD {
            let named: Vec<_> =
                addresses.iter().filter_map(|text| text.parse::<IpAddr>().ok()).map(IpNet::from).collect();
            if named.iter().all(|network| others.contains(network)) {
                others.retain(|network| !named.contains(network));
                described.push((*name).to_owned());
            }
        }
        described.extend(others.iter().map(|network| {
            let is_address = network.prefix_len() == network.max_prefix_len();
            if is_address { network.addr().to_string() } else { network.to_string() }
        }));
        described
    }

    /// Whether `address` is in one of the networks. An IPv4 address that arrives at an IPv6 socket
    /// (`::ffff:10.0.0.1`) counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// A network of IPv4 addresses that is written as an IPv6 socket sees it (`::ffff:10.0.0.0/104`), as what it is.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else { return network };
    let four = six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(96));
    four.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::AddressList;

    fn list(entries: &[&str]) -> AddressList {
        AddressList::read(&entries.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn tradeclouds_addresses_go_by_name() {
        let production = list(&["tradecloud-production"]);
        assert!(production.contains("34.90.20.233".parse().unwrap()));
        assert!(!production.contains("35.204.36.162".parse().unwrap()));
        assert!(AddressList::tradecloud().is_of_both_platforms() && !production.is_of_both_platforms());
        assert_eq!(AddressList::tradecloud(), list(&["tradecloud-production", "tradecloud-acceptance"]));
    }

    #[test]
    fn an_ipv4_caller_on_an_ipv6_socket_is_recognised() {
        let private = list(&["10.0.0.0/8", "2001:db8::1"]);
        assert!(private.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(private.contains("2001:db8::1".parse().unwrap()));
        assert!(!private.contains("2001:db8::2".parse().unwrap()));
    }

    #[test]
    fn an_entry_may_be_written_as_an_ipv6_socket_sees_it() {
        let mapped = list(&["::ffff:10.0.0.0/104", "::ffff:192.0.2.1"]);
        assert!(mapped.contains("10.1.2.3".parse().unwrap()) && mapped.contains("192.0.2.1".parse().unwrap()));
        assert!(!mapped.contains("11.0.0.1".parse().unwrap()) && !mapped.contains("192.0.2.2".parse().unwrap()));
        assert!(mapped.contains("::ffff:10.1.2.3".parse().unwrap()));
    }

    #[test]
    fn a_network_holds_what_is_in_it_and_nothing_beside_it() {
        let networks = list(&["10.1.2.3/8", "192.0.2.128/25", "2001:db8:7::/48", "203.0.113.7/32"]);
        for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.128", "2001:db8:7:ffff::1", "203.0.113.7"] {
            assert!(networks.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.127", "2001:db8:8::", "203.0.113.8", "::1", "::10.0.0.1"]
        {
            assert!(!networks.contains(outside.parse().unwrap()), "{outside}");
        }
        assert!(list(&["0.0.0.0/0"]).contains("1.2.3.4".parse().unwrap()));
        assert!(!list(&["0.0.0.0/0"]).contains("::1".parse().unwrap()), "that is every address of IPv4 only");
        assert!(!list(&[]).contains("1.2.3.4".parse().unwrap()), "an empty list lets nobody in");
    }

    #[test]
    fn every_wrong_entry_is_named() {
        let entries = ["tradecloud".to_owned(), "10.0.0.0/33".to_owned(), "::1".to_owned()];
        assert_eq!(AddressList::read(&entries).unwrap_err(), ["tradecloud", "10.0.0.0/33"]);
    }
}
