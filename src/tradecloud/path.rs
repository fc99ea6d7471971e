//! Addresses of what is asked for. An id comes from outside, and goes into a request that has our credentials: it is one
//! segment of a path, whatever is in it, and never a way to something else.

use reqwest::Url;

use super::error::ApiError;
use crate::outgoing::percent_encode;
use crate::shown;

/// Longer than this, in bytes, nothing is an id.
const LONGEST: usize = 512;
/// Of an id that is none, so much is shown.
const SHOWN: usize = 60;

/// The address of what is at `path` below `base`.
pub(super) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    // Encoded already where that is needed; what is so is left alone here.
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// The id as one segment of a path.
pub(super) fn segment(id: &str) -> Result<String, ApiError> {
    let wrong = if id.is_empty() {
        "it is empty"
    } else if id == "." || id == ".." {
        "it would lead elsewhere"
    } else if id.chars().any(char::is_control) {
        "it has a control character in it"
    } else if id.len() > LONGEST {
        "it is longer than 512 bytes"
    } else {
        return Ok(percent_encode(id, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)));
    };
    Err(ApiError::NotFound(format!("{} is no id: {wrong}", shown::quoted(id, SHOWN))))
}

/// Why nothing can be fetched by that id, if so.
pub(crate) fn no_id(id: &str) -> Option<String> {
    segment(id).err().map(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_whatever_is_in_it() {
        let base: Url = "https://gateway.example/tradecloud".parse().unwrap();
        for (id, path) in [
            ("a33463a9-1c67", "a33463a9-1c67"),
            ("902a8f50-PO/1", "902a8f50-PO%2F1"),
            ("../../v2/user", "..%2F..%2Fv2%2Fuser"),
            ("%2e%2e", "%252e%252e"),
            ("a%2Fb", "a%252Fb"),
            ("1+1 ?#&;=", "1%2B1%20%3F%23%26%3B%3D"),
            ("Stück", "St%C3%BCck"),
            ("...", "..."),
            ("\\..\\", "%5C..%5C"),
        ] {
            let url = below(&base, &format!("v2/order/{}", segment(id).unwrap()));
            assert_eq!(url.as_str(), format!("https://gateway.example/tradecloud/v2/order/{path}"), "{id}");
        }
    }

    #[test]
    fn what_cannot_be_an_id_is_not_asked_for() {
        for id in ["", ".", "..", "a\nb", "a\u{85}b", &"x".repeat(513)] {
            assert!(matches!(segment(id), Err(ApiError::NotFound(_))), "{id:?}");
        }
        assert_eq!(segment(&"ü".repeat(256)).unwrap().len(), 256 * 6);
    }
}
