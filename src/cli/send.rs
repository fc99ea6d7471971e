//! `send`: plays Tradecloud with bodies from files, or with built-in samples.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use indicatif::ProgressBar;
use jiff::Timestamp;
use uuid::Uuid;

use super::WrongUsage;
use super::sender::{Origin, Post, Report, Sender, Target, is_file};

/// Send events to a receiver as Tradecloud does, and say what Tradecloud would make of each answer:
/// delivered, lost (it never comes again), or will retry. Delivered to the receiver, that is: what the
/// ERP made of it, `events list` says. An event that the receiver had before is told as repeated; it is
/// not handed on again.
///
/// Exit status: 0 if everything was delivered, 1 if not.
#[derive(Debug, Clone, clap::Args)]
pub struct SendArgs {
    /// Bodies to send: .json as application/json, .xml as application/xml, others by their first
    /// character
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Send a built-in event, after the files; may be repeated. Each gets a fresh messageId, so
    /// that the receiver takes it for a new event
    #[arg(long, value_name = "KIND")]
    sample: Vec<Sample>,
    #[command(flatten)]
    target: Target,
}

/// The built-in events.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Sample {
    Order,
    SingleDelivery,
    OrderDocuments,
    Shipment,
}

/// Sends what `args` names and writes a line per answer to `out`.
///
/// Returns whether everything was delivered.
///
/// # Errors
/// If a file cannot be read, an argument cannot be used, or `out` cannot be written. A receiver
/// that does not answer is no error but a verdict.
pub async fn run(args: &SendArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    if args.files.is_empty() && args.sample.is_empty() {
        return Err(
            WrongUsage("nothing to send: name files, or a built-in event such as `--sample order`".into()).into()
        );
    }
    let sender = Sender::new(&args.target)?;
    // A misspelled name is told before anything is sent.
    for path in &args.files {
        is_file(path)?;
    }
    let mut report = Report::new(out, args.target.json(), ProgressBar::hidden());
    for path in &args.files {
        sender.deliver(&read(path)?, &mut report).await?;
    }
    for sample in &args.sample {
        sender.deliver(&sample.post(), &mut report).await?;
    }
    if args.files.len() + args.sample.len() > 1 {
        report.summary()?;
    }
    Ok(report.all_delivered())
}

fn read(path: &Path) -> anyhow::Result<Post> {
    let body = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Post {
        origin: Origin::file(path),
        content_type: content_type(path, &body).map(str::to_owned),
        body: body.into(),
    })
}

/// The media type by the name's ending, else by the first character; none if neither tells.
fn content_type(path: &Path, body: &[u8]) -> Option<&'static str> {
    const JSON: Option<&str> = Some("application/json");
    const XML: Option<&str> = Some("application/xml");
    let ending = path.extension().unwrap_or_default();
    if ending.eq_ignore_ascii_case("json") {
        return JSON;
    }
    if ending.eq_ignore_ascii_case("xml") {
        return XML;
    }
    // The first is behind a byte order mark, and in UTF-16 it may have a zero before it.
    let before = |byte: &&u8| byte.is_ascii_whitespace() || b"\xef\xbb\xbf\xfe\xff\0".contains(byte);
    match body.iter().find(|byte| !before(byte)) {
        Some(b'{' | b'[') => JSON,
        Some(b'<') => XML,
        _ => None,
    }
}

impl Sample {
    /// A new event: the text has places for a fresh messageId and for the time.
    fn post(self) -> Post {
        let (name, text) = match self {
            Self::Order => ("order", include_str!("samples/order.json")),
            Self::SingleDelivery => ("single-delivery", include_str!("samples/single-delivery.json")),
            Self::OrderDocuments => ("order-documents", include_str!("samples/order-documents.json")),
            Self::Shipment => ("shipment", include_str!("samples/shipment.json")),
        };
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let body = text.replace("{{messageId}}", &Uuid::new_v4().to_string()).replace("{{now}}", &now);
        Post {
            origin: Origin { file: format!("sample {name}"), place: None, line: None },
            content_type: Some("application/json".to_owned()),
            body: Bytes::from(body),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clap::ValueEnum as _;
    use serde_json::Value;

    use super::*;
    use crate::decode::envelope;
    use crate::model::Kind;

    #[test]
    fn every_sample_is_a_new_event_each_time() {
        for sample in Sample::value_variants() {
            let [first, second] = [sample.post(), sample.post()].map(|post| {
                assert!(!post.body.windows(2).any(|two| two == b"{{"), "{sample:?} has a place left open");
                serde_json::from_slice::<Value>(&post.body).unwrap()
            });

            assert!(first["eventName"].is_string(), "{sample:?}");
            assert!(first["meta"]["messageId"].as_str().unwrap().parse::<Uuid>().is_ok(), "{sample:?}");
            assert_ne!(first["meta"]["messageId"], second["meta"]["messageId"], "{sample:?}");
            assert!(first["meta"]["createdDateTime"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{sample:?}");
        }
    }

    #[test]
    fn there_is_a_sample_of_every_kind() {
        let kinds = Sample::value_variants().iter().map(|sample| envelope(None, &sample.post().body).unwrap().kind);
        let kinds: HashSet<_> = kinds.collect();

        assert_eq!(kinds, HashSet::from(Kind::ALL));
    }

    #[test]
    fn the_content_type_follows_the_ending_and_else_the_first_character() {
        let of = |name: &str, body: &str| content_type(Path::new(name), body.as_bytes());

        assert_eq!(of("a.JSON", "<x/>"), Some("application/json"));
        assert_eq!(of("a.xml", "{}"), Some("application/xml"));
        assert_eq!(of("a.txt", "\u{feff}\n <x/>"), Some("application/xml"));
        for utf16 in [&b"\xff\xfe<\0x\0"[..], b"\xfe\xff\0<\0x", b"\n\0<\0"] {
            assert_eq!(content_type(Path::new("body"), utf16), Some("application/xml"));
        }
        assert_eq!(of("body", " {}"), Some("application/json"));
        assert_eq!(of("body", "hello"), None);
        assert_eq!(of("body", ""), None);
    }
}
