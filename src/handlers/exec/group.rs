//! A program at work, with all that it starts: fed, listened to, and killed when its time is up.

use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;
use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout};

use super::heard::Heard;
use crate::telemetry::events;

/// How long a program is listened to after it has ended. What it said is in the pipes by then; only a process it left
/// behind can hold them open for longer.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// What a program has said so far.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// On standard output.
    pub(super) output: Heard,
    /// On standard error.
    pub(super) error: Heard,
}

impl Words {
    /// What the program answers to whoever asks later: that is what standard output is for, if it is used.
    pub(super) fn answer(&self) -> &[u8] {
        match self.output.beginning() {
            [] => self.error.beginning(),
            said => said,
        }
    }
}

/// A program and all it started. Dropped before the program has ended, because the time is up or the
/// delivery itself was dropped, all of them are killed.
pub(super) struct Group {
    child: Option<Box<dyn ChildWrapper>>,
}

impl Group {
    /// Starts it as the leader of a group of its own.
    pub(super) fn start(mut command: CommandWrap) -> io::Result<Self> {
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::tokio::JobObject);
        Ok(Self { child: Some(command.spawn()?) })
    }

    /// Feeds the program, listens to it, and waits until it has ended, all at the same time: a program
    /// that reads late or never, or says much, must not block us, nor we it. `None` if the time is up.
    pub(super) async fn converse(
        &mut self,
        input: &Bytes,
        words: &mut Words,
        timeout: Duration,
    ) -> io::Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Err(io::ErrorKind::NotFound.into()) };
        let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        let Words { output, error } = words;
        let mut pipes =
            pin!(async { tokio::join!(feed(stdin, input), listen_on(stdout, output), listen(stderr, error)) });
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

/// Standard output of a program. Dropped before its end, because something that the program has left in the background
/// still holds it open, it is read on by nobody in particular: whoever writes there would be killed by that otherwise
/// (SIGPIPE).
struct Output(Option<ChildStdout>);

impl Drop for Output {
    fn drop(&mut self) {
        let Some(mut pipe) = self.0.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await });
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

/// Reads to the end, and has somebody read on if that is not waited for.
async fn listen_on(pipe: Option<ChildStdout>, heard: &mut Heard) {
    let mut output = Output(pipe);
    listen(output.0.as_mut(), heard).await;
    output.0 = None;
}

/// Reads to the end.
async fn listen(pipe: Option<impl AsyncRead + Unpin>, heard: &mut Heard) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 8 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        heard.hear(&buffer[..length]);
    }
}
