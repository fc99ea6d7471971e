//! Files that every user of the machine can read.

use std::os::unix::fs::PermissionsExt as _;

use crate::configuration::OF_THE_TESTS;
use crate::support::receiver::{Receiver, write_private};
use crate::support::sender::order_event;

/// A configuration with secrets in three files besides its own, and a digest in one.
const CONFIGURATION: &str = r#"
auth.file = { type = "basic", username = "u", password_file = "portal" }
auth.digest = { type = "bearer", token_digest_file = "digest" }
[handlers.erp]
type = "http"
url = "https://erp.example/"
auth = { type = "bearer", token_file = "erp" }
"#;

const FILES: [(&str, &str); 4] = [
    ("portal", "auth.file.password_file"),
    ("erp", "handlers.erp.auth.token_file"),
    ("certs/privkey.pem", "server.tls.private_key"),
    ("config/receiver.toml", "auth.portal.password"),
];

fn prepared() -> Receiver {
    let receiver = Receiver::prepared(CONFIGURATION);
    write_private(&receiver.path("portal"), "secret");
    write_private(&receiver.path("digest"), super::SHA256);
    write_private(&receiver.path("erp"), "secret");
    receiver
}

fn set_mode(receiver: &Receiver, file: &str, mode: u32) {
    std::fs::set_permissions(receiver.path(file), std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Takes the secrets that every test receiver has out of its configuration.
fn without_secrets(receiver: &Receiver) {
    let file = receiver.path("config/receiver.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let without: Vec<_> =
        text.lines().filter(|line| !line.starts_with("auth.portal") && !line.starts_with("auth.token ")).collect();
    std::fs::write(&file, without.join("\n")).unwrap();
}

/// The keys that `check` warns of, each with what it says.
fn warnings(receiver: &Receiver) -> Vec<(String, String)> {
    let output = receiver.run(&["check", "--json"]);
    assert!(output.status.success(), "these are warnings: {output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (text(&problem["key"]), text(&problem["what"])))
        .filter(|(_, what)| !what.starts_with(OF_THE_TESTS))
        .collect()
}

#[test]
fn each_secret_that_every_user_can_read_or_change_is_a_warning() {
    let receiver = prepared();
    assert_eq!(warnings(&receiver), [], "as it should be");

    for (file, key) in FILES {
        for mode in [0o644, 0o604, 0o602] {
            set_mode(&receiver, file, mode);
            let warnings = warnings(&receiver);
            assert_eq!(warnings.len(), 1, "{file}, mode {mode:o}: {warnings:?}");
            assert_eq!(warnings[0].0, key);
            assert!(warnings[0].1.contains(&format!("`chmod 600 {file}`")), "{warnings:?}");
        }
        for mode in [0o640, 0o600, 0o400] {
            set_mode(&receiver, file, mode);
            assert_eq!(warnings(&receiver), [], "{file}, mode {mode:o}: a group is somebody's choice");
        }
    }
}

#[test]
fn a_digest_is_no_secret_but_nobody_else_may_put_another_there() {
    let receiver = prepared();
    let inline = Receiver::prepared(&format!(
        "auth.argon = {{ type = \"basic\", username = \"u\", password_digest = \"{}\" }}\n\
         auth.sha = {{ type = \"bearer\", token_digest = \"sha256:{}\" }}\n\
         handlers.disk = {{ type = \"file\", directory = \"events\" }}",
        super::CHEAP,
        super::SHA256
    ));
    without_secrets(&inline);

    for mode in [0o644, 0o604, 0o600] {
        set_mode(&receiver, "digest", mode);
        set_mode(&inline, "config/receiver.toml", mode);
        assert_eq!((warnings(&receiver), warnings(&inline)), (vec![], vec![]), "mode {mode:o}");
    }
    for mode in [0o666, 0o602] {
        set_mode(&receiver, "digest", mode);
        set_mode(&inline, "config/receiver.toml", mode);
        let warned = [warnings(&receiver), warnings(&inline)].concat();
        let keys: Vec<_> = warned.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["auth.digest.token_digest_file", "auth.argon.password_digest"], "mode {mode:o}");
        assert!(warned.iter().all(|(_, what)| what.contains("`chmod o-w ")), "{warned:?}");
    }
}

#[test]
fn beside_a_digest_it_is_the_secret_that_is_warned_of() {
    let digest = format!("auth.first = {{ type = \"bearer\", token_digest = \"sha256:{}\" }}", super::SHA256);
    let receiver = Receiver::prepared(&format!("{digest}\nhandlers.disk = {{ type = 'file', directory = 'events' }}"));
    set_mode(&receiver, "config/receiver.toml", 0o666);

    let warned = warnings(&receiver);

    assert_eq!(warned.len(), 1, "{warned:?}");
    assert_eq!(warned[0].0, "auth.portal.password");
    assert!(warned[0].1.contains("`chmod 600 "), "{warned:?}");
}

#[tokio::test]
async fn it_starts_all_the_same_and_says_so_in_the_log() {
    let mut receiver = prepared();
    set_mode(&receiver, "portal", 0o644);

    receiver.restart();

    let line = receiver.logged("auth.file.password_file").await;
    assert_eq!(line["level"], "WARN");
}

#[test]
fn a_configuration_without_secrets_may_be_read_by_everybody() {
    let receiver = prepared();
    without_secrets(&receiver);
    set_mode(&receiver, "config/receiver.toml", 0o644);

    assert_eq!(warnings(&receiver), []);
}

#[test]
fn the_inbox_is_made_for_its_owner_only() {
    let mut receiver = Receiver::prepared("inbox.path = \"inbox.db\"");
    receiver.restart();

    for file in ["inbox.db", "inbox.db-wal", "inbox.db-shm"] {
        let mode = receiver.path(file).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
}

#[tokio::test]
async fn what_editors_put_around_a_secret_is_no_part_of_it() {
    for around in [("\u{feff}", "\r\n"), ("\u{feff}", ""), ("", "\n"), ("", "\r\n")] {
        let mut receiver = prepared();
        write_private(&receiver.path("portal"), &format!("{}pw-of-the-portal{}", around.0, around.1));
        receiver.restart();

        let answer = receiver.sender().basic("u", "pw-of-the-portal").send(order_event("1")).await;

        assert_eq!((answer.status, warnings(&receiver)), (Some(202), vec![]), "{around:?}");
    }
}

#[test]
fn a_secret_that_ends_in_what_nobody_sees_is_a_warning() {
    for odd in ["secret ", " secret", "secret\t\n", "\u{feff}\u{feff}secret", "secret\0", "secret\u{a0}"] {
        let receiver = prepared();
        write_private(&receiver.path("portal"), odd);

        let warnings = warnings(&receiver);

        assert_eq!(warnings.len(), 1, "{odd:?}: {warnings:?}");
        assert_eq!(warnings[0].0, "auth.file.password_file");
        assert!(warnings[0].1.contains("begins or ends with a blank"), "{warnings:?}");
    }
}

#[test]
fn a_secret_with_something_in_a_second_line_is_a_warning() {
    for lines in ["secret\n# made by me\n", "secret\r\nsecret"] {
        let receiver = prepared();
        write_private(&receiver.path("portal"), lines);

        let warnings = warnings(&receiver);

        assert_eq!(warnings.len(), 1, "{lines:?}: {warnings:?}");
        assert_eq!(warnings[0].0, "auth.file.password_file");
        assert!(warnings[0].1.contains("more than one line"), "{warnings:?}");
    }
}
