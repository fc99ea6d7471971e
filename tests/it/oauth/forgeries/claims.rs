//! Signed by the issuer, and still not for us, not now, or not to be understood.

use serde_json::json;

use super::super::{header, with};
use super::{Attempts, Signers};
use crate::support::issuer::{Issuer, encode, now};

pub(super) fn claims(signers: &Signers, issuer: &Issuer) -> Attempts {
    let (rsa, name) = (&signers.rsa, issuer.name());
    let mut changes = Vec::new();
    for iss in [
        json!(null),
        json!(""),
        json!(format!("{name}/")),
        json!(name.to_uppercase()),
        json!(format!(" {name}")),
        json!(format!("{name}.evil.example")),
        json!(name.replace("http", "https")),
        json!([name]),
        json!([name, "x"]),
        json!({"iss": name}),
        json!(1),
        json!(format!("{name}\u{0}")),
        json!(format!("{name}/../x")),
        json!(true),
        json!(format!("{name}\n")),
        json!(format!("{name}#")),
        json!(format!("{name}?x=1")),
        json!(name.replace("127.0.0.1", "localhost")),
        json!(name.replace("127.0.0.1", "127.1")),
        json!(name.replace('1', "\u{ff11}")),
        json!(name.replace("//", "//user@")),
    ] {
        changes.push(json!({"iss": if iss.is_null() { json!([]) } else { iss }}));
    }
    for aud in [
        json!(""),
        json!([]),
        json!([""]),
        json!("api://webhook/"),
        json!("API://WEBHOOK"),
        json!("api://webhook "),
        json!("api://web"),
        json!("api://webhook2"),
        json!(["x", "y"]),
        json!({"aud": "api://webhook"}),
        json!(1),
        json!([1, "api://webhook"]),
        json!([["api://webhook"]]),
        json!("other,api://webhook"),
        json!(true),
        json!("00000003-0000-0000-c000-000000000000"),
    ] {
        changes.push(json!({"aud": aud}));
    }
    for exp in [
        json!(0),
        json!(-1),
        json!(now() - 61),
        json!(now() - 3600),
        json!((now() + 3600).to_string()),
        json!([now() + 3600]),
        json!({"exp": now() + 3600}),
        json!(true),
        json!(""),
        json!(-1e300),
        json!("never"),
        json!(1e-300),
    ] {
        changes.push(json!({"exp": exp}));
    }
    for nbf in [json!("now"), json!([0]), json!({}), json!(true), json!(now().to_string())] {
        changes.push(json!({"nbf": nbf}));
    }
    for other in [
        json!({"azp": 1}),
        json!({"azp": ["tradecloud"]}),
        json!({"appid": {}}),
        json!({"roles": 1}),
        json!({"roles": {"Orders.Send": true}}),
        json!({"roles": [1]}),
    ] {
        changes.push(other);
    }
    for absent in ["iss", "aud", "exp"] {
        changes.push(json!({absent: null}));
    }
    let mut attempts: Attempts = changes
        .iter()
        .map(|change| (change.to_string(), rsa.token(&header(rsa, "RS256"), &with(issuer.claims(), change))))
        .collect();
    let (iss, later) = (json!(name), now() + 3600);
    for text in [
        format!(
            r#"{{"iss":"x","iss":{iss},"aud":"api://webhook","exp":{later},"azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"iss":{iss},"aud":"x","aud":"api://webhook","exp":{later},"azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"iss":{iss},"aud":"api://webhook","exp":1,"exp":{later},"azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"iss":{iss},"aud":"api://webhook","exp":{later},"\u0065xp":1,"azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(r#"{{"iss":{iss},"aud":"api://webhook","exp":1e400,"azp":"tradecloud","roles":"Orders.Send"}}"#),
        format!(r#"{{"iss":{iss},"aud":"api://webhook","exp":NaN,"azp":"tradecloud","roles":"Orders.Send"}}"#),
        format!(
            r#"{{"iss":{iss},"aud":"api://webhook","exp":{{"$serde_json::private::Number":"{later}"}},"roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"claims":{{"iss":{iss},"aud":"api://webhook","exp":{later},"azp":"tradecloud","roles":"Orders.Send"}}}}"#
        ),
        format!(r#"[{{"iss":{iss},"aud":"api://webhook","exp":{later}}}]"#),
        format!(r#"{{"iss":{iss},"aud":"api://webhook","exp":{later},"azp":"tradecloud","roles":"Orders.Send"}} {{}}"#),
        format!("\u{feff}{{\"iss\":{iss},\"aud\":\"api://webhook\",\"exp\":{later},\"azp\":\"tradecloud\"}}"),
        format!(
            r#"{{"iss":{iss},"aud":"api://webhook","exp":{later},"azp":"stranger","azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"iss":{iss},"aud":"api://webhook","exp":{later},"azp":"tradecloud","roles":"x","roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"iss":{iss},"aud":"api://webhook","exp":{later},"nbf":{later},"nbf":1,"azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"iss":{iss},"\u0061ud":"x","aud":"api://webhook","exp":{later},"azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(r#"{{"iss":{iss},"aud":"api://webhook","exp":0x7fffffff,"azp":"tradecloud","roles":"Orders.Send"}}"#),
        format!(
            r#"{{"iss":{iss},"aud":"api://webhook","exp":{later},"nbf":1e400,"azp":"tradecloud","roles":"Orders.Send"}}"#
        ),
        format!(
            r#"{{"iss":{iss},"aud":"api://webhook","exp":{later},"azp":"tradecloud\ud800","roles":"Orders.Send"}}"#
        ),
        format!("{{'iss':{iss},'aud':'api://webhook','exp':{later},'azp':'tradecloud','roles':'Orders.Send'}}"),
        "null".to_owned(),
        "{}".to_owned(),
        String::new(),
        "\"text\"".to_owned(),
        "{".to_owned(),
        "[".repeat(20_000),
    ] {
        let shown: String = text.chars().take(80).collect();
        attempts.push((shown, rsa.token_of("RS256", &header(rsa, "RS256").to_string(), &text)));
    }
    let latin_1 = [issuer.claims().to_string().as_bytes(), b"\xe9"].concat();
    let message = format!("{}.{}", encode(header(rsa, "RS256").to_string()), encode(latin_1));
    let signature = encode(rsa.sign("RS256", message.as_bytes()));
    attempts.push(("claims that are no UTF-8".to_owned(), format!("{message}.{signature}")));
    attempts
}
