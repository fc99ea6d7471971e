//! The object storage: what is known of a file, the file itself, and addresses that are good for a minute.

use std::collections::HashMap;

use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::reply;
use crate::outgoing::percent_encode;
use crate::simulate::world::Object;
use crate::simulate::{Simulation, lock};

/// How long an address is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_secs(60);

/// How long the platform may give the same address again, expired or not.
const KEPT: SignedDuration = SignedDuration::from_mins(15);

/// Where files can be had without credentials.
pub(super) const STORAGE: &str = "/objects/";

const ALGORITHM: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256";

/// What signs addresses, and those that are given again.
pub(crate) struct Presigner {
    base: String,
    secret: u64,
    given: HashMap<Uuid, (Timestamp, String)>,
}

/// Why an address is not good.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Expired,
    Changed,
}

impl Presigner {
    /// One for the server at `base`.
    pub(crate) fn new(base: String) -> Self {
        Self { base, secret: Uuid::new_v4().as_u64_pair().0, given: HashMap::new() }
    }

    /// The address of a file, from now on.
    fn sign(&self, id: Uuid, filename: &str, now: Timestamp) -> String {
        let disposition = percent_encode(&disposition(filename), unreserved);
        let (time, day) = (now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d"));
        let seconds = GOOD_FOR.as_secs();
        let path = format!(
            "{STORAGE}{id}?response-content-disposition={disposition}&{ALGORITHM}&X-Amz-Date={time}\
             &X-Amz-SignedHeaders=host&X-Amz-Expires={seconds}\
             &X-Amz-Credential=SIMULATED%2F{day}%2Feu-central-1%2Fs3%2Faws4_request"
        );
        let signature = self.signature(&path);
        format!("{}{path}&X-Amz-Signature={signature}", self.base)
    }

    /// The same, or one that was given before and may be too old.
    fn sign_or_repeat(&mut self, id: Uuid, filename: &str, now: Timestamp) -> String {
        if let Some((at, url)) = self.given.get(&id)
            && now.duration_since(*at) < KEPT
        {
            return url.clone();
        }
        let url = self.sign(id, filename, now);
        self.given.insert(id, (now, url.clone()));
        url
    }

    /// The file that an address is for, if it is good byte for byte.
    fn verify(&self, path_and_query: &str, now: Timestamp) -> Result<Uuid, Refused> {
        let (signed, signature) = path_and_query.rsplit_once("&X-Amz-Signature=").ok_or(Refused::Changed)?;
        if self.signature(signed) != signature {
            return Err(Refused::Changed);
        }
        let (path, query) = signed.split_once('?').ok_or(Refused::Changed)?;
        let id = path.strip_prefix(STORAGE).and_then(|id| id.parse().ok()).ok_or(Refused::Changed)?;
        let time = query.split('&').find_map(|part| part.strip_prefix("X-Amz-Date="));
        let time = time.and_then(|time| jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok());
        let time = time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok()).ok_or(Refused::Changed)?;
        if now.duration_since(time.timestamp()) > GOOD_FOR { Err(Refused::Expired) } else { Ok(id) }
    }

    fn signature(&self, signed: &str) -> String {
        let half = xxh3_128_with_seed(signed.as_bytes(), self.secret);
        format!("{half:032x}{:032x}", half.rotate_left(64) ^ u128::from(self.secret))
    }
}

/// What is known of a file, with an address at which it can be had.
pub(super) fn metadata(simulation: &Simulation, id: &str) -> Response {
    let (id, object) = match find(simulation, id) {
        Ok(found) => found,
        Err(refused) => return *refused,
    };
    let mut presigner = lock(&simulation.presigner);
    // The platform keeps addresses for some files and not for others; which, only it knows.
    let is_kept = simulation.options.faults > 0.0 && id.as_u128().is_multiple_of(2);
    let now = Timestamp::now();
    let url = if is_kept {
        presigner.sign_or_repeat(id, &object.filename, now)
    } else {
        presigner.sign(id, &object.filename, now)
    };
    reply::json(&json!({
        "id": id,
        "filename": object.filename,
        "contentType": object.content_type,
        "downloadUrl": url,
    }))
}

/// The file itself, over the platform.
pub(super) fn document(simulation: &Simulation, id: &str) -> Response {
    match find(simulation, id) {
        Ok((_, object)) => give(&object),
        Err(refused) => *refused,
    }
}

/// The file at an address that was given out.
pub(super) fn download(simulation: &Simulation, request: &Parts) -> Response {
    if request.headers.contains_key(AUTHORIZATION) {
        return reply::storage(400, "InvalidArgument", "Only one auth mechanism allowed");
    }
    let target = request.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let verified = lock(&simulation.presigner).verify(&target, Timestamp::now());
    match verified {
        Ok(id) if request.method == Method::GET => match lock(&simulation.living).world.objects.get(&id) {
            Some(object) => give(object),
            None => reply::storage(404, "NoSuchKey", "The specified key does not exist."),
        },
        Err(Refused::Expired) => reply::storage(403, "AccessDenied", "Request has expired"),
        _ => reply::storage(403, "SignatureDoesNotMatch", "The request signature does not match"),
    }
}

fn find(simulation: &Simulation, id: &str) -> Result<(Uuid, Object), Box<Response>> {
    let found = id.parse::<Uuid>().ok().and_then(|id| {
        let object = lock(&simulation.living).world.objects.get(&id).cloned();
        object.map(|object| (id, object))
    });
    match found {
        Some((_, object)) if !object.ours => Err(reply::forbidden().into()),
        Some(found) => Ok(found),
        None => Err(reply::not_found().into()),
    }
}

fn give(object: &Object) -> Response {
    reply::file(object.content_type, "attachment", &object.content)
}

fn disposition(filename: &str) -> String {
    format!("attachment; filename=\"{filename}\"")
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    #[test]
    fn an_address_is_good_for_a_minute_and_byte_for_byte() {
        let presigner = Presigner::new("http://127.0.0.1:9180".to_owned());
        let id = Uuid::new_v4();
        let url = presigner.sign(id, "Drawing ø60 \"B\".pdf", at(0));
        let path = url.strip_prefix("http://127.0.0.1:9180").unwrap();

        assert_eq!(presigner.verify(path, at(60)), Ok(id));
        assert_eq!(presigner.verify(path, at(61)), Err(Refused::Expired));
        for changed in [path.replace("%3B", ";"), path.replace("%20", "+"), path.replace("Expires=60", "Expires=61")] {
            assert_ne!(changed, path);
            assert_eq!(presigner.verify(&changed, at(1)), Err(Refused::Changed));
        }
        assert_eq!(Presigner::new(String::new()).verify(path, at(1)), Err(Refused::Changed));
    }

    #[test]
    fn an_address_may_be_given_again_for_a_quarter_of_an_hour() {
        let mut presigner = Presigner::new(String::new());
        let id = Uuid::new_v4();
        let first = presigner.sign_or_repeat(id, "a.pdf", at(0));

        assert_eq!(presigner.sign_or_repeat(id, "a.pdf", at(899)), first);
        assert_ne!(presigner.sign_or_repeat(id, "a.pdf", at(901)), first);
    }
}
