//! `[admin.tls]`: its own certificate, and cookies that no other way takes.

use reqwest::{Certificate, Client};

use crate::inspector::{USERS, link};
use crate::support::receiver::Receiver;

#[tokio::test]
async fn over_tls_the_cookie_is_secure_and_for_this_host_alone() {
    let mut receiver = Receiver::prepared(&format!("admin.tls = {{}}\nadmin.hosts = ['localhost']\n{USERS}"))
        .setting("ADMIN__LISTEN", "0.0.0.0:0");
    receiver.restart();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ca = Certificate::from_pem(&receiver.ca()).unwrap();
    let client = Client::builder().tls_certs_only([ca]).redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = |path: &str| format!("https://localhost:{}{path}", receiver.admin_port());

    let form = [("user", "anna"), ("password", "a password of anna")];
    let said = client.post(url("/login")).form(&form).send().await.unwrap();
    let cookie = said.headers()["set-cookie"].to_str().unwrap().to_owned();
    let overview = client.get(url("/api/v1/overview")).header("cookie", cookie.split(';').next().unwrap());

    assert_eq!(said.status(), 303);
    assert!(cookie.starts_with("__Host-tradecloud_inspector=") && cookie.contains("; Secure"), "{cookie}");
    assert_eq!(overview.send().await.unwrap().status(), 200);
    assert!(link(&receiver, &[]).starts_with("https://localhost:0/enter?ticket="));
    assert!(String::from_utf8(receiver.run(&["check"]).stdout).unwrap().contains("The configuration is valid."));
}
