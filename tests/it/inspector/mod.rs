//! The admin address: who may look, found out before anything is looked up, and what there is to be seen.

mod acting;
mod acting_many;
mod acts;
mod announced;
mod bulk;
mod doors;
mod guesses;
mod hidden;
mod odd;
mod openapi;
mod pages;
mod reading;
mod sessions;
mod tickets;
mod with_tls;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::support::receiver::Receiver;

/// Two who have a password, which no sender has.
const USERS: &str = "admin.users.anna = { password = 'a password of anna', role = 'operator' }\n\
                     admin.users.bob = { password = 'a password of bob' }\n";
const OVERVIEW: &str = "/api/v1/overview";

/// A request as it is written, so that it may be one that no browser would make.
struct Ask {
    at: SocketAddr,
    method: &'static str,
    path: String,
    host: String,
    headers: Vec<String>,
    body: String,
}

/// What came back.
#[derive(Debug)]
struct Said {
    status: u16,
    head: String,
    body: Vec<u8>,
}

fn get(receiver: &Receiver, path: &str) -> Ask {
    let port = receiver.admin_port();
    let host = format!("127.0.0.1:{port}");
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    Ask { at, method: "GET", path: path.to_owned(), host, headers: Vec::new(), body: String::new() }
}

/// A form that is sent in.
fn post(receiver: &Receiver, path: &str, body: &str) -> Ask {
    let ask = Ask { method: "POST", body: body.to_owned(), ..get(receiver, path) };
    ask.header("content-type: application/x-www-form-urlencoded")
}

/// What a program sends.
fn post_json(receiver: &Receiver, path: &str, body: &Value) -> Ask {
    let ask = Ask { method: "POST", body: body.to_string(), ..get(receiver, path) };
    ask.header("content-type: application/json")
}

fn log_in(receiver: &Receiver, user: &str, password: &str) -> Said {
    post(receiver, "/login", &format!("user={user}&password={}", password.replace(' ', "+"))).send()
}

impl Ask {
    fn header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    fn host(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    fn cookie(self, cookie: &str) -> Self {
        self.header(&format!("cookie: {cookie}"))
    }

    fn basic(self, user: &str, password: &str) -> Self {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.header(&format!("authorization: Basic {pair}"))
    }

    /// In the version of HTTP that ends an answer with the connection.
    fn send(self) -> Said {
        let mut stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let hosts = self.host.split('|').filter(|host| !host.is_empty()).map(|host| format!("host: {host}"));
        let lines = [format!("{} {} HTTP/1.0", self.method, self.path)].into_iter().chain(hosts).chain(self.headers);
        let length = format!("content-length: {}", self.body.len());
        let head: Vec<_> = lines.chain([length, String::new(), self.body]).collect();
        let head = head.join("\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut whole = Vec::new();
        stream.read_to_end(&mut whole).unwrap();
        let end = memchr::memmem::find(&whole, b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8_lossy(&whole[..end]).into_owned();
        let status = head[9..12].parse().unwrap();
        Said { status, head, body: whole[end + 4..].to_vec() }
    }
}

impl Said {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?} {}", self.text()))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The cookie that it sets, as a browser sends it.
    fn cookie(&self) -> String {
        let cookie = self.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {} {}", self.head, self.text()));
        cookie.split(';').next().unwrap().to_owned()
    }
}

/// The link that `inspect` prints with these arguments.
fn link(receiver: &Receiver, arguments: &[&str]) -> String {
    let output = receiver.run(&[&["inspect"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The ticket in it.
fn ticket(receiver: &Receiver, arguments: &[&str]) -> String {
    link(receiver, arguments).split_once("/enter?ticket=").unwrap().1.to_owned()
}

fn enter(receiver: &Receiver, ticket: &str) -> Said {
    post(receiver, "/enter", &format!("ticket={ticket}")).send()
}

/// The cookie of somebody who has come with a ticket.
fn signed_in(receiver: &Receiver) -> String {
    enter(receiver, &ticket(receiver, &["--as", "carla"])).cookie()
}

/// What somebody is answered who comes with that cookie.
fn status_with(receiver: &Receiver, cookie: &str) -> u16 {
    get(receiver, OVERVIEW).cookie(cookie).send().status
}
