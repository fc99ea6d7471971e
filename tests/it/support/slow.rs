//! Clients that only keep their connections open, in every way there is.

use std::collections::HashSet;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, PING, frame, post_block, preface};
use super::raw::{Connection, authorization, head};
use super::receiver::Receiver;

/// A way to be slow.
pub struct Kind {
    pub name: &'static str,
    /// Whether it has shown the right credentials.
    pub known: bool,
    says: Vec<u8>,
    over_tls: bool,
    /// What it says again every second.
    repeats: Vec<u8>,
}

/// Every kind.
pub fn kinds() -> Vec<Kind> {
    let post = |lines: &[&str]| head(&[&[&*authorization()], lines].concat()).into_bytes();
    let get = format!("GET /webhooks/tradecloud HTTP/1.1\r\nHost: localhost\r\n{}\r\n\r\n", authorization());
    let request = |right: bool, settings: &[(u16, u32)]| {
        let headers = frame(HEADERS, END_HEADERS, 1, &post_block(right));
        [preface(settings), headers, frame(DATA, END_STREAM, 1, b"{}")].concat()
    };
    let half_a_stream =
        [preface(&[]), frame(HEADERS, END_HEADERS, 1, &post_block(true)), frame(DATA, 0, 1, b"{")].concat();
    let ping = frame(PING, 0, 0, &[0; 8]);
    let kind = |name, known, says: &[u8], repeats: &[u8]| Kind {
        name,
        known,
        says: says.to_vec(),
        over_tls: true,
        repeats: repeats.to_vec(),
    };
    let without_tls = |name, says: &[u8], repeats: &[u8]| Kind { over_tls: false, ..kind(name, false, says, repeats) };
    vec![
        without_tls("nothing at all", b"", b""),
        without_tls("half a handshake", b"\x16\x03\x01\x02\x00\x01", b""),
        without_tls("a handshake byte by byte", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0"),
        kind("TLS and nothing", false, b"", b""),
        kind("one byte", false, b"P", b""),
        kind("half a head", false, &post(&["X: 1"])[..60], b""),
        kind("a head byte by byte", false, b"POST /webhooks/tradecloud HTTP/1.1\r\nX: ", b"x"),
        kind("a large half of a head", false, format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(30_000)).as_bytes(), b"x"),
        kind("an answer to a stranger, and pings", false, &request(false, &[]), &ping),
        kind("HTTP/2 and nothing", false, &preface(&[]), b""),
        kind("HTTP/2 and pings", false, &preface(&[]), &ping),
        kind("idle after an answer", true, get.as_bytes(), b""),
        // No more of them: while each is kept, the connection's clock stands still.
        kind("answers that are not read", true, get.repeat(50).as_bytes(), b""),
        kind("half a body", true, &[post(&["Content-Length: 100000"]), b"{".to_vec()].concat(), b""),
        kind("a body byte by byte", true, &post(&["Content-Length: 100000"]), b" "),
        kind("a body chunk by chunk", true, &post(&["Transfer-Encoding: chunked"]), b"1\r\n \r\n"),
        kind("HTTP/2, idle after an answer, with pings", true, &request(true, &[]), &ping),
        kind("HTTP/2 and a window that stays shut", true, &request(true, &[(4, 0)]), &ping),
        kind("HTTP/2, half a body, and pings", true, &half_a_stream, &ping),
    ]
}

/// An open connection of a kind.
struct Slow {
    kind: usize,
    opened: Instant,
    port: u16,
    stream: Stream,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<Connection>),
}

impl Slow {
    fn open(kind: usize, of: &Kind, receiver_port: u16, ca: &[u8]) -> Self {
        let opened = Instant::now();
        let (port, stream) = if of.over_tls {
            let mut connection = Connection::open(receiver_port, ca);
            connection.try_write(&of.says);
            connection.never_wait();
            (connection.port(), Stream::Tls(Box::new(connection)))
        } else {
            let mut socket = TcpStream::connect(("127.0.0.1", receiver_port)).unwrap();
            let _ = socket.write_all(&of.says);
            socket.set_nonblocking(true).unwrap();
            (socket.local_addr().unwrap().port(), Stream::Plain(socket))
        };
        Self { kind, opened, port, stream }
    }

    /// Says a little more.
    fn repeat(&mut self, of: &Kind) {
        match &mut self.stream {
            Stream::Plain(socket) => drop(socket.write_all(&of.repeats)),
            Stream::Tls(connection) if !of.repeats.is_empty() => connection.try_write(&of.repeats),
            Stream::Tls(_) => {}
        }
    }
}

/// Opens so many connections, of every kind in turn, and has them say what they repeat until the receiver holds
/// none of them any more, or for `patience`. Says how long each one was held.
pub fn besiege(receiver: &Receiver, kinds: &[Kind], count: usize, patience: Duration) -> Vec<(usize, Duration)> {
    let (ca, port, begun) = (receiver.ca(), receiver.public_port(), Instant::now());
    let (next, besiegers) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < count) {
                    let kind = number % kinds.len();
                    let slow = Slow::open(kind, &kinds[kind], port, &ca);
                    besiegers.lock().unwrap().push((slow, None));
                }
            });
        }
        let mut repeated = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let mut besiegers = besiegers.lock().unwrap();
            let held = ports_held(port);
            let repeat = repeated.elapsed() > Duration::from_secs(1);
            if repeat {
                repeated = Instant::now();
            }
            for (slow, stayed) in besiegers.iter_mut().filter(|(_, stayed)| stayed.is_none()) {
                if !held.contains(&slow.port) {
                    *stayed = Some(slow.opened.elapsed());
                } else if repeat {
                    slow.repeat(&kinds[slow.kind]);
                }
            }
            let all_gone = besiegers.len() == count && besiegers.iter().all(|(_, stayed)| stayed.is_some());
            if all_gone || begun.elapsed() > patience {
                break;
            }
        }
    });
    let besiegers = besiegers.into_inner().unwrap();
    besiegers.iter().map(|(slow, stayed)| (slow.kind, stayed.unwrap_or_else(|| slow.opened.elapsed()))).collect()
}

/// The other ends' ports of the connections to `port` that a process still holds.
fn ports_held(port: u16) -> HashSet<u16> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port_of = |address: &str| u16::from_str_radix(address.rsplit(':').next().unwrap(), 16).unwrap();
    table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        // A closed socket may be in the table for a while, but belongs to nobody.
        .filter(|fields| port_of(fields[1]) == port && fields[9] != "0")
        .map(|fields| port_of(fields[2]))
        .collect()
}

/// Allows this process, and the programs it starts, that many open files.
pub fn allow_open_files(count: usize) {
    let own = std::process::id().to_string();
    let raised =
        std::process::Command::new("prlimit").args(["--pid", &own, &format!("--nofile={count}:")]).output().unwrap();
    assert!(raised.status.success(), "{}", String::from_utf8_lossy(&raised.stderr));
}
