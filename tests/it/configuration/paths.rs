//! Paths as people write them: what only a shell replaces, and what a backslash made of them, is told before anything
//! is made there.

use serde_json::Value;

use super::problems;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// Keys that are paths: a configuration in which `PATH` stands for the text in quotes.
const KEYS: [(&str, &str); 9] = [
    ("inbox.path", "inbox.path = PATH"),
    ("server.tls.certificate", "server.tls.certificate = PATH"),
    ("server.tls.private_key", "server.tls.private_key = PATH"),
    ("server.tls.acme.cache", "server.tls.acme = { domains = [\"a.example\"], cache = PATH }"),
    ("auth.x.password_file", "auth.x = { type = \"basic\", username = \"x\", password_file = PATH }"),
    (
        "auth.x.cache",
        "auth.x = { type = \"oauth\", issuer = \"https://id.example\", audience = [\"a\"], roles = [\"r\"], cache = PATH }",
    ),
    ("handlers.x.directory", "handlers.x = { type = \"file\", directory = PATH }"),
    ("handlers.x.ca_file", "handlers.x = { type = \"http\", url = \"https://erp.example/\", ca_file = PATH }"),
    (
        "handlers.x.auth.token_file",
        "handlers.x = { type = \"http\", url = \"https://erp.example/\", auth = { type = \"bearer\", token_file = PATH } }",
    ),
];

/// What `check` says of that path at a key, as severity and words.
fn said(receiver: &Receiver, key: &str) -> (String, String) {
    let mut problems = problems(receiver);
    problems.retain(|problem| problem["key"] == key);
    assert_eq!(problems.len(), 1, "{key}: {problems:#?}");
    let text = |field: &str| problems[0][field].as_str().unwrap().to_owned();
    (text("severity"), text("what"))
}

#[test]
fn a_path_that_means_something_only_to_a_shell_is_an_error_that_names_where_it_leads() {
    for (key, configuration) in KEYS {
        for path in ["~/x", "$HOME/x", "${STAGE}/x", "%USERPROFILE%\\x", "\"x\"", "x "] {
            let receiver = Receiver::prepared(&configuration.replace("PATH", &format!("'{path}'")));

            let (severity, what) = said(&receiver, key);

            assert_eq!(severity, "error", "{key} {path}: {what}");
            let place = receiver.folder().canonicalize().unwrap().join(path);
            assert!(what.contains(&*place.to_string_lossy()) && what.contains("Write the path in full"), "{what}");
        }
    }
}

#[test]
fn what_a_backslash_has_made_of_a_path_is_told_with_its_cure() {
    for (key, configuration) in KEYS {
        for (path, what) in [
            ("\"C:\\temp\\new\"", "has a tab (`\\t`) in it"),
            ("\"C:\\new\"", "has a line break (`\\n`) in it"),
            ("\"C:\\bin\"", "U+0008"),
            ("\"file:///srv/x\"", "is a URL, and a path is wanted. Write \"/srv/x\""),
        ] {
            let receiver = Receiver::prepared(&configuration.replace("PATH", path));

            let (severity, found) = said(&receiver, key);

            assert_eq!(severity, "error", "{key}");
            assert!(found.contains(what), "{key}: {found}");
            assert!(path.contains("file") || found.contains("single quotes, or double each backslash"), "{found}");
        }
    }
}

#[tokio::test]
async fn a_folder_that_is_there_already_is_used_with_a_warning() {
    let receiver = Receiver::prepared("handlers.x = { type = \"file\", directory = \"~/events\" }");
    std::fs::create_dir_all(receiver.path("~/events")).unwrap();
    let mut receiver = receiver;

    let (severity, what) = said(&receiver, "handlers.x.directory");
    receiver.restart();
    receiver.sender().send(order_event("1")).await;
    receiver.inbox_until(|events| events[0]["state"] == "done").await;

    assert_eq!(severity, "warning", "{what}");
    assert!(what.contains("begins with `~`") && what.contains("/~/events"), "{what}");
    assert_eq!(std::fs::read_dir(receiver.path("~/events")).unwrap().count(), 1);
}

#[test]
fn a_program_that_cannot_be_meant_so_is_a_warning() {
    let receiver = Receiver::prepared("handlers.x = { type = \"exec\", command = [\"~/import\"] }");

    let whats: Vec<Value> = problems(&receiver).iter().map(|problem| problem["what"].clone()).collect();

    let has = |part: &str| whats.iter().any(|what| what.as_str().unwrap().contains(part));
    assert!(has("by a path that begins with `~`") && has("cannot be started"), "{whats:#?}");
    assert!(receiver.run(&["check"]).status.success());
}

#[test]
fn an_inbox_is_a_file_and_nothing_else_that_sqlite_knows() {
    for (path, what) in [
        ("file:inbox.db", "Write \"inbox.db\""),
        ("file:/srv/i.db?mode=memory", "Write \"/srv/i.db\""),
        (":memory:", "gone with"),
        ("certs", "is a folder. Give the file of the inbox, such as \"certs/inbox.db\""),
    ] {
        let receiver = Receiver::prepared(&format!("inbox.path = \"{path}\""));

        let (severity, found) = said(&receiver, "inbox.path");

        assert_eq!(severity, "error");
        assert!(found.contains(what), "{found}");
        assert_eq!(receiver.run(&["serve"]).status.code(), Some(78));
    }
}

#[test]
fn a_file_that_is_no_inbox_is_left_alone_and_named_as_such() {
    let receiver = Receiver::prepared("inbox.path = \"orders.csv\"");
    let table = "order;line;quantity\n".repeat(1000);
    std::fs::write(receiver.path("orders.csv"), &table).unwrap();

    let checked = receiver.run(&["check", "--online"]);
    let served = receiver.run(&["serve"]);

    assert_eq!((checked.status.code(), served.status.code()), (Some(1), Some(1)));
    for said in [checked.stdout, served.stderr] {
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("orders.csv is no inbox") && !said.contains("Error code"), "{said}");
    }
    assert_eq!(std::fs::read_to_string(receiver.path("orders.csv")).unwrap(), table);
}

#[test]
fn a_path_from_the_environment_is_read_the_same_way() {
    let receiver = Receiver::prepared("").setting("INBOX__PATH", "\"data/inbox.db\"");

    let (severity, what) = said(&receiver, "inbox.path");

    assert_eq!(severity, "error");
    assert!(what.contains("quotes around it"), "{what}");
}
