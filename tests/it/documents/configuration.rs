//! What the documents say of the configuration: every key is told, and every example is understood.

use crate::configuration::problems;
use crate::support::pages::{in_backticks, page, pages};
use crate::support::receiver::Receiver;

const UNKNOWN: &str = "nobody_knows_this_key";

/// Each table of the configuration, with a key in it that nobody knows, and the pages where its keys are told.
const TABLES: [(&str, &[&str]); 32] = [
    ("U = 1", &["configure"]),
    ("server.U = 1", &["configure"]),
    ("server.limits.U = 1", &["configure"]),
    ("server.tls.U = 1", &["configure"]),
    ("server.tls.acme = { U = 1 }", &["certificates"]),
    ("auth.x = { type = \"basic\", U = 1 }", &["credentials"]),
    ("auth.x = { type = \"bearer\", U = 1 }", &["credentials"]),
    ("auth.x = { type = \"oauth\", U = 1 }", &["credentials"]),
    ("endpoints = [{ path = \"/x\", U = 1 }]", &["configure"]),
    ("inbox.U = 1", &["configure"]),
    ("inbox = { store = \"postgres\", U = 1 }", &["configure", "run/receivers"]),
    ("delivery.U = 1", &["configure"]),
    ("tradecloud.U = 1", &["configure"]),
    ("tradecloud.legacy.U = 1", &["configure"]),
    ("poll.U = 1", &["configure"]),
    ("documents.U = 1", &["configure"]),
    ("admin.U = 1", &["configure"]),
    ("admin.users.x = { U = 1 }", &["configure", "desk"]),
    ("admin.tls = { U = 1 }", &["configure"]),
    ("log.U = 1", &["configure"]),
    ("handlers.x = { type = \"file\", U = 1 }", &["handlers/README", "handlers/file"]),
    ("handlers.x = { type = \"exec\", U = 1 }", &["handlers/README", "handlers/exec"]),
    ("handlers.x = { type = \"http\", U = 1 }", &["handlers/README", "handlers/http"]),
    ("handlers.x = { type = \"http\", auth = { type = \"basic\", U = 1 } }", &["handlers/http"]),
    ("handlers.x = { type = \"http\", auth = { type = \"bearer\", U = 1 } }", &["handlers/http"]),
    ("handlers.x = { type = \"http\", auth = { type = \"oauth\", U = 1 } }", &["handlers/http"]),
    ("handlers.x = { type = \"postgres\", U = 1 }", &["handlers/README", "handlers/postgres"]),
    ("handlers.x = { type = \"nats\", U = 1 }", &["handlers/README", "handlers/nats"]),
    ("handlers.x = { type = \"nats\", auth = { type = \"password\", U = 1 } }", &["handlers/nats"]),
    ("handlers.x = { type = \"nats\", auth = { type = \"token\", U = 1 } }", &["handlers/nats"]),
    ("handlers.x = { type = \"kafka\", U = 1 }", &["handlers/README", "handlers/kafka"]),
    ("handlers.x = { type = \"amqp\", U = 1 }", &["handlers/README", "handlers/amqp"]),
];

/// The keys that the program knows in the table of that configuration: it names them if it is given another one.
fn known(configuration: &str) -> Vec<String> {
    let problems = problems(&Receiver::prepared(&configuration.replace('U', UNKNOWN)));
    let is_it = |problem: &&serde_json::Value| problem["key"].as_str().unwrap().ends_with(UNKNOWN);
    let problem = problems.iter().find(is_it).unwrap_or_else(|| panic!("{configuration}: {problems:?}"));
    let (_, keys) = problem["what"].as_str().unwrap().split_once("Known here: ").unwrap();
    keys.split(", ").map(str::to_owned).collect()
}

/// Whether a text has that key: in backticks, or in an example.
fn tells(text: &str, key: &str) -> bool {
    let in_example = |line: &str| {
        let line = line.trim_start_matches(['#', ' ']);
        [format!("{key} ="), format!("[{key}"), format!("[[{key}")].iter().any(|start| line.starts_with(start))
            || [format!("{{ {key} ="), format!(", {key} =")].iter().any(|middle| line.contains(middle))
    };
    let named = |code: &str| {
        let code = code.trim_matches(['[', ']']);
        code == key || code.starts_with(&format!("{key} =")) || code.ends_with(&format!(".{key}"))
    };
    text.lines().any(|line| in_example(line) || in_backticks(line).into_iter().any(named))
}

#[test]
fn every_key_that_the_program_knows_is_told_on_its_page() {
    let mut untold = Vec::new();
    for (configuration, names) in TABLES {
        let texts: String = names.iter().map(|name| page(&format!("docs/{name}.md")).text).collect();
        for key in known(configuration) {
            // Every secret may be in a file.
            let of_file = key.strip_suffix("_file").map_or_else(|| format!("{key}_file"), str::to_owned);
            if !tells(&texts, &key) && !tells(&texts, &of_file) {
                untold.push(format!("{key} of {configuration} on {names:?}"));
            }
        }
    }
    assert!(untold.is_empty(), "{untold:#?}");
}

#[test]
fn every_configuration_in_the_documents_is_understood() {
    let mut understood = 0;
    for page in pages() {
        for block in page.blocks("toml") {
            if block.starts_with("[dependencies]") {
                continue;
            }
            let receiver = Receiver::prepared("");
            std::fs::write(receiver.path("config/receiver.toml"), &block).unwrap();
            let wrong: Vec<_> = problems(&receiver)
                .into_iter()
                // What the example does not have is its reader's: files, the rest of the configuration, and placeholders.
                .filter(|problem| {
                    let what = problem["what"].as_str().unwrap();
                    ["is unknown", "is missing", "must ", "is not", "not valid", "is given twice"]
                        .iter()
                        .any(|word| what.contains(word))
                        && !what.contains("is not there")
                        && !what.contains("is not found")
                })
                .collect();
            assert!(wrong.is_empty(), "{}:\n{block}\n{wrong:#?}", page.path);
            understood += 1;
        }
    }
    assert!(understood > 20, "examples were not found: {understood}");
}
