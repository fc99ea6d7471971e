//! Command line in, exit status out.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use tradecloud_webhook::cli::{Cli, run};

/// What is still going on in the end, and nobody waits for, is waited for no longer than that: what it was for is
/// safe, or comes again.
const LAST: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One provider for the server, the handlers and `send`. It is set before anything else could ask.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run(cli));
            runtime.shutdown_timeout(LAST);
            ended
        }
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "error: the runtime cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
