//! Reloading by itself: at SIGHUP, and when a file of the configuration has changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::files::Files;
use super::{ReloadError, Reloader};
use crate::config::layers::Checked;
use crate::config::{Layers, Marks, Problem, Settings};
use crate::signal::Hangups;

/// How often to look without having heard of a change: some file systems do not tell.
const POLL: Duration = Duration::from_secs(60);

/// How long a change that was not heard of has to stay as it is.
const QUIET: Duration = Duration::from_millis(300);

/// Reloads whenever SIGHUP comes (`hangups`) or a file has changed that the configuration was read from.
/// `read` reads it anew. Never returns; dropped, it stops.
///
/// A configuration that is not valid is refused as a whole, with an error in the log for each of its
/// problems, and the receiver goes on with the one it has.
pub async fn follow(
    reloader: Reloader,
    mut hangups: Hangups,
    read: impl Fn() -> Result<Layers, Problem> + Send + Sync + 'static,
) {
    let read = Arc::new(read);
    let mut files = Files::new();
    // What was last acted upon, and what was found since that may not be complete yet.
    let mut seen = reloader.marks().await;
    let mut found = None;
    let mut watched = seen.files().clone();
    files.watch(&watched);
    // Something may have changed between reading and watching.
    let mut pause = QUIET;
    loop {
        let (told, complete) = tokio::select! {
            () = hangups.next() => (true, true),
            () = files.changed() => (false, true),
            () = sleep(pause) => (false, false),
        };
        // A directory may have been exchanged.
        let mut again = files.watch(&watched);
        let reading = Arc::clone(&read);
        let checked = tokio::task::spawn_blocking(move || check(&*reading)).await;
        let (marks, checked) = checked.unwrap_or_else(|panic| {
            let what = format!("could not be checked: {panic}");
            (Marks::default(), Err(vec![Problem::error("configuration", what)]))
        });
        if !marks.has_no_keys() && watched != *marks.files() {
            watched.clone_from(marks.files());
            again |= files.watch(&watched);
        }
        let is_new = marks != seen;
        if told || is_new && (complete || found.as_ref() == Some(&marks)) {
            apply(&reloader, checked).await;
            seen = marks;
            found = None;
        } else {
            found = is_new.then_some(marks);
        }
        pause = if again || found.is_some() { QUIET } else { POLL };
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
        if problem.is_error() { tracing::error!("{text}") } else { tracing::warn!("{text}") }
    }
    if let Some(settings) = settings {
        match reloader.reload(settings).await {
            Ok(_) | Err(ReloadError::Draining) => return,
            Err(error) => tracing::error!("{error}"),
        }
    }
    tracing::error!("the new configuration is refused as a whole; the receiver goes on with the old one");
    reloader.note_refusal();
}
