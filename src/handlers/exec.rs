//! Handler `exec`: a program of your own gets the event on standard input and says by its exit status
//! what became of it: 0 done, 65 rejected, anything else not now.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::ChildStdin;

use super::{BuildError, Configured, Fault, Handler, Outcome, Readable, SharedHandler, Unavailability, render};
use crate::config::{Layers, Section};
use crate::event::Event;
use crate::shown::first_line;
use crate::telemetry::events;

/// `EX_DATAERR` of sysexits.h: the input was wrong, not the program or its surroundings.
const REJECTED: i32 = 65;
/// How much of standard error is kept; the rest is read and thrown away.
const KEPT: usize = 64 * 1024;
/// How long standard error is read on after the program has ended. What it said is in the pipe by
/// then; only a process it left behind can hold the pipe open for longer.
const LAST_WORDS: Duration = Duration::from_millis(250);

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
        // No error: what the receiver takes must be kept even if the ERP's program is yet to come.
        if let Err(what) = look_for(&program) {
            let meanwhile = "Until it can, its deliveries fail and are tried again";
            section.warning("command", format!("names a program that cannot be started: {what}. {meanwhile}"));
        }
        Some(Self { program, arguments: words.collect(), timeout })
    }
}

impl Configured for Settings {
    fn build(self: Box<Self>, _name: &str) -> Result<SharedHandler, BuildError> {
        Ok(Arc::new(Program(*self)))
    }
}

struct Program(Settings);

impl Handler for Program {
    async fn deliver(&self, event: &Event) -> Outcome {
        let json = match render(event, Event::cloud_event).await {
            Ok(json) => json,
            Err(outcome) => return outcome,
        };
        let mut group = match self.start() {
            Ok(group) => group,
            Err(error) => return self.not_started(&error),
        };
        let mut said = Vec::new();
        match group.converse(&json, &mut said, self.0.timeout).await {
            Ok(Some(status)) => self.judge(status, first_line(&said)),
            Ok(None) => Outcome::late(format!(
                "{} was still running after {} and was killed{}",
                self.0.program,
                humantime::format_duration(self.0.timeout),
                colon(first_line(&said)),
            )),
            Err(error) => Outcome::ours(format!("lost track of {}: {error}", self.0.program)),
        }
    }

    async fn probe(&self) -> Result<String, String> {
        look_for(&self.0.program).map(|path| format!("found {}", path.display()))
    }
}

impl Program {
    fn start(&self) -> io::Result<Group> {
        let mut command = CommandWrap::with_new(&self.0.program, |command| {
            command.args(&self.0.arguments);
            // The program has no business with the receiver's own secrets.
            for (name, _) in std::env::vars_os().filter(|(name, _)| Layers::is_variable(name)) {
                command.env_remove(name);
            }
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        });
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::tokio::JobObject);
        Ok(Group { child: Some(command.spawn()?) })
    }

    fn not_started(&self, error: &io::Error) -> Outcome {
        let reason = format!("{} cannot be started: {error}", self.0.program);
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Outcome::unreachable(reason),
            // No more processes, memory or file descriptors.
            _ => Outcome::ours(reason),
        }
    }

    fn judge(&self, status: ExitStatus, said: Option<String>) -> Outcome {
        match status.code() {
            Some(0) => Outcome::Done,
            Some(REJECTED) => Outcome::rejected(
                said.unwrap_or_else(|| format!("{} rejected it without a word on standard error", self.0.program)),
            ),
            // It could be started, and may do better with another event.
            _ => {
                let reason = format!("{} ended with {status}{}", self.0.program, colon(said));
                Outcome::Unavailable(Unavailability::new(Fault::Unreachable, reason).of_one())
            }
        }
    }
}

fn colon(said: Option<String>) -> String {
    said.map(|said| format!(": {said}")).unwrap_or_default()
}

/// A program and all it started. Dropped before the program has ended, because the time is up or the
/// delivery itself was dropped, all of them are killed.
struct Group {
    child: Option<Box<dyn ChildWrapper>>,
}

impl Group {
    /// Feeds the program, listens to it, and waits until it has ended, all at the same time: a program
    /// that reads late or never, or says much, must not block us, nor we it. `None` if the time is up.
    async fn converse(
        &mut self,
        input: &Bytes,
        said: &mut Vec<u8>,
        timeout: Duration,
    ) -> io::Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Err(io::ErrorKind::NotFound.into()) };
        let (stdin, stderr) = (child.stdin().take(), child.stderr().take());
        let mut pipes = pin!(async { tokio::join!(feed(stdin, input), listen(stderr, said)) });
        let mut time_is_up = pin!(tokio::time::sleep(timeout));
        let mut open = true;
        let status = loop {
            tokio::select! {
                // The program itself, not the group: one that leaves something running in the
                // background has ended all the same.
                status = child.inner_mut().wait() => break status?,
                _ = &mut pipes, if open => open = false,
                () = &mut time_is_up => return Ok(None),
            }
        };
        // From here on its process id may be somebody else's.
        self.child = None;
        if open {
            let _ = tokio::time::timeout(LAST_WORDS, pipes).await;
        }
        Ok(Some(status))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if let Err(error) = child.start_kill() {
            events::handlers::program_not_killed(&error);
        }
        // Somebody has to take note of its death, or it stays in the process table.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { child.inner_mut().wait().await });
        }
    }
}

/// Writes the event. A program that does not want to read it closes the pipe, which is fine.
async fn feed(stdin: Option<ChildStdin>, input: &Bytes) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input).await;
        let _ = stdin.shutdown().await;
    }
}

/// Reads to the end, keeps the beginning.
async fn listen(stderr: Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) {
    let Some(mut stderr) = stderr else { return };
    let mut buffer = [0; 8 * 1024];
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        let kept = length.min(KEPT - said.len());
        said.extend_from_slice(&buffer[..kept]);
    }
}

/// Where the program is, or why it cannot be started.
fn look_for(program: &str) -> Result<PathBuf, String> {
    let path = Path::new(program);
    find(path).ok_or_else(|| {
        if path.is_absolute() && !path.is_file() {
            format!("{program} is not found")
        } else if !has_folder(path) {
            format!("{program} is not found in any folder of PATH")
        } else if path.is_file() {
            format!("{program} may not be run: make it executable (chmod +x)")
        } else {
            format!("{program} is not found, seen from the working directory")
        }
    })
}

/// Where the program is: at its path, or by its name in one of the directories of `PATH`.
fn find(program: &Path) -> Option<PathBuf> {
    if has_folder(program) {
        return runnable(program);
    }
    std::env::split_paths(&std::env::var_os("PATH")?).find_map(|directory| runnable(&directory.join(program)))
}

/// Whether it is given by a path and not by its name alone.
fn has_folder(program: &Path) -> bool {
    program.components().count() > 1
}

#[cfg(unix)]
fn runnable(path: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let there = path.metadata().ok()?;
    (there.is_file() && there.permissions().mode() & 0o111 != 0).then(|| path.to_owned())
}

#[cfg(not(unix))]
fn runnable(path: &Path) -> Option<PathBuf> {
    [path.to_owned(), path.with_extension("exe")].into_iter().find(|path| path.is_file())
}
