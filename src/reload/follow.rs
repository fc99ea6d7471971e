//! Reloading by itself: at SIGHUP, and when a file of the configuration has changed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::files::{Files, WRITTEN};
use super::{ReloadError, Reloader};
use crate::config::layers::Checked;
use crate::config::{Layers, Marks, Problem};
use crate::settings::Settings;
use crate::signal::Hangups;
use crate::telemetry::events;

/// How often to look without having heard of a change: some file systems do not tell.
const POLL: Duration = Duration::from_secs(60);

/// How soon to look again when a change may not have been heard.
const SOON: Duration = Duration::from_millis(300);

/// Reloads whenever SIGHUP comes (`hangups`) or a file has changed that the configuration was read from.
/// `read` reads it anew. Never returns; dropped, it stops.
///
/// It is read once it is whole: a file that somebody writes into, when it is closed. A configuration that is
/// not valid is refused as a whole, with an error in the log for each of its problems, and the receiver goes
/// on with the one it has.
pub async fn follow(
    reloader: Reloader,
    mut hangups: Hangups,
    read: impl Fn() -> Result<Layers, Problem> + Send + Sync + 'static,
) {
    // What was last acted upon, and what was found since that may not be complete yet.
    let mut seen = reloader.marks().await;
    let mut found = None;
    let mut sources = Sources { read: Arc::new(read), watched: seen.files().clone(), files: Files::new() };
    sources.files.watch(&sources.watched);
    // Something may have changed between reading and watching.
    let mut pause = SOON;
    loop {
        let (mut told, heard) = tokio::select! {
            () = hangups.next() => (true, false),
            () = sources.files.changed() => (false, true),
            () = sleep(pause) => (false, false),
        };
        if heard {
            tokio::select! {
                () = hangups.next() => told = true,
                () = sources.files.quiet() => {}
            }
        }
        let (marks, checked, again) = sources.look(told).await;
        let is_new = marks != seen;
        // What was not heard has to be found twice.
        let is_whole = !sources.files.are_restless() && (heard || found.as_ref() == Some(&marks));
        if told || is_new && is_whole {
            apply(&reloader, checked).await;
            seen = marks;
            found = None;
        } else {
            found = is_new.then_some(marks);
        }
        pause = match &found {
            Some(_) => WRITTEN,
            None if again => SOON,
            None => POLL,
        };
    }
}

/// What the configuration is read from.
struct Sources<R> {
    read: Arc<R>,
    watched: BTreeSet<PathBuf>,
    files: Files,
}

impl<R: Fn() -> Result<Layers, Problem> + Send + Sync + 'static> Sources<R> {
    /// What it says now, and whether a change just before may not have been heard. If somebody `told` us to look,
    /// it is what it says when no writer has a file open any more.
    async fn look(&mut self, told: bool) -> (Marks, Checked<Settings>, bool) {
        self.files.catch_up();
        let waited = told && self.files.closed().await;
        let look = self.look_once().await;
        // Somebody may have begun to write in the meantime.
        self.files.catch_up();
        if told && !waited && self.files.closed().await { self.look_once().await } else { look }
    }

    async fn look_once(&mut self) -> (Marks, Checked<Settings>, bool) {
        // A directory may have been exchanged.
        let mut again = self.files.watch(&self.watched);
        let reading = Arc::clone(&self.read);
        let checked = tokio::task::spawn_blocking(move || check(&*reading)).await;
        let (marks, checked) = checked.unwrap_or_else(|panic| {
            let what = format!("could not be checked: {panic}");
            (Marks::default(), Err(vec![Problem::error("configuration", what)]))
        });
        if !marks.has_no_keys() && self.watched != *marks.files() {
            self.watched.clone_from(marks.files());
            again |= self.files.watch(&self.watched);
        }
        (marks, checked, again)
    }
}

/// Reads and checks. Takes its time: files are read.
fn check(read: &dyn Fn() -> Result<Layers, Problem>) -> (Marks, Checked<Settings>) {
    match read() {
        Ok(layers) => layers.checked(),
        Err(problem) => (Marks::default(), Err(vec![problem])),
    }
}

async fn apply(reloader: &Reloader, checked: Checked<Settings>) {
    let (settings, problems) = match checked {
        Ok((settings, warnings)) => (Some(settings), warnings),
        Err(problems) => (None, problems),
    };
    for problem in problems {
        let text = problem.without_severity();
        if problem.is_error() { events::configuration::wrong(&text) } else { events::configuration::doubtful(&text) }
    }
    if let Some(settings) = settings {
        match reloader.reload(settings).await {
            Ok(_) | Err(ReloadError::Draining) => return,
            Err(error) => events::configuration::wrong(&error),
        }
    }
    events::configuration::refused();
    reloader.note_refusal();
}
