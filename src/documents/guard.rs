//! Where a document of the other party may come from: what an event says is not believed. Its host is one that the
//! operator has named, and is where anybody could go: none of the machines that only we can reach. That is looked at
//! when a connection is made, of the very addresses that it is made to, so it holds whatever a name leads to later.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Knows the addresses of hosts.
#[async_trait]
pub(super) trait Names: Send + Sync {
    /// Those of the host of that name.
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// As the system knows them.
pub(super) struct System;

#[async_trait]
impl Names for System {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// All that a name leads to is out of bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("leads to {0}, which is no public address")]
pub(super) struct OutOfBounds(pub(super) IpAddr);

/// Leads to allowed addresses only.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) names: Arc<dyn Names>,
    /// Whether this machine itself is allowed.
    pub(super) local: bool,
}

impl Guard {
    /// Whether a document may come from that address.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || (self.local && address.is_loopback())
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let all = guard.names.addresses(name.as_str()).await?;
            let allowed: Vec<_> = all.iter().copied().filter(|address| guard.allows(*address)).collect();
            match (allowed.is_empty(), all.first()) {
                (true, Some(first)) => Err(OutOfBounds(*first).into()),
                (true, None) => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into()),
                (false, _) => Ok(Box::new(allowed.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs),
            }
        })
    }
}

/// Whether anybody could go there: by the registries of special addresses (IANA) of both families.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        // This network, loopback, and all from multicast on.
        (0 | 10 | 127 | 224.., _, _)
        // Behind the NAT of a carrier (100.64.0.0/10); of the link, such as what clouds tell their machines.
        | (100, 64..=127, _)
        | (169, 254, _)
        | (172, 16..=31, _)
        // Of protocols, for examples, anycast of 6to4, private.
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (192, 168, _)
        // Of benchmarks and for examples.
        | (198, 18 | 19, _)
        | (198, 51, 100)
        | (203, 0, 113) => true,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, middle @ .., high, low] = address.segments();
    let inner = |high: u16, low: u16| is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match (first, second) {
        // One of the other family in a form of this one, which leads to that.
        (0, 0) if third == 0 && middle == [0, 0, 0xffff] => inner(high, low),
        (0x64, 0xff9b) if third == 0 && middle == [0, 0, 0] => inner(high, low),
        (0x2002, _) => inner(second, third),
        // Of protocols (2001::/23, Teredo in it) and for examples.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        // All that was given out for everybody; what is private, of a site, a link or a group is not in it.
        _ => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_anybody_could_go_to_are_public() {
        for public in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2a00:1450::1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:a00:1::1",
            "2001:db8::1",
            "2001::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "3fff::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn this_machine_is_allowed_only_where_tradecloud_is_on_it() {
        let guard = |local| Guard { names: Arc::new(System), local };
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(guard(true).allows(address.parse().unwrap()) && !guard(false).allows(address.parse().unwrap()));
        }
        assert!(!guard(true).allows("10.0.0.1".parse().unwrap()));
    }
}
