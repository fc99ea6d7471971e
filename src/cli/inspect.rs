//! `inspect`: a link by which somebody on this machine can look at the inbox, without a password.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::{Failure, person};
use crate::admin::{Role, is_name, link};
use crate::listener::development;

/// A receiver on this machine answers sooner.
const PATIENCE: Duration = Duration::from_secs(1);

/// Print a link to look at the inbox of a running receiver: it works once, for a minute, and needs no password
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Who it is for, as it is kept with what he does [default: the user of the operating system]
    #[arg(long = "as", value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// To look only, and do nothing
    #[arg(long)]
    viewer: bool,
}

/// Prints it. Always returns true.
///
/// # Errors
/// The problems of the configuration, or why the key cannot be used.
pub async fn run(args: &InspectArgs, config: Option<&Path>, out: &mut impl Write) -> Result<bool, Failure> {
    let layers = development::layers(config).map_err(|problem| vec![problem])?;
    let doors = layers.doors()?;
    let name = args.name.clone().unwrap_or_else(|| person::at_the_terminal().who);
    let role = if args.viewer { Role::Viewer } else { Role::Operator };
    // It waits for the disk.
    let printed = tokio::task::spawn_blocking(move || {
        let serves = doors.admin.serves_people();
        let at = doors.admin.listen;
        link(&doors.admin, doors.folder, &name, role).map(|link| (link, serves, at, answers(at)))
    });
    let (link, serves, at, answers) = printed.await.context("no link can be made")?.map_err(anyhow::Error::from)?;
    writeln!(out, "{link}").context("cannot write the result")?;
    out.flush().context("cannot write the result")?;
    if at.port() == 0 {
        eprintln!("admin.listen has port 0: put the one in its place that the receiver's log names (`admin`)");
    } else if !answers {
        eprintln!(
            "Nobody answers at {at} now (admin.listen): start the receiver within a minute, or print another link"
        );
    }
    if !serves {
        eprintln!(
            "It leads nowhere: off loopback only /livez and /readyz are served without [admin.tls] or \
             admin.trusted_proxies"
        );
    }
    Ok(true)
}

/// Whether somebody listens there.
fn answers(at: SocketAddr) -> bool {
    let own: IpAddr = if at.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let ip = if at.ip().is_unspecified() { own } else { at.ip() };
    TcpStream::connect_timeout(&SocketAddr::new(ip, at.port()), PATIENCE).is_ok()
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 100 characters, none of them unseen".to_owned())
    }
}
