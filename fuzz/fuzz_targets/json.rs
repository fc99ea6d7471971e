//! JSON from anywhere: no input may panic, what serde_json takes for JSON is not called malformed, and
//! what is accepted is passed on with the same data.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;
use tradecloud_webhook::decode::{DecodeError, envelope, to_json};
use tradecloud_webhook::model::{Format, Message};

fuzz_target!(|input: &[u8]| {
    let body = Bytes::copy_from_slice(input);
    match envelope(Some("application/json"), &body) {
        Ok(envelope) if envelope.format == Format::Json => {
            let json = to_json(Format::Json, None, &body).expect("accepted, so there is JSON");
            serde_json::from_slice::<IgnoredAny>(&json).expect("what is passed on is JSON");
            let unmarked = input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input);
            // Not every text that is JSON fits a value: half of a surrogate pair does not.
            if let Ok(original) = serde_json::from_slice::<Value>(unmarked) {
                assert_eq!(serde_json::from_slice::<Value>(&json).expect("as before"), original);
            }
            if let Ok(message) = Message::from_json(envelope.kind, &json) {
                serde_json::to_vec(&message).expect("a message can be written");
            }
        }
        Err(DecodeError::Malformed { what, .. }) => {
            // A Value has a limit on depth too, so what it holds is no deeper than ours.
            let text = std::str::from_utf8(input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input));
            let is_json = text.is_ok_and(|text| serde_json::from_str::<Value>(text).is_ok());
            assert!(!is_json || what.starts_with("objects and lists"), "refused, but it is JSON: {what}");
        }
        _ => {}
    }
});
