//! `check --online`: what a start and the first deliveries would come upon, tried without leaving anything behind.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::listener::serve::bind;
use crate::settings::Settings;
use crate::tradecloud::{Api, Needs, poll};

/// How long a receiver on this machine may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something that was tried.
pub(super) struct Tried {
    /// What it was, by its place in the configuration.
    pub(super) what: String,
    pub(super) works: bool,
    /// What was found, or why it does not work and what to do.
    pub(super) detail: String,
}

impl Tried {
    fn new(what: impl Into<String>, result: Result<String, String>) -> Self {
        let works = result.is_ok();
        Self { what: what.into(), works, detail: result.unwrap_or_else(|reason| reason) }
    }
}

/// Tries the addresses, the inbox, whom certificates and keys come from, and every handler's back end.
pub(super) async fn try_online(settings: Settings) -> Vec<Tried> {
    let mut tried = try_addresses(settings.server.listen, settings.admin.listen).await;
    let inbox = settings.inbox.store.rehearse().await.map_err(|error| format!("{error:#}"));
    tried.push(Tried::new("inbox", inbox));
    if let Some(acme) = settings.server.tls.as_ref().and_then(|tls| tls.acme.as_ref()) {
        tried.push(Tried::new("server.tls.acme", acme.probe().await));
    }
    for (name, credential) in &settings.anywhere.credentials {
        if let Some(probed) = credential.probe().await {
            tried.push(Tried::new(format!("auth {name}"), probed));
        }
    }
    if let Some(tradecloud) = &settings.tradecloud {
        let needs = Needs {
            orders: settings.poll.as_ref().and_then(poll::Settings::orders),
            shipments: settings.poll.as_ref().is_some_and(poll::Settings::has_shipments),
            documents: settings.documents.is_some(),
        };
        match Api::new(tradecloud) {
            Ok(api) => {
                tried.push(Tried::new("tradecloud", api.probe(&needs).await));
                tried.extend(api.probe_legacy().await.map(|probed| Tried::new("tradecloud.legacy", probed)));
            }
            Err(error) => tried.push(Tried::new("tradecloud", Err(error))),
        }
    }
    for handler in settings.handlers {
        let name = handler.route.name;
        let probed = match handler.settings.build(&name) {
            Ok(handler) => handler.probe().await,
            Err(error) => Err(error.to_string()),
        };
        tried.push(Tried::new(format!("handler {name}"), probed));
    }
    tried
}

/// Listens for a moment, with both at once. Where a receiver runs it is at home: that is as it should be.
async fn try_addresses(public: SocketAddr, admin: SocketAddr) -> Vec<Tried> {
    let (mut tried, mut held): (_, Vec<TcpListener>) = (Vec::new(), Vec::new());
    for (what, address) in [("server.listen", public), ("admin.listen", admin)] {
        let result = match bind(address) {
            Ok(listener) => {
                held.push(listener);
                Ok(format!("{address} is free"))
            }
            Err(error) if error.is_taken() && is_a_receiver(admin).await => {
                Ok(format!("{address} is taken, and a receiver runs that has the address of admin.listen"))
            }
            Err(error) => Err(error.to_string()),
        };
        tried.push(Tried::new(what, result));
    }
    tried
}

/// Whether one answers at the machine's own address.
async fn is_a_receiver(admin: SocketAddr) -> bool {
    let ip = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let asked = timeout(PATIENCE, async {
        let mut connection = TcpStream::connect((ip, admin.port())).await?;
        let request = format!("GET /livez HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        connection.take(4096).read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    });
    asked.await.is_ok_and(|answer| answer.is_ok_and(|answer| answer.ends_with(b"\r\n\r\nlive\n")))
}
