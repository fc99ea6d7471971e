//! A file that is no TOML: each slip with its line, a caret below it and a cure, and nobody's secret.

use super::{problems, said, with_file};
use crate::support::receiver::Receiver;

/// Slips of every kind, until a quote is missing.
const SLIPS: &str = r#"[server]
listen = 127.0.0.1:8443
answer_within: "4s"
tls = Off

[auth.portal]
type = "basic"
password = hunter2

[inbox]
path = "D:\events\inbox.db"

[[endpoints]
path = "/webhooks/tradecloud

[log]
level = info
"#;

#[test]
fn every_slip_is_shown_with_its_line_and_its_cure() {
    let receiver = with_file(SLIPS);

    let for_people = receiver.run(&["check"]);
    let for_scripts = problems(&receiver);
    let at_start = receiver.run(&["serve"]);

    assert_eq!((for_people.status.code(), at_start.status.code()), (Some(78), Some(78)));
    insta::assert_snapshot!(said(&for_people));
    assert_eq!(String::from_utf8(at_start.stderr).unwrap(), said(&for_people), "a start says the same");
    for problem in &for_scripts {
        let (place, excerpt) = (problem["place"].as_str().unwrap(), problem["excerpt"].as_str().unwrap());
        assert_eq!(place.split(':').nth(1), excerpt.split(' ').next(), "{problem}");
        assert_eq!(excerpt.lines().count(), 2, "{problem}");
    }
}

#[test]
fn under_systemd_each_line_of_it_has_its_priority() {
    let receiver = with_file("listen = x");

    let output = receiver.shell(&format!(
        "exec 2>&1; JOURNAL_STREAM=$(stat -Lc '%d:%i' /dev/stderr) {} serve",
        env!("CARGO_BIN_EXE_tradecloud-webhook")
    ));

    let lines: Vec<_> = said(&output).lines().map(str::to_owned).collect();
    assert!(lines.len() == 4 && lines.iter().all(|line| line.starts_with("<3>")), "{lines:#?}");
}

#[test]
fn a_file_in_another_encoding_is_told_to_be_saved_as_utf_8() {
    let utf_16 = |begin: &[u8], order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        [begin, &"[server]\n".encode_utf16().flat_map(order).collect::<Vec<_>>()].concat()
    };
    for (bytes, place, what) in [
        (utf_16(&[0xff, 0xfe], u16::to_le_bytes), None, "is in UTF-16. Save it as UTF-8"),
        (utf_16(&[0xfe, 0xff], u16::to_be_bytes), None, "is in UTF-16. Save it as UTF-8"),
        (utf_16(&[], u16::to_le_bytes), Some("config/receiver.toml:1:2"), "the file is in UTF-16"),
        (b"[server]\nlisten = 'B\xfcro'".to_vec(), Some("config/receiver.toml:2:12"), "perhaps in Windows-1252"),
    ] {
        let receiver = with_file("");
        std::fs::write(receiver.path("config/receiver.toml"), bytes).unwrap();

        let problem = problems(&receiver).remove(0);

        assert_eq!(problem["place"].as_str(), place, "{problem}");
        assert!(problem["what"].as_str().unwrap().contains(what), "{problem}");
    }
}

#[test]
fn what_editors_of_windows_add_is_no_slip() {
    let receiver = Receiver::prepared("");
    let text = std::fs::read_to_string(receiver.path("config/receiver.toml")).unwrap();
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    crate::support::receiver::write_private(&receiver.path("config/receiver.toml"), &text);

    assert!(receiver.run(&["check"]).status.success());
}

#[tokio::test]
async fn a_slip_of_a_reload_is_one_line_of_the_log_with_its_cure() {
    let receiver = Receiver::start();
    receiver.expects_error("has a value without quotes");

    receiver.configure(|text| text + "handlers.x = { type = \"file\" }\ninbox.path = data/inbox.db\n");
    receiver.hang_up().await;

    let line = receiver.logged("has a value without quotes. Put it in quotes: `inbox.path = \"data/inbox.db\"`").await;
    assert!(!line["message"].as_str().unwrap().contains('\n'), "{line}");
}
