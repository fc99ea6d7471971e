//! Reloading by itself: at SIGHUP, and when a file of the configuration has changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Reloader;
use super::files::Files;
use crate::config::{DEFAULT_FILE, Layers, Marks, Problem, Settings};
use crate::signal::Hangups;

/// How often to look without having heard of a change: some file systems do not tell.
const POLL: Duration = Duration::from_secs(60);

type Checked = (Marks, Result<(Settings, Vec<Problem>), Vec<Problem>>);

/// Reloads whenever SIGHUP comes (on Unix) or a file has changed that the configuration was read from.
/// `read` reads it anew. Never returns; dropped, it stops.
///
/// A configuration that is not valid is refused as a whole, with an error in the log for each of its
/// problems, and the receiver goes on with the one it has.
pub async fn follow(reloader: Reloader, read: impl Fn() -> Result<Layers, Problem> + Send + Sync + 'static) {
    let read = Arc::new(read);
    let mut hangups = Hangups::new();
    let mut files = Files::new();
    let mut seen = reloader.marks().await;
    let mut again = watch(&mut files, &seen);
    loop {
        let told = if again {
            false
        } else {
            tokio::select! {
                () = hangups.next() => true,
                () = files.changed() => false,
                () = sleep(POLL) => false,
            }
        };
        let reading = Arc::clone(&read);
        let Ok((marks, checked)) = tokio::task::spawn_blocking(move || check(&*reading)).await else {
            tracing::error!("reading the configuration ended in a panic; the old one stays");
            again = false;
            continue;
        };
        again = watch(&mut files, &marks);
        if told || marks != seen {
            apply(&reloader, checked).await;
        }
        seen = marks;
    }
}

/// Reads and checks. Takes its time: files are read.
fn check(read: &dyn Fn() -> Result<Layers, Problem>) -> Checked {
    match read() {
        Ok(layers) => layers.checked(),
        Err(problem) => (Marks::default(), Err(vec![problem])),
    }
}

/// Watches the files of a configuration; of one that could not even be read, those it had before.
fn watch(files: &mut Files, marks: &Marks) -> bool {
    if marks.files().is_empty() {
        return false;
    }
    // It may come, where there is no other.
    let default = PathBuf::from(DEFAULT_FILE);
    files.watch(marks.files().iter().map(PathBuf::as_path).chain([default.as_path() as &Path]))
}

async fn apply(reloader: &Reloader, checked: Result<(Settings, Vec<Problem>), Vec<Problem>>) {
    let refused = match checked {
        Ok((settings, warnings)) => {
            for warning in warnings {
                tracing::warn!("{}", warning.without_severity());
            }
            match reloader.reload(settings).await {
                Ok(_) => return,
                Err(error) => vec![error.to_string()],
            }
        }
        Err(problems) => problems.iter().map(Problem::without_severity).collect(),
    };
    for problem in &refused {
        tracing::error!("{problem}");
    }
    tracing::error!(
        problems = refused.len(),
        "the new configuration is refused as a whole; the receiver goes on with the old one"
    );
}
