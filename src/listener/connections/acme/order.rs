//! One certificate from the CA: account, order, challenges, certificate.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use instant_acme::{
    Account, AccountBuilder, AuthorizationHandle, AuthorizationStatus, ChallengeStatus, ChallengeType, Error,
    ExternalAccountKey, Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use jiff::Timestamp;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use secrecy::ExposeSecret as _;

use super::client::Http;
use super::{Certificate, Settings};
use crate::listener::connections::certificate_slot::Slot;
use crate::telemetry::events;

/// For what the CA has to do by itself: look at the challenges, and sign.
const POLLING: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).backoff(1.5).timeout(Duration::from_secs(120));
/// How often one request is repeated because the CA did not like its nonce. It may do that at any time,
/// and each answer brings a new one.
const NONCES: usize = 20;

/// Makes a request, and makes it again if the CA refuses it because of its nonce. A macro, because a function
/// that takes the request as a closure cannot show that its future may move between threads.
macro_rules! whatever_the_nonce {
    ($request:expr) => {{
        let mut left = NONCES;
        loop {
            match $request.await {
                Err(error) if is_bad_nonce(&error) && left > 0 => left -= 1,
                other => break other,
            }
        }
    }};
}

/// Gets a certificate, and keeps it.
///
/// # Errors
/// What went wrong, and for which name. Nothing is in the way of trying again.
pub(super) async fn obtain(settings: &Settings, slot: &Slot) -> anyhow::Result<Certificate> {
    let account = account(settings).await?;
    let (chain, key) = match order(&account, settings, slot).await {
        Err(error) if is_problem(&error, "accountDoesNotExist") => {
            events::certificates::account_unknown();
            order(&register(settings).await?, settings, slot).await?
        }
        other => other?,
    };
    let pem = format!("{key}{chain}");
    let certificate = Certificate::parse(pem.as_bytes()).context("the CA's certificate is of no use")?;
    ensure!(certificate.is_for(&settings.domains), "the CA's certificate is for other names: {}", certificate.names());
    ensure!(certificate.renew_at(0.0) > Timestamp::now(), "the CA's certificate {}", certificate.expiry());
    if let Err(error) = settings.cache.keep_certificate(&pem) {
        events::certificates::not_kept(&error);
    }
    Ok(certificate)
}

async fn account(settings: &Settings) -> anyhow::Result<Account> {
    match settings.cache.account() {
        Ok(Some(known)) => {
            return client(settings)?.from_credentials(known).await.with_context(|| at_directory(settings));
        }
        Ok(None) => {}
        Err(error) => events::certificates::account_useless(&error),
    }
    register(settings).await
}

/// Makes an account. That the CA's terms are agreed to is what the configuration says by naming it.
async fn register(settings: &Settings) -> anyhow::Result<Account> {
    let contact: Vec<&str> = settings.contact.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let external = settings
        .external
        .as_ref()
        .map(|external| ExternalAccountKey::new(external.key_id.clone(), external.hmac_key.expose_secret()));
    let directory = settings.directory.to_string();
    let made = whatever_the_nonce!(client(settings)?.create(&new, directory.clone(), external.as_ref()));
    let (account, credentials) = made.map_err(|error| match problem(&error) {
        Some("externalAccountRequired") => {
            anyhow!("the CA wants an account that it knows from elsewhere. Add `eab_key_id` and `eab_hmac_key_file`")
        }
        _ if settings.external.is_some() => {
            anyhow::Error::from(error).context("the CA makes no account with `eab_key_id` and `eab_hmac_key`")
        }
        _ => anyhow::Error::from(error).context(at_directory(settings)),
    })?;
    settings.cache.keep_account(&credentials)?;
    events::certificates::account_made(&settings.directory);
    Ok(account)
}

fn client(settings: &Settings) -> anyhow::Result<AccountBuilder> {
    Ok(Account::builder_with_http(Box::new(Http::new(settings)?)))
}

fn at_directory(settings: &Settings) -> String {
    format!("the CA at {} (server.tls.acme.directory)", settings.directory)
}

/// Orders a certificate; returns its chain and its private key, in PEM.
async fn order(account: &Account, settings: &Settings, slot: &Slot) -> anyhow::Result<(String, String)> {
    let identifiers: Vec<_> = settings.domains.iter().cloned().map(Identifier::Dns).collect();
    let new = NewOrder::new(&identifiers);
    let mut order = whatever_the_nonce!(account.new_order(&new))?;
    if order.state().status == OrderStatus::Pending {
        prove(&mut order, slot).await?;
    }
    let key = whatever_the_nonce!(order.finalize())?;
    let chain = whatever_the_nonce!(order.poll_certificate(&POLLING))?;
    Ok((chain, key))
}

/// A status as the protocol has it (RFC 8555, section 7.1.6).
fn word(status: impl Debug) -> String {
    format!("{status:?}").to_lowercase()
}

/// Shows the CA that the names are ours.
async fn prove(order: &mut Order, slot: &Slot) -> anyhow::Result<()> {
    whatever_the_nonce!(fetch_authorizations(order))?;
    let mut answers = HashMap::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let name = authorization.identifier().to_string();
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            status => bail!("the CA's authorization for {name} is {}", word(status)),
        }
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let challenge = challenge.with_context(|| format!("the CA offers no TLS-ALPN-01 for {name}"))?;
        answers.insert(name.to_ascii_lowercase(), answer(&name, challenge.key_authorization().digest().as_ref())?);
    }
    let _answering = slot.answer(answers);
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let Some(mut challenge) = authorization.challenge(ChallengeType::TlsAlpn01) else { continue };
        whatever_the_nonce!(challenge.set_ready())?;
    }
    match whatever_the_nonce!(order.poll_ready(&POLLING)) {
        Ok(OrderStatus::Ready) => Ok(()),
        failed => {
            let why = failed.map_or_else(|error| error.to_string(), |status| format!("the order is {}", word(status)));
            Err(why_not(order)
                .await
                .unwrap_or_else(|| anyhow!(why))
                .context("the CA could not see that the name is ours"))
        }
    }
}

/// Fetches those that are not there yet; from then on there is no waiting for them.
async fn fetch_authorizations(order: &mut Order) -> Result<(), Error> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        authorization?;
    }
    Ok(())
}

async fn refresh(authorization: &mut AuthorizationHandle<'_>) -> Result<(), Error> {
    authorization.refresh().await.map(|_| ())
}

/// What the CA found wrong with a challenge.
async fn why_not(order: &mut Order) -> Option<anyhow::Error> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.ok()?;
        whatever_the_nonce!(refresh(&mut authorization)).ok()?;
        let name = authorization.identifier().to_string();
        let failed = authorization.challenges.iter().find(|challenge| challenge.status == ChallengeStatus::Invalid);
        if let Some(error) = failed.and_then(|challenge| challenge.error.as_ref()) {
            let detail = error.detail.clone().unwrap_or_else(|| error.to_string());
            return Some(anyhow!(
                "{name}: {detail} (it must lead here at port 443, for everybody, with nothing between that ends TLS)"
            ));
        }
    }
    None
}

/// A certificate that proves nothing but that we know the challenge (RFC 8737).
fn answer(name: &str, digest: &[u8]) -> anyhow::Result<Arc<CertifiedKey>> {
    ensure!(digest.len() == 32, "the digest of a challenge has {} bytes", digest.len());
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    // `from_der` would read the certificate, and refuse it for the critical extension that it does not know.
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key)?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
}

fn is_bad_nonce(error: &Error) -> bool {
    problem(error) == Some("badNonce")
}

fn is_problem(error: &anyhow::Error, name: &str) -> bool {
    error.downcast_ref::<Error>().and_then(problem) == Some(name)
}

/// Which of the problems of ACME it is.
fn problem(error: &Error) -> Option<&str> {
    let Error::Api(problem) = error else { return None };
    problem.r#type.as_deref()?.strip_prefix("urn:ietf:params:acme:error:")
}
