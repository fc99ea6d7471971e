//! Documents that no event names any more go, as their events have gone.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Documents;
use super::store::{Note, YOUNG, last_used, note_in, remove};
use crate::inbox::{Archive, Count, Filter};
use crate::model::references::is_findable;
use crate::telemetry::events;

/// What no event can be found by (a very long address) goes when nobody has used it for so long.
const UNUSED: Duration = Duration::from_secs(90 * 86_400);

/// Pause after each question to the inbox: it has better things to do.
const PAUSE: Duration = Duration::from_millis(5);

/// A document that nobody has used lately.
struct Old {
    folder: PathBuf,
    note: Note,
    unused: Duration,
}

impl Documents {
    /// Removes the documents that no event of the inbox names any more. One that was used in the last hour stays: its
    /// event may just have gone, or is under way.
    pub(crate) async fn tidy(&self, archive: &dyn Archive) {
        // As long as not all events are read for what they name, nobody can tell.
        if !matches!(archive.unread().await, Ok(None)) {
            return;
        }
        let store = self.store.clone();
        let old = spawn_blocking(move || store.folders().into_iter().filter_map(old).collect::<Vec<_>>()).await;
        let mut removed = 0;
        for Old { folder, note, unused } in old.unwrap_or_default() {
            let named = if is_findable(&note.of) {
                let filter = Filter { number: Some(note.of.clone()), limit: 1, ..Filter::default() };
                sleep(PAUSE).await;
                match archive.count(&filter, 1).await {
                    Ok(count) => !is_none(count),
                    Err(error) => {
                        tracing::debug!(%error, "cannot tell whether a document is still named; trying again later");
                        true
                    }
                }
            } else {
                unused < UNUSED
            };
            let Some(name) = folder.file_name().and_then(|name| name.to_str()).filter(|_| !named) else { continue };
            let _turn = self.turns.of(name).await;
            let gone = spawn_blocking(move || match old_one(&folder) {
                // Somebody may have asked for it meanwhile.
                Some(unused) if unused >= YOUNG => remove(&folder, &note).map(|()| true),
                _ => Ok(false),
            });
            match gone.await {
                Ok(Ok(gone)) => removed += usize::from(gone),
                Ok(Err(error)) => tracing::debug!(%error, "a document cannot be removed; trying again later"),
                Err(_) => {}
            }
        }
        if removed > 0 {
            events::documents::removed(removed);
        }
    }
}

fn old(folder: PathBuf) -> Option<Old> {
    let unused = old_one(&folder).filter(|unused| *unused >= YOUNG)?;
    // What has no note is not ours, or is under way.
    let note = note_in(&folder)?;
    Some(Old { folder, note, unused })
}

/// How long a document has not been used; `None` if that cannot be told.
fn old_one(folder: &std::path::Path) -> Option<Duration> {
    SystemTime::now().duration_since(last_used(folder)?).ok()
}

fn is_none(count: Count) -> bool {
    matches!(count, Count::Exactly(0))
}
