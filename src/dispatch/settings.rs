//! `[delivery]`: how hard a handler is tried, and how much at once.

use super::Schedule;
use crate::config::Section;

/// `[delivery]`
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The pauses between attempts.
    pub schedule: Schedule,
    /// Orders and shipments that each handler works on at once.
    pub lanes: usize,
    /// Bytes of memory that the deliveries of each handler may take, all together.
    pub bodies_in_memory: usize,
}

impl Delivery {
    /// Reads and checks the section.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let first_retry = section.duration("first_retry");
        let max_retry = section.duration("max_retry");
        let retry_factor = section.number("retry_factor");
        let give_up_after = section.duration("give_up_after");
        let lanes = section.count("lanes", 1);
        let bodies_in_memory = section.size("bodies_in_memory").and_then(|size| usize::try_from(size).ok());
        if retry_factor.is_some_and(|factor| !(1.0..=100.0).contains(&factor)) {
            section.error("retry_factor", "must be from 1.0 to 100.0");
        }
        section.finish();
        Some(Self {
            schedule: Schedule {
                first_retry: first_retry?,
                retry_factor: retry_factor?,
                max_retry: max_retry?,
                give_up_after: give_up_after?,
            },
            lanes: lanes? as usize,
            bodies_in_memory: bodies_in_memory?,
        })
    }
}
