//! A real CA that speaks ACME: `pebble`, the test server of Let's Encrypt, on free ports, with a name
//! server (`pebble-challtestsrv`) for which every name leads to this machine.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::free_port;

/// A key for an external account, as a CA gives it out.
pub const EAB_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
/// Its id.
pub const EAB_KEY_ID: &str = "kid-1";

const PATIENCE: Duration = Duration::from_secs(90);

/// The CA. Killed when dropped, and when the test dies.
pub struct Pebble {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
    listen: u16,
    management: u16,
    names: u16,
    running: Vec<Child>,
}

impl Pebble {
    /// A CA that looks at challenges at `port`, and gives certificates for `lifetime`. Not started yet.
    pub fn prepared(port: u16, lifetime: Duration) -> Self {
        let folder = tempfile::Builder::new().prefix("tradecloud-pebble-").tempdir().unwrap();
        make_certificate(&folder);
        let (listen, management, names) = (free_port(), free_port(), free_port());
        let configuration = json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{listen}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": "server.pem",
            "privateKey": "server-key.pem",
            "httpPort": port,
            "tlsPort": port,
            "certificateValidityPeriod": lifetime.as_secs(),
        }});
        let pebble = Self { folder, environment: Vec::new(), listen, management, names, running: Vec::new() };
        pebble.configure(&configuration);
        pebble.set("PEBBLE_VA_NOSLEEP", "1").set("PEBBLE_WFE_NONCEREJECT", "0")
    }

    /// A CA like that, started.
    pub fn start(port: u16, lifetime: Duration) -> Self {
        let mut pebble = Self::prepared(port, lifetime);
        pebble.restart();
        pebble
    }

    /// Sets one of its variables, such as `PEBBLE_WFE_NONCEREJECT`.
    pub fn set(mut self, name: &'static str, value: &str) -> Self {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Makes it want accounts that it knows from elsewhere.
    pub fn wants_external_accounts(self) -> Self {
        let mut configuration: Value = serde_json::from_slice(&self.read("config.json")).unwrap();
        configuration["pebble"]["externalAccountBindingRequired"] = true.into();
        configuration["pebble"]["externalAccountMACKeys"] = json!({EAB_KEY_ID: EAB_KEY});
        self.configure(&configuration);
        self
    }

    /// Starts it, with new root and new accounts: it keeps nothing.
    pub fn restart(&mut self) {
        assert!(self.running.is_empty(), "it runs already");
        let names = format!("127.0.0.1:{}", self.names);
        self.run(&[
            "pebble-challtestsrv",
            "-dns01",
            &names,
            "-defaultIPv6",
            "",
            "-management",
            "127.0.0.1:0",
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
        ]);
        self.run(&["pebble", "-config", "config.json", "-dnsserver", &names]);
        let started = Instant::now();
        for port in [self.listen, self.management] {
            while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(started.elapsed() < PATIENCE, "pebble does not listen:\n{}", self.log());
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Kills it.
    pub fn stop(&mut self) {
        for mut child in self.running.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The address of its directory.
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.listen)
    }

    /// The file of the CA that its own certificate comes from.
    pub fn ca_file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// The root of the certificates it gives out, in PEM.
    pub async fn root(&self) -> Vec<u8> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let ca = reqwest::Certificate::from_pem(&self.read("ca.pem")).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        let url = format!("https://localhost:{}/roots/0", self.management);
        client.get(url).send().await.unwrap().bytes().await.unwrap().to_vec()
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.read("log")).into_owned()
    }

    fn configure(&self, configuration: &Value) {
        std::fs::write(self.folder.path().join("config.json"), configuration.to_string()).unwrap();
    }

    fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(file)).unwrap()
    }

    fn run(&mut self, line: &[&str]) {
        let log = || std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).args(line).current_dir(self.folder.path());
        command.envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(log()).stderr(log());
        self.running.push(command.spawn().unwrap());
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What its own HTTPS is made with.
fn make_certificate(folder: &TempDir) {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "CA of pebble's own certificate");
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    certificate.distinguished_name.push(DnType::CommonName, "localhost");
    let certificate = certificate.signed_by(&key, &ca).unwrap();
    std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(folder.path().join("server.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.path().join("server-key.pem"), key.serialize_pem()).unwrap();
}
