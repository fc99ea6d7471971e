//! What the documentation writes as `<tenant id>` is to be filled in: copied as it is, it is an error.

use super::{problems, said};
use crate::support::pages::pages;
use crate::support::receiver::Receiver;

/// The keys whose placeholders `check` finds in this configuration; anything else that is wrong fails the test.
fn found(configuration: &str) -> Vec<String> {
    problems(&Receiver::prepared(configuration))
        .iter()
        .filter(|problem| problem["severity"] == "error")
        .inspect(|problem| {
            assert!(
                problem["what"].as_str().unwrap().contains("still has a placeholder"),
                "{configuration}: {problem}"
            );
        })
        .map(|problem| problem["key"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_placeholder_is_an_error_wherever_a_text_is_read() {
    for (configuration, key) in [
        ("server.trusted_proxies = [\"<network of the load balancer>\"]", "server.trusted_proxies"),
        ("endpoints = [{ path = \"/<path>\" }]", "endpoints[0].path"),
        ("endpoints = [{ path = \"/x\", allow_from = [\"10.0.0.0/8\", \"<address>\"] }]", "endpoints[0].allow_from"),
        ("handlers.x = { type = \"file\", directory = \"<folder>/events\" }", "handlers.x.directory"),
        ("handlers.x = { type = \"http\", url = \"https://<host>/\" }", "handlers.x.url"),
        ("handlers.x = { type = \"file\", directory = \"x\", companies = [\"<company id>\"] }", "handlers.x.companies"),
        ("auth.x = { type = \"basic\", username = \"<user-name>\", password = \"x\" }", "auth.x.username"),
        ("auth.x = { type = \"bearer\", token_file = \"<path of the file>\" }", "auth.x.token_file"),
    ] {
        assert_eq!(found(configuration), [key], "{configuration}");
    }
}

#[test]
fn the_placeholders_of_the_documents_do_not_pass() {
    let blocks = pages().into_iter().flat_map(|page| page.blocks("toml"));
    let examples: Vec<_> = blocks.filter(|block| block.contains('<')).collect();

    assert_eq!(examples.len(), 1, "another example to be filled in: {examples:?}");
    let found = found(&examples[0]);
    assert_eq!(found, ["auth.entra.issuer", "auth.entra.clients"]);
}

#[test]
fn a_secret_is_nobody_s_example_and_a_command_may_redirect() {
    let receiver = Receiver::prepared(
        r#"auth.a = { type = "basic", username = "a", password = "<tenant id>" }
auth.b = { type = "bearer", token = "<tenant-id>" }
handlers.a = { type = "exec", command = ["sh", "-c", "cat <in >out; echo '<order>' <file name> out"] }
handlers.b = { type = "http", url = "https://erp.example/", auth = { type = "bearer", token = "<token>" } }"#,
    );

    let output = receiver.run(&["check"]);

    assert!(output.status.success(), "{}", said(&output));
    assert!(!said(&output).contains('<'), "{}", said(&output));
}

#[test]
fn what_a_placeholder_stands_in_is_not_shown() {
    let receiver = Receiver::prepared("handlers.x = { type = \"http\", url = \"https://me:hunter<two>@erp.example\" }");

    let said = said(&receiver.run(&["check"]));

    assert!(said.contains("`handlers.x.url` still has a placeholder"), "{said}");
    assert!(!said.contains("hunter") && !said.contains("two"), "{said}");
}
