//! `secret`: from nothing to working credentials.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// What `secret` says with these arguments, and what it wrote into `file`.
fn made(receiver: &Receiver, arguments: &[&str], file: &str) -> (String, String) {
    let output = receiver.run(&[&["secret"], arguments].concat());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let secret = std::fs::read_to_string(receiver.path(file)).unwrap().trim_end().to_owned();
    (said, secret)
}

/// The lines for the configuration.
fn toml(said: &str) -> &str {
    let start = said.find("[auth.").unwrap();
    &said[start..start + said[start..].find("\n\n").unwrap()]
}

#[test]
fn it_makes_a_strong_secret_that_only_the_owner_can_read_and_that_is_not_shown() {
    let receiver = Receiver::bare();

    let (said, secret) = made(&receiver, &[], "certs/portal-password");
    let (_, other) = made(&receiver, &["elsewhere/deep/token", "--bearer"], "elsewhere/deep/token");

    assert!(secret.len() >= 43 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    assert_ne!(secret, other);
    assert!(!said.contains(&secret), "a terminal remembers: {said}");
    for file in ["certs/portal-password", "elsewhere/deep/token"] {
        let mode = receiver.path(file).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
}

#[test]
fn an_existing_file_is_left_alone() {
    let receiver = Receiver::bare();
    let (_, before) = made(&receiver, &[], "certs/portal-password");

    let again = receiver.run(&["secret"]);

    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stderr).unwrap().contains("certs/portal-password is there already"));
    assert_eq!(std::fs::read_to_string(receiver.path("certs/portal-password")).unwrap().trim_end(), before);
}

#[test]
fn a_path_that_only_a_shell_would_replace_makes_no_folder_of_that_name() {
    let receiver = Receiver::bare();

    let output = receiver.run(&["secret", "~/portal-password"]);

    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("~/portal-password begins with `~`") && said.contains("in full"), "{said}");
    assert!(!receiver.path("~").exists());
}

#[tokio::test]
async fn what_it_says_to_write_into_the_configuration_works() {
    let cases: [(&[&str], &str); 6] = [
        (&["--name", "new"], "certs/new-password"),
        (&["--name", "new", "--username", "Zoë \"x\""], "certs/new-password"),
        (&["--name", "new", "--digest"], "certs/new-password"),
        (&["--name", "new", "--digest=argon2id", "file"], "file"),
        (&["--name", "new", "--bearer"], "certs/new-token"),
        (&["--name", "new", "--bearer", "--digest=sha256"], "certs/new-token"),
    ];
    for (arguments, file) in cases {
        let mut receiver = Receiver::prepared("");
        let (said, secret) = made(&receiver, arguments, file);
        let configuration = receiver.path("config/receiver.toml");
        let text = std::fs::read_to_string(&configuration).unwrap();
        std::fs::write(&configuration, format!("{text}\n{}", toml(&said))).unwrap();
        if arguments.iter().any(|argument| argument.starts_with("--digest")) {
            assert!(said.contains(&format!("delete {file}")), "{said}");
            std::fs::remove_file(receiver.path(file)).unwrap();
        }
        receiver.restart();

        let username = if said.contains("Zoë") { "Zoë \"x\"" } else { "tradecloud" };
        let sender = receiver.sender();
        let sender =
            if arguments.contains(&"--bearer") { sender.bearer(&secret) } else { sender.basic(username, &secret) };
        assert_eq!(sender.send(order_event("1")).await.status, Some(202), "{arguments:?}: {said}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let receiver = Receiver::bare();
    let wrong: [&[&str]; 5] = [
        &["--name", "a.b"],
        &["--name", ""],
        &["--username", "a:b"],
        &["--bearer", "--username", "a"],
        &["--digest=md5"],
    ];
    for arguments in wrong {
        let output = receiver.run(&[&["secret"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
    assert!(!receiver.path("certs").exists());
}

/// A command that is printed between backquotes.
fn printed_command<'a>(said: &'a str, begins: &str) -> &'a str {
    let commands = said.split('`').skip(1).step_by(2);
    commands.into_iter().find(|command| command.starts_with(begins)).unwrap_or_else(|| panic!("no {begins}: {said}"))
}

#[test]
fn commands_that_are_printed_work_whatever_the_name_of_the_file() {
    for file in ["my secrets/it's one", "$(reboot)/a;b"] {
        let receiver = Receiver::prepared("");
        let (said, secret) = made(&receiver, &[file, "--name", "new"], file);
        let text = std::fs::read_to_string(receiver.path("config/receiver.toml")).unwrap();
        crate::support::receiver::write_private(
            &receiver.path("config/receiver.toml"),
            &format!("{text}\n{}", toml(&said)),
        );
        std::fs::set_permissions(receiver.path(file), std::fs::Permissions::from_mode(0o644)).unwrap();

        let shown = receiver.shell(printed_command(&said, "cat"));
        let open = String::from_utf8(receiver.run(&["check"]).stdout).unwrap();
        let closed = receiver.shell(printed_command(&open, "chmod"));

        assert_eq!(String::from_utf8(shown.stdout).unwrap().trim_end(), secret, "{said}");
        assert!(closed.status.success(), "{open}{closed:?}");
        assert!(!String::from_utf8(receiver.run(&["check"]).stdout).unwrap().contains("open to every user"), "{open}");
    }
}
