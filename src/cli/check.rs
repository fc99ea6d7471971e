//! `check`: everything that is wrong with the configuration, at once.

use std::io::{self, Write};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::{ConfigArgs, Failure};
use crate::config::{DEFAULT_FILE, Layers, Problem};
use crate::inbox::{NoInbox, Purpose};
use crate::listener::connections::acme;
use crate::listener::development;
use crate::settings::Settings;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Also try the inbox, the issuers of access tokens and every handler's back end; nothing is delivered
    #[arg(long)]
    online: bool,
    /// Write the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Checks the configuration, certificates and keys, and writes all problems to `out`. Returns whether
/// what was tried online works.
///
/// # Errors
/// [`Failure::Reported`] if a problem keeps the receiver from starting.
pub async fn run(args: &CheckArgs, out: &mut impl Write) -> Result<bool, Failure> {
    let found = match Layers::read(args.config.config.as_deref()) {
        Ok(layers) if layers.has_file() => check(&layers, args).await,
        Ok(layers) => {
            if !args.json {
                let what = "`serve` would run a development set-up, for this machine only";
                writeln!(out, "There is no {DEFAULT_FILE}: {what}.").context("cannot write the result")?;
            }
            check_development(&layers.with_stand_in(development::layer()), args).await
        }
        Err(problem) => Found { problems: vec![problem], ..Found::default() },
    };
    let report = if args.json { report_json } else { report };
    report(out, &found).context("cannot write the result")?;
    let Found { problems, tried, .. } = found;
    if problems.iter().any(Problem::is_error) {
        Err(Failure::Reported)
    } else {
        Ok(tried.iter().all(|tried| tried.works))
    }
}

/// What there is to report.
#[derive(Default)]
struct Found {
    problems: Vec<Problem>,
    certificate: Option<String>,
    preparations: Vec<Preparation>,
    tried: Vec<Tried>,
}

/// All problems, and if the configuration is valid, what there is to do at the back ends and what was
/// tried.
async fn check(layers: &Layers, args: &CheckArgs) -> Found {
    match layers.settings() {
        Ok((settings, problems)) => Found {
            problems,
            certificate: acme_of(&settings).map(acme::Settings::describe),
            preparations: preparations(&settings),
            tried: if args.online { try_online(settings).await } else { Vec::new() },
        },
        Err(problems) => Found { problems: problems.into(), ..Found::default() },
    }
}

/// As [`check`], but before its first run the development set-up has no certificate yet.
async fn check_development(layers: &Layers, args: &CheckArgs) -> Found {
    let mut found = check(layers, args).await;
    if found.problems.iter().filter(|problem| problem.is_error()).all(is_made_by_serve) {
        found.problems.retain(|problem| !problem.is_error());
    }
    found
}

fn is_made_by_serve(problem: &Problem) -> bool {
    ["server.tls.certificate", "server.tls.private_key", "auth.development.password_file"]
        .contains(&problem.key.as_str())
}

fn acme_of(settings: &Settings) -> Option<&acme::Settings> {
    settings.server.tls.as_ref().and_then(|tls| tls.acme.as_ref())
}

/// What somebody has to do at a handler's back end, in its own words.
struct Preparation {
    handler: String,
    statement: String,
}

fn preparations(settings: &Settings) -> Vec<Preparation> {
    let prepared = settings.handlers.iter().filter_map(|handler| {
        let statement = handler.settings.preparation()?;
        Some(Preparation { handler: handler.route.name.clone(), statement })
    });
    prepared.collect()
}

/// Something that was tried.
struct Tried {
    what: String,
    works: bool,
    detail: String,
}

async fn try_online(settings: Settings) -> Vec<Tried> {
    let mut tried = Vec::new();
    let inbox = match settings.inbox.store.open(Purpose::Tool).await {
        Ok(inbox) => {
            let probed = inbox.probe().await;
            inbox.close().await;
            probed.map(|()| "can be written".to_owned()).map_err(|error| error.to_string())
        }
        // To make one would be to write.
        Err(error) if error.is::<NoInbox>() => Ok(if settings.inbox.store.keeps() {
            "is not there yet; `serve` makes it".to_owned()
        } else {
            "keeps nothing (inbox.store = \"none\")".to_owned()
        }),
        Err(error) => Err(format!("{error:#}")),
    };
    tried.push(Tried::new("inbox", inbox));
    if let Some(acme) = acme_of(&settings) {
        tried.push(Tried::new("server.tls.acme", acme::probe(acme).await));
    }
    for (name, credential) in &settings.anywhere.credentials {
        if let Some(probed) = credential.probe().await {
            tried.push(Tried::new(format!("auth {name}"), probed));
        }
    }
    for handler in settings.handlers {
        let name = handler.route.name;
        let probed = match handler.settings.build(&name) {
            Ok(handler) => handler.probe().await,
            Err(error) => Err(error.to_string()),
        };
        tried.push(Tried::new(format!("handler {name}"), probed));
    }
    tried
}

impl Tried {
    fn new(what: impl Into<String>, result: Result<String, String>) -> Self {
        let works = result.is_ok();
        Self { what: what.into(), works, detail: result.unwrap_or_else(|reason| reason) }
    }
}

fn report(out: &mut dyn Write, found: &Found) -> io::Result<()> {
    let Found { problems, certificate, preparations, tried } = found;
    for problem in problems {
        writeln!(out, "{problem}")?;
    }
    if let Some(certificate) = certificate {
        writeln!(out, "note: certificate for {certificate}")?;
    }
    for Preparation { handler, statement } in preparations {
        writeln!(out, "note: handler {handler} needs this, made once by you:\n\n{statement}\n")?;
    }
    for Tried { what, works, detail } in tried {
        writeln!(out, "{}: {what}: {detail}", if *works { "works" } else { "FAILS" })?;
    }
    let failing = tried.iter().filter(|tried| !tried.works).count();
    match problems.iter().filter(|problem| problem.is_error()).count() {
        0 if failing > 0 => {
            writeln!(out, "The configuration is valid, but {failing} of {} that were tried failed.", tried.len())
        }
        0 => writeln!(out, "The configuration is valid."),
        errors => writeln!(out, "The configuration is not valid: {errors} error(s)."),
    }
}

fn report_json(out: &mut dyn Write, found: &Found) -> io::Result<()> {
    let Found { problems, certificate, preparations, tried } = found;
    let valid = !problems.iter().any(Problem::is_error);
    let preparations: Vec<_> = preparations
        .iter()
        .map(|Preparation { handler, statement }| json!({"handler": handler, "statement": statement}))
        .collect();
    let online: Vec<_> =
        tried.iter().map(|tried| json!({"what": tried.what, "works": tried.works, "detail": tried.detail})).collect();
    let whole = json!({
        "valid": valid, "problems": problems, "certificate": certificate, "preparations": preparations,
        "online": online,
    });
    writeln!(out, "{whole}")
}
