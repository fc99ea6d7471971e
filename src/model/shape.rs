//! What a type of the model looks like on the wire: whether it is text, a number, an object or a
//! list, and how its fields are called in JSON and in tXML.
//!
//! The shapes are made by the macro that declares the structs (see `describe.rs`), so that the
//! rules by which tXML becomes JSON cannot drift from the types that read the JSON.

use jiff::civil::{Date, Time};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A JSON string.
    Text,
    /// A JSON number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Not known: tXML decides by what the element holds.
    Any,
    /// A JSON object with fields.
    Object(&'static Fields),
    /// A JSON array; in tXML a repeated element without a wrapper.
    List(&'static Shape),
}

/// The fields of one type of the model.
#[derive(Debug)]
#[cfg_attr(test, expect(clippy::struct_field_names, reason = "they are the fields of the fields"))]
pub(crate) struct Fields {
    /// The name of the Rust type, which identifies the shape.
    pub(crate) name: &'static str,
    /// What it is, for the schema in docs/schemas.
    #[cfg(test)]
    pub(crate) about: &'static str,
    /// Every field that the type declares.
    pub(crate) fields: &'static [Field],
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Fields {}

impl Fields {
    /// The field that an element of this name belongs to.
    pub(crate) fn of_element(&self, element: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.element == element)
    }
}

/// One field of a type of the model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name in JSON.
    pub(crate) json: &'static str,
    /// The name of its element in tXML; that of one entry if it is a list.
    pub(crate) element: &'static str,
    /// What it holds.
    pub(crate) shape: Shape,
    /// What it means, for the schema.
    #[cfg(test)]
    pub(crate) meaning: &'static str,
    /// Whether it is a day, for the schema.
    #[cfg(test)]
    pub(crate) is_day: bool,
}

/// A type of the model, whose shape is known.
pub(crate) trait Described {
    const SHAPE: Shape;
}

macro_rules! shapes {
    ($($type:ty => $shape:expr;)*) => { $(impl Described for $type { const SHAPE: Shape = $shape; })* };
}

shapes! {
    String => Shape::Text;
    Date => Shape::Text;
    Time => Shape::Text;
    bool => Shape::Boolean;
    i64 => Shape::Number;
    Value => Shape::Any;
}

impl<T: Described> Described for Option<T> {
    const SHAPE: Shape = T::SHAPE;
}

impl<T: Described> Described for Vec<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
}

/// A field that may be missing, where `null` says the same as a missing field.
pub(crate) trait Optional: Sized {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
    fn is_absent(&self) -> bool;
}

impl<T: for<'de> Deserialize<'de>> Optional for Option<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: for<'de> Deserialize<'de>> Optional for Vec<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Option::<Vec<Option<T>>>::deserialize(deserializer)?;
        Ok(entries.unwrap_or_default().into_iter().flatten().collect())
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}
