//! The keys of `type = "nats"`.

use std::time::Duration;

use async_nats::{ConnectOptions, ServerAddr};
use reqwest::Url;
use rustls::pki_types::CertificateDer;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Section;
use crate::handlers::Readable;
use crate::handlers::template::Template;
use crate::outgoing::on_loopback;

/// The keys of `type = "nats"`, checked.
#[derive(Debug)]
pub struct Settings {
    pub(super) servers: Vec<ServerAddr>,
    pub(super) subject: Template,
    pub(super) stream: String,
    pub(super) create_stream: bool,
    pub(super) timeout: Duration,
    pub(super) auth: Auth,
    pub(super) roots: Vec<CertificateDer<'static>>,
}

/// Who we are to the server.
#[derive(Debug)]
pub(super) enum Auth {
    /// Nobody in particular.
    None,
    /// A user with a password.
    Password(String, SecretString),
    /// A token.
    Token(SecretString),
    /// The seed of an NKey, with which the server's challenge is signed.
    Nkey(SecretString),
    /// The text of a `.creds` file: a JWT and the seed that goes with it.
    Credentials(SecretString),
}

impl Readable for Settings {
    fn read(section: &Section, timeout: Duration) -> Option<Self> {
        // Every key is read before the first missing one ends it, so that all problems are noted.
        let servers = servers(section);
        let subject = Template::read(section, "subject", "tradecloud.{kind}.{event}").filter(|subject| {
            let fits = is_subject(&subject.pattern("x"));
            if !fits {
                section.error("subject", "is no subject: words with dots between them, without blanks, `*` and `>`");
            }
            fits
        });
        let stream = section.required_text("stream", "\"TRADECLOUD\"").filter(|name| {
            let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic() && !r".*>/\".contains(c));
            if !fits {
                section.error("stream", "is no name of a stream: letters, digits, `-` and `_`");
            }
            fits
        });
        let create_stream = section.or("create_stream", Section::boolean, false);
        let auth = section.or("auth", auth, Auth::None);
        let roots = section.authorities().map(|authorities| authorities.certificates);
        if let (Some(servers), Some(Auth::Password(..) | Auth::Token(_))) = (&servers, &auth)
            && servers.iter().any(|server| !server.tls_required() && !on_loopback(server.host()))
        {
            section.warning("url", "may send credentials unencrypted. Use tls://");
        }
        let (servers, subject, stream) = (servers?, subject?, stream?);
        let (create_stream, auth, roots) = (create_stream?, auth?, roots?);
        Some(Self { servers, subject, stream, create_stream, timeout, auth, roots })
    }
}

/// One address, or those of a cluster.
fn servers(section: &Section) -> Option<Vec<ServerAddr>> {
    const EXAMPLE: &str = "\"nats://127.0.0.1:4222\"";
    let wrong = |what: &str| section.error("url", format!("{what}. Write it like {EXAMPLE} or \"tls://…\""));
    let mut servers = Vec::new();
    for text in section.required("url", EXAMPLE, Section::texts)? {
        let Some(url) = text.parse::<Url>().ok().filter(Url::has_host) else {
            wrong("is no address");
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            let instead = "auth = { type = \"password\", username = \"…\", password_file = \"…\" }";
            section.error("url", format!("has credentials in it. Take them out and use `{instead}`"));
            return None;
        }
        match ServerAddr::from_url(url) {
            Ok(server) if !server.is_websocket() => servers.push(server),
            _ => {
                wrong("must be nats: or tls:");
                return None;
            }
        }
    }
    if servers.is_empty() {
        wrong("is empty");
        return None;
    }
    Some(servers)
}

fn auth(section: &Section, key: &str) -> Option<Auth> {
    let table = section.table(key)?;
    let kind = table
        .required_text("type", "\"password\"")
        .and_then(|_| table.choice("type", &[("password", 0), ("token", 1), ("nkey", 2), ("credentials", 3)]))?;
    let auth = match kind {
        0 => {
            let username = table.required_text("username", "\"tradecloud\"");
            table.secret("password").and_then(|password| Some(Auth::Password(username?, password)))
        }
        1 => table.secret("token").map(Auth::Token),
        2 => {
            let seed = table.secret("nkey")?;
            let is_seed = seed.expose_secret().starts_with("SU");
            if !is_seed {
                table.error("nkey", "is no seed of a user's NKey (it begins with SU)");
            }
            is_seed.then_some(Auth::Nkey(seed))
        }
        _ => {
            // The library looks for the end of the last line, which a secret from a file does not have.
            let text = SecretString::from(format!("{}\n", table.secret("credentials")?.expose_secret()));
            let fits = ConnectOptions::new().credentials(text.expose_secret()).is_ok();
            if !fits {
                table.error("credentials", "is no text of a .creds file (a JWT and a seed, each between its lines)");
            }
            fits.then_some(Auth::Credentials(text))
        }
    };
    table.finish();
    auth
}

fn is_subject(text: &str) -> bool {
    !text.starts_with('$')
        && text.split('.').all(|word| {
            !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || c.is_control() || "*>".contains(c))
        })
}
