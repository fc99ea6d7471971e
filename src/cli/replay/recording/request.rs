//! A request as a browser, a proxy or webhook.site recorded it: whether its body is there, and all of it.

use bytes::Bytes;
use serde_json::Value;

use super::Recorded;
use crate::{decode, shown};

/// What of a recorded request tells what to send.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) headers: Headers,
    /// The media type, where no header has it.
    pub(super) media_type: Option<String>,
    /// The size of the body, as the recorder counted it.
    pub(super) size: Option<u64>,
    pub(super) body: Body,
}

/// A body as it is recorded.
pub(super) enum Body {
    /// As characters: how they were encoded is not recorded.
    Text(String),
    Bytes(Vec<u8>),
}

/// The headers that matter here. The others, such as the credentials, are not looked at.
#[derive(Default)]
pub(super) struct Headers {
    pub(super) content_type: Option<String>,
    content_length: Option<u64>,
    is_compressed: bool,
}

impl Headers {
    /// Takes one, if it matters and is the first of its name.
    pub(super) fn take(&mut self, name: &str, value: &Value) {
        // Some recorders write a list of values, and a number as such.
        let value = value.get(0).unwrap_or(value);
        let Some(value) = value.as_str().map(str::to_owned).or_else(|| value.as_number().map(ToString::to_string))
        else {
            return;
        };
        if name.eq_ignore_ascii_case("content-type") {
            self.content_type.get_or_insert(value);
        } else if name.eq_ignore_ascii_case("content-length") {
            self.content_length = self.content_length.or(value.trim().parse().ok());
        } else if name.eq_ignore_ascii_case("content-encoding") {
            self.is_compressed |= !value.trim().eq_ignore_ascii_case("identity");
        }
    }
}

impl Request {
    /// What to send, or why there is nothing to send.
    ///
    /// # Errors
    /// If the body should be there and is not, or only its beginning is: why, and what to do.
    pub(super) fn recorded(self) -> Result<Recorded, String> {
        let length = self.length();
        let Self { method, headers, media_type, body, .. } = self;
        let content_length = headers.content_length;
        let size = content_length.filter(|_| !headers.is_compressed);
        let content_type = headers.content_type.or(media_type).filter(|media_type| !media_type.trim().is_empty());
        let body: Bytes = match body {
            Body::Bytes(bytes) => bytes.into(),
            Body::Text(text) => encoded(text, content_type.as_deref(), size).into(),
        };
        if body.is_empty() {
            return without_body(&method, content_length, length);
        }
        if let Some(length) = length
            && (body.len() as u64) < length
            && decode::envelope(content_type.as_deref(), &body).is_err()
        {
            return Err(format!("only the first {} of {length} bytes of the body were recorded: {AGAIN}", body.len()));
        }
        Ok(Recorded::Request { content_type, body })
    }

    /// How many bytes the body had, if that is known. What was compressed has no size to compare with.
    fn length(&self) -> Option<u64> {
        let lengths = [self.headers.content_length, self.size];
        lengths.into_iter().flatten().max().filter(|length| *length > 0 && !self.headers.is_compressed)
    }
}

/// What to do about a body that is not there.
const AGAIN: &str = "record it again with its body, or put the body into a file and use `send`";

/// The bytes of a text: UTF-8 if the recorded length says so, else what the text itself says. If neither does, and the
/// length says that each character was one byte, it was Latin-1.
fn encoded(text: String, content_type: Option<&str>, content_length: Option<u64>) -> Vec<u8> {
    if content_length != Some(text.len() as u64)
        && let Some(bytes) = decode::bytes_of(content_type, &text)
    {
        return bytes;
    }
    if content_length.is_some_and(|length| length < text.len() as u64 && length == text.chars().count() as u64) {
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        return bytes.unwrap_or_else(|_| text.into_bytes());
    }
    text.into_bytes()
}

/// What is to be said of a request without a body: only POST and PUT bring events.
fn without_body(method: &str, content_length: Option<u64>, length: Option<u64>) -> Result<Recorded, String> {
    let shown = shown::line(method);
    match length {
        Some(length) => Err(format!("the body, {length} bytes, was not recorded: {AGAIN}")),
        None if content_length == Some(0) => Ok(Recorded::Skip(format!("a {shown} with an empty body"))),
        None if ["POST", "PUT"].iter().any(|known| method.eq_ignore_ascii_case(known)) => {
            Err(format!("a {shown} whose body was not recorded: {AGAIN}"))
        }
        None => Ok(Recorded::Skip(format!("a {shown} without a body"))),
    }
}

/// The text at a key of an object; none if there is none.
///
/// # Errors
/// If there is something else than a text.
pub(super) fn text(object: &Value, key: &str) -> Result<Option<String>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{key}` is no text: was the recording changed? Get it again")),
    }
}

/// Whether there is something at a key of an object, be it an object, a list or a text.
pub(super) fn has(object: &Value, key: &str) -> bool {
    match object.get(key) {
        Some(Value::Object(object)) => !object.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        _ => false,
    }
}
