//! The command line: one file per command. Results go to standard output, logs to standard error.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where results and errors are for people")]

pub mod check;
pub mod events;
pub mod replay;
pub mod send;
mod sender;
pub mod serve;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Layers, Problem, Settings, development};

/// Exit status for a configuration that is not valid (sysexits.h: EX_CONFIG).
const CONFIGURATION: u8 = 78;

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
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads our output has read enough (`events list | head`).
        Err(Failure::Failed(error)) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
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

/// The settings for a command that works beside the receiver.
fn settings(args: &ConfigArgs) -> Result<(Settings, Vec<Problem>), Failure> {
    Ok(layers(args.config.as_deref()).map_err(|problem| vec![problem])?.settings()?)
}

/// The configuration's layers, with the development set-up in place of a file that is not there.
fn layers(named: Option<&Path>) -> Result<Layers, Problem> {
    let layers = Layers::read(named)?;
    Ok(if layers.has_file() { layers } else { layers.with_stand_in(development::layer()) })
}
