//! Whether events are taken at the moment, and whether that is by the last configuration: what the listener goes by,
//! and the admin address tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

/// Of a receiver that takes events, until it is told otherwise.
#[derive(Default)]
pub(crate) struct Readiness {
    draining: AtomicBool,
    refused: ArcSwapOption<Timestamp>,
}

impl Readiness {
    /// From now on no events are taken.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether no events are taken any more.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Notes that a new configuration was refused at that time.
    pub(crate) fn note_refusal(&self, at: Timestamp) {
        self.refused.store(Some(Arc::new(at)));
    }

    /// Notes that the last configuration is in place.
    pub(crate) fn note_reload(&self) {
        self.refused.store(None);
    }

    /// When a new configuration was refused, if the one in place is not the last one.
    pub(crate) fn refused(&self) -> Option<Timestamp> {
        self.refused.load().as_deref().copied()
    }
}
