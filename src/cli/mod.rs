//! The command line: one file or folder per command. Results go to standard output (`output`), logs to standard error.
//! `sender` is what `send`, `replay` and `simulate` share, `online` what `check` tries, and `found` what it says of a
//! valid configuration; `person` is who sits at it.

#![expect(clippy::print_stderr, reason = "this is where errors are for people")]

pub mod check;
pub mod events;
mod found;
pub mod inbox;
pub mod inspect;
mod online;
mod output;
mod person;
pub mod replay;
pub mod secret;
pub mod send;
mod sender;
pub mod serve;
pub mod simulate;
pub mod tradecloud;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use self::output::Output;
use crate::config::{Problem, Problems};
use crate::inbox::Archive;
use crate::telemetry::{priority_of_errors, priority_of_warnings};

/// Exit status for a configuration that is not valid (sysexits.h: EX_CONFIG).
const CONFIGURATION: u8 = 78;

/// Exit status for wrong usage, as clap has it.
const USAGE: u8 = 2;

/// Receives Tradecloud's webhooks and hands every event to the ERP, losing none.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The configuration file, before or after the command; `send`, `replay` and `secret` need none [default:
    /// config/receiver.toml, if there is one]
    // For every command: whoever has it in an alias of the shell need not know which read it.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the receiver until SIGTERM or SIGINT, then drain (also without a command)
    Serve,
    /// Report everything that is wrong with the configuration; start and write nothing
    Check(check::CheckArgs),
    Send(send::SendArgs),
    Replay(replay::ReplayArgs),
    /// Look at the inbox, deliver again, set aside, erase, write out
    Events(events::EventsArgs),
    /// Copy the inbox, read whether it is whole, put a copy in its place
    Inbox(inbox::InboxArgs),
    Inspect(inspect::InspectArgs),
    Fetch(tradecloud::FetchArgs),
    Backfill(tradecloud::BackfillArgs),
    Secret(secret::SecretArgs),
    Simulate(simulate::SimulateArgs),
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
                for line in problem.to_string().lines() {
                    eprintln!("{priority}{line}");
                }
            }
            let errors = problems.iter().filter(|problem| problem.is_error()).count();
            eprintln!("{}The configuration is not valid: {errors} error(s).", priority_of_errors());
            ExitCode::from(CONFIGURATION)
        }
        Err(Failure::Reported) => ExitCode::from(CONFIGURATION),
    }
}

/// Says that the inbox was of an earlier version until this command opened it.
fn tell_of_take_over(archive: &dyn Archive) {
    if let Some(version) = archive.taken_over_from() {
        let _ = writeln!(
            std::io::stderr(),
            "{}The inbox was of an earlier version ({version}) and was taken over: programs of that version cannot use it any \
             more.",
            priority_of_warnings()
        );
    }
}

/// Whether the command could do all it was asked for.
async fn command(cli: Cli, out: &mut Output) -> Result<bool, Failure> {
    let config = cli.config.as_deref();
    let done = match cli.command {
        // It goes on whether or not somebody reads what it says at first.
        None | Some(Command::Serve) => return serve::run(config).await.map(|()| true),
        Some(Command::Check(args)) => check::run(&args, config, out).await?,
        Some(Command::Send(args)) => send::run(&args, out).await?,
        Some(Command::Replay(args)) => replay::run(&args, out).await?,
        Some(Command::Events(args)) => events::run(&args, config, out).await?,
        Some(Command::Inbox(args)) => inbox::run(&args, config, out).await?,
        Some(Command::Inspect(args)) => inspect::run(&args, config, out).await?,
        Some(Command::Fetch(args)) => tradecloud::fetch(&args, config, out).await?,
        Some(Command::Backfill(args)) => tradecloud::backfill(&args, config, out).await?,
        Some(Command::Secret(args)) => secret::run(&args, out)?,
        Some(Command::Simulate(args)) => simulate::run(&args, out).await?,
    };
    out.flush().context("cannot write the result")?;
    Ok(done)
}
