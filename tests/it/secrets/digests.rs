//! The configuration knows the digest only: who has the secret gets in all the same, and nobody else.

use std::time::Duration;

use super::{CHEAP, DEAR, PASSWORD, SHA256, USUAL};
#[cfg(target_os = "linux")]
use crate::support::cpu::computed;
use crate::support::receiver::{Receiver, write_private};
use crate::support::sender::{Sender, order_event};

/// The status an event is answered with.
async fn status(sender: Sender) -> u16 {
    sender.send(order_event("1")).await.status.unwrap()
}

/// A password and a token by their digest.
fn by_digest(digest: &str) -> String {
    format!(
        "auth.digest = {{ type = \"basic\", username = \"u\", password_digest = \"{digest}\" }}\n\
         auth.token_digest = {{ type = \"bearer\", token_digest = \"{digest}\" }}"
    )
}

#[tokio::test]
async fn a_password_or_token_may_be_given_as_its_digest() {
    let digests = [SHA256, &SHA256.to_uppercase(), &format!("sha256:{SHA256}"), CHEAP, USUAL];
    for digest in digests {
        // Argon2 takes its time in a program that is not optimised.
        let mut receiver = Receiver::prepared(&by_digest(digest)).setting("SERVER__ANSWER_WITHIN", "60s");
        receiver.restart();
        let sender = receiver.sender();

        // The second time it is remembered.
        for _ in 0..2 {
            assert_eq!(status(sender.clone().basic("u", PASSWORD)).await, 202, "{digest}");
            assert_eq!(status(sender.clone().bearer(PASSWORD)).await, 202, "{digest}");
            for wrong in ["", "correct hors", "correct horses", "Correct horse", digest] {
                assert_eq!(status(sender.clone().basic("u", wrong)).await, 401, "{digest}: {wrong}");
                assert_eq!(status(sender.clone().bearer(wrong)).await, 401, "{digest}: {wrong}");
            }
            assert_eq!(status(sender.clone().basic("v", PASSWORD)).await, 401, "{digest}: another user");
            assert_eq!(status(sender.clone()).await, 202, "the password that is given as it is");
        }
    }
}

#[tokio::test]
async fn a_digest_may_be_in_a_file() {
    let mut receiver =
        Receiver::prepared("auth.digest = { type = \"basic\", username = \"u\", password_digest_file = \"digest\" }");
    write_private(&receiver.path("digest"), &format!("{CHEAP}\n"));
    receiver.restart();

    assert_eq!(status(receiver.sender().basic("u", PASSWORD)).await, 202);
}

#[test]
fn a_digest_that_cannot_be_used_is_named_and_not_shown() {
    let cases = [
        ("hunter2", "64 digits"),
        (&SHA256[1..], "64 digits"),
        (&SHA256.replace('4', "g"), "64 digits"),
        ("$2b$12$abcdefghijklmnopqrstuuhunter2hunter2hunter2hunter2hun", "no complete digest"),
        ("$argon2i$v=19$m=8,t=1,p=1$aHVudGVyMmh1bnRlcjI$aHVudGVyMmh1bnRlcjI", "$argon2id$"),
        ("$argon2id$v=19$m=8,t=1,p=1$aHVudGVyMmh1bnRlcjI", "no salt or no digest"),
        ("$argon2id$v=19$m=2097152,t=1,p=4$aHVudGVyMmh1bnRlcjI$aHVudGVyMmh1bnRlcjI", "too much memory"),
        ("$argon2id$v=19$m=262144,t=5,p=4$aHVudGVyMmh1bnRlcjI$aHVudGVyMmh1bnRlcjI", "too much memory or time"),
        ("$argon2id$v=19$m=1,t=0,p=1$aHVudGVyMmh1bnRlcjI$aHVudGVyMmh1bnRlcjI", "make no sense"),
    ];
    for (digest, hint) in cases {
        let configuration =
            format!("auth.d = {{ type = \"basic\", username = \"u\", password_digest = \"{digest}\" }}");
        let output = Receiver::prepared(&configuration).run(&["check"]);

        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(78), "{digest}: {said}");
        assert!(said.contains("`auth.d.password_digest` ") && said.contains(hint), "{digest}: {said}");
        assert!(!said.contains(digest) && !said.contains("aHVudGVyMg") && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_secret_and_its_digest_together_are_an_error() {
    let both = format!("password = \"hunter2\", password_digest = \"{SHA256}\"");
    let output =
        Receiver::prepared(&format!("auth.d = {{ type = \"basic\", username = \"u\", {both} }}")).run(&["check"]);

    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("`auth.d.password` is given twice"), "{said}");
    assert!(!said.contains("hunter2") && !said.contains(SHA256), "{said}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn only_the_first_of_many_events_pays_for_argon2() {
    let mut receiver = Receiver::prepared(&by_digest(DEAR)).setting("SERVER__ANSWER_WITHIN", "60s");
    receiver.restart();
    for (password, expected) in [(PASSWORD, 202), ("an old password", 401)] {
        let sender = receiver.sender().basic("u", password);

        // What the process computes, not how long it takes: the machine may be busy with something else.
        let before = computed(receiver.pid());
        assert_eq!(status(sender.clone()).await, expected);
        let first = computed(receiver.pid()).saturating_sub(before);
        let before = computed(receiver.pid());
        for _ in 0..5 {
            assert_eq!(status(sender.clone()).await, expected);
        }
        let others = computed(receiver.pid()).saturating_sub(before);

        assert!(first > Duration::from_millis(50), "{first:?}: this digest is not dear enough for the test");
        assert!(others < 2 * first, "{password}: {others:?}, and the first {first:?}");
    }
}
