//! HAProxy: a real load balancer in front of a receiver.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::server::free_port;

const PATIENCE: Duration = Duration::from_secs(90);

/// The address it speaks to the receiver from.
pub const ADDRESS: &str = "127.0.0.9";

/// A running HAProxy with one way to one receiver. Stopped when dropped.
pub struct HaProxy {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl HaProxy {
    /// In front of the receiver at `port`: `mode` is `tcp` or `http`, `server` what else HAProxy is told about
    /// the way to it (`send-proxy-v2`), `lines` further lines.
    pub fn start(port: u16, mode: &str, server: &str, lines: &str) -> Self {
        let own = free_port();
        let folder = tempfile::Builder::new().prefix("haproxy-").tempdir().unwrap();
        let configuration = format!(
            "defaults\n mode {mode}\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             listen receiver\n bind 127.0.0.1:{own}\n source {ADDRESS}\n {lines}\n server one 127.0.0.1:{port} {server}\n"
        );
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, configuration).unwrap();
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "haproxy", "-db", "-f"])
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("HAProxy is not installed; scripts/test installs it");
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", own)).is_err() {
            assert!(started.elapsed() < PATIENCE, "HAProxy does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { process, port: own, _folder: folder }
    }

    /// The URL of the receiver's endpoint behind it.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}/webhooks/tradecloud", self.port)
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
