//! Configuration: layers of text in, checked [`Settings`] or all problems out.
//!
//! The layers, each over the one before: the embedded `config/default.toml`, the operator's file (or,
//! where there is none, what [`development`] made up), the environment. Reading is pure but for the
//! files that secrets stand in; nothing is started or written here. What exists as [`Settings`] has
//! been checked.

pub mod development;
pub mod layers;
pub mod marks;
mod merge;
pub(crate) mod private;
pub mod problems;
pub mod section;
pub mod settings;
pub(crate) mod table;

pub use layers::{DEFAULT_FILE, Layers};
pub use marks::Marks;
pub use problems::{Problem, Problems, Severity};
pub use section::Section;
pub use settings::Settings;
