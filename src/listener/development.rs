//! The set-up of a first run without any configuration: a development certificate with the CA that
//! signed it, and random credentials, made once and kept under `certs/`.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::config::{Layers, Problem, Section, private};

/// The CA of the development certificate: what a client must trust.
pub const CA: &str = "certs/dev-ca.pem";
/// The development certificate.
pub const CERTIFICATE: &str = "certs/dev-server.pem";
/// Its private key.
pub const PRIVATE_KEY: &str = "certs/dev-server-key.pem";
/// The password of the development credentials.
pub const PASSWORD: &str = "certs/dev-password";
/// Their user name.
pub const USERNAME: &str = "tradecloud";

/// What of the set-up this start had to make, and what is used at all.
#[derive(Debug, Default)]
pub struct Made {
    /// The files written by this start, with what they are.
    pub files: Vec<(&'static str, &'static str)>,
    /// Whether the development certificate is in use.
    pub certificate: bool,
    /// Whether the development credentials are in use.
    pub credentials: bool,
}

/// What a start without configuration file would use, as the layer that stands in for the file.
///
/// What the environment sets is left to it. Pure: whether the files exist is not asked.
pub fn layer() -> String {
    let certificate = format!("[server.tls]\ncertificate = \"{CERTIFICATE}\"\nprivate_key = \"{PRIVATE_KEY}\"\n");
    let credentials =
        format!("[auth.development]\ntype = \"basic\"\nusername = \"{USERNAME}\"\npassword_file = \"{PASSWORD}\"\n");
    let handlers = "[handlers.files]\ntype = \"file\"\ndirectory = \"data/events\"\n".to_owned();
    [
        (uses_certificate(), certificate),
        (uses_credentials(), credentials),
        (!Layers::environment_sets("handlers"), handlers),
    ]
    .into_iter()
    .filter_map(|(used, toml)| used.then_some(toml))
    .collect()
}

/// The file that was named, or else the default one; where that is not there, what stands in for it. As
/// [`layer`], it makes nothing.
///
/// # Errors
/// As [`Layers::read`].
pub fn layers(named: Option<&Path>) -> Result<Layers, Problem> {
    let layers = Layers::read(named)?;
    Ok(if layers.has_file() { layers } else { layers.with_stand_in(layer()) })
}

/// Whether a start without configuration file would use the development certificate.
pub fn uses_certificate() -> bool {
    !Layers::environment_sets("server.tls")
}

/// Whether a start without configuration file would use the development credentials.
pub fn uses_credentials() -> bool {
    !Layers::environment_sets("auth")
}

/// Notes an error if what was made up would be reachable from elsewhere. `root` is the configuration.
pub(crate) fn only_for_this_machine(root: &Section) {
    let Some(server) = root.table("server") else { return };
    let listen: Option<SocketAddr> = server.text("listen").and_then(|listen| listen.parse().ok());
    if let Some(listen) = listen
        && !listen.ip().is_loopback()
        && (uses_certificate() || uses_credentials())
    {
        let what = "but without a configuration file the receiver has only a development certificate and credentials, \
                    and listens on this machine only. Write config/receiver.toml (see config/default.toml)";
        server.error("listen", format!("is {listen}, {what}"));
    }
}

/// Makes what is missing of the set-up. What exists is kept.
///
/// # Errors
/// If a file cannot be written or the certificate cannot be made.
pub fn make() -> anyhow::Result<Made> {
    let mut made = Made { files: Vec::new(), certificate: uses_certificate(), credentials: uses_credentials() };
    if made.certificate
        && !(Path::new(CERTIFICATE).exists() && Path::new(PRIVATE_KEY).exists() && Path::new(CA).exists())
    {
        make_certificate()?;
        made.files.push((CA, "the development CA, for clients to trust"));
        made.files.push((CERTIFICATE, "a development certificate for localhost"));
        made.files.push((PRIVATE_KEY, "its private key"));
    }
    if made.credentials && !Path::new(PASSWORD).exists() {
        write_for_owner(PASSWORD, &private::random_text::<24>()?)?;
        made.files.push((PASSWORD, "a random password, readable only by you"));
    }
    Ok(made)
}

/// How long the development certificate is good: longer than anybody develops on one machine.
const VALIDITY: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A CA that signs one certificate and is forgotten: its private key never reaches the disk, so
/// nobody can sign another one with it.
fn make_certificate() -> anyhow::Result<()> {
    let mut ca = CertificateParams::default();
    let end = SystemTime::now() + VALIDITY;
    ca.distinguished_name = name("tradecloud-webhook development CA");
    ca.not_after = end.into();
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;

    let mut server = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into(), "::1".into()])?;
    server.distinguished_name = name("localhost");
    server.not_after = end.into();
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let server = server.signed_by(&key, &ca)?;

    write_for_owner(PRIVATE_KEY, &key.serialize_pem())?;
    write(CERTIFICATE, &server.pem())?;
    write(CA, &ca.pem())?;
    Ok(())
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn write(path: &str, text: &str) -> io::Result<()> {
    create_directory(path)?;
    fs::write(path, text)
}

/// Writes a file that only its owner may read, from its first moment on.
fn write_for_owner(path: &str, text: &str) -> io::Result<()> {
    create_directory(path)?;
    private::for_owner().create(true).truncate(true).open(path)?.write_all(text.as_bytes())
}

fn create_directory(path: &str) -> io::Result<()> {
    Path::new(path).parent().map_or(Ok(()), fs::create_dir_all)
}
