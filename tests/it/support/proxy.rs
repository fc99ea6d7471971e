//! The network between two programs, which can fail: a relay on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Passes,
    /// Connections stay and are taken, and nothing goes through them.
    Stalls,
    /// Connections break, and new ones are refused.
    Down,
}

/// A relay to one address.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// A relay to `target`.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(State::Passes));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, address, target, Arc::clone(&state)));
        Self { address, state, _tasks: tasks }
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets everything through, also what was held back.
    pub async fn pass(&self) {
        self.state.send_replace(State::Passes);
        while TcpStream::connect(self.address).await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    /// Holds everything back.
    pub fn stall(&self) {
        self.state.send_replace(State::Stalls);
    }

    /// Breaks every connection and refuses new ones; returns when that is so.
    pub async fn take_down(&self) {
        self.state.send_replace(State::Down);
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(mut listener: TcpListener, address: SocketAddr, target: SocketAddr, state: Arc<watch::Sender<State>>) {
    let mut changes = state.subscribe();
    loop {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((client, _)) = accepted else { continue };
                    let state = state.subscribe();
                    connections.spawn(async move {
                        if let Ok(server) = TcpStream::connect(target).await {
                            let ((from_client, to_client), (from_server, to_server)) =
                                (client.into_split(), server.into_split());
                            tokio::select! {
                                () = relay(from_client, to_server, state.clone()) => {}
                                () = relay(from_server, to_client, state) => {}
                            }
                        }
                    });
                }
                _ = changes.wait_for(|state| *state == State::Down) => break,
            }
        }
        drop(listener);
        connections.shutdown().await;
        let _ = changes.wait_for(|state| *state != State::Down).await;
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

async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if state.wait_for(|state| *state != State::Stalls).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
