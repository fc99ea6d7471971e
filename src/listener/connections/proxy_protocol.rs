//! The PROXY protocol (haproxy.org, versions 1 and 2): a load balancer that passes connections on says
//! before the first byte of TLS whom it got them from.
//!
//! It is recognised by its first bytes, with which neither TLS nor HTTP can begin, and looked for only on
//! connections from trusted proxies. Whoever else sends it fails in the handshake.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use ppp::{HeaderResult, v1, v2};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Longest header of version 1, with its end of line.
const V1_LONGEST: usize = 107;
/// Part of a header of version 2 that is always there; its last two bytes are the length of the rest.
const V2_FIXED: usize = 16;
/// Longest rest. Load balancers add their own fields to the addresses; none comes near this.
const V2_LONGEST: usize = 4096;

/// Pause before looking again, if the first bytes come one by one.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// Whom a proxy passed a connection on for, if it said so. An extension of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source(pub(crate) Option<IpAddr>);

/// Reads the header of a connection if it begins with one, and nothing beyond it. Has no time-out of its own.
///
/// # Errors
/// If the header cannot be read; the connection is to be closed.
pub(crate) async fn source(stream: &mut TcpStream) -> io::Result<Source> {
    let mut header = Vec::new();
    match version(stream).await? {
        None => return Ok(Source(None)),
        Some(Version::One) => {
            while !header.ends_with(b"\r\n") {
                if header.len() == V1_LONGEST {
                    return Err(malformed());
                }
                header.push(stream.read_u8().await?);
            }
        }
        Some(Version::Two) => {
            header.resize(V2_FIXED, 0);
            stream.read_exact(&mut header).await?;
            let rest = usize::from(u16::from_be_bytes([header[V2_FIXED - 2], header[V2_FIXED - 1]]));
            if rest > V2_LONGEST {
                return Err(malformed());
            }
            header.resize(V2_FIXED + rest, 0);
            stream.read_exact(&mut header[V2_FIXED..]).await?;
        }
    }
    match HeaderResult::parse(&header) {
        HeaderResult::V1(Ok(header)) => Ok(Source(match header.addresses {
            v1::Addresses::Tcp4(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Tcp6(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Unknown => None,
        })),
        // `LOCAL` is the proxy itself, finding out whether we live.
        HeaderResult::V2(Ok(header)) => Ok(Source(match (header.command, header.addresses) {
            (v2::Command::Proxy, v2::Addresses::IPv4(addresses)) => Some(addresses.source_address.into()),
            (v2::Command::Proxy, v2::Addresses::IPv6(addresses)) => Some(addresses.source_address.into()),
            _ => None,
        })),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(malformed()),
    }
}

enum Version {
    One,
    Two,
}

/// Looks at the first bytes without taking them.
async fn version(stream: &TcpStream) -> io::Result<Option<Version>> {
    let mut first = [0; V2.len()];
    loop {
        let count = stream.peek(&mut first).await?;
        let first = &first[..count];
        if first.is_empty() {
            return Ok(None);
        }
        if first.starts_with(V1) {
            return Ok(Some(Version::One));
        }
        if first == V2 {
            return Ok(Some(Version::Two));
        }
        if !V1.starts_with(first) && !V2.starts_with(first) {
            return Ok(None);
        }
        sleep(LOOK_PAUSE).await;
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the header of the PROXY protocol cannot be read")
}
