//! The tables of answers and of defaults are those of the program.

use tradecloud_webhook::handlers::Fault;
use tradecloud_webhook::respond::{Answer, ComeAgain, Refusal, Verdict, Why};

use crate::support::pages::{file, in_backticks, page};

/// Every status that the program answers with.
fn statuses() -> Vec<u16> {
    let (id, reason) = (String::new(), String::new());
    let mut answers = vec![Answer::Stored { id: id.clone(), repeated: false }, Answer::Handled { id, repeated: false }];
    answers.push(Answer::Denied { reason: "", challenges: Vec::new() });
    let refused = [
        Why::NoEvent,
        Why::UnknownEncoding,
        Why::TooLarge,
        Why::Address,
        Why::Caller,
        Why::NoSuchPath,
        Why::Method,
        Why::MethodOfNotices,
        Why::NoId,
        Why::Rejected(None),
    ];
    let rejected = (100..=999).map(|status| Why::Rejected(Some(status)));
    answers.extend(refused.into_iter().chain(rejected).map(|why| Answer::Refused(Refusal::new(why, ""))));
    let again = [
        ComeAgain::Store,
        ComeAgain::Credentials(""),
        ComeAgain::Overload,
        ComeAgain::Draining,
        ComeAgain::Stalled,
        ComeAgain::Unforeseen,
        ComeAgain::Late,
        ComeAgain::Handler(Fault::Unreachable, reason.clone()),
        ComeAgain::Handler(Fault::Late, reason.clone()),
        ComeAgain::Handler(Fault::Ours, reason),
    ];
    answers.extend(again.into_iter().map(Answer::ComeAgain));
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

#[test]
fn the_tables_of_answers_have_every_answer_and_what_tradecloud_does_then() {
    for (path, heading) in [("README.md", "What Tradecloud hears"), ("docs/connect.md", "The answers")] {
        let mut told = Vec::new();
        for row in page(path).section(heading).rows() {
            for status in row[0].split(", ").map(|status| status.parse::<u16>().unwrap()) {
                let does = match Verdict::of(status) {
                    Verdict::Delivered => "is done",
                    Verdict::Lost => "gives up",
                    Verdict::WillRetry => "sends it again",
                };
                assert!(row[2].starts_with(does), "{path}: {status} {}", row[2]);
                told.push(status);
            }
        }
        told.sort_unstable();
        told.dedup();
        assert_eq!(told, statuses(), "{path}");
    }
}

#[test]
fn the_file_for_windows_starts_and_stops_the_receiver_as_it_wants() {
    let text = file("scripts/windows/tradecloud-webhook.xml");

    let mut reader = quick_xml::Reader::from_str(&text);
    let mut open = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(_) => open += 1,
            quick_xml::events::Event::End(_) => open -= 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }

    assert_eq!(open, 0, "an element has no end");
    assert!(text.contains(r#"<arguments>serve --config "%BASE%\config\receiver.toml"</arguments>"#));
    // Longer than server.shutdown_grace.
    assert!(
        text.contains("<stoptimeout>45 sec</stoptimeout>")
            && file("config/default.toml").contains("shutdown_grace = \"30s\"")
    );
}

#[test]
fn every_key_of_the_table_of_defaults_has_the_default_of_the_program() {
    let shipped: toml::Table = file("config/default.toml").parse().unwrap();
    let configure = page("docs/configure.md");
    let mut compared = 0;
    for (heading, tables) in [
        ("server", &["server", "server.limits"][..]),
        ("inbox", &["inbox"]),
        ("delivery", &["delivery"]),
        ("admin and log", &[""]),
    ] {
        for row in configure.section(heading).rows() {
            let (keys, defaults) = (in_backticks(&row[0]), in_backticks(&row[1]));
            if keys.len() != 1 || defaults.len() != 1 {
                continue;
            }
            let value = tables.iter().find_map(|table| {
                let path = format!("{table}.{}", keys[0]);
                let mut parts = path.split('.').filter(|part| !part.is_empty());
                let first = shipped.get(parts.next()?)?;
                parts.try_fold(first, |value, part| value.get(part))
            });
            let value = value.unwrap_or_else(|| panic!("{} has no default", keys[0]));
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(value, defaults[0], "{}", keys[0]);
            compared += 1;
        }
    }
    assert!(compared > 18, "the tables were not found: {compared}");
}
