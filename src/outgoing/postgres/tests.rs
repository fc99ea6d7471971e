//! Reaching a real server: what each `sslmode` checks, and what is said if it cannot be reached.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::server::Postgres;
use super::{Connection, Database, Failure, within};

/// Connects to a new database; returns whether that is encrypted, or why there is no connection.
async fn encrypted(host: &str, settings: &str) -> Result<bool, String> {
    let server = Postgres::shared();
    let url = server.url_with(host, "postgres", settings);
    let pool = Database::parse(&url)?.pool(1, "");
    let connection = pool.get().await.map_err(|failure| failure.to_string())?;
    let statement = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    Ok(connection.query_one(statement, &[]).await.unwrap().get(0))
}

fn with_root(mode: &str) -> String {
    format!("sslmode={mode}&sslrootcert={}", Postgres::shared().ca().display())
}

#[tokio::test]
async fn verify_full_wants_the_authority_and_the_name() {
    assert_eq!(encrypted("localhost", &with_root("verify-full")).await, Ok(true));
    let wrong_name = encrypted("127.0.0.1", &with_root("verify-full")).await.unwrap_err();
    assert!(wrong_name.contains("is not for the name 127.0.0.1"), "{wrong_name}");
    let unknown = encrypted("localhost", "sslmode=verify-full").await.unwrap_err();
    assert!(unknown.contains("issuer is unknown"), "{unknown}");
}

#[tokio::test]
async fn verify_ca_and_require_with_a_root_want_the_authority_for_any_name() {
    let other = tempfile::NamedTempFile::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(other.path(), made.cert.pem()).unwrap();
    for mode in ["verify-ca", "require"] {
        assert_eq!(encrypted("127.0.0.1", &with_root(mode)).await, Ok(true));
        let settings = format!("sslmode={mode}&sslrootcert={}", other.path().display());
        let unknown = encrypted("localhost", &settings).await.unwrap_err();
        assert!(unknown.contains("issuer is unknown"), "{unknown}");
    }
}

#[tokio::test]
async fn require_and_prefer_encrypt_and_disable_does_not() {
    assert_eq!(encrypted("127.0.0.1", "sslmode=require").await, Ok(true));
    assert_eq!(encrypted("127.0.0.1", "").await, Ok(true));
    assert_eq!(encrypted("127.0.0.1", "sslmode=disable").await, Ok(false));
}

#[tokio::test]
async fn a_failure_says_why_without_a_password() {
    let server = Postgres::shared();
    let wrong = server.url("postgres").replace("p%40ss", "hidden");
    let refused = failure(&Database::parse(&wrong).unwrap()).await;
    assert_eq!(refused.code(), Some("28P01"));
    assert!(refused.to_string().contains("password authentication failed"), "{refused}");
    let nobody = failure(&Database::parse("postgresql://me:hidden@127.0.0.1:1/x").unwrap()).await;
    assert!(nobody.to_string().contains("Connection refused"), "{nobody}");
    for failure in [refused, nobody] {
        assert!(!format!("{failure} {failure:?}").contains("hidden"), "{failure:?}");
    }
}

async fn failure(database: &Database) -> Failure {
    database.pool(1, "").get().await.err().unwrap()
}

#[tokio::test]
async fn a_connection_that_was_given_up_is_not_used_again() {
    let server = Postgres::shared();
    let pool = Database::parse(&server.url("postgres")).unwrap().pool(1, "");
    let process = async |connection: &Connection| -> i32 {
        connection.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0)
    };
    let first = pool.get().await.unwrap();
    let of_first = process(&first).await;
    first.give_back();
    let second = pool.get().await.unwrap();
    assert_eq!(process(&second).await, of_first, "one that was given back is");

    let begun = Instant::now();
    let late = within(Duration::from_millis(50), second.execute("SELECT pg_sleep(300)", &[])).await.unwrap_err();
    drop(second);

    assert_eq!(late, Failure::Unreachable("PostgreSQL did not answer within 50ms".to_owned()));
    let third = pool.get().await.unwrap();
    assert_ne!(process(&third).await, of_first);
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}

/// Logs anybody in, and then says nothing more.
fn mute_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut connections = Vec::new();
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 1024]);
            let (authenticated, ready) = (*b"R\0\0\0\x08\0\0\0\0", *b"Z\0\0\0\x05I");
            let _ = connection.write_all(&[&authenticated[..], &ready].concat());
            connections.push(connection);
        }
    });
    port
}

#[tokio::test]
async fn a_server_that_falls_silent_after_the_log_in_is_not_waited_for() {
    let url = format!("postgresql://me@127.0.0.1:{}/x?sslmode=disable", mute_server());
    let pool = Database::parse(&url).unwrap().pool(1, "SET search_path = x");

    for _ in 0..2 {
        let late = tokio::time::timeout(Duration::from_secs(90), pool.get()).await.unwrap().err().unwrap();

        assert_eq!(late, Failure::Unreachable("PostgreSQL did not answer within 5s".to_owned()));
    }
}

#[tokio::test]
async fn the_host_that_can_be_written_to_is_found_behind_one_that_is_gone() {
    let server = Postgres::shared();
    // An address of a network for documentation: nobody answers there, and nobody refuses.
    let url = server.url("postgres").replace("@127.0.0.1:", "@192.0.2.1:9,127.0.0.1:");

    let found = Database::parse(&url).unwrap().pool(1, "").get().await;

    assert!(found.is_ok(), "{:?}", found.err());
}
