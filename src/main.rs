//! Command line in, exit status out.

use std::process::ExitCode;

use clap::Parser as _;
use tradecloud_webhook::cli::{Cli, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One provider for the server, the handlers and `send`. It is set before anything else could ask.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "error: the runtime cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
