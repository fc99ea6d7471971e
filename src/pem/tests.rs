//! Every kind of file in `tests/fixtures/pem`, and what people make of the good ones.

use std::path::Path;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;

use super::*;

/// The bytes of a fixture.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/fixtures/pem/", $name)).as_slice()
    };
}

const CERTIFICATE: &[u8] = fixture!("certificate.pem");
const KEY: &[u8] = fixture!("key.pem");

fn text(content: &[u8]) -> String {
    String::from_utf8(content.to_vec()).unwrap()
}

fn number_of_certificates(content: impl AsRef<[u8]>) -> Result<usize, String> {
    certificates_in(content.as_ref(), Path::new("certs/server.crt")).map(|certificates| certificates.len())
}

/// Whether it holds the key of the fixtures.
fn is_key(content: impl AsRef<[u8]>, password: Option<&str>) -> Result<bool, NoKey> {
    let password = password.map(SecretString::from);
    let (key, used) = private_key_in(content.as_ref(), Path::new("certs/server.key"), password.as_ref())?;
    assert_eq!(used, password.is_some(), "whether the password was needed");
    let (expected, _) = private_key_in(KEY, Path::new(""), None).unwrap();
    let public = |key: &PrivateKey| any_supported_type(key).unwrap().public_key().unwrap().to_vec();
    Ok(public(&key) == public(&expected))
}

fn said(content: impl AsRef<[u8]>, password: Option<&str>) -> String {
    match is_key(content, password) {
        Err(NoKey::None(what) | NoKey::Locked(what)) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn certificates_and_keys_are_read_whatever_an_editor_has_put_around_them() {
    for change in [
        (|pem: String| pem) as fn(String) -> String,
        |pem| format!("\u{feff}{pem}"),
        |pem| pem.replace('\n', "\r\n"),
        |pem| pem.replace('\n', "\r"),
        |pem| pem.replace('\n', " "),
        |pem| pem.replace('\n', "\n\n"),
        |pem| pem.replace(" CERTIFICATE", " X509 CERTIFICATE"),
        |pem| format!("    {} \t\r\n", pem.trim_end().replace('\n', " \t\r\n    ")),
        |pem| format!("Bag Attributes\n    friendlyName: server\n\n\n{}", pem.trim_end()),
        |pem| format!("# {}\n{pem}", pem.replace('\n', "\n# ")),
    ] {
        assert_eq!(number_of_certificates(change(text(CERTIFICATE))), Ok(1), "{}", change(text(CERTIFICATE)));
        assert_eq!(is_key(change(text(KEY)), None), Ok(true), "{}", change(text(KEY)));
    }
}

#[test]
fn no_certificate_is_dropped_whatever_stands_between_them() {
    for between in ["\n", "", "\r\n", " ", "\u{feff}", "\n\u{feff}", "\nsubject=CN = CA\n"] {
        let chain = [text(CERTIFICATE).trim_end(), text(CERTIFICATE).trim_end(), text(KEY).trim_end()].join(between);

        assert_eq!(number_of_certificates(&chain), Ok(2), "{between:?}");
        assert_eq!(is_key(&chain, None), Ok(true), "{between:?}");
    }
}

#[test]
fn what_was_put_behind_them_in_another_form_is_not_dropped_without_a_word() {
    let utf16 = text(CERTIFICATE).encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for behind in [&utf16, fixture!("certificate.cer")] {
        let said = number_of_certificates([CERTIFICATE, behind].concat()).unwrap_err();
        assert!(said.contains("UTF-16 or DER form"), "{said}");
    }
    assert_eq!(number_of_certificates([CERTIFICATE, &[0, 0]].concat()), Ok(1), "zeros at the end are nothing");
}

#[test]
fn encrypted_keys_are_read_with_their_password() {
    for encrypted in [
        fixture!("encrypted.pem"),
        fixture!("encrypted-des3.pem"),
        fixture!("encrypted-sha1.pem"),
        fixture!("encrypted-scrypt.pem"),
    ] {
        assert_eq!(is_key(encrypted, Some("wachtwoord")), Ok(true), "{}", text(encrypted));
        assert_eq!(is_key(encrypted, Some("another")), Err(NoKey::WrongPassword), "{}", text(encrypted));
        assert!(matches!(is_key(encrypted, None), Err(NoKey::Locked(_))), "{}", text(encrypted));
    }
}

#[test]
fn what_cannot_be_read_is_named_with_the_command_that_converts_it() {
    let converts = |said: String, what: &str, command: &str| {
        assert!(said.contains(what) && said.contains(command), "{said}");
    };
    let certificate = |content: &[u8]| number_of_certificates(content).unwrap_err();
    let utf16 = |pem: &[u8]| text(pem).encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();

    for (content, what, command) in [
        (fixture!("certificate.cer"), "DER", "`openssl x509 -inform DER -in certs/server.crt -out certs/server.pem`"),
        (fixture!("both.pfx"), "PFX", "`openssl pkcs12 -in certs/server.crt -nokeys -out certs/server.pem`"),
        (fixture!("certificates.p7b"), "P7B", "`openssl pkcs7 -print_certs -in certs/server.crt -out"),
        (fixture!("certificates-der.p7b"), "P7B", "`openssl pkcs7 -inform DER -print_certs -in"),
        (fixture!("trusted.pem"), "TRUSTED CERTIFICATE", "`openssl x509 -in certs/server.crt -out"),
        (fixture!("request.pem"), "request", "the certificate that the CA has made of it"),
        (&utf16(CERTIFICATE), "UTF-16", "`iconv -f UTF-16 -t UTF-8 certs/server.crt > certs/server.pem`"),
        (KEY, "holds PRIVATE KEY", "Name the file that holds the certificate"),
        (fixture!("key.der"), "holds a private key", "Name the file that holds the certificate"),
        (b" \r\n", "is empty", ""),
    ] {
        converts(certificate(content), what, command);
    }
    for (content, what, command) in [
        (fixture!("key.der"), "DER", "`openssl pkey -inform DER -in certs/server.key -out certs/server-key.pem`"),
        (fixture!("encrypted.der"), "DER form, encrypted", "`openssl pkey -inform DER"),
        (
            fixture!("both.pfx"),
            "PFX",
            "`openssl pkcs12 -in certs/server.key -nocerts -nodes -out certs/server-key.pem`",
        ),
        (fixture!("legacy.pem"), "old way", "`openssl pkcs8 -topk8 -v2 aes-256-cbc -in certs/server.key"),
        (&utf16(KEY), "UTF-16", "`iconv"),
        (CERTIFICATE, "holds CERTIFICATE", "Name the file that holds the private key"),
        (fixture!("certificate.cer"), "holds a certificate", "Name the file"),
        (fixture!("certificates.p7b"), "certificates only", "Name the file"),
        (b"nonsense", "holds no private key in PEM form", ""),
    ] {
        converts(said(content, None), what, command);
    }
    let pbes1 = said(fixture!("encrypted-pbes1.pem"), Some("wachtwoord"));
    converts(pbes1, "is encrypted in a way that is not read", "`openssl pkcs8 -topk8 -v2 aes-256-cbc");
    let locked = said(fixture!("encrypted-pbes1.pem"), None);
    converts(locked, "is encrypted in a way that is not read", "`openssl pkcs8 -topk8 -v2 aes-256-cbc");
}

#[test]
fn a_file_that_is_its_own_result_gets_another_name() {
    let said = certificates_in(fixture!("certificate.cer"), Path::new("my certs/a.pem")).unwrap_err();

    assert!(said.contains("-in 'my certs/a.pem' -out 'my certs/a-new.pem'`"), "{said}");
}

#[test]
fn what_is_damaged_or_cut_off_is_named_with_its_line() {
    let whole = text(CERTIFICATE);
    let half = &whole[..whole.len() / 2];
    let other = text(KEY).replace("PRIVATE KEY", "CERTIFICATE");

    for (chain, what) in [
        (half.to_owned(), "cut off: what begins in line 1 has no end"),
        (format!("{half}\n{whole}"), "cut off: what begins in line 1 has no end"),
        (format!("{whole}\n{half}"), "has no end"),
        (format!("{whole}{other}"), "damaged, from line 12 on"),
        (whole.replacen('M', "*", 1), "damaged, from line 1 on"),
    ] {
        let said = number_of_certificates(&chain).unwrap_err();
        assert!(said.starts_with("certs/server.crt ") && said.contains(what), "{said}");
    }
    let said = said(text(KEY).replacen('M', "*", 1), None);
    assert!(said.contains("a private key that is damaged, from line 1 on"), "{said}");
}

#[test]
fn what_is_a_pair_comes_out_as_it_went_in_and_nothing_else_is_a_pair() {
    let path = Path::new("");
    let certificates = certificates_in(CERTIFICATE, path).unwrap();
    let (key, _) = private_key_in(KEY, path, None).unwrap();
    let (weak, _) = private_key_in(fixture!("weak-rsa-key.pem"), path, None).unwrap();

    assert_eq!(*of_pair(&certificates, &key), text(CERTIFICATE) + &text(KEY));
    assert!(pair(certificates.clone(), &key).is_ok());
    assert!(pair(certificates, &weak).is_err());
}

#[test]
fn certificates_come_out_as_they_went_in() {
    let certificates = certificates_in(CERTIFICATE, Path::new("")).unwrap();

    assert_eq!(of_certificates(&certificates), text(CERTIFICATE));
}
