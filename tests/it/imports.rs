//! The folders of `src` stand on floors, each of which uses only those below: `scripts/imports` draws them, and what it
//! finds is the law.

use std::path::Path;
use std::process::Command;

use crate::support::pages::root;

/// Whether the law is kept in this folder, and what the script says of it.
fn imports(src: &Path) -> (bool, String) {
    let output = Command::new(root().join("scripts/imports")).arg(src).output();
    let output = output.expect("python3 is not installed; scripts/test installs it");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.success(), said)
}

/// A folder with these files.
fn src(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn no_two_folders_need_each_other_and_hardly_one_needs_what_is_above_it() {
    let (is_kept, said) = imports(&root().join("src"));

    assert!(is_kept, "{said}");
    assert!(said.contains("main       -> cli\n"), "the folders were not found: {said}");
}

#[test]
fn a_circle_is_found_and_shown() {
    let src = src(&[
        ("lib.rs", "pub mod config;\npub mod inbox;\npub mod handlers;"),
        (
            "config/mod.rs",
            "//! Stands below.\n\npub struct Section(handlers::Outcome);\nuse crate::{handlers, model};\n",
        ),
        ("handlers/mod.rs", "use crate::inbox::{self, Inbox};\n"),
        ("handlers/file/mod.rs", "fn read(section: &crate::config::Section) {}\n"),
        ("inbox/mod.rs", "use crate::config::Section;\n"),
        ("model.rs", ""),
    ]);

    let (is_kept, said) = imports(src.path());

    assert!(!is_kept, "{said}");
    for line in [
        "handlers   -> ^inbox config\n",
        "config     -> ^handlers ^model\n",
        "1 circle(s)\n  config handlers inbox\n",
        "    config -> handlers: config/mod.rs:4\n",
        "    handlers -> config: handlers/file/mod.rs:1\n",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
}

#[test]
fn more_than_two_that_run_back_up_are_too_many() {
    let two = [("config.rs", "use crate::{dispatch::Route, inbox};"), ("inbox.rs", ""), ("dispatch.rs", "")];
    let three = [&two[..], &[("model.rs", "use crate::cli;"), ("cli.rs", "")]].concat();

    assert!(imports(src(&two).path()).0);
    assert!(!imports(src(&three).path()).0);
}

#[test]
fn what_is_for_tests_or_only_said_does_not_count() {
    let src = src(&[
        ("inbox/mod.rs", "#[cfg(test)]\nmod tests;\n\nuse crate::config::Section;\n"),
        ("inbox/tests/mod.rs", "mod model;\nuse crate::cli::Cli;"),
        ("inbox/tests/model.rs", "use crate::cli::Cli;"),
        (
            "config.rs",
            "/// See [`crate::inbox`]; /* and */ ' \" too.\nconst NAME: &str = \"crate::inbox\\\" { \"; // crate::inbox\n\
             #[cfg(test)]\nmod tests {\n    use crate::inbox::Inbox;\n    fn open() -> char {\n        '}'\n    }\n}\n\
             /* crate::inbox */ const TEXT: &str = r#\"crate::inbox \"crate::inbox\"#;\n",
        ),
        ("cli.rs", "fn is<'a>(letter: &'a char) -> bool {\n    *letter == '\"' || crate::inbox::is(letter)\n}"),
    ]);

    let (is_kept, said) = imports(src.path());

    assert!(is_kept, "{said}");
    let drawn: String = said.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    assert_eq!(drawn, "cli        -> inbox; inbox      -> config; config     -> -");
}

#[test]
fn a_folder_without_a_floor_is_asked_for_one() {
    let (is_kept, said) = imports(src(&[("news/mod.rs", "")]).path());

    assert!(!is_kept && said.contains("news: no floor"), "{said}");
}
