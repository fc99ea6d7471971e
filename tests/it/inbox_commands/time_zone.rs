//! `log.time_zone`: people read and write times as on their own clock, programs in UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::said;
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};

/// Nowhere is a clock further ahead: what is read as if it were UTC is in the future for 14 hours.
const AHEAD: &str = "Pacific/Kiritimati";

/// A receiver with a dead letter.
async fn filled(more: &str) -> (Receiver, String) {
    let receiver = Receiver::with(&format!(
        "{more}\n[handlers.script]\ntype = \"exec\"\ncommand = [\"sh\", \"-c\", \"echo no >&2; exit 65\"]"
    ));
    receiver.expects_error("rejected");
    let event = order_event("1");
    receiver.sender().send(event.clone()).await;
    receiver.inbox_until(|events| events[0]["state"] == "dead").await;
    (receiver, message_id(&event))
}

/// A time that a script reads: in UTC, with as many digits as any other.
fn in_utc(value: &serde_json::Value) -> Timestamp {
    let text = value.as_str().unwrap();
    assert!(text.len() == "2026-11-26T09:16:00.985460Z".len() && text.ends_with('Z'), "{text}");
    text.parse().unwrap()
}

#[tokio::test]
async fn people_read_times_of_their_zone_in_one_form_and_programs_of_utc_in_another() {
    let (receiver, id) = filled(&format!("log.time_zone = \"{AHEAD}\"")).await;

    let list = said(&receiver.run(&["events", "list"]));
    let show = said(&receiver.run(&["events", "show", &id]));
    let json = receiver.events(&["show", &id, "--json"]).remove(0);

    let shown = |time: Timestamp| time.to_zoned(TimeZone::get(AHEAD).unwrap()).strftime("%F %T%:z").to_string();
    let arrived = shown(in_utc(&json["received"]));
    let delivery = &json["deliveries"][0];
    let (changed, begun) = (shown(in_utc(&delivery["changed"])), shown(in_utc(&json["attempts"][0]["begun"])));
    assert!(arrived.ends_with("+14:00"), "{arrived}");
    assert!(list.contains(&format!("  {arrived}  ")), "{arrived}: {list}");
    for line in [
        format!("received      {arrived}\n"),
        format!("handler script: dead, 1 attempt, since {changed}\n"),
        format!("  attempt 1 at {begun}: rejected after "),
    ] {
        assert!(show.contains(&line), "{line}: {show}");
    }
}

#[tokio::test]
async fn a_time_without_a_zone_is_read_in_the_one_that_times_are_shown_in() {
    let (receiver, _) = filled(&format!("log.time_zone = \"{AHEAD}\"")).await;
    let hours = |hours: i64| Timestamp::now() + jiff::SignedDuration::from_hours(hours);
    let local = |time: Timestamp, form: &str| time.to_zoned(TimeZone::get(AHEAD).unwrap()).strftime(form).to_string();
    let count = |arguments: &[&str]| receiver.events(&[&["list", "--json"], arguments].concat()).len();

    for form in ["%F %T", "%FT%H:%M", "%F %T%:z", "%F %H:%M:%S.%f"] {
        let (before, after) = (local(hours(-1), form), local(hours(1), form));
        assert_eq!(count(&["--since", &before, "--until", &after]), 1, "{before}");
        assert_eq!(count(&["--since", &after]), 0, "{after}");
    }
    assert_eq!(count(&["--since", &hours(-1).to_string(), "--until", &hours(1).to_string()]), 1);
    // The day begins with the hour at which it begins there.
    let at = receiver.inbox()[0]["received"].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(count(&["--since", &local(at, "%F")]), 1);
    assert_eq!(count(&["--until", &local(at, "%F")]), 0);
}

#[tokio::test]
async fn without_the_key_it_is_the_zone_of_the_machine() {
    let (receiver, id) = filled("").await;
    let list = |zone: &str| {
        let output = receiver.command(&["events", "show", &id]).env("TZ", zone).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };

    let (tokyo, utc) = (list("Asia/Tokyo"), list("UTC"));

    let line_of = |text: &str| text.lines().find(|line| line.starts_with("received")).unwrap().to_owned();
    assert!(line_of(&tokyo).ends_with("+09:00"), "{tokyo}");
    assert!(line_of(&utc).ends_with('Z'), "{utc}");
}

#[test]
fn a_zone_that_nobody_knows_is_an_error_that_names_the_nearest() {
    let receiver = Receiver::prepared("log.time_zone = \"Europe/Amsterdm\"");

    let output = receiver.run(&["check"]);
    let listed = receiver.run(&["events", "list"]);

    assert_eq!((output.status.code(), listed.status.code()), (Some(78), Some(78)));
    let said = said(&output);
    assert!(said.contains("`log.time_zone` is \"Europe/Amsterdm\", which is no time zone"), "{said}");
    assert!(said.contains("Did you mean `Europe/Amsterdam`?"), "{said}");
}
