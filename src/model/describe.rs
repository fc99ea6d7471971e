//! The macros that declare the model: one list per type, from which its struct or enum, its JSON
//! form and its [`Shape`](super::shape::Shape) are made.
//!
//! ```text
//! described! {
//!     /// What it is.
//!     pub struct Party {
//!         /// What the field means.
//!         city: Option<String> = "city",
//!         /// A list; in tXML each entry is an element of the name after `each`.
//!         names: Vec<String> = "names" each "name",
//!     }
//! }
//! ```
//!
//! Every field is an `Option` or a `Vec`, because Tradecloud may leave any of them out; `null` says
//! the same. Each struct also gets a map `other` for the fields that are not in its list, which are
//! written back as they came.

/// Declares structs of the model.
macro_rules! described {
    (@element $json:literal) => { $json };
    (@element $json:literal $element:literal) => { $element };
    ($(
        $(#[doc = $about:literal])*
        pub struct $name:ident {
            $( $(#[doc = $meaning:literal])* $field:ident: $type:ty = $json:literal $(each $element:literal)?, )*
        }
    )*) => { $(
        $(#[doc = $about])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $(
                $(#[doc = $meaning])*
                #[serde(
                    rename = $json,
                    default,
                    deserialize_with = "crate::model::shape::Optional::read",
                    skip_serializing_if = "crate::model::shape::Optional::is_absent"
                )]
                pub $field: $type,
            )*
            /// Fields that Tradecloud sends and this version does not know, as they came.
            #[serde(flatten)]
            pub other: serde_json::Map<String, serde_json::Value>,
        }

        impl crate::model::shape::Described for $name {
            const SHAPE: crate::model::shape::Shape = crate::model::shape::Shape::Object(
                &crate::model::shape::Fields {
                    name: stringify!($name),
                    #[cfg(test)]
                    about: concat!($($about),*),
                    fields: &[$(crate::model::shape::Field {
                        json: $json,
                        element: described!(@element $json $($element)?),
                        shape: <$type as crate::model::shape::Described>::SHAPE,
                        #[cfg(test)]
                        meaning: concat!($($meaning),*),
                        #[cfg(test)]
                        is_day: matches!(stringify!($type).as_bytes(), b"Option<Date>"),
                    },)*],
                },
            );
        }
    )* };
}

/// Declares enums whose list of values Tradecloud may extend: the values known today, and `Other`
/// with the text of any later one.
macro_rules! open_enum {
    ($(
        $(#[$about:meta])*
        pub enum $name:ident { $( $(#[$meaning:meta])* $variant:ident = $text:literal, )* }
    )*) => { $(
        $(#[$about])*
        ///
        /// An open list: match on `Other` too, and expect new values in it at any time.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$meaning])* $variant, )*
            /// A value this version does not know, as it came.
            Other(String),
        }

        impl $name {
            /// The value as Tradecloud writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $( $text => Self::$variant, )*
                    _ => Self::Other(text.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|text| Self::from(text.as_str()))
            }
        }

        impl crate::model::shape::Described for $name {
            const SHAPE: crate::model::shape::Shape = crate::model::shape::Shape::Text;
        }
    )* };
}
