//! What the log is told of credentials that nobody accepted: their kind and whose they say they are, so that somebody
//! can tell what is wrong on the portal. Never a secret, nor what may be one that stands in the wrong place: of all
//! that is presented only a user name that we know is told, or one that is nearly that.
//!
//! It is found out alike for all who are turned away, in the same time whatever is wrong, and their answer does not
//! show it.

use super::{Authorization, SharedCredential, basic};

/// Other schemes are not named: what stands there may be the beginning of a secret.
const SCHEMES: [&str; 5] = ["Basic", "Bearer", "Digest", "Negotiate", "NTLM"];

const UNKNOWN: &str = "no credential has this user name";

/// What differs from a user name that we know by no more letters was meant to be that.
const SLIPS: usize = 2;

/// Credentials that nobody accepted, as they may be told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presented {
    /// The scheme, if it is a known one.
    pub scheme: Option<&'static str>,
    /// The user name, if it is one that we know, or nearly.
    pub user: Option<String>,
    /// What is wrong; may be empty.
    pub detail: String,
}

impl Presented {
    /// Those of a header that was compared with these credentials.
    pub(super) fn of(authorization: &Authorization<'_>, credentials: &[(String, SharedCredential)]) -> Self {
        let scheme = SCHEMES.into_iter().find(|scheme| authorization.of_scheme(scheme).is_some());
        let (user, detail) = match scheme {
            Some("Basic") => of_basic(authorization, credentials),
            Some("Bearer") => (None, "no credential has this token"),
            _ => (None, "no credential is of this kind"),
        };
        Self { scheme, user, detail: detail.to_owned() }
    }

    /// Nothing is told but this.
    pub fn saying(detail: &str) -> Self {
        Self { detail: detail.to_owned(), ..Self::default() }
    }
}

fn of_basic(
    authorization: &Authorization<'_>,
    credentials: &[(String, SharedCredential)],
) -> (Option<String>, &'static str) {
    let pair = basic::presented(authorization);
    let Some((name, password)) = pair.as_ref().and_then(|pair| basic::parts(pair)) else {
        return (None, "there is no user name with a password in it");
    };
    // All of them are asked, whatever the first ones say.
    let any = |ask: &dyn Fn(&SharedCredential) -> bool| {
        credentials.iter().fold(false, |found, (_, credential)| ask(credential) | found)
    };
    let is_user = |text: &[u8]| any(&|one| one.user().is_some_and(|user| user.as_bytes() == text));
    let is_secret = any(&|one| one.is_secret(name));
    if is_secret || is_user(password) {
        return (None, "a secret stands where the user name belongs: are the two exchanged?");
    }
    let user = std::str::from_utf8(name).ok();
    if is_user(name) {
        return (user.map(str::to_owned), "the user name is known, the password is wrong");
    }
    if let Some(user) = user.filter(|user| any(&|one| one.user().is_some_and(|known| is_slip(user, known)))) {
        return (Some(user.to_owned()), "no credential has this user name, but one has nearly this");
    }
    // Some put a token there, and nothing behind it.
    (None, if password.is_empty() { "no credential has this user name, and there is no password" } else { UNKNOWN })
}

/// Whether somebody meant that user name. Nothing is compared that is much longer, whoever made it up.
fn is_slip(text: &str, user: &str) -> bool {
    text.len() <= 2 * user.len() && !text.chars().any(char::is_control) && {
        let slips = strsim::damerau_levenshtein(text, user);
        slips <= SLIPS && 2 * slips < user.len()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::config::Layers;

    const PASSWORD: &str = "correct horse battery staple";
    const TOKEN: &str = "a-token-that-nobody-guesses";

    fn credentials() -> Vec<(String, SharedCredential)> {
        let text = format!(
            "server.tls = \"off\"
             auth.portal = {{ type = \"basic\", username = \"tradecloud\", password = \"{PASSWORD}\" }}
             auth.token = {{ type = \"bearer\", token = \"{TOKEN}\" }}"
        );
        let layers = Layers::from_text("receiver.toml", text);
        layers.settings().unwrap().0.anywhere.credentials
    }

    fn told(header: &str) -> (Option<&'static str>, Option<String>, String) {
        let presented = Presented::of(&Authorization::parse(header.as_bytes()).unwrap(), &credentials());
        (presented.scheme, presented.user, presented.detail)
    }

    fn basic(pair: &str) -> (Option<&'static str>, Option<String>, String) {
        told(&format!("basic {}", STANDARD.encode(pair)))
    }

    #[test]
    fn the_log_hears_whether_the_name_is_unknown_or_the_password_wrong() {
        let (scheme, user, detail) = basic("tradecloud:wrong");
        assert_eq!((scheme, user.as_deref()), (Some("Basic"), Some("tradecloud")));
        assert!(detail.contains("the password is wrong"), "{detail}");
        let (_, user, detail) = basic("Tradeclod:wrong");
        assert_eq!(user.as_deref(), Some("Tradeclod"));
        assert!(detail.contains("one has nearly this"), "{detail}");
        for unknown in ["portal", "trade\u{1b}cloud", &"ä".repeat(1000)] {
            let (_, user, detail) = basic(&format!("{unknown}:wrong"));
            assert_eq!((user, detail.as_str()), (None, "no credential has this user name"));
        }
    }

    #[test]
    fn of_a_token_and_of_another_scheme_nothing_is_told_but_the_kind() {
        assert_eq!(told("bearer secret"), (Some("Bearer"), None, "no credential has this token".to_owned()));
        assert_eq!(told("Digest secret").0, Some("Digest"));
        assert_eq!(told("correct horse"), (None, None, "no credential is of this kind".to_owned()));
    }

    #[test]
    fn a_secret_in_the_place_of_the_user_name_is_not_told() {
        for pair in [
            &format!("{PASSWORD}:tradecloud"),
            &format!("{PASSWORD}:wrong"),
            &format!("{TOKEN}:"),
            &format!("{TOKEN}:x"),
            &format!("{PASSWORD}\n:x"),
            &format!(" {PASSWORD}:x"),
            "a-mistyped-secret:tradecloud",
            "the-secret-of-another-endpoint:x",
            "some-token:",
            "no-colon",
        ] {
            let told = basic(pair);
            assert_eq!(told.1, None, "{told:?}");
            assert!(!told.2.contains("secret:") && !told.2.contains(PASSWORD), "{told:?}");
        }
    }
}
