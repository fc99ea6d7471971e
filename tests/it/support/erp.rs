//! A scripted ERP: a real HTTP server on a free port of the loopback address.
//!
//! It runs on a runtime and thread of its own, so that stopping it ends everything at once, open
//! connections included, as when a real server dies.

#![expect(clippy::disallowed_types, reason = "the ERP answers as a test wants")]

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use axum::response::Response;
use axum_server::tls_rustls::RustlsConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use tokio::sync::{oneshot, watch};

use super::server::free_address;

/// What the ERP does with one request.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    delay: Duration,
    drop_connection: bool,
}

impl Answer {
    /// An answer with this status and no body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), delay: Duration::ZERO, drop_connection: false }
    }

    /// No answer for longer than any test waits.
    pub fn hang() -> Self {
        Self::status(200).after(Duration::from_secs(3600))
    }

    /// The request is read, and then the connection breaks.
    pub fn drop_connection() -> Self {
        Self { drop_connection: true, ..Self::status(200) }
    }

    /// With a body.
    pub fn body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.header("content-type", media_type) }
    }

    /// With a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Only after this time.
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        for (name, value) in self.headers {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
        }
        response
    }
}

impl From<u16> for Answer {
    fn from(status: u16) -> Self {
        Self::status(status)
    }
}

/// One request as the ERP saw it.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub version: Version,
    pub at: Instant,
    /// When it was answered, or the client gave it up; `None` while it is worked on.
    pub ended: Option<Instant>,
}

impl Received {
    /// The header's value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What to answer to a request that the script says nothing about.
type Rule = Box<dyn FnMut(&Received) -> Answer + Send>;

/// The server and what it remembers. It answers 200 when its script has no more lines and no
/// rule was given.
pub struct Erp {
    address: SocketAddr,
    tls: Option<RustlsConfig>,
    memory: Memory,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// What outlives the server when it dies and comes back.
#[derive(Clone, Default)]
struct Memory {
    script: Arc<Mutex<VecDeque<Answer>>>,
    rule: Arc<Mutex<Option<Rule>>>,
    received: Arc<watch::Sender<Vec<Received>>>,
}

impl Memory {
    /// Notes a request; returns the answer to it, and a note of its end to be dropped then.
    fn take(&self, request: Received) -> (Answer, Ending) {
        let scripted = self.script.lock().unwrap().pop_front();
        let answer = scripted.unwrap_or_else(|| match &mut *self.rule.lock().unwrap() {
            Some(rule) => rule(&request),
            None => Answer::status(200),
        });
        let mut number = 0;
        self.received.send_modify(|all| {
            number = all.len();
            all.push(request);
        });
        (answer, Ending { number, received: Arc::clone(&self.received) })
    }
}

/// Notes the end of a request, however it ends.
struct Ending {
    number: usize,
    received: Arc<watch::Sender<Vec<Received>>>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.received.send_modify(|all| all[self.number].ended = Some(Instant::now()));
    }
}

impl Erp {
    /// Starts one on a free port.
    pub fn start() -> Self {
        Self::start_on(TcpListener::bind(free_address()).unwrap(), None)
    }

    /// Starts one that speaks TLS, with a certificate that nobody knows; returns that too, as PEM.
    pub fn start_with_tls() -> (Self, String) {
        Self::start_with_tls_for(None)
    }

    /// The same for clients only that have a certificate of the authority whose own is this one, in PEM.
    pub fn start_with_tls_for_clients_of(authority: &str) -> (Self, String) {
        Self::start_with_tls_for(Some(authority))
    }

    fn start_with_tls_for(clients: Option<&str>) -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.der().clone(), made.signing_key.serialize_der().try_into().unwrap());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
        let tls = tls.with_safe_default_protocol_versions().unwrap();
        let tls = if let Some(authority) = clients {
            let mut trusted = rustls::RootCertStore::empty();
            trusted.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
            let clients = WebPkiClientVerifier::builder_with_provider(trusted.into(), provider).build().unwrap();
            tls.with_client_cert_verifier(clients)
        } else {
            tls.with_no_client_auth()
        };
        let mut tls = tls.with_single_cert(vec![certificate], key).unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let tls = RustlsConfig::from_config(Arc::new(tls));
        (Self::start_on(TcpListener::bind(free_address()).unwrap(), Some(tls)), made.cert.pem())
    }

    fn start_on(listener: TcpListener, tls: Option<RustlsConfig>) -> Self {
        let mut erp = Self { address: listener.local_addr().unwrap(), tls, memory: Memory::default(), running: None };
        erp.run(listener);
        erp
    }

    /// The address of `path`, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// Adds lines to the script: a status or an [`Answer`] for each request to come.
    pub fn answer(&self, answers: impl IntoIterator<Item = impl Into<Answer>>) {
        self.memory.script.lock().unwrap().extend(answers.into_iter().map(Into::into));
    }

    /// From now on, answers by this rule what its script says nothing about.
    pub fn answer_by(&self, rule: impl FnMut(&Received) -> Answer + Send + 'static) {
        *self.memory.rule.lock().unwrap() = Some(Box::new(rule));
    }

    /// Every request so far, whatever it was answered.
    pub fn received(&self) -> Vec<Received> {
        self.memory.received.borrow().clone()
    }

    /// Waits until there have been `count` requests, and returns them.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        self.wait_until(&format!("{count} requests"), |received| received.len() >= count).await
    }

    /// Waits until `condition` holds for the requests so far, and returns them. `what` says in words
    /// what was waited for.
    pub async fn wait_until(&self, what: &str, condition: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let mut received = self.memory.received.subscribe();
        let enough = received.wait_for(|received| condition(received));
        let Ok(received) = tokio::time::timeout(Duration::from_secs(90), enough).await else {
            panic!("the ERP got {} requests, but never: {what}", self.received().len());
        };
        received.unwrap().clone()
    }

    /// Whether it listens.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Dies: nobody listens any more, and open connections break.
    pub fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }

    /// Comes back at the same address, with the rest of its script.
    pub fn restart(&mut self) {
        self.stop();
        self.run(TcpListener::bind(self.address).unwrap());
    }

    fn run(&mut self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let memory = self.memory.clone();
        let router = Router::new().fallback(async move |method, uri, headers, version, body| {
            let request = Received { method, uri, headers, body, version, at: Instant::now(), ended: None };
            let (answer, _ending) = memory.take(request);
            tokio::time::sleep(answer.delay).await;
            if answer.drop_connection {
                // Ends the task that holds the connection, without the noise of a panic.
                std::panic::resume_unwind(Box::new("the script says so"));
            }
            answer.into_response()
        });
        // Bodies as large as the receiver takes and larger.
        let router = router.layer(axum::extract::DefaultBodyLimit::disable());
        let (tls, service) = (self.tls.clone(), router.into_make_service());
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let serve = async {
                    match tls {
                        Some(tls) => axum_server::from_tcp_rustls(listener, tls).unwrap().serve(service).await,
                        None => axum_server::from_tcp(listener).unwrap().serve(service).await,
                    }
                };
                tokio::select! {
                    served = serve => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        self.running = Some((stop, thread));
    }
}

impl Drop for Erp {
    fn drop(&mut self) {
        self.stop();
    }
}
