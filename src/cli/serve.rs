//! `serve`: runs the receiver until it is told to stop.

use std::io::{self, IsTerminal as _, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{Failure, person};
use crate::admin;
use crate::app::Receiver;
use crate::config::DEFAULT_FILE;
use crate::listener::development::{self, Made};
use crate::settings::Settings;
use crate::signal::told_to_stop;
use crate::telemetry::events;

/// Open files beside connections: the inbox, handlers, what is written.
#[cfg(unix)]
const OTHER_FILES: usize = 256;

/// Reads the configuration, starts the receiver, reloads it when the configuration has changed, and drains
/// it at SIGTERM or SIGINT. A second signal ends the process at once.
///
/// # Errors
/// All problems of the configuration, or what kept the receiver from starting or going on.
pub async fn run(config: Option<&Path>) -> Result<(), Failure> {
    let layers = development::layers(config).map_err(|problem| vec![problem])?;
    let made = if layers.has_file() { None } else { Some(development::make()?) };
    let (settings, warnings) = layers.settings()?;
    let file = layers.has_file().then(|| config.unwrap_or(Path::new(DEFAULT_FILE)));
    // The texts are wiped with it: secrets stay no longer than they are needed.
    drop(layers);
    let _log = settings.log.start();
    if let Some(file) = file {
        events::configuration::read(file);
    }
    for warning in warnings {
        events::configuration::doubtful(&warning.without_severity());
    }
    let scheme = if settings.server.tls.is_some() { "https" } else { "http" };
    let path = settings.endpoints.first().map(|endpoint| endpoint.path.clone()).unwrap_or_default();
    #[cfg(unix)]
    allow_open_files(settings.server.limits.connections);
    let config = config.map(Path::to_owned);
    let invitation = Invitation::of(&settings);
    let running = Receiver::new(settings).following(move || development::layers(config.as_deref())).start().await?;
    if let Some(made) = &made {
        // Whether or not anybody reads it: events come all the same.
        let _ = introduce(made, scheme, running.public_address(), &path, &mut io::stdout());
    }
    if let Some(invitation) = invitation {
        invitation.print(running.admin_address()).await;
    }
    Ok(running.run_until(told_to_stop()).await?)
}

/// For whoever sits at a terminal and starts a receiver whose inbox nobody has ever looked at.
struct Invitation {
    admin: admin::Settings,
    folder: PathBuf,
}

impl Invitation {
    /// Only for a terminal: where the output is kept, a link would lie that lets in whoever reads it in time.
    fn of(settings: &Settings) -> Option<Self> {
        let folder = settings.inbox.store.beside();
        let is_meant = io::stderr().is_terminal() && settings.admin.serves_people() && !admin::was_opened(&folder);
        is_meant.then(|| Self { admin: settings.admin.clone(), folder })
    }

    /// Prints a link. If there is none, `inspect` says why.
    async fn print(self, address: SocketAddr) {
        let Self { mut admin, folder } = self;
        admin.listen = address;
        let name = person::at_the_terminal().who;
        // It waits for the disk.
        let link = tokio::task::spawn_blocking(move || admin::link(&admin, folder, &name, admin::Role::Operator)).await;
        if let Ok(Ok(link)) = link {
            let text =
                "Look at the inbox by this link, once and within a minute; `tradecloud-webhook inspect` prints another";
            let _ = writeln!(io::stderr(), "\n{text}:\n  {link}\n");
        }
    }
}

/// Has the machine allow as many open files as it can; many a shell starts programs with 1024, half of what so
/// many connections need.
#[cfg(unix)]
fn allow_open_files(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let most = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }) {
        events::receiver::open_files_not_raised(&error);
    }
    let needed = connections.saturating_add(OTHER_FILES);
    if let Some(allowed) = getrlimit(Resource::Nofile).current.filter(|allowed| *allowed < needed as u64) {
        events::receiver::too_few_open_files(allowed, needed);
    }
}

/// Says what a first run made, and how to try it.
fn introduce(made: &Made, scheme: &str, address: SocketAddr, path: &str, out: &mut impl Write) -> io::Result<()> {
    let port = address.port();
    let url = format!("{scheme}://localhost:{port}{path}");
    writeln!(out, "\nThere is no configuration file: this is a development set-up, for this machine only.")?;
    for (file, what) in &made.files {
        writeln!(out, "  made {file}: {what}")?;
    }
    writeln!(out, "Events are kept in the inbox data/inbox.db and written to data/events/.")?;
    writeln!(out, "Listening on {url}")?;
    writeln!(out, "Look at the inbox: `tradecloud-webhook inspect` prints a link")?;
    if made.certificate && made.credentials {
        let (ca, username, password) = (development::CA, development::USERNAME, development::PASSWORD);
        writeln!(out, "Try it:\n")?;
        writeln!(
            out,
            "  curl --cacert {ca} -u \"{username}:$(cat {password})\" -H 'Content-Type: application/json' \
             -d '{{\"eventName\":\"OrderIssuedByBuyer\",\"orderEvent\":{{\"orderId\":\"1\",\
             \"buyerOrder\":{{\"purchaseOrderNumber\":\"PO1\"}}}}}}' {url}\n"
        )?;
    }
    Ok(())
}
