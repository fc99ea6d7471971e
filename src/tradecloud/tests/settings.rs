//! What `[tradecloud]` may say, and what is said of it.

use std::rc::Rc;

use ::config::{Config, File, FileFormat};

use super::*;
use crate::config::Section;
use crate::config::problems::Findings;

const ACCOUNT: &str = "username = 'me'\npassword = 'hidden'\n";

/// The settings, and what is wrong with them: `key what`.
fn read(table: &str) -> (Option<Settings>, Vec<String>) {
    let source = File::from_str(table, FileFormat::Toml);
    let values = Config::builder().add_source(source).build().unwrap().try_deserialize().unwrap();
    let problems = Rc::new(Findings::default());
    let settings = Settings::read(Section::new("tradecloud", values, Rc::clone(&problems)));
    (settings, problems.take().into_iter().map(|problem| format!("{} {}", problem.key, problem.what)).collect())
}

#[test]
fn one_of_the_platforms_or_an_address_is_enough() {
    for (platform, url) in [
        ("environment = 'production'", "https://api.tradecloud1.com/"),
        ("environment = 'acceptance'", "https://api.accp.tradecloud1.com/"),
        ("url = 'https://gateway.example/tradecloud/'", "https://gateway.example/tradecloud"),
        ("url = 'http://127.0.0.1:9180'", "http://127.0.0.1:9180/"),
        ("url = 'http://[::1]:9180'", "http://[::1]:9180/"),
    ] {
        let (settings, problems) = read(&format!("{ACCOUNT}{platform}"));

        let settings = settings.unwrap_or_else(|| panic!("{problems:?}"));
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(settings.url.as_str(), url);
        assert_eq!((settings.spacing, settings.not_found_after), (Duration::from_millis(200), minutes(10)));
        assert!(settings.company.is_none() && !settings.has_legacy());
        assert_eq!(settings.is_on_loopback(), url.starts_with("http:"));
        let place = url.split('/').take(3).collect::<Vec<_>>().join("/");
        assert_eq!(settings.describe(), place);
    }
}

#[test]
fn all_of_it_is_read() {
    let table = format!(
        "{ACCOUNT}environment = 'production'\nrequests_per_second = 10\ncompany = 'cbf2c7b0'\nnot_found_after = '1m'\n
         [legacy]\nurl = 'https://portal.tradecloud.nl/api/v1/'\n{ACCOUNT}"
    );

    let (settings, problems) = read(&table);

    let settings = settings.unwrap_or_else(|| panic!("{problems:?}"));
    assert_eq!((settings.spacing, settings.not_found_after), (Duration::from_millis(100), minutes(1)));
    assert_eq!(settings.company.as_deref(), Some("cbf2c7b0"));
    assert_eq!(settings.legacy.as_ref().unwrap().url.as_str(), "https://portal.tradecloud.nl/api/v1");
    assert!(!format!("{settings:?}").contains("hidden"));
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    let platform = "environment = 'production'\n";
    let with = |more: &str| format!("{ACCOUNT}{platform}{more}");
    for (table, begin) in [
        (ACCOUNT.to_owned(), "tradecloud.environment is missing. Add `environment = \"production\"`"),
        (format!("{ACCOUNT}environment = 'test'"), "tradecloud.environment is \"test\", which is not one of"),
        (with("url = 'https://x.example'"), "tradecloud.url is given beside `environment`"),
        (format!("{ACCOUNT}url = 'http://x.example'"), "tradecloud.url would send the password unencrypted"),
        (format!("{ACCOUNT}url = 'ftp://x.example'"), "tradecloud.url starts with `ftp:`"),
        (format!("{ACCOUNT}url = 'https://a:b@x.example'"), "tradecloud.url has credentials in it"),
        (format!("{ACCOUNT}url = 'https://x.example/v2/'"), "tradecloud.url ends with /v2"),
        (format!("{ACCOUNT}url = 'https://x.example?a=b'"), "tradecloud.url has a `?`"),
        (format!("{platform}password = 'x'"), "tradecloud.username is missing"),
        (format!("{platform}username = 'a:b'\npassword = 'x'"), "tradecloud.username contains a colon"),
        (format!("{platform}username = ''\npassword = 'x'"), "tradecloud.username is empty"),
        (format!("{platform}username = 'me'"), "tradecloud.password is missing"),
        (with("requests_per_second = 11"), "tradecloud.requests_per_second must be from 0.1 to 10: Tradecloud allows"),
        (with("requests_per_second = 0"), "tradecloud.requests_per_second must be from"),
        (with("requests_per_second = -1"), "tradecloud.requests_per_second must be from"),
        (with("company = ''"), "tradecloud.company is no id"),
        (with("company = '<own company id>'"), "tradecloud.company still has a placeholder"),
        (with("not_found_after = '0s'"), "tradecloud.not_found_after must be a time"),
        (with("compny = 'x'"), "tradecloud.compny is unknown. Did you mean `company`?"),
        (
            with("[legacy]\nurl = 'http://x.example'\nusername = 'a'\npassword = 'b'"),
            "tradecloud.legacy.url would send",
        ),
        (with("[legacy]\nurl = 'https://x.example'"), "tradecloud.legacy.username is missing"),
        (with("legacy = true"), "tradecloud.legacy must be a table"),
    ] {
        let (settings, problems) = read(&table);

        assert!(problems.iter().any(|problem| problem.starts_with(begin)), "{table}\n{problems:#?}");
        // Only a key too many leaves something to go by.
        assert!(settings.is_none() || begin.contains("unknown"), "{table}");
    }
}
