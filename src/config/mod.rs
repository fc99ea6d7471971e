//! Configuration: layers of text in, what a reader makes of them or all problems out.
//!
//! The layers, each over the one before: the embedded `config/default.toml`, the operator's file (or,
//! where there is none, what stands in for it), the environment. Reading is pure but for the files that
//! secrets stand in; nothing is started or written here. Nor is anything known here of what the keys
//! mean: each stage reads its own [`Section`], and `src/settings.rs` puts them together.
//!
//! `layers` has the texts, and `merge` makes one table of them; `section` reads a table key by key, `problems`
//! gathers what is wrong (`syntax`: what is no TOML), and `table` is for one table by itself. `marks` tell a reload what
//! has changed. `private` makes files that are nobody else's business, and looks whether others can read or change one.

pub mod layers;
pub mod marks;
mod merge;
pub(crate) mod private;
pub mod problems;
pub mod section;
mod syntax;
pub(crate) mod table;

pub use layers::{DEFAULT_FILE, Layers};
pub use marks::Marks;
pub use problems::{Problem, Problems, Severity};
pub use section::Section;
pub(crate) use section::{content_of, not_meant};
