//! The network between two programs, which can fail: a relay on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::server::free_address;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Passes,
    /// Connections stay and are taken, and nothing goes through them.
    Stalls,
    /// Connections break, and new ones are refused.
    Down,
}

/// The state, and how often connections were forgotten.
type Network = (State, usize);

/// A relay to one address.
pub struct Proxy {
    address: SocketAddr,
    network: Arc<watch::Sender<Network>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// A relay to `target`.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(free_address()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let network = Arc::new(watch::Sender::new((State::Passes, 0)));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, address, target, Arc::clone(&network)));
        Self { address, network, _tasks: tasks }
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets everything through, also what was held back.
    pub async fn pass(&self) {
        self.set(State::Passes);
        while TcpStream::connect(self.address).await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    /// Holds everything back.
    pub fn stall(&self) {
        self.set(State::Stalls);
    }

    /// Nothing ever comes through the connections that there are, and neither side is told, as when a
    /// firewall forgets them. New ones work.
    pub fn forget(&self) {
        self.network.send_modify(|(_, forgotten)| *forgotten += 1);
    }

    fn set(&self, state: State) {
        self.network.send_modify(|network| network.0 = state);
    }

    /// Breaks every connection and refuses new ones; returns when that is so.
    pub async fn take_down(&self) {
        self.set(State::Down);
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(
    mut listener: TcpListener,
    address: SocketAddr,
    target: SocketAddr,
    network: Arc<watch::Sender<Network>>,
) {
    let mut changes = network.subscribe();
    loop {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((client, _)) = accepted else { continue };
                    let network = network.subscribe();
                    connections.spawn(async move {
                        if let Ok(server) = TcpStream::connect(target).await {
                            let ((from_client, to_client), (from_server, to_server)) =
                                (client.into_split(), server.into_split());
                            tokio::select! {
                                () = relay(from_client, to_server, network.clone()) => {}
                                () = relay(from_server, to_client, network) => {}
                            }
                        }
                    });
                }
                _ = changes.wait_for(|(state, _)| *state == State::Down) => break,
            }
        }
        drop(listener);
        connections.shutdown().await;
        let _ = changes.wait_for(|(state, _)| *state != State::Down).await;
        listener = loop {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            if socket.bind(address).is_ok() {
                break socket.listen(128).unwrap();
            }
            tokio::task::yield_now().await;
        };
    }
}

async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut network: watch::Receiver<Network>) {
    let born = network.borrow().1;
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let passes = |(state, forgotten): &Network| *state != State::Stalls && *forgotten == born;
        if network.wait_for(passes).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
