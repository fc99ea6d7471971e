//! `inspect`: a link by which somebody on this machine can look at the inbox, without a password.

use std::io::Write;
use std::path::Path;

use anyhow::Context as _;
use clap::Args;

use super::{Failure, person};
use crate::admin::{Role, is_name, link};
use crate::listener::development;

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
        link(&doors.admin, doors.folder, &name, role).map(|link| (link, serves, doors.admin.listen.port()))
    });
    let (link, serves, port) = printed.await.context("no link can be made")?.map_err(anyhow::Error::from)?;
    writeln!(out, "{link}").context("cannot write the result")?;
    out.flush().context("cannot write the result")?;
    if port == 0 {
        eprintln!("admin.listen has port 0: put the one in its place that the receiver's log names (`admin`)");
    }
    if !serves {
        eprintln!(
            "It leads nowhere: off loopback only /livez and /readyz are served without [admin.tls] or \
             admin.trusted_proxies"
        );
    }
    Ok(true)
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 100 characters, none of them unseen".to_owned())
    }
}
