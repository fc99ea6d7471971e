//! `check`: everything that is wrong with the configuration, at once.

use std::io::{self, Write};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::{ConfigArgs, Failure};
use crate::config::Settings;
use crate::config::{DEFAULT_FILE, Layers, Problem, development};
use crate::inbox::{NoInbox, Purpose};

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
    let (found, tried) = match Layers::read(args.config.config.as_deref()) {
        Ok(layers) if layers.has_file() => check(&layers, args).await,
        Ok(layers) => {
            if !args.json {
                let what = "`serve` would run a development set-up, for this machine only";
                writeln!(out, "There is no {DEFAULT_FILE}: {what}.").context("cannot write the result")?;
            }
            check_development(&layers.with_stand_in(development::layer()), args).await
        }
        Err(problem) => (vec![problem], Vec::new()),
    };
    let report = if args.json { report_json } else { report };
    report(out, &found, &tried).context("cannot write the result")?;
    if found.iter().any(Problem::is_error) { Err(Failure::Reported) } else { Ok(tried.iter().all(|tried| tried.works)) }
}

/// All problems, and what was tried if the configuration is valid.
async fn check(layers: &Layers, args: &CheckArgs) -> (Vec<Problem>, Vec<Tried>) {
    match layers.settings() {
        Ok((settings, warnings)) if args.online => (warnings, try_online(settings).await),
        Ok((_, warnings)) => (warnings, Vec::new()),
        Err(problems) => (problems, Vec::new()),
    }
}

/// As [`check`], but before its first run the development set-up has no certificate yet.
async fn check_development(layers: &Layers, args: &CheckArgs) -> (Vec<Problem>, Vec<Tried>) {
    let (found, tried) = check(layers, args).await;
    let is_made_later = found.iter().filter(|problem| problem.is_error()).all(is_made_by_serve);
    (if is_made_later { found.into_iter().filter(|problem| !problem.is_error()).collect() } else { found }, tried)
}

fn is_made_by_serve(problem: &Problem) -> bool {
    ["server.tls.certificate", "server.tls.private_key", "auth.development.password_file"]
        .contains(&problem.key.as_str())
}

/// Something that was tried.
struct Tried {
    what: String,
    works: bool,
    detail: String,
}

async fn try_online(settings: Settings) -> Vec<Tried> {
    let mut tried = Vec::new();
    let inbox = match settings.inbox.store.open(Purpose::Look).await {
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

fn report(out: &mut dyn Write, problems: &[Problem], tried: &[Tried]) -> io::Result<()> {
    for problem in problems {
        writeln!(out, "{problem}")?;
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

fn report_json(out: &mut dyn Write, problems: &[Problem], tried: &[Tried]) -> io::Result<()> {
    let valid = !problems.iter().any(Problem::is_error);
    let online: Vec<_> =
        tried.iter().map(|tried| json!({"what": tried.what, "works": tried.works, "detail": tried.detail})).collect();
    writeln!(out, "{}", json!({"valid": valid, "problems": problems, "online": online}))
}
