//! `inspect` prints a link by which whoever can read the key of the receiver may look: once, and for a minute.

use std::os::unix::fs::PermissionsExt as _;

use super::{enter, get, link, post, signed_in, status_with, ticket};
use crate::support::receiver::Receiver;
use crate::support::server::free_address;

#[tokio::test]
async fn a_link_lets_in_once_by_its_button_and_never_again_even_after_a_restart() {
    let mut receiver = Receiver::start();
    let link = link(&receiver, &["--as", "carla", "--viewer"]);
    let (place, ticket) = link.split_once("/enter?ticket=").unwrap();
    let path = format!("/enter?ticket={ticket}");

    // As programs do that look at what a link is about.
    let looked = [get(&receiver, &path).send(), get(&receiver, &path).send()];
    let entered = enter(&receiver, ticket);
    let again = enter(&receiver, ticket);
    receiver.terminate();
    receiver.restart();
    let after_restart = enter(&receiver, ticket);

    assert_eq!(place, "http://127.0.0.1:0", "by admin.listen");
    for said in looked {
        assert!(said.status == 200 && said.text().contains("<strong>carla</strong>, viewer"), "{}", said.text());
        assert_eq!(said.header("set-cookie"), None);
    }
    assert_eq!((entered.status, entered.header("location")), (303, Some("./")));
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.starts_with("tradecloud_inspector=") && !cookie.contains("Secure"), "{cookie}");
    assert!(
        ["Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=43200"].iter().all(|part| cookie.contains(part)),
        "{cookie}"
    );
    assert_eq!([again.status, after_restart.status], [403, 403]);
    let home = get(&receiver, "/").cookie(&entered.cookie()).send();
    assert!(home.status == 200 && home.text().contains("carla"), "a session outlives a restart: {}", home.text());
    let key = receiver.path("data/inspector-key").metadata().unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    assert!(receiver.log().iter().all(|line| !line.to_string().contains(ticket)));
}

#[tokio::test]
async fn a_ticket_that_was_not_printed_here_lets_nobody_in() {
    let (receiver, other) = (Receiver::start(), Receiver::prepared(""));
    let good = ticket(&receiver, &[]);
    let (payload, tag) = good.split_once('.').unwrap();
    let for_operators = ticket(&receiver, &["--as", "x"]);
    let (other_payload, _) = for_operators.split_once('.').unwrap();
    let session = signed_in(&receiver).split_once('=').unwrap().1.to_owned();
    let forged = [
        String::new(),
        ".".to_owned(),
        payload.to_owned(),
        format!("{payload}."),
        format!("{other_payload}.{tag}"),
        format!("{payload}.{}", "A".repeat(tag.len())),
        format!("{good}A"),
        "A".repeat(10_000),
        ticket(&other, &[]),
        // Sealed with the right key, for something else.
        session,
    ];

    for forged in &forged {
        let said = enter(&receiver, forged);
        assert!(said.status == 403 && said.header("set-cookie").is_none(), "{forged}: {}", said.head);
    }

    assert_eq!(status_with(&receiver, &format!("tradecloud_inspector={good}")), 401, "nor is it a session");
    assert_eq!(enter(&receiver, &good).status, 303, "it still is good itself");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_ticket_is_good_for_a_minute() {
    let mut receiver = Receiver::start();
    let clock = crate::support::clock::Clock::new();
    receiver.run_inside(clock.inside());

    for (by, status) in [("-61s", 403), ("+1h", 403), ("-30s", 303)] {
        clock.set(by);
        let ticket = ticket(&receiver, &[]);
        assert_eq!(enter(&receiver, &ticket).status, status, "printed at {by}");
    }
}

#[tokio::test]
async fn a_form_that_is_none_or_endless_lets_nobody_in() {
    let receiver = Receiver::start();

    let endless = format!("ticket={}", "A".repeat(100_000));
    for (path, body) in
        [("/enter", ""), ("/enter", "x=1"), ("/enter", &endless), ("/login", "user=anna"), ("/login", "%")]
    {
        let said = post(&receiver, path, body).send();
        assert!([400, 403].contains(&said.status) && said.header("set-cookie").is_none(), "{path} {}", said.head);
    }
}

#[tokio::test]
async fn whoever_is_given_a_link_hears_that_no_receiver_runs() {
    let mut receiver = Receiver::start();
    let at = format!("admin.listen = \"{}\"", free_address());
    receiver.configure(|text| text.replace("admin.listen = \"127.0.0.1:0\"", &at));
    let said = |receiver: &Receiver| String::from_utf8(receiver.run(&["inspect"]).stderr).unwrap();

    receiver.kill();
    let while_it_does_not = said(&receiver);
    receiver.restart();
    let while_it_runs = said(&receiver);

    assert!(while_it_does_not.contains("Nobody answers at 127.0.0.1:"), "{while_it_does_not}");
    assert!(!while_it_runs.contains("Nobody answers"), "{while_it_runs}");
}

#[tokio::test]
async fn a_key_that_everybody_can_read_opens_nothing() {
    let receiver = Receiver::start();
    let cookie = signed_in(&receiver);
    assert_eq!(status_with(&receiver, &cookie), 200);

    std::fs::set_permissions(receiver.path("data/inspector-key"), std::fs::Permissions::from_mode(0o644)).unwrap();

    assert_eq!(status_with(&receiver, &cookie), 401);
    let output = receiver.run(&["inspect"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("every user of this machine"), "{output:?}");
    for name in ["", " ", "a\nb", &"a".repeat(101)] {
        assert_eq!(receiver.run(&["inspect", "--as", name]).status.code(), Some(2), "{name:?}");
    }
}
