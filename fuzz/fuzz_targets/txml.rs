//! tXML from anywhere: no input may panic, and what is accepted becomes JSON in which no key occurs
//! twice.

#![no_main]

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tradecloud_webhook::decode::{DecodeError, envelope, to_json};
use tradecloud_webhook::model::{Format, Message};

fuzz_target!(|input: &[u8]| {
    let body = Bytes::copy_from_slice(input);
    let read = envelope(Some("application/xml"), &body);
    if read.as_ref().is_ok_and(|envelope| envelope.format == Format::Json) {
        return;
    }
    let json = to_json(Format::Txml, None, input);
    if matches!(read, Err(DecodeError::Malformed { .. } | DecodeError::UnknownEncoding(_))) {
        return assert!(json.is_err(), "refused, but made JSON of");
    }
    let Ok(json) = json else { return assert!(read.is_err(), "accepted, but not made JSON of") };
    serde_json::from_slice::<IgnoredAny>(&json).expect("what is passed on is JSON");
    // 128 elements inside each other may be deeper in JSON than serde_json reads by default.
    if let Err(error) = serde_json::from_slice::<UniqueKeys>(&json) {
        assert!(error.to_string().contains("recursion limit"), "{error}");
    }
    if let Ok(envelope) = read {
        let _ = Message::from_json(envelope.kind, &json);
    }
});

/// Reads any JSON, but no object in which a key occurs twice.
struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<Self>()?;
            if !keys.insert(key) {
                return Err(A::Error::custom("a key occurs twice"));
            }
        }
        Ok(self)
    }
}
