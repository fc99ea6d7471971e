//! Servers of others around the receiver: started on free ports in temporary folders, and gone when the
//! tests are, however those end.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

/// A program that runs until it is dropped, or until the tests end.
pub struct Server(Child);

/// Linux kills a child along with the *thread* that started it, and every test is a thread of its own; so
/// all of them are started by one thread, which ends with the process.
static STARTER: LazyLock<mpsc::Sender<(Command, mpsc::Sender<Child>)>> = LazyLock::new(|| {
    let (requests, received) = mpsc::channel::<(Command, mpsc::Sender<Child>)>();
    std::thread::spawn(move || {
        for (mut command, answer) in received {
            let _ = answer.send(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
        }
    });
    requests
});

impl Server {
    /// Starts `program`; what it says goes to the file `log`.
    pub fn start(program: &str, arguments: &[&str], environment: &[(&str, &str)], log: &Path) -> Self {
        let said = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program]).args(arguments);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        let (answer, started) = mpsc::channel();
        STARTER.send((command, answer)).unwrap();
        Self(started.recv().expect("not installed? scripts/test installs what the tests need"))
    }

    /// Waits until it takes connections at `address`.
    pub fn listens(&mut self, address: SocketAddr, log: &Path) {
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let said = || std::fs::read_to_string(log).unwrap_or_default();
            if let Some(status) = self.0.try_wait().unwrap() {
                panic!("the server ended with {status}:\n{}", said());
            }
            assert!(started.elapsed() < Duration::from_secs(180), "the server does not listen:\n{}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGSTOP: it is there and does nothing.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Server {
    /// SIGKILL, as when the power fails.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address of the loopback interface that nobody listens at.
pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// A port of the loopback interface that nobody listens on. No other test gets it, nor any program that asks the system
/// for whichever is free: those lie above.
pub fn free_port() -> u16 {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(997).wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + u16::try_from(number % 20_000).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Removes a folder when this process has ended, for what lives as long as it.
pub fn remove_at_the_end(folder: &Path) {
    let mut undertaker = Command::new("setsid");
    undertaker.args(["sh", "-c", "cat; sleep 1; rm -rf \"$0\""]).arg(folder);
    undertaker.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut undertaker = undertaker.spawn().unwrap();
    // Open until the process ends, and with it `cat`.
    std::mem::forget(undertaker.stdin.take());
    std::mem::forget(undertaker);
}

/// Waits in a test until something that runs in a thread of its own is done.
pub async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::time::timeout(Duration::from_secs(240), tokio::task::spawn_blocking(work)).await.unwrap().unwrap()
}
