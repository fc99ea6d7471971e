//! Whoever guesses passwords is slowed down, hears nothing, and is told of.

use super::{OVERVIEW, USERS, get, log_in};
use crate::support::receiver::Receiver;

/// How long those wait who guess.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(10);

#[tokio::test]
async fn five_wrong_passwords_are_a_pause_in_which_the_right_one_opens_nothing() {
    let receiver = Receiver::with(USERS);
    let begun = std::time::Instant::now();

    let wrong: Vec<_> = (0..5).map(|at| log_in(&receiver, "anna", &format!("a guess {at}"))).collect();
    let right = log_in(&receiver, "anna", "a password of anna");
    let basic = get(&receiver, OVERVIEW).basic("anna", "a password of anna").send();
    let was_quick = begun.elapsed() < PAUSE;
    let other = log_in(&receiver, "bob", "a password of bob");

    if was_quick {
        assert_eq!((right.status, basic.status), (403, 401));
        assert!(wrong.iter().all(|wrong| wrong.text() == right.text()), "what is wrong is the same to him");
    }
    assert_eq!(other.status, 303);
    let line = receiver.logged("somebody gives wrong passwords").await;
    assert_eq!((&line["level"], &line["user"], &line["from"]), (&"WARN".into(), &"anna".into(), &"127.0.0.1".into()));
    let log = receiver.log().iter().map(ToString::to_string).collect::<String>();
    assert!(!log.contains("a guess") && !log.contains("a password of"), "{log}");
}

#[tokio::test]
async fn names_that_nobody_has_are_one_and_are_not_told() {
    let receiver = Receiver::with(USERS);

    for at in 0..5 {
        let said = get(&receiver, OVERVIEW).basic(&format!("a-secret-as-name-{at}"), "").send();
        assert_eq!(said.status, 401);
    }

    let line = receiver.logged("somebody gives wrong passwords").await;
    assert!(line["user"].is_null() && !line.to_string().contains("a-secret"), "{line}");
    assert_eq!(log_in(&receiver, "anna", "a password of anna").status, 303, "she has not guessed");
}

#[tokio::test]
async fn a_slow_digest_is_checked_as_those_of_senders_are() {
    // Of "correct horse".
    let digest = "$argon2id$v=19$m=19456,t=2,p=1$YSBzYWx0IG9mIHRlc3Rz$bzVn+b9plr8wZB0TlNtpr20KUJdfyxr2anO9UFPXsLg";
    let receiver = Receiver::with(&format!("admin.users.anna = {{ password_digest = '{digest}' }}"));

    let (wrong, unknown) = (log_in(&receiver, "anna", "wrong horse"), log_in(&receiver, "nobody", "correct horse"));
    let right = log_in(&receiver, "anna", "correct horse");

    assert_eq!([wrong.status, unknown.status, right.status], [403, 403, 303]);
    assert_eq!(wrong.text(), unknown.text());
    assert_eq!(super::status_with(&receiver, &right.cookie()), 200);
}
