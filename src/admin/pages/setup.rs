//! `/setup`: what to type on Tradecloud's portal, whether it would be taken, and what is still to do. It ticks itself off.

use askama::Template;
use axum::response::Response;

use super::marks::{Icon, When};
use super::told::{CertificateTold, EndpointTold};
use super::trouble::Trouble;
use super::visit::{Frame, Visit};
use crate::inbox::Filter;
use crate::listener::connections::certificates::Certificates;

#[derive(Template)]
#[template(path = "setup.html", config = "src/admin/pages/askama.toml")]
struct Setup {
    frame: Frame,
    endpoints: Vec<Endpoint>,
    certificate: Verdict,
    received: Verdict,
    last: Option<When>,
    delivered: Verdict,
    turned_away: Option<TurnedAway>,
    kept: bool,
    first_url: String,
}

struct Endpoint {
    url: String,
    takes_notices: bool,
    credentials: Vec<Credential>,
    allow_from: String,
}

struct Credential {
    name: String,
    kind: String,
    user: Option<String>,
    /// The key whose file has the secret.
    key: String,
}

/// Whether something is as it should be, and what there is to say of it.
struct Verdict {
    icon: Icon,
    is_good: bool,
    words: String,
    more: Vec<String>,
}

struct TurnedAway {
    at: When,
    who: &'static str,
    from: String,
    path: String,
    why: String,
}

pub(super) async fn show(visit: Visit) -> Response {
    let page = page(&visit).await;
    visit.answer(page)
}

async fn page(visit: &Visit) -> Result<Setup, Trouble> {
    let told = visit.pages.told.load_full();
    let endpoints: Vec<_> = told.endpoints.iter().map(Endpoint::of).collect();
    let first_url = told.endpoints.first().map(|endpoint| endpoint.url.clone()).unwrap_or_default();
    let turned_away = visit.pages.last_turned_away.load_full().map(|last| TurnedAway {
        at: visit.when(last.at),
        who: if last.is_tradecloud { "Tradecloud" } else { "Somebody" },
        from: last.call.from.to_string(),
        path: last.call.path.clone(),
        why: [last.call.reason.as_str(), last.call.detail.as_str()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("; "),
    });
    let (mut last, mut received, mut delivered) =
        (None, Verdict::open("Nothing has been received yet."), Verdict::open("Nothing has been delivered yet."));
    if let Ok(desk) = visit.desk() {
        let newest = |states: Vec<crate::inbox::State>| Filter { states, limit: 1, ..Filter::default() };
        let (page, _) = desk.window(&newest(Vec::new())).await?;
        if let Some(event) = page.events.first() {
            last = Some(visit.when(event.received));
            received = Verdict::good("Events are received.");
        }
        let (page, _) = desk.window(&newest(vec![crate::inbox::State::Done])).await?;
        if !page.events.is_empty() {
            delivered = Verdict::good("Handlers are done with events.");
        }
    }
    Ok(Setup {
        frame: visit.frame("Setup", "setup"),
        certificate: certificate(&told.certificate, visit),
        kept: visit.desk().is_ok(),
        endpoints,
        received,
        last,
        delivered,
        turned_away,
        first_url,
    })
}

fn certificate(told: &CertificateTold, visit: &Visit) -> Verdict {
    let missing = visit.pages.certificates.as_ref().is_some_and(Certificates::are_missing);
    match told {
        CertificateTold::Elsewhere => {
            Verdict::good("Something else ends TLS (tls = \"off\"): the certificate is there.")
        }
        CertificateTold::Acme(names) if missing => Verdict {
            icon: Icon::Bad,
            is_good: false,
            words: format!("A CA is still to give a certificate for {}.", names.join(", ")),
            more: vec!["The log of the receiver says how that goes.".to_owned()],
        },
        CertificateTold::Acme(names) => {
            Verdict::good(&format!("A CA has given a certificate for {}.", names.join(", ")))
        }
        CertificateTold::Here { names, issuer, begins, ends, objections } => {
            let day = |at: &jiff::Timestamp| at.strftime("%F").to_string();
            let is_over = *ends < visit.now;
            let mut more: Vec<_> = objections.iter().map(|what| format!("The certificate {what}.")).collect();
            if is_over {
                more.insert(0, "It has expired.".to_owned());
            }
            if *begins > visit.now {
                more.insert(0, "It is not good yet.".to_owned());
            }
            let words = format!(
                "For {}, of {issuer}, until {}.",
                if names.is_empty() { "no name".to_owned() } else { names.join(", ") },
                day(ends)
            );
            match more.as_slice() {
                [] => Verdict::good(&format!("{words} Tradecloud accepts it.")),
                _ => Verdict { icon: Icon::Bad, is_good: false, words, more },
            }
        }
    }
}

impl Verdict {
    fn good(words: &str) -> Self {
        Self { icon: Icon::Good, is_good: true, words: words.to_owned(), more: Vec::new() }
    }

    fn open(words: &str) -> Self {
        Self { icon: Icon::Open, is_good: false, words: words.to_owned(), more: Vec::new() }
    }
}

impl Endpoint {
    fn of(told: &EndpointTold) -> Self {
        let credentials = told.credentials.iter().map(|(name, what)| {
            let (kind, user) = match what.split_once(", user ") {
                Some((kind, user)) => (kind, Some(user.to_owned())),
                None => (what.as_str(), None),
            };
            let has_secret = matches!(kind, "basic" | "bearer");
            let key = if has_secret { format!("[auth.{name}]") } else { String::new() };
            Credential { name: name.clone(), kind: kind.to_owned(), user, key }
        });
        Self {
            url: told.url.clone(),
            takes_notices: told.takes_notices,
            credentials: credentials.collect(),
            allow_from: told.allow_from.as_ref().map_or_else(|| "every address".to_owned(), |list| list.join(", ")),
        }
    }
}
