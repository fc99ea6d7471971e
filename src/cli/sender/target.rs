//! The arguments that `send` and `replay` share: where to send, as whom, and how.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::cli::WrongUsage;
use crate::config::content_of;

/// Ends with exit status 2. Not clap's work, because its errors repeat what was given.
macro_rules! wrong_usage {
    ($($text:tt)*) => { return Err(WrongUsage(format!($($text)*)).into()) };
}

/// The environment variables that hold the credentials when the command line does not.
const BASIC: &str = "TRADECLOUD_SEND_BASIC";
const BEARER: &str = "TRADECLOUD_SEND_BEARER";

/// Where to send, as whom, and how.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Target {
    /// The receiver's webhook address, such as https://localhost:8443/webhooks/tradecloud
    #[arg(long, value_name = "URL", value_parser = address)]
    pub(super) url: Url,
    #[command(flatten)]
    pub(super) access: Access,
    /// Send again as Tradecloud does (after 502, 503, 504 or no answer, with pauses from 1 second
    /// doubling to 5 minutes) until the event is delivered or lost
    #[arg(long)]
    pub(super) retry: bool,
    /// Print one JSON object per answer
    #[arg(long)]
    pub(super) json: bool,
}

/// As whom to send, and whom to trust.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Access {
    /// User name and password of Basic authentication. Better in the environment variable
    /// TRADECLOUD_SEND_BASIC, which the list of processes does not show
    #[arg(long, value_name = "USER:PASSWORD", conflicts_with = "bearer")]
    basic: Option<SecretString>,
    /// Static bearer token or access token. Better in the environment variable
    /// TRADECLOUD_SEND_BEARER, which the list of processes does not show
    #[arg(long, value_name = "TOKEN")]
    bearer: Option<SecretString>,
    /// Certificates (PEM) to trust besides those of the system, such as certs/dev-ca.pem
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
}

impl Target {
    /// Whether the output is read by a script.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// The receiver's address, for messages.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// That the address holds no credentials, which a list of processes would show.
    ///
    /// # Errors
    /// If it does.
    pub(super) fn has_bare_url(&self) -> anyhow::Result<()> {
        if !self.url.username().is_empty() || self.url.password().is_some() {
            wrong_usage!("--url holds a user name or password: give them with --basic or {BASIC} instead");
        }
        Ok(())
    }
}

impl Access {
    /// The `Authorization` header to send, if any: from the command line, else from the environment.
    ///
    /// # Errors
    /// If there are two, or if what was given fits no header. The error does not repeat it.
    pub(super) fn authorization(&self) -> anyhow::Result<Option<HeaderValue>> {
        authorization(self, |name| std::env::var(name).ok())
    }
}

/// Reads an address; clap shows the error beside the argument.
fn address(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok(url),
        Ok(_) => Err("it has to begin with https:// (or http:// for a receiver on this machine)".to_owned()),
        Err(error) => Err(format!("{error}; it has to be a whole address, from https:// on")),
    }
}

fn authorization(access: &Access, env: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<HeaderValue>> {
    let from_env = |name| env(name).filter(|value| !value.is_empty()).map(SecretString::from);
    let (basic, bearer) = match (&access.basic, &access.bearer) {
        (None, None) => (from_env(BASIC), from_env(BEARER)),
        given => (given.0.clone(), given.1.clone()),
    };
    let value = match (basic, bearer) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            wrong_usage!("{BASIC} and {BEARER} are both set: unset one, or choose with --basic or --bearer")
        }
        (Some(basic), None) => {
            let Some((user, password)) = basic.expose_secret().split_once(':') else {
                wrong_usage!("--basic (or {BASIC}) has no colon: write it as USER:PASSWORD");
            };
            // Both of them may come out of a file.
            let (user, password) = (content_of(user), content_of(password));
            format!("Basic {}", STANDARD.encode(Zeroizing::new(format!("{user}:{password}"))))
        }
        (None, Some(bearer)) => format!("Bearer {}", content_of(bearer.expose_secret())),
    };
    let Ok(mut value) = HeaderValue::from_str(&value) else {
        wrong_usage!("--bearer (or {BEARER}) holds a character that no header can carry, such as a line end");
    };
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        target: Target,
    }

    fn target(args: &[&str]) -> Result<Target, clap::Error> {
        let args = ["test", "--url", "http://localhost/"].iter().chain(args);
        Cli::try_parse_from(args).map(|cli| cli.target)
    }

    fn header(args: &[&str], env: &[(&str, &str)]) -> Result<Option<String>, String> {
        let find = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        authorization(&target(args).unwrap().access, find)
            .map(|header| header.map(|header| header.to_str().unwrap().to_owned()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_wins_over_the_environment() {
        let env = [(BASIC, "env:secret"), (BEARER, "from-env")];

        assert_eq!(header(&["--bearer", "given"], &env), Ok(Some("Bearer given".to_owned())));
        assert_eq!(header(&["--basic", "a:b"], &env), Ok(Some("Basic YTpi".to_owned())));
        assert_eq!(header(&[], &env[..1]), Ok(Some("Basic ZW52OnNlY3JldA==".to_owned())));
        assert_eq!(header(&[], &[(BEARER, "")]), Ok(None));
        assert!(header(&[], &env).unwrap_err().contains("both set"));
    }

    #[test]
    fn a_credential_that_cannot_be_used_is_not_repeated() {
        let no_colon = header(&["--basic", "hunter2"], &[]).unwrap_err();
        let line_end = header(&["--bearer", "hunter\n2"], &[]).unwrap_err();

        assert!(no_colon.contains("USER:PASSWORD") && !no_colon.contains("hunter2"), "{no_colon}");
        assert!(line_end.contains("line end") && !line_end.contains("hunter"), "{line_end}");
    }

    #[test]
    fn what_an_editor_adds_to_a_file_is_no_part_of_a_credential() {
        for end in ["", "\r", "\r\n", "\n"] {
            let (basic, bearer) = (format!("a:\u{feff}b{end}"), format!("\u{feff}token{end}"));

            assert_eq!(header(&["--basic", &basic], &[]), Ok(Some("Basic YTpi".to_owned())), "{end:?}");
            assert_eq!(header(&[], &[(BASIC, &format!("\u{feff}{basic}"))]), Ok(Some("Basic YTpi".to_owned())));
            assert_eq!(header(&["--bearer", &bearer], &[]), Ok(Some("Bearer token".to_owned())), "{end:?}");
        }
    }

    #[test]
    fn basic_and_bearer_exclude_each_other() {
        let error = target(&["--basic", "a:b", "--bearer", "c"]).unwrap_err();

        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict);
    }

    #[test]
    fn an_address_without_a_scheme_is_wrong_usage() {
        for text in ["localhost:8443/webhooks", "/webhooks", "ftp://host/"] {
            assert!(address(text).unwrap_err().contains("https://"), "{text}");
        }
    }
}
