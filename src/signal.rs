//! Being told to stop, by the operating system, systemd, Docker, or Ctrl+C; and to reload (SIGHUP).

use crate::telemetry::events;

/// Returns at the first SIGTERM or SIGINT (on Windows: Ctrl+C); at the second, the process ends at once.
///
/// Made for [`Running::run_until`](crate::app::Running::run_until). Call it once, on a Tokio runtime.
pub async fn told_to_stop() {
    first().await;
    tokio::spawn(async {
        first().await;
        events::receiver::told_twice();
        std::process::exit(1);
    });
}

#[cfg(unix)]
async fn first() {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
        events::receiver::deaf();
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn first() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// SIGHUP: to read the configuration again. Where there are no signals, none ever comes.
pub struct Hangups {
    #[cfg(unix)]
    signals: Option<tokio::signal::unix::Signal>,
    /// Whether this process belongs to a terminal.
    #[cfg(unix)]
    on_terminal: bool,
}

#[cfg(unix)]
impl Hangups {
    /// From now on, SIGHUP does not end the process. Needs a Tokio runtime.
    pub fn listen() -> Self {
        use std::io::IsTerminal as _;
        use tokio::signal::unix::{SignalKind, signal};
        let signals = signal(SignalKind::hangup());
        if let Err(error) = &signals {
            events::receiver::deaf_to_hangups(error);
        }
        Self { signals: signals.ok(), on_terminal: std::io::stdin().is_terminal() }
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        use std::io::IsTerminal as _;
        if let Some(signals) = &mut self.signals
            && signals.recv().await.is_some()
        {
            // The terminal was closed. What ran in it is to end, as it would without us.
            if self.on_terminal && !std::io::stdin().is_terminal() {
                std::process::exit(1);
            }
            return;
        }
        std::future::pending::<()>().await;
    }
}

#[cfg(not(unix))]
impl Hangups {
    /// Hears none.
    pub fn listen() -> Self {
        Self {}
    }

    pub(crate) async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}
