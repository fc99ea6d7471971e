//! Somebody who has signed in stays so for a time, and no longer than his password is what it was.

use super::{OVERVIEW, USERS, get, log_in, post, signed_in, status_with};
use crate::support::eventually;
use crate::support::receiver::{Receiver, write_private};

const FILE: &str = "admin.users.anna = { password_file = 'anna', role = 'operator' }\n\
                    admin.users.bob = { password = 'a password of bob' }\n";

#[tokio::test]
async fn a_session_ends_once_the_password_is_another_and_nobody_elses_does() {
    let mut receiver = Receiver::prepared(FILE);
    write_private(&receiver.path("anna"), "first\n");
    receiver.restart();
    let (anna, bob) =
        (log_in(&receiver, "anna", "first").cookie(), log_in(&receiver, "bob", "a password of bob").cookie());
    let by_ticket = signed_in(&receiver);
    let before = [&anna, &bob, &by_ticket].map(|cookie| status_with(&receiver, cookie));

    receiver.replace("anna", "second\n");

    eventually("it ends", async || status_with(&receiver, &anna) == 401).await;
    assert_eq!(before, [200; 3]);
    assert_eq!([&bob, &by_ticket].map(|cookie| status_with(&receiver, cookie)), [200; 2]);
    assert_eq!(log_in(&receiver, "anna", "first").status, 403);
    assert_eq!(status_with(&receiver, &log_in(&receiver, "anna", "second").cookie()), 200);
}

#[tokio::test]
async fn a_session_ends_with_its_user_its_role_its_time_and_its_key() {
    let receiver = Receiver::with(USERS);
    let sessions = || ["anna", "bob"].map(|user| log_in(&receiver, user, &format!("a password of {user}")).cookie());
    let both = |[anna, bob]: &[String; 2]| [status_with(&receiver, anna), status_with(&receiver, bob)];
    let first = sessions();
    assert_eq!(both(&first), [200, 200]);

    receiver.configure(|text| {
        text.replace("password = 'a password of bob'", "password = 'a password of bob', role = 'operator'")
    });
    eventually("another role", async || both(&first) == [200, 401]).await;
    let second = sessions();
    receiver.configure(|text| {
        text.replace("admin.users.anna = { password = 'a password of anna', role = 'operator' }", "")
    });
    eventually("no such user", async || both(&second) == [401, 200]).await;
    receiver.configure(|text| format!("admin.session = '1s'\n{text}"));
    eventually("its time is over", async || both(&second) == [401, 401]).await;
    receiver.configure(|text| text.replace("'1s'", "'1h'"));
    eventually("the time is longer again", async || both(&second) == [401, 200]).await;
    std::fs::remove_file(receiver.path("data/inspector-key")).unwrap();

    assert_eq!(both(&second), [401, 401], "whoever removes the key ends all of them");
}

#[tokio::test]
async fn whoever_signs_out_is_out_also_with_a_copy_of_the_cookie_and_after_a_restart() {
    let mut receiver = Receiver::start();
    let (cookie, other) = (signed_in(&receiver), signed_in(&receiver));

    let by_get = get(&receiver, "/logout").cookie(&cookie).send();
    let still = status_with(&receiver, &cookie);
    let out = post(&receiver, "/logout", "").cookie(&cookie).send();
    receiver.terminate();
    receiver.restart();

    assert_eq!((by_get.status, still, out.status), (405, 200, 303));
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"), "{}", out.head);
    assert_eq!([status_with(&receiver, &cookie), status_with(&receiver, &other)], [401, 200]);
}

#[tokio::test]
async fn a_cookie_that_was_not_given_here_is_nobody() {
    let receiver = Receiver::with(USERS);
    let good = log_in(&receiver, "bob", "a password of bob").cookie();
    let (payload, tag) = good.split_once('=').unwrap().1.split_once('.').unwrap();

    let of_length = format!("{payload}.{}", "A".repeat(tag.len()));
    for value in
        ["", ".", payload, &of_length, &format!("{payload}.AAAA"), &format!("A{payload}.{tag}"), &"A".repeat(9000)]
    {
        assert_eq!(status_with(&receiver, &format!("tradecloud_inspector={value}")), 401, "{value}");
    }

    assert_eq!(
        status_with(&receiver, &format!("a=b; tradecloud_inspector=x; {good}")),
        200,
        "another path may set one too"
    );
    let named = get(&receiver, OVERVIEW).cookie(&good.replace("tradecloud_", "__Host-tradecloud_")).send();
    assert_eq!(named.status, 401, "that name is for what came over TLS");
}
