//! The way to one server, whose connections are left behind when nothing comes back on them.
//!
//! A request that is given up over HTTP/1.1 takes its connection with it; over HTTP/2 it ends a stream, and the
//! connection stays in use for all that follow, however dead it is. So a client on which a request got no answer
//! in time is not asked again: the next request begins with another one. What nobody waits for is found dead by
//! the pings of HTTP/2.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Request, RequestBuilder, Response, Url, redirect};

use super::address::on_loopback;

/// A machine that does not even take the connection within this time is not there.
const CONNECT: Duration = Duration::from_secs(10);
/// How often an HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const PING: Duration = Duration::from_secs(15);
/// Lines of an answer's head. What an answer says is its status; nothing else of its head may keep us from that.
const MOST_HEADERS: usize = 400;
/// The same in bytes, over HTTP/2; hyper takes more than this over HTTP/1.1.
const LARGEST_HEAD: u32 = 64 * 1024;

/// Calls what is at one address.
#[derive(Debug)]
pub(crate) struct Caller {
    url: Url,
    roots: Vec<Certificate>,
    identity: Option<Identity>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    client: Client,
    /// How many there were before it.
    number: u64,
    /// Whether a request got no answer on it.
    silent: bool,
}

impl Caller {
    /// One for what is at `url`, which trusts `roots` besides the roots of the system.
    ///
    /// # Errors
    /// If the machine lacks what it needs, such as any trusted root certificate.
    pub(crate) fn new(url: &Url, roots: &[Certificate]) -> Result<Self, reqwest::Error> {
        Self::identified(url, roots, None)
    }

    /// The same, which shows a certificate of ours to a server that wants one.
    pub(crate) fn identified(
        url: &Url,
        roots: &[Certificate],
        identity: Option<Identity>,
    ) -> Result<Self, reqwest::Error> {
        let client = client_with(url, roots, identity.as_ref())?;
        let current = Mutex::new(Current { client, number: 0, silent: false });
        Ok(Self { url: url.clone(), roots: roots.to_vec(), identity, current })
    }

    /// Makes a request and waits for the head of the answer.
    pub(crate) async fn send(
        &self,
        request: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<Response, reqwest::Error> {
        let (client, number) = self.client();
        let request = request(&client).build()?;
        self.listen(&client, number, request).await
    }

    /// The same with a request that is made already.
    pub(crate) async fn execute(&self, request: Request) -> Result<Response, reqwest::Error> {
        let (client, number) = self.client();
        self.listen(&client, number, request).await
    }

    async fn listen(&self, client: &Client, number: u64, request: Request) -> Result<Response, reqwest::Error> {
        // Stays armed if this is dropped on the way, because its time is over.
        let mut silence = Silence { caller: self, number: Some(number) };
        let answered = client.execute(request).await;
        if !answered.as_ref().is_err_and(reqwest::Error::is_timeout) {
            silence.number = None;
        }
        answered
    }

    /// The client to use, and its number.
    fn client(&self) -> (Client, u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.silent
            // It could be made before; should it fail now, the old one is better than none.
            && let Ok(client) = client_with(&self.url, &self.roots, self.identity.as_ref())
        {
            *current = Current { client, number: current.number + 1, silent: false };
        }
        (current.client.clone(), current.number)
    }
}

/// Notes, when dropped, that nothing came back from the client of that number.
struct Silence<'a> {
    caller: &'a Caller,
    number: Option<u64>,
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut current = self.caller.current.lock().unwrap_or_else(PoisonError::into_inner);
        // Others may have noticed before, and another client is in its place.
        current.silent |= current.number == number;
    }
}

/// A client for what is at `url`, which trusts `roots` besides the roots of the system.
pub(crate) fn client(url: &Url, roots: &[Certificate]) -> Result<Client, reqwest::Error> {
    client_with(url, roots, None)
}

/// A client for addresses that somebody else has named: it goes only where `resolver` leads it, and by no proxy, which
/// would do that for it. It trusts `roots` besides the roots of the system.
pub(crate) fn guarded<R: Resolve + 'static>(roots: &[Certificate], resolver: Arc<R>) -> Result<Client, reqwest::Error> {
    builder().no_proxy().dns_resolver(resolver).tls_certs_merge(roots.iter().cloned()).build()
}

fn client_with(url: &Url, roots: &[Certificate], identity: Option<&Identity>) -> Result<Client, reqwest::Error> {
    let client = builder();
    let client = if url.host_str().is_some_and(on_loopback) { client.no_proxy() } else { client };
    // Without TLS no roots are needed; a slim container has none, and should not fail for that.
    let client =
        if url.scheme() == "http" { client.tls_certs_only([]) } else { client.tls_certs_merge(roots.iter().cloned()) };
    let client = if let Some(identity) = identity { client.identity(identity.clone()) } else { client };
    client.build()
}

/// What all clients have in common.
fn builder() -> ClientBuilder {
    // reqwest takes the process's TLS provider and panics if there is none. If a program that embeds
    // us has installed one, this changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("tradecloud-webhook/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING)
        .http2_keep_alive_while_idle(true)
        // A server that has taken an event says so in its first line, however untidy the others are. Were that
        // no answer, the event would be sent again and again.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(MOST_HEADERS)
        .http2_max_header_list_size(LARGEST_HEAD)
}
