//! The command line: one file or folder per command. Results go to standard output (`output`), logs to standard
//! error. `sender` is what `send` and `replay` share.

#![expect(clippy::print_stderr, reason = "this is where errors are for people")]

pub mod check;
pub mod events;
mod output;
pub mod replay;
pub mod secret;
pub mod send;
mod sender;
pub mod serve;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use self::output::Output;
use crate::config::{Layers, Problem, Problems};
use crate::listener::development;
use crate::telemetry::{priority_of_errors, priority_of_warnings};

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

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems.into())
    }
}

/// Runs the command that the arguments name; returns the exit status: 0 done, 1 failed, 2 wrong usage
/// (by clap), 78 configuration not valid. Where nobody reads the output to its end, the command ends there
/// and says nothing: with 0 if it only looks, else with 1, as not all was done.
pub async fn run(cli: Cli) -> ExitCode {
    let mut out = Output::new();
    let only_looks = matches!(&cli.command, Some(Command::Events(args)) if args.only_look());
    match command(cli, &mut out).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Failure::Failed(_)) if out.unread && only_looks => ExitCode::SUCCESS,
        Err(Failure::Failed(_)) if out.unread => ExitCode::FAILURE,
        Err(Failure::Failed(error)) => {
            eprintln!("{}error: {error:#}", priority_of_errors());
            if error.is::<WrongUsage>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
        Err(Failure::Configuration(problems)) => {
            for problem in &problems {
                let priority = if problem.is_error() { priority_of_errors() } else { priority_of_warnings() };
                eprintln!("{priority}{problem}");
            }
            let errors = problems.iter().filter(|problem| problem.is_error()).count();
            eprintln!("{}The configuration is not valid: {errors} error(s).", priority_of_errors());
            ExitCode::from(CONFIGURATION)
        }
        Err(Failure::Reported) => ExitCode::from(CONFIGURATION),
    }
}

/// Whether the command could do all it was asked for.
async fn command(cli: Cli, out: &mut Output) -> Result<bool, Failure> {
    let done = match cli.command {
        // It goes on whether or not somebody reads what it says at first.
        None => return serve::run(&cli.serve).await.map(|()| true),
        Some(Command::Serve(args)) => return serve::run(&args).await.map(|()| true),
        Some(Command::Check(args)) => check::run(&args, out).await?,
        Some(Command::Send(args)) => send::run(&args, out).await?,
        Some(Command::Replay(args)) => replay::run(&args, out).await?,
        Some(Command::Events(args)) => events::run(&args, out).await?,
        Some(Command::Secret(args)) => secret::run(&args, out)?,
    };
    out.flush().context("cannot write the result")?;
    Ok(done)
}

/// The layers of the configuration, for a command that makes nothing: a development set-up stands in for a
/// file that is not there.
fn layers(args: &ConfigArgs) -> Result<Layers, Problem> {
    development::layers(args.config.as_deref())
}
