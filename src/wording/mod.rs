//! What is said to people of events, in the same words wherever they look: at a terminal, or on a page. It knows neither;
//! what comes of it is text, and tables of text.

pub(crate) mod attempts;
pub(crate) mod changes;
pub(crate) mod contents;
pub(crate) mod headline;
pub(crate) mod history;
pub(crate) mod names;
pub(crate) mod notes;
pub(crate) mod numbers;
pub(crate) mod standing;
pub(crate) mod timeline;
