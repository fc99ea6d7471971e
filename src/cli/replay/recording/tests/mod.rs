//! Reading recordings, kind by kind.

mod files;
mod har;
mod own;
mod webhook_site;

use super::*;
use serde_json::{Value, json};

/// What becomes of each entry, in the order to send: its place, and the body, or `skip: …` or `fault: …`.
fn read(text: impl Into<Vec<u8>>) -> Vec<(String, String)> {
    turns(vec![recording("recording", text)])
}

fn recording(file: &str, text: impl Into<Vec<u8>>) -> Recording {
    Recording::of(file.to_owned(), Cursor::new(text.into())).unwrap()
}

fn turns(mut recordings: Vec<Recording>) -> Vec<(String, String)> {
    let entries = in_order(&mut recordings);
    let turn = |(index, entry): (usize, Entry)| {
        let recording: &mut Recording = &mut recordings[index];
        let turn = match recording.read(&entry) {
            Ok(Recorded::Request { body, .. }) => String::from_utf8(body.into()).unwrap(),
            Ok(Recorded::Skip(why)) => format!("skip: {why}"),
            Err(why) => format!("fault: {why}"),
        };
        (recording.origin(&entry).place.unwrap_or_default(), turn)
    };
    entries.into_iter().map(turn).collect()
}

fn bodies(turns: &[(String, String)]) -> Vec<&str> {
    turns.iter().map(|(_, turn)| turn.as_str()).collect()
}

/// The one fault of what is no recording at all.
fn fault(text: impl Into<Vec<u8>>) -> String {
    match &read(text)[..] {
        [(place, fault)] if place.is_empty() => fault.strip_prefix("fault: ").unwrap().to_owned(),
        turns => panic!("{turns:?}"),
    }
}

fn site_request(body: &str, created_at: &str) -> Value {
    json!({"method": "POST", "content": body, "created_at": created_at,
           "headers": {"content-type": ["application/json"]}})
}

fn har_entry(body: &str, started: &str) -> Value {
    json!({"startedDateTime": started, "request": {"method": "POST", "headers": [], "postData": {"text": body}}})
}

fn har(entries: &[Value]) -> String {
    json!({"log": {"version": "1.2", "entries": entries}}).to_string()
}

fn har_of(request: &Value) -> String {
    har(&[json!({"request": request})])
}
