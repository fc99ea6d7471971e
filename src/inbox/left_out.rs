//! What stands in for a store that this build was made without: a name in the configuration, and an error that says
//! how to have it.

use super::Open;
use crate::config::Section;

/// Notes that the store was left out.
pub(super) fn read(section: &Section) -> Option<Box<dyn Open>> {
    section.left_out("store");
    section.leave();
    None
}
