//! What the log is told of credentials that nobody accepted: their kind and whose they say they are, so that somebody
//! can tell what is wrong on the portal. Never a secret, nor what may be one that stands in the wrong place.
//!
//! It is found out alike for all who are turned away, in the same time whatever is wrong, and their answer does not
//! show it.

use super::{Authorization, SharedCredential, basic};

/// Other schemes are not named: what stands there may be the beginning of a secret.
const SCHEMES: [&str; 5] = ["Basic", "Bearer", "Digest", "Negotiate", "NTLM"];

/// Of a user name, whoever made it up, so much is told.
const LONGEST_NAME: usize = 40;

/// Credentials that nobody accepted, as they may be told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presented {
    /// The scheme, if it is a known one.
    pub scheme: Option<&'static str>,
    /// The user name, if it may be told: without control characters, and shortened.
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
    let (is_known, is_secret) = (any(&|one| one.is_user(name)), any(&|one| one.is_secret(name)));
    let is_exchanged = any(&|one| one.is_user(password));
    match (is_secret || is_exchanged, is_known) {
        (true, _) => (None, "a secret stands where the user name belongs: are the two exchanged?"),
        (false, true) => (Some(shown(name)), "the user name is known, the password is wrong"),
        // Some put a token there, and nothing behind it.
        (false, false) if password.is_empty() => (None, "no credential has this user name, and there is no password"),
        (false, false) => (Some(shown(name)), "no credential has this user name"),
    }
}

fn shown(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let mut letters = name.chars().filter(|letter| !letter.is_control());
    let mut shown: String = letters.by_ref().take(LONGEST_NAME).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
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
        let (_, user, detail) = basic("trade\u{1b}[2Jcloud:wrong");
        assert_eq!(user.as_deref(), Some("trade[2Jcloud"));
        assert!(detail.contains("no credential has this user name"), "{detail}");
        assert_eq!(basic(&format!("{}:x", "ä".repeat(1000))).1.unwrap(), format!("{}…", "ä".repeat(40)));
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
            "a-mistyped-secret:tradecloud",
            "some-token:",
            "no-colon",
        ] {
            let told = basic(pair);
            assert_eq!(told.1, None, "{told:?}");
            assert!(!told.2.contains("secret:") && !told.2.contains(PASSWORD), "{told:?}");
        }
    }
}
