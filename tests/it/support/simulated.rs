//! A simulated Tradecloud: `simulate`, as a user runs it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

/// The account of its API.
pub const USER: (&str, &str) = ("integration@example.com", "simulated");

/// The running program; killed when dropped.
pub struct Simulated {
    child: Child,
    /// Where it listens.
    pub url: String,
    printed: Arc<Mutex<String>>,
    client: Client,
}

impl Simulated {
    /// Starts it on a free port with these arguments.
    pub fn start(arguments: &[&str]) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tradecloud-webhook"));
        command.args(["simulate", "--listen", "127.0.0.1:0"]).args(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let first = lines.next().expect("it ended without a word");
        let url = first.split(' ').find(|word| word.starts_with("http://")).unwrap().trim_end_matches(',').to_owned();
        let printed = Arc::new(Mutex::new(first + "\n"));
        let all = Arc::clone(&printed);
        std::thread::spawn(move || {
            for line in lines {
                *all.lock().unwrap() += &(line + "\n");
            }
        });
        Self { child, url, printed, client: Client::new() }
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Everything it has said.
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// What it knows of itself.
    pub async fn state(&self) -> Value {
        self.request(Method::GET, "/simulate/state").send().await.unwrap().json_value().await
    }

    /// Lets something happen: `orders=5`.
    pub async fn change(&self, what: &str) {
        let answer = self.request(Method::POST, &format!("/simulate/change?{what}")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    }

    /// A request to it, without credentials.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// One after the other, and fewer than ten in a second.
    pub async fn ask(&self, request: RequestBuilder) -> Response {
        tokio::time::sleep(Duration::from_millis(110)).await;
        request.send().await.unwrap()
    }

    /// SIGTERM; waits for its end, and returns all that it has said.
    pub async fn end(mut self) -> String {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success() && self.child.wait().unwrap().success());
        super::eventually("its last words", async || self.printed().contains("dropped on purpose")).await;
        self.printed()
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of an answer as JSON, each digit of a number kept.
pub trait JsonValue {
    fn json_value(self) -> impl Future<Output = Value> + Send;
}

impl JsonValue for Response {
    async fn json_value(self) -> Value {
        let body = self.bytes().await.unwrap();
        serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&body)))
    }
}
