//! tXML, Tradecloud's one-to-one rendering of its JSON.
//!
//! [`scan`] reads the text strictly and in one pass. On top of it are [`envelope`], which keeps nothing
//! but the texts it looks for, and the way to JSON: [`tree`] notes where each element is, [`emit`] writes
//! the JSON by the shapes of the model, which `index` knows for each element. `attributes`, `chars` and
//! `pieces` are parts of the reading, `json_text` is what is written.

mod attributes;
mod chars;
mod emit;
mod envelope;
mod index;
mod json_text;
mod pieces;
mod scan;
mod tree;

pub(super) use attributes::declared_encoding;
pub(super) use emit::{LARGE, to_json};
pub(super) use envelope::{event, references};
