//! What is wrong, and how it is said.

use super::{problems, said, with_file};
use crate::support::receiver::Receiver;

/// About everything that can be wrong.
const TERRIBLE: &str = r#"
[server]
listn = "0.0.0.0:8443"
listen = "localhost"
answer_within = "soon"
shutdown_grace = 30

[server.tls]
certificate = "nowhere.pem"
private_key = "config/receiver.toml"

[server.limits]
body = "600 MiB"
bodies_in_memory = "1 KiB"
connections = 0
header_read = "0s"

[auth.portal]
type = "basic"
username = "trade:cloud"
password_file = "no-such-file"

[auth.token]
type = "beerer"
token = "hunter2"

[auth.other]
type = "bearer"
token = "hunter2 hunter2"

[auth.third]
type = "bearer"

[[endpoints]]
path = "webhooks"
auth = ["portl", "token"]
allow_from = ["tradecloud", "10.0.0.0/33", "::1"]
acknowledge = "received"

[[endpoints]]
path = "/bücher"

[inbox]
store = "sqlight"

[delivery]
retry_factor = 0.5
lanes = -1

[handlers.erp]
type = "http"
url = "ftp://erp.internal/"
format = "xml"
kinds = ["orders"]
events = ["Order*"]
passwort = "hunter2"

[handlers.script]
type = "exec"
timeout = "1 fortnight"

[handlers.disk]
type = "file"
directroy = "data"

[handlers.empty]

[admin]
listen = 8081

[log]
format = "xml"
level = "so=loud"

[telemetry]
"#;

#[test]
fn all_problems_are_reported_at_once_with_place_and_hint() {
    let receiver = with_file(TERRIBLE);

    let for_people = receiver.run(&["check"]);
    let for_scripts = problems(&receiver);
    let at_start = receiver.run(&["serve"]);

    assert_eq!((for_people.status.code(), at_start.status.code()), (Some(78), Some(78)));
    insta::assert_snapshot!(said(&for_people));
    assert_eq!(for_scripts.len() + 1, said(&for_people).lines().count(), "the last line counts them");
    assert!(for_scripts.iter().all(|problem| problem["place"].is_string() || problem["key"] == "log"));
    let at_start = String::from_utf8(at_start.stderr).unwrap();
    assert_eq!(at_start, said(&for_people), "a start says the same");
    assert!(!at_start.contains("hunter2"));
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_nearest() {
    let cases = [
        ("server.lisen = \"127.0.0.1:1\"", "server.lisen", "`listen`"),
        ("endpoint = []", "endpoint", "`endpoints`"),
        ("handler.a = {}", "handler", "`handlers`"),
        ("auth.a = { type = \"bearer\", token = \"x\", token_fil = \"y\" }", "auth.a.token_fil", "`token_file`"),
        ("inbox.paht = \"x\"", "inbox.paht", "`path`"),
        ("log.colour = true", "log.colour", "Known here: format, level"),
    ];

    for (line, key, hint) in cases {
        let problems = problems(&Receiver::prepared(line));

        let errors: Vec<_> = problems.iter().filter(|problem| problem["severity"] == "error").collect();
        assert_eq!(errors.len(), 1, "{line}: {problems:?}");
        assert_eq!(errors[0]["key"], key);
        assert!(errors[0]["what"].as_str().unwrap().contains(hint), "{line}: {errors:?}");
    }
}

/// The library would take it for the name of a module, and say nothing of all others.
#[test]
fn a_level_that_is_none_does_not_silence_the_log() {
    for (level, what) in [
        ("wran", "Did you mean `warn`?"),
        (" info", "Did you mean `info`?"),
        ("", "must be error, warn"),
        ("hyper", "write `hyper=trace`"),
        ("error,tradecloud_webhook::dispach=info", "Did you mean `dispatch`?"),
    ] {
        let found = problems(&Receiver::prepared("").setting("LOG__LEVEL", level));

        let errors: Vec<_> = found.iter().filter(|problem| problem["severity"] == "error").collect();
        assert_eq!(errors.len(), 1, "{level:?}: {found:?}");
        assert_eq!(errors[0]["key"], "log.level");
        assert!(errors[0]["what"].as_str().unwrap().contains(what), "{level:?}: {errors:?}");
    }
    for level in ["INFO", "off", "info,", "error,hyper=info", "tradecloud_webhook", "tradecloud_webhook::disp=info"] {
        let found = problems(&Receiver::prepared("").setting("LOG__LEVEL", level));

        assert!(found.iter().all(|problem| problem["key"] != "log.level"), "{level}: {found:?}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_told_with_line_and_column() {
    let receiver = with_file("[server]\nlisten = \"127.0.0.1:0\"\nlisten = 7\n");

    let output = receiver.run(&["check"]);

    assert_eq!(output.status.code(), Some(78));
    assert!(said(&output).starts_with("error: config/receiver.toml:3:1: "), "{output:?}");
    assert_eq!(problems(&receiver)[0]["place"], "config/receiver.toml:3:1");
}

#[test]
fn wrong_usage_ends_with_2() {
    let receiver = Receiver::bare();
    let wrong: [&[&str]; 9] = [
        &["receive"],
        &["serve", "--port", "8443"],
        &["check", "--config"],
        &["check", "config/receiver.toml"],
        &["events"],
        &["events", "show"],
        &["events", "list", "--state", "lost"],
        &["events", "discard"],
        &["send"],
    ];

    for arguments in wrong {
        let output = receiver.run(arguments);

        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(receiver.run(&["--help"]).status.success() && receiver.run(&["--version"]).status.success());
}
