//! The URL of a database, as libpq takes it, with the parts that tokio-postgres does not know.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::tls::{Check, Tls};
use super::{CONNECT, Database, NEXT_HOST};

const EXAMPLE: &str = "\"postgresql://user:password@db.example:5432/database?sslmode=verify-full\"";

/// How long data that was sent may stay without a sign of the other side.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// When a connection is silent for so long, the system asks whether the other side is still there.
const SILENT: Duration = Duration::from_secs(15);
const BETWEEN_PROBES: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

/// Reads a URL; see [`Database::parse`].
pub(super) fn parse(url: &str) -> Result<Database, String> {
    if !url.starts_with("postgresql://") && !url.starts_with("postgres://") {
        return Err(format!("must be a URL like {EXAMPLE}"));
    }
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    if query.contains('@') {
        // A `?` in the password: what looks like a setting is a part of it.
        return Err(format!(
            "has an `@` after the `?`. Write special characters of the password as %XX, as in {EXAMPLE}"
        ));
    }
    let (mut mode, mut root, mut others) = ("prefer", None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = value,
            Some(("sslrootcert", value)) => root = Some(decode(value)?),
            _ => others.push(pair),
        }
    }
    let (ssl_mode, check) = check(mode, root)?;
    let rest = if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
    let mut config: Config = rest.parse().map_err(|error| unreadable(&error))?;
    if config.get_hosts().is_empty() {
        return Err(format!("names no host. Write it like {EXAMPLE}"));
    }
    config.ssl_mode(if config.get_hosts().iter().all(is_socket) { SslMode::Disable } else { ssl_mode });
    bound(&mut config);
    Ok(Database { config, tls: Tls::new(check)? })
}

/// The file that `sslrootcert` names, if `url` has one.
pub(super) fn root_certificate(url: &str) -> Option<PathBuf> {
    let (_, query) = url.split_once('?')?;
    let root = query.split('&').filter_map(|pair| pair.strip_prefix("sslrootcert=")).next_back()?;
    decode(root).ok().filter(|root| root != "system").map(PathBuf::from)
}

/// What `sslmode` and `sslrootcert` mean together.
fn check(mode: &str, root: Option<String>) -> Result<(SslMode, Check), String> {
    let root = root.filter(|root| root != "system").map(PathBuf::from);
    match (mode, root) {
        ("disable" | "allow" | "prefer", Some(_)) => {
            Err(format!("has an sslrootcert that sslmode={mode} does not use. Use sslmode=verify-full"))
        }
        ("disable", None) => Ok((SslMode::Disable, Check::Nothing)),
        ("prefer", None) => Ok((SslMode::Prefer, Check::Nothing)),
        ("require", None) => Ok((SslMode::Require, Check::Nothing)),
        // As libpq: a root certificate that is given is used.
        ("require" | "verify-ca", Some(file)) => Ok((SslMode::Require, Check::Chain(file))),
        // Anybody has a certificate of a public authority, for some name.
        ("verify-ca", None) => Err("has sslmode=verify-ca without sslrootcert. Name the file of the certificate \
             authority (PEM), or use sslmode=verify-full"
            .to_owned()),
        ("verify-full", file) => Ok((SslMode::Require, Check::ChainAndName(file))),
        _ => Err("has an sslmode that is not one of disable, prefer, require, verify-ca, verify-full".to_owned()),
    }
}

/// What the URL does not say about time.
fn bound(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        // A machine that is gone does not even refuse: there has to be time for the next one.
        config.connect_timeout(if config.get_hosts().len() > 1 { NEXT_HOST } else { CONNECT });
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNACKNOWLEDGED);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_idle(SILENT).keepalives_interval(BETWEEN_PROBES).keepalives_retries(PROBES);
    }
    if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
        // Of several, the one that can be written to.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if config.get_application_name().is_none() {
        config.application_name(env!("CARGO_PKG_NAME"));
    }
}

fn is_socket(host: &Host) -> bool {
    match host {
        Host::Tcp(_) => false,
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// The names of settings are told; everything else could be a part of the password.
fn unreadable(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let cause = if cause.contains("option `") { cause } else { "it cannot be read".to_owned() };
    format!("is no URL of a PostgreSQL database: {cause}. Write it like {EXAMPLE}, special characters as %XX")
}

/// Text with `%XX` in it.
fn decode(text: &str) -> Result<String, String> {
    let wrong = || "has an sslrootcert with a `%` that begins no %XX".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next().ok_or_else(wrong)?, rest.next().ok_or_else(wrong)?];
        let digits = std::str::from_utf8(&digits).map_err(|_| wrong())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(url: &str) -> String {
        parse(url).unwrap_err()
    }

    #[test]
    fn an_error_shows_nothing_of_a_password() {
        for url in [
            "mysql://me:hidden@db/x",
            "me:hidden@db",
            "postgresql://me:pass?hidden=1@db/x",
            "postgresql://me:p/hidden@db:port/x",
            "postgresql://me:p#hidden@db:99999999/x",
            "postgresql://me:hidden@db/x?sslmode=sometimes",
            "postgresql://me:hidden@db/x?nonsense=1",
            "postgresql://me:hidden@db/x?port=high",
            "postgresql://me:hidden@db/x?sslmode=verify-full&sslrootcert=/no/such/file",
        ] {
            assert!(!error_of(url).contains("hidden"), "{}", error_of(url));
        }
        let database = parse("postgresql://me:hidden@db:6543/x").unwrap();
        assert_eq!(format!("{database:?}"), "Database(\"db:6543/x\")");
    }

    #[test]
    fn an_unknown_setting_is_named() {
        assert!(
            error_of("postgresql://db/x?sslcrt=1").contains("`sslcrt`"),
            "{}",
            error_of("postgresql://db/x?sslcrt=1")
        );
    }

    #[test]
    fn a_check_that_would_check_nothing_is_refused() {
        assert!(error_of("postgresql://db/x?sslmode=verify-ca").contains("sslrootcert"));
        assert!(error_of("postgresql://db/x?sslmode=verify-ca&sslrootcert=system").contains("sslrootcert"));
        assert!(error_of("postgresql://db/x?sslrootcert=/ca.pem").contains("verify-full"));
    }

    #[test]
    fn only_a_verified_connection_to_another_machine_goes_without_a_warning() {
        let warned = |url: &str| parse(url).unwrap().warning().is_some();
        assert!(warned("postgresql://db/x"));
        assert!(warned("postgresql://db/x?sslmode=require"));
        assert!(!warned("postgresql://db/x?sslmode=verify-full"));
        assert!(!warned("postgresql://localhost/x"));
        assert!(!warned("postgresql://127.0.0.1/x?sslmode=disable"));
        assert!(!warned("postgresql:///x?host=/run/postgresql"));
    }
}
