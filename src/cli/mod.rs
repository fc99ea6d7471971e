//! The command line: one file per command. Results go to standard output, logs to standard error.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where results and errors are for people")]

pub mod check;
pub mod events;
pub mod replay;
pub mod secret;
pub mod send;
mod sender;
pub mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Layers, Problem, development};

/// Exit status for a configuration that is not valid (sysexits.h: EX_CONFIG).
const CONFIGURATION: u8 = 78;

/// Exit status for wrong usage, as clap has it.
const USAGE: u8 = 2;

/// Receives Tradecloud's webhooks and hands every event to the ERP, losing none.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ConfigArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the receiver until SIGTERM or SIGINT, then drain (also without a command)
    Serve(ConfigArgs),
    /// Report everything that is wrong with the configuration; start and write nothing
    Check(check::CheckArgs),
    Send(send::SendArgs),
    Replay(replay::ReplayArgs),
    /// Look at the inbox, deliver again, set aside, write out
    Events(events::EventsArgs),
    Secret(secret::SecretArgs),
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// The configuration file [default: config/receiver.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The configuration is not valid; all problems.
    Configuration(Vec<Problem>),
    /// The configuration is not valid, and the command has said why.
    Reported,
    /// It was tried and failed.
    Failed(anyhow::Error),
}

/// Wrong usage that only shows when a command runs; the text says what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongUsage(pub(crate) String);

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Configuration(problems)
    }
}

/// Runs the command that the arguments name; returns the exit status: 0 done, 1 failed, 2 wrong usage
/// (by clap), 78 configuration not valid.
pub async fn run(cli: Cli) -> ExitCode {
    let mut out = std::io::stdout();
    let done = match cli.command {
        None => serve::run(&cli.serve).await.map(|()| true),
        Some(Command::Serve(args)) => serve::run(&args).await.map(|()| true),
        Some(Command::Check(args)) => check::run(&args, &mut out).await,
        Some(Command::Send(args)) => send::run(&args, &mut out).await.map_err(Failure::from),
        Some(Command::Replay(args)) => replay::run(&args, &mut out).await.map_err(Failure::from),
        Some(Command::Events(args)) => events::run(&args, &mut out).await,
        Some(Command::Secret(args)) => secret::run(&args, &mut out).map_err(Failure::from),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads our output has read enough (`events list | head`).
        Err(Failure::Failed(error)) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => {
            eprintln!("error: {error:#}");
            if error.is::<WrongUsage>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
        Err(Failure::Configuration(problems)) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            let errors = problems.iter().filter(|problem| problem.is_error()).count();
            eprintln!("The configuration is not valid: {errors} error(s).");
            ExitCode::from(CONFIGURATION)
        }
        Err(Failure::Reported) => ExitCode::from(CONFIGURATION),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The layers of the configuration, for a command that makes nothing: a development set-up stands in for a
/// file that is not there.
fn layers(args: &ConfigArgs) -> Result<Layers, Problem> {
    let layers = Layers::read(args.config.as_deref())?;
    Ok(if layers.has_file() { layers } else { layers.with_stand_in(development::layer()) })
}
