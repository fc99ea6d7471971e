//! A client that says exactly what a test wants said, byte by byte, over TLS and HTTP/1.1.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Version;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::receiver::{PASSWORD, USERNAME};
use super::sender::Answer;

const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to the receiver.
pub struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    /// Read, but not part of an answer yet.
    read: Vec<u8>,
}

impl Connection {
    /// Connects and finishes the handshake.
    pub fn open(port: u16, ca: &[u8]) -> Self {
        Self::open_after(b"", port, ca)
    }

    /// The same, but writes these bytes before the handshake, as a proxy does that passes a connection on.
    pub fn open_after(first: &[u8], port: u16, ca: &[u8]) -> Self {
        Self::open_by(port, ca, |socket| socket.write_all(first).unwrap())
    }

    /// The same, each byte in a packet of its own.
    pub fn open_slowly_after(first: &[u8], port: u16, ca: &[u8]) -> Self {
        Self::open_by(port, ca, |socket| {
            for byte in first {
                socket.write_all(&[*byte]).unwrap();
                std::thread::sleep(Duration::from_millis(2));
            }
        })
    }

    fn open_by(port: u16, ca: &[u8], begin: impl FnOnce(&mut TcpStream)) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca).unwrap()).unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider().into();
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        begin(&mut socket);
        let mut stream = StreamOwned::new(client, socket);
        // A handshake that fails shows in what is read.
        let _ = stream.flush();
        Self { stream, read: Vec::new() }
    }

    /// The certificate that the receiver showed.
    pub fn certificate(&self) -> Vec<u8> {
        self.stream.conn.peer_certificates().expect("the handshake has failed")[0].to_vec()
    }

    /// How many certificates it showed.
    pub fn chain_length(&self) -> usize {
        self.stream.conn.peer_certificates().map_or(0, <[_]>::len)
    }

    /// Writes these bytes.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self.stream.flush().unwrap();
    }

    /// Writes these bytes, or as many as are taken before the connection is closed.
    pub fn try_write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush());
    }

    /// Writes these bytes; says whether all of them were taken.
    pub fn is_written(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush()).is_ok()
    }

    /// Writes these bytes again and again, with a pause, until there is an answer or the end.
    pub fn answer_while_writing(&mut self, bytes: &[u8], pause: Duration) -> Answer {
        self.stream.sock.set_read_timeout(Some(pause)).unwrap();
        let begun = Instant::now();
        while self.read.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "neither an answer nor an end");
            self.try_write(bytes);
            let mut read = [0; 4096];
            match self.stream.read(&mut read) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => break,
                Ok(count) => self.read.extend_from_slice(&read[..count]),
            }
        }
        self.stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
        self.answer()
    }

    /// Writes the head of a POST to the endpoint with the right credentials and these further lines.
    pub fn write_head(&mut self, lines: &[&str]) {
        self.write(head(&[&[&*authorization()], lines].concat()));
    }

    /// Reads one answer. Its status is `None` if the connection was closed instead.
    pub fn answer(&mut self) -> Answer {
        let answer = self.any_answer();
        if answer.status.is_some() { answer.judged() } else { answer }
    }

    /// Reads one answer that may break the rules for answers: one that the HTTP library gives by itself
    /// to what is no HTTP, or an interim one.
    pub fn any_answer(&mut self) -> Answer {
        let nothing =
            Answer { status: None, version: Version::HTTP_11, headers: HeaderMap::new(), body: String::new() };
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.read_more() {
                return nothing;
            }
        };
        let head: Vec<u8> = self.read.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines.map(|line| line.split_once(": ").unwrap()) {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        while self.read.len() < length {
            assert!(self.read_more(), "the answer's body was cut off: {head}");
        }
        let body = String::from_utf8(self.read.drain(..length).collect()).unwrap();
        Answer { status: Some(status), headers, body, ..nothing }
    }

    /// From now on it writes only what is taken at once.
    pub fn never_wait(&self) {
        self.stream.sock.set_nonblocking(true).unwrap();
    }

    /// The port of this end of it.
    pub fn port(&self) -> u16 {
        self.stream.sock.local_addr().unwrap().port()
    }

    /// Waits until the receiver closes the connection, and says whether it said anything before.
    pub fn closed_silently(mut self) -> bool {
        while self.read_more() {}
        self.read.is_empty()
    }

    /// Closes this side of the connection, with a word of TLS before it or without; goes on reading.
    pub fn end_writing(&mut self, politely: bool) {
        if politely {
            self.stream.conn.send_close_notify();
            self.stream.flush().unwrap();
        }
        self.stream.sock.shutdown(Shutdown::Write).unwrap();
    }

    /// Leaves without a word, in the middle of whatever it is.
    pub fn leave(self) {
        let _ = self.stream.sock.shutdown(Shutdown::Both);
    }

    /// Reads so many bytes; `None` if the connection is closed before.
    pub fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.read.len() < count {
            if !self.read_more() {
                return None;
            }
        }
        Some(self.read.drain(..count).collect())
    }

    /// Whether there was more to read; a broken connection is a closed one.
    fn read_more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(count) => {
                self.read.extend_from_slice(&bytes[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("neither an answer nor an end"),
            Err(_) => false,
        }
    }
}

/// The head of a POST to the endpoint with these lines.
pub fn head(lines: &[&str]) -> String {
    format!("POST /webhooks/tradecloud HTTP/1.1\r\nHost: localhost\r\n{}\r\n\r\n", lines.join("\r\n"))
}

/// The right credentials, as a line of a head.
pub fn authorization() -> String {
    format!("Authorization: Basic {}", STANDARD.encode(format!("{USERNAME}:{PASSWORD}")))
}

/// The line that announces this body.
pub fn content_length(body: impl AsRef<[u8]>) -> String {
    format!("Content-Length: {}", body.as_ref().len())
}
