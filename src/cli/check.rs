//! `check`: everything that is wrong with the configuration, at once, and what a valid one comes to.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::Failure;
use super::found::Found;
use super::online::{Tried, try_online};
use crate::config::{DEFAULT_FILE, Layers, Problem};
use crate::listener::connections::acme;
use crate::listener::development;
use crate::settings::Settings;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Also try the addresses, the inbox, the issuers of access tokens and every handler's back end; nothing is
    /// delivered or left behind
    #[arg(long)]
    online: bool,
    /// End with status 1 if there is any warning
    #[arg(long)]
    strict: bool,
    /// Write the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Checks the configuration, certificates and keys, and writes all problems to `out`, and what a valid one comes to.
/// Returns whether what was tried online works, and with `--strict` whether there is nothing to warn of.
///
/// # Errors
/// [`Failure::Reported`] if a problem keeps the receiver from starting.
pub async fn run(args: &CheckArgs, config: Option<&Path>, out: &mut impl Write) -> Result<bool, Failure> {
    let report = match Layers::read(config) {
        Ok(layers) if layers.has_file() => check(&layers, args).await,
        Ok(layers) => {
            if !args.json {
                let what = "`serve` would run a development set-up, for this machine only";
                writeln!(out, "There is no {DEFAULT_FILE}: {what}.").context("cannot write the result")?;
            }
            check_development(&layers.with_stand_in(development::layer()), args).await
        }
        Err(problem) => Report { problems: vec![problem], ..Report::default() },
    };
    let written = if args.json { report_json(out, &report) } else { write(out, &report, args.strict) };
    written.context("cannot write the result")?;
    let Report { problems, tried, .. } = report;
    if problems.iter().any(Problem::is_error) {
        Err(Failure::Reported)
    } else {
        let warned = args.strict && !problems.is_empty();
        Ok(!warned && tried.iter().all(|tried| tried.works))
    }
}

/// What there is to report.
#[derive(Default)]
struct Report {
    problems: Vec<Problem>,
    found: Option<Found>,
    certificate: Option<String>,
    preparations: Vec<Preparation>,
    tried: Vec<Tried>,
}

/// All problems, and if the configuration is valid, what it comes to, what there is to do at the back ends and what was
/// tried.
async fn check(layers: &Layers, args: &CheckArgs) -> Report {
    match layers.settings() {
        Ok((settings, problems)) => Report {
            problems,
            found: Some(Found::new(&settings)),
            certificate: acme_of(&settings).map(acme::Settings::describe),
            preparations: preparations(&settings),
            tried: if args.online { try_online(settings).await } else { Vec::new() },
        },
        Err(problems) => Report { problems: problems.into(), ..Report::default() },
    }
}

/// As [`check`], but before its first run the development set-up has no certificate yet.
async fn check_development(layers: &Layers, args: &CheckArgs) -> Report {
    let mut report = check(layers, args).await;
    if report.problems.iter().filter(|problem| problem.is_error()).all(is_made_by_serve) {
        report.problems.retain(|problem| !problem.is_error());
    }
    report
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

fn write(out: &mut dyn Write, report: &Report, strict: bool) -> io::Result<()> {
    let Report { problems, found, certificate, preparations, tried } = report;
    if let Some(found) = found {
        found.write(out)?;
    }
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
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    if errors > 0 {
        return writeln!(out, "The configuration is not valid: {errors} error(s).");
    }
    let mut but = Vec::new();
    if strict && !problems.is_empty() {
        but.push(format!("there are {} warning(s)", problems.len()));
    }
    let failing = tried.iter().filter(|tried| !tried.works).count();
    if failing > 0 {
        but.push(format!("{failing} of {} that were tried failed", tried.len()));
    }
    if but.is_empty() {
        return writeln!(out, "The configuration is valid.");
    }
    writeln!(out, "The configuration is valid, but {}.", but.join(", and "))
}

fn report_json(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let Report { problems, found, certificate, preparations, tried } = report;
    let valid = !problems.iter().any(Problem::is_error);
    let preparations: Vec<_> = preparations
        .iter()
        .map(|Preparation { handler, statement }| json!({"handler": handler, "statement": statement}))
        .collect();
    let online: Vec<_> =
        tried.iter().map(|tried| json!({"what": tried.what, "works": tried.works, "detail": tried.detail})).collect();
    let whole = json!({
        "valid": valid, "problems": problems, "found": found.as_ref().map(Found::to_json), "certificate": certificate,
        "preparations": preparations, "online": online,
    });
    writeln!(out, "{whole}")
}
