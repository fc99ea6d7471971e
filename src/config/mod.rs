//! Configuration.

pub mod problems;
pub mod section;
pub use section::Section;
