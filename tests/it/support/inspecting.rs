//! A proxy on the way out that reads along, as large networks have them: it takes CONNECT, and speaks TLS itself then, with
//! a certificate of an authority that only its network knows.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::certificates::Pair;

/// A connection that went through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Through {
    /// Where to, in the words of CONNECT; empty without one.
    pub target: String,
    /// What was agreed on in the handshake.
    pub protocol: String,
}

/// What it does with a connection.
struct Way {
    tls: TlsAcceptor,
    /// Where everything goes, unencrypted, whatever was asked for.
    to: SocketAddr,
    /// Whether CONNECT comes first.
    is_proxy: bool,
    /// The value of `Proxy-Authorization` that it wants to see, if any.
    wants: Option<String>,
    through: Mutex<Vec<Through>>,
}

/// The proxy; it ends when dropped.
pub struct Inspecting {
    address: SocketAddr,
    way: Arc<Way>,
    _tasks: JoinSet<()>,
}

impl Inspecting {
    /// A proxy that has this certificate, speaks these protocols, and leads to the HTTP server there.
    pub async fn start(pair: &Pair, protocols: &[&str], to: SocketAddr) -> Self {
        Self::listening(pair, protocols, to, true, None).await
    }

    /// The same, for those only who show these credentials.
    pub async fn start_for(credentials: &str, pair: &Pair, to: SocketAddr) -> Self {
        use base64::Engine as _;
        let wants = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials));
        Self::listening(pair, &["h2", "http/1.1"], to, true, Some(wants)).await
    }

    /// No proxy, but the server itself, over TLS.
    pub async fn direct(pair: &Pair, to: SocketAddr) -> Self {
        Self::listening(pair, &["h2", "http/1.1"], to, false, None).await
    }

    async fn listening(pair: &Pair, protocols: &[&str], to: SocketAddr, is_proxy: bool, wants: Option<String>) -> Self {
        let chain = CertificateDer::pem_slice_iter(pair.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut tls = tls.with_no_client_auth().with_single_cert(chain, key).unwrap();
        tls.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let tls = TlsAcceptor::from(Arc::new(tls));
        let way = Arc::new(Way { tls, to, is_proxy, wants, through: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mut tasks, leads) = (JoinSet::new(), Arc::clone(&way));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let way = Arc::clone(&leads);
                connections.spawn(async move { way.lead(stream).await.unwrap_or_default() });
            }
        });
        Self { address, way, _tasks: tasks }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its address as `HTTPS_PROXY` has it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The connections so far in which a handshake came to its end.
    pub fn through(&self) -> Vec<Through> {
        self.way.through.lock().unwrap().clone()
    }
}

impl Way {
    async fn lead(&self, mut stream: TcpStream) -> Option<()> {
        let target = if self.is_proxy { self.connected(&mut stream).await? } else { String::new() };
        let mut stream = self.tls.accept(stream).await.ok()?;
        let protocol = String::from_utf8_lossy(stream.get_ref().1.alpn_protocol().unwrap_or_default()).into_owned();
        self.through.lock().unwrap().push(Through { target, protocol });
        let mut server = TcpStream::connect(self.to).await.ok()?;
        copy_bidirectional(&mut stream, &mut server).await.ok().map(drop)
    }

    /// Answers CONNECT; returns where to, if that is allowed.
    async fn connected(&self, stream: &mut TcpStream) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?;
        let target = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
        let shows = |value: &String| {
            head.lines().any(|line| {
                let shown = line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
                shown.is_some_and(|(_, shown)| shown == value)
            })
        };
        if !self.wants.as_ref().is_none_or(shows) {
            let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(refusal).await.ok()?;
            return None;
        }
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
        Some(target)
    }
}
