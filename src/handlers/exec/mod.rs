//! Handler `exec`: a program of your own gets the event on standard input and says by its exit status
//! what became of it: 0 done, 65 rejected, anything else not now.
//!
//! `place` is where the program is, and `start` what keeps it from being started, in a script's first line (`script`)
//! too; `group` is a program at work, and `heard` what is kept of what it says.

mod group;
mod heard;
mod place;
#[cfg(unix)]
mod script;
mod start;

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use process_wrap::tokio::CommandWrap;
use tokio::task::spawn_blocking;

use self::group::{Group, Words};
use self::heard::Heard;
use super::{BuildError, Configured, Fault, Handler, Outcome, Readable, SharedHandler, Unavailability, render};
use crate::config::{Layers, Section};
use crate::event::Event;
use crate::telemetry::events;

/// `EX_DATAERR` of sysexits.h: the input was wrong, not the program or its surroundings.
const REJECTED: i32 = 65;

/// The keys of `type = "exec"`, checked.
#[derive(Debug)]
pub struct Settings {
    program: String,
    arguments: Vec<String>,
    timeout: Duration,
}

impl Readable for Settings {
    fn read(section: &Section, timeout: Duration) -> Option<Self> {
        let command = section.required("command", "[\"/path/to/program\", \"argument\"]", Section::words);
        let mut words = command?.into_iter();
        let Some(program) = words.next().filter(|program| !program.is_empty()) else {
            section.error("command", "names no program. Its first entry is the program, the others are arguments");
            return None;
        };
        section.warn_of_odd_program("command", &program);
        // No error: what the receiver takes must be kept even if the ERP's program is yet to come.
        if let Err(what) = start::look_for(&program) {
            let meanwhile = "Until it can, its deliveries fail and are tried again";
            section.warning("command", format!("names a program that cannot be started: {what}. {meanwhile}"));
        }
        Some(Self { program, arguments: words.collect(), timeout })
    }
}

impl Configured for Settings {
    fn describe(&self) -> String {
        format!("exec, {}", self.program)
    }

    fn build(self: Box<Self>, name: &str) -> Result<SharedHandler, BuildError> {
        Ok(Arc::new(Program { name: name.to_owned(), settings: *self }))
    }
}

struct Program {
    /// The name the user gave the handler.
    name: String,
    settings: Settings,
}

impl Handler for Program {
    async fn deliver(&self, event: &Event) -> Outcome {
        let json = match render(event, Event::cloud_event).await {
            Ok(json) => json,
            Err(outcome) => return outcome,
        };
        let mut group = match self.start(event.wants_answer()) {
            Ok(group) => group,
            Err(error) => return self.not_started(error).await,
        };
        let mut words = Words::default();
        // Buffers of what the program says would otherwise be part of every attempt, of whatever handler.
        let ended = Box::pin(group.converse(&json, &mut words, self.settings.timeout)).await;
        event.answered(None, words.answer());
        let said = (words.output.all(), words.error.all());
        if said != (None, None) {
            events::handlers::program_said(event.about(), &self.name, said.0.as_deref(), said.1.as_deref());
        }
        match ended {
            Ok(Some(status)) => self.judge(status, &words.error).await,
            Ok(None) => Outcome::late(format!(
                "{} was still running after {} and was killed{}",
                self.settings.program,
                humantime::format_duration(self.settings.timeout),
                last_of(&words.error),
            )),
            Err(error) => Outcome::ours(format!("lost track of {}: {error}", self.settings.program)),
        }
    }

    async fn probe(&self) -> Result<String, String> {
        self.look().await.map(|path| format!("found {}", path.display()))
    }
}

impl Program {
    fn start(&self, wants_answer: bool) -> io::Result<Group> {
        Group::start(CommandWrap::with_new(&self.settings.program, |command| {
            command.args(&self.settings.arguments);
            // The program has no business with the receiver's own secrets.
            for (name, _) in std::env::vars_os().filter(|(name, _)| Layers::is_variable(name)) {
                command.env_remove(name);
            }
            // What it says there is for people who ask later, or watch. Else nobody has to read it.
            let is_heard = wants_answer || tracing::enabled!(tracing::Level::DEBUG);
            let output = if is_heard { Stdio::piped() } else { Stdio::null() };
            command.stdin(Stdio::piped()).stdout(output).stderr(Stdio::piped());
        }))
    }

    async fn not_started(&self, error: io::Error) -> Outcome {
        let program = self.settings.program.clone();
        let cannot = format!("{program} cannot be started: {error}");
        match spawn_blocking(move || start::obstacle(&program, &error)).await.ok().flatten() {
            Some(what) => Outcome::unreachable(format!("cannot be started: {what}")),
            // No more processes, memory or file descriptors.
            None => Outcome::ours(cannot),
        }
    }

    async fn judge(&self, status: ExitStatus, said: &Heard) -> Outcome {
        let program = &self.settings.program;
        match status.code() {
            Some(0) => Outcome::Done,
            Some(REJECTED) => Outcome::rejected(
                said.first_line().unwrap_or_else(|| format!("{program} rejected it without a word on standard error")),
            ),
            // It could be started, and may do better with another event.
            _ => {
                // Some mistakes in a first line are met by the interpreter, which does not know where they come from.
                let what = self.look().await.err().map(|what| format!(" ({what})")).unwrap_or_default();
                let reason = format!("{program} ended with {status}{what}{}", last_of(said));
                Outcome::Unavailable(Unavailability::new(Fault::Unreachable, reason).of_one())
            }
        }
    }

    /// Where the program is, or why it cannot be started.
    async fn look(&self) -> Result<PathBuf, String> {
        let program = self.settings.program.clone();
        spawn_blocking(move || start::look_for(&program)).await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

/// What it said last, to stand behind how it ended: in the same line, or in lines of its own.
fn last_of(said: &Heard) -> String {
    let last = said.last_lines().unwrap_or_default();
    match last.lines().count() {
        0 => last,
        1 => format!(": {last}"),
        _ => format!(":\n{last}"),
    }
}
