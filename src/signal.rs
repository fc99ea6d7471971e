//! Being told to stop: by the operating system, systemd, Docker, or Ctrl+C.

/// Returns at the first SIGTERM or SIGINT (on Windows: Ctrl+C); at the second, the process ends at once.
///
/// Made for [`Running::run_until`](crate::app::Running::run_until). Call it once, on a Tokio runtime.
pub async fn told_to_stop() {
    first().await;
    tokio::spawn(async {
        first().await;
        tracing::warn!("told to stop a second time: stopping at once");
        std::process::exit(1);
    });
}

#[cfg(unix)]
async fn first() {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
        tracing::error!("signals cannot be received; only SIGKILL ends this process");
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
