//! `secret`: makes a password or token that nobody guesses, and says where it belongs.

use std::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::PasswordHash;
use aws_lc_rs::{digest, rand};
use clap::{Args, ValueEnum};

use crate::config::{not_meant, private};
use crate::listener::development;
use crate::shown::word;

/// Make a strong password or token in a file of its own, and say where it belongs
#[derive(Debug, Args)]
pub struct SecretArgs {
    /// Where to write it; an existing file is left alone [default: certs/NAME-password, or NAME-token]
    file: Option<PathBuf>,
    /// The name of the credential in the configuration: auth.NAME
    #[arg(long, default_value = "portal", value_parser = name)]
    name: String,
    /// The user name that goes with the password
    #[arg(long, value_name = "USER", default_value = development::USERNAME, value_parser = username)]
    username: String,
    /// Make a token for `type = "bearer"`
    #[arg(long, conflicts_with = "username")]
    bearer: bool,
    /// Also print the digest, which is all that the receiver needs to know
    #[arg(long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "sha256")]
    digest: Option<Digest>,
}

/// The kinds of digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Digest {
    /// Good enough for what is random
    Sha256,
    /// For passwords that people think up; the first request takes longer
    Argon2id,
}

/// Makes a secret, writes it to its file, and says on `out` where it belongs. Always returns true.
///
/// # Errors
/// If the file exists or cannot be written, or the system gives no random numbers.
pub fn run(args: &SecretArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let (kind, key) = if args.bearer { ("bearer", "token") } else { ("basic", "password") };
    let file = args.file.clone().unwrap_or_else(|| PathBuf::from(format!("certs/{}-{key}", args.name)));
    if let Some(what) = not_meant(&file.to_string_lossy()) {
        anyhow::bail!("{} {what}. Write the path in full", file.display());
    }
    let secret = private::random_text::<32>()?;
    let digest = args.digest.map(|kind| digest_of(kind, secret.as_bytes())).transpose()?;
    write(&file, &secret)?;

    let (shown, word) = (file.display(), word(&file));
    writeln!(out, "made {shown}: a random {key}, readable only by you\n")?;
    writeln!(out, "In the configuration:\n\n[auth.{}]\ntype = \"{kind}\"", args.name)?;
    if !args.bearer {
        writeln!(out, "username = {}", toml_text(&args.username))?;
    }
    match &digest {
        Some(digest) => writeln!(out, "{key}_digest = \"{digest}\"\n")?,
        None => writeln!(out, "{key}_file = {}\n", toml_text(&file.to_string_lossy()))?,
    }
    writeln!(out, "On Tradecloud's portal, in each webhook integration:\n")?;
    if args.bearer {
        writeln!(out, "  authentication  bearer token\n  token           what `cat {word}` shows")?;
    } else {
        writeln!(out, "  authentication  Basic\n  user name       {}", args.username)?;
        writeln!(out, "  password        what `cat {word}` shows")?;
    }
    if digest.is_some() {
        writeln!(out, "\nThen delete {shown}: the receiver needs only the digest.")?;
    }
    Ok(true)
}

fn write(file: &Path, secret: &str) -> anyhow::Result<()> {
    let shown = file.display();
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let mut opened = private::for_owner().create_new(true).open(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow::anyhow!(
            "{shown} is there already, and is left as it is. Name another file, or another credential with --name"
        ),
        _ => anyhow::anyhow!("cannot make {shown}: {error}"),
    })?;
    let written = opened.write_all(secret.as_bytes()).and_then(|()| opened.write_all(b"\n"));
    written.and_then(|()| opened.sync_all()).with_context(|| format!("cannot write {shown}"))
}

fn digest_of(kind: Digest, secret: &[u8]) -> anyhow::Result<String> {
    match kind {
        Digest::Sha256 => {
            let digest = digest::digest(&digest::SHA256, secret);
            let mut text = "sha256:".to_owned();
            for byte in digest.as_ref() {
                write!(text, "{byte:02x}")?;
            }
            Ok(text)
        }
        Digest::Argon2id => {
            let mut salt = [0; 16];
            rand::fill(&mut salt).map_err(|_| anyhow::anyhow!("the system gave no random numbers"))?;
            let digest: PasswordHash = Argon2::default()
                .hash_password_with_salt(secret, &salt)
                .map_err(|error| anyhow::anyhow!("the digest cannot be computed: {error}"))?;
            Ok(digest.to_string())
        }
    }
}

/// A text as TOML has it.
fn toml_text(text: &str) -> toml::Value {
    toml::Value::String(text.to_owned())
}

fn name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if text.is_empty() || !text.bytes().all(fits) {
        return Err("use the letters a to z, digits, `_` and `-`".to_owned());
    }
    Ok(text.to_owned())
}

fn username(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(|character: char| character == ':' || character.is_control()) {
        return Err("a user name has no colon and no line end".to_owned());
    }
    Ok(text.to_owned())
}
