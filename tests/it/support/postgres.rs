//! A real PostgreSQL: the server of the system's package, in a temporary folder, on a free port, with TLS.
//!
//! [`Postgres::shared`] is one for all tests that only need a database of their own; a test that stops,
//! kills or freezes a server starts one of its own. A server ends with the test process, however that
//! ends: a shell keeps it, and takes it down when the pipe from the test breaks.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// The role that the receiver logs in as. It owns the databases and may do nothing else.
pub const ROLE: &str = "receiver";
/// Its password, and that of the superuser `postgres`. Has characters that a URL has to escape.
pub const PASSWORD: &str = "p@ss:w/ord?";
pub const PASSWORD_IN_URL: &str = "p%40ss%3Aw%2Ford%3F";

const PATIENCE: Duration = Duration::from_secs(90);

/// Runs the server, and ends it when nothing more can come from the test.
const KEEPER: &str = r#"folder=$1; shift
"$@" </dev/null >>"$folder/server.log" 2>&1 &
cat >/dev/null
pkill -CONT -P $!; kill -CONT $!; kill -QUIT $!; wait $!
test -e "$folder/keep" || rm -rf "$folder""#;

/// A server in a temporary folder. Ended when dropped.
pub struct Postgres {
    folder: TempDir,
    port: u16,
    /// Programs that it runs under.
    inside: Vec<String>,
    keeper: Option<Child>,
}

impl Postgres {
    /// The server of this test process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server of one's own.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// A server of one's own with further settings, such as `("synchronous_commit", "off")`.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self::inside(Vec::new(), settings)
    }

    /// The same under other programs that change what it sees, such as its clock.
    pub fn inside(programs: Vec<String>, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("tradecloud-postgres-").tempdir().unwrap();
        make_certificate(folder.path());
        std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
        if is_root() {
            // PostgreSQL refuses to run as root.
            run(Command::new("chown").args(["-R", "postgres:"]).arg(folder.path()));
        }
        let data = folder.path().join("data");
        let mut initdb = as_its_user("initdb");
        initdb.args(["--no-sync", "--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]);
        run(initdb.arg("--pwfile").arg(folder.path().join("password")).arg(&data));
        let mut configuration = std::fs::OpenOptions::new().append(true).open(data.join("postgresql.conf")).unwrap();
        // Without TLS the password goes as it is: what SCRAM costs is much in a build that is not optimised.
        let access = "hostssl all all all scram-sha-256\nhostnossl all all all password\n";
        std::fs::write(data.join("pg_hba.conf"), access).unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (certificate, key, sockets) = (path("server.pem"), path("server-key.pem"), path("."));
        let ours = [
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", sockets.as_str()),
            ("ssl", "on"),
            ("ssl_cert_file", certificate.as_str()),
            ("ssl_key_file", key.as_str()),
            ("max_connections", "200"),
            ("shared_buffers", "64MB"),
            ("autovacuum", "off"),
        ];
        for (name, value) in ours.iter().chain(settings) {
            writeln!(configuration, "{name} = '{value}'").unwrap();
        }
        let mut server = Self { folder, port: 0, inside: programs, keeper: None };
        server.restart();
        server.sql("postgres", &format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'"));
        server
    }

    /// Makes an empty database that belongs to [`ROLE`]; returns its name.
    pub fn database(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {ROLE}"));
        name
    }

    /// The URL of a database, without TLS.
    pub fn url(&self, database: &str) -> String {
        self.url_with("127.0.0.1", database, "sslmode=disable")
    }

    /// The URL of a database at `host`, with settings such as `sslmode=verify-full`.
    pub fn url_with(&self, host: &str, database: &str, settings: &str) -> String {
        format!("postgresql://{ROLE}:{PASSWORD_IN_URL}@{host}:{}/{database}?{settings}", self.port)
    }

    /// The certificate of the authority that signed the server's, which is for `localhost`.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The port on 127.0.0.1. The same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Does something as the superuser; returns what `psql` prints, without headings.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        run(&mut self.psql(database, statement)).trim_end().to_owned()
    }

    /// Shuts down as an operator does: sessions are cut, everything is written.
    pub fn stop(&mut self) {
        self.signal("INT");
        self.wait();
    }

    /// SIGKILL, as by a machine that crashes (but for what the kernel keeps).
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.wait();
    }

    /// Ends every process of it at once, as an immediate shutdown does: what was not synced is gone.
    pub fn crash(&mut self) {
        self.signal("QUIT");
        self.wait();
    }

    /// Starts it, or starts it again on the same port.
    pub fn restart(&mut self) {
        assert!(self.keeper.is_none(), "it runs already");
        let keep_port = self.port != 0;
        let started = Instant::now();
        loop {
            if !keep_port {
                // Free now; should somebody else be quicker, the server ends and another one is tried.
                self.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            }
            if self.try_start() {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "PostgreSQL does not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Stops every process of it until the guard is dropped: it takes connections and data, and says nothing.
    pub fn freeze(&self) -> Frozen {
        let frozen = Frozen(self.pid());
        frozen.signal("STOP");
        frozen
    }

    fn psql(&self, database: &str, statement: &str) -> Command {
        let mut psql = Command::new(program("psql"));
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--quiet"]);
        psql.args(["--host=127.0.0.1", &format!("--port={}", self.port), "--username=postgres", database]);
        psql.args(["--command", statement]).env("PGPASSWORD", PASSWORD);
        psql
    }

    /// From now on every commit waits for a standby that is not there.
    pub fn lose_standby(&self) {
        self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'away'");
        self.sql("postgres", "SELECT pg_reload_conf()");
        let started = Instant::now();
        // All processes of the server have heard of it when one hangs.
        while self.hanging("postgres") == 0 {
            assert!(started.elapsed() < PATIENCE, "commits do not wait for a standby");
            let written = "SELECT pg_logical_emit_message(true, 'test', '')";
            let mut psql = self.psql("postgres", written).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            while psql.try_wait().unwrap().is_none() && self.hanging("postgres") == 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
            // The server does not notice that it has gone.
            let _ = psql.kill();
            psql.wait().unwrap();
        }
    }

    /// Ends that: every commit that hangs is done.
    pub fn regain_standby(&self) {
        self.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// How many sessions of a role hang in a commit, because of a standby.
    pub fn hanging(&self, role: &str) -> usize {
        let them = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        self.sql("postgres", &format!("SELECT count(*) {them} AND usename = '{role}'")).parse().unwrap()
    }

    fn try_start(&mut self) -> bool {
        let data = self.folder.path().join("data");
        let _ = std::fs::remove_file(data.join("postmaster.pid"));
        let server = under(&self.inside, "postgres");
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(self.folder.path());
        keeper.arg(server.get_program()).args(server.get_args());
        keeper.arg("-D").arg(&data).arg("-p").arg(self.port.to_string());
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.keeper = Some(keeper);
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            // The last line of the file, once it takes connections.
            let state = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return true;
            }
            if self.log().contains("could not bind") && state.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.wait();
        false
    }

    /// Lets the keeper go, and with it the server. The folder stays.
    fn wait(&mut self) {
        std::fs::write(self.folder.path().join("keep"), "").unwrap();
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().unwrap();
        }
        std::fs::remove_file(self.folder.path().join("keep")).unwrap();
    }

    fn pid(&self) -> String {
        let state = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        state.lines().next().unwrap().to_owned()
    }

    fn signal(&self, signal: &str) {
        run(Command::new("kill").args([&format!("-{signal}"), &self.pid()]));
        if signal == "INT" {
            let started = Instant::now();
            while self.folder.path().join("data/postmaster.pid").exists() {
                assert!(started.elapsed() < PATIENCE, "PostgreSQL does not stop:\n{}", self.log());
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// A server that is stopped in its tracks. Goes on when dropped.
pub struct Frozen(String);

impl Frozen {
    fn signal(&self, signal: &str) {
        let signal = format!("-{signal}");
        let _ = Command::new("kill").args([&signal, &self.0]).status();
        let _ = Command::new("pkill").args([&signal, "-P", &self.0]).status();
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}

/// Runs a program to its end, which must be a good one; returns what it printed.
fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A program of the server, to be run as a user that it accepts.
fn as_its_user(name: &str) -> Command {
    under(&[], name)
}

/// The same, under other programs.
fn under(programs: &[String], name: &str) -> Command {
    let mut line: Vec<PathBuf> = Vec::new();
    if is_root() {
        line.extend(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"].map(PathBuf::from));
    }
    line.extend(programs.iter().map(PathBuf::from));
    line.push(program(name));
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]);
    command
}

/// A program of PostgreSQL: Debian keeps those of the server out of the way, by version.
fn program(name: &str) -> PathBuf {
    let versions = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|version| version.path().join("bin").join(name)).collect();
    found.retain(|path| path.exists());
    found.sort_by_key(|path| path.to_str().and_then(|path| path.split('/').nth(4)?.parse::<u32>().ok()));
    // Elsewhere they are among all others; if there is none, the attempt to run it says so.
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A CA, and a certificate of it for localhost.
fn make_certificate(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "CA of the database");
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    certificate.distinguished_name.push(DnType::CommonName, "localhost");
    let certificate = certificate.signed_by(&key, &ca).unwrap();
    std::fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("server-key.pem"), key.serialize_pem()).unwrap();
    // A key that others can read is refused.
    std::fs::set_permissions(folder.join("server-key.pem"), std::fs::Permissions::from_mode(0o600)).unwrap();
}
