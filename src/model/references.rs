//! What people look for an event by.

use serde::Serialize;

/// Something that an event names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Reference {
    /// What it is a number of.
    pub what: What,
    /// As Tradecloud sent it.
    pub value: String,
}

/// Kinds of references.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// The buyer's order number.
    PurchaseOrder,
}

impl What {
    /// The name in JSON and in the inbox.
    pub const fn as_str(self) -> &'static str {
        "purchaseOrder"
    }

    /// The one of that name.
    pub fn from_name(_: &str) -> Option<Self> {
        Some(Self::PurchaseOrder)
    }
}

/// What two spellings have in common.
pub fn folded(text: &str) -> String {
    text.to_lowercase()
}
