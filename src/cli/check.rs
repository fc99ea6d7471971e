//! `check`: everything that is wrong with the configuration, at once.

use clap::Args;
use serde_json::json;

use super::{ConfigArgs, Failure};
use crate::config::Settings;
use crate::config::{DEFAULT_FILE, Layers, Problem, Severity, development};
use crate::inbox::Purpose;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Also try the inbox and every handler's back end; nothing is delivered
    #[arg(long)]
    online: bool,
    /// Write the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Checks the configuration, certificates and keys, and reports all problems. Returns whether what was
/// tried online works.
///
/// # Errors
/// The problems, if one of them keeps the receiver from starting.
pub async fn run(args: &CheckArgs) -> Result<bool, Failure> {
    let layers = match Layers::read(args.config.config.as_deref()) {
        Ok(layers) => layers,
        Err(problem) => return invalid(args, vec![problem]),
    };
    let has_file = layers.has_file();
    let layers = if has_file { layers } else { layers.with_stand_in(development::layer()) };
    if !has_file && !args.json {
        println!("There is no {DEFAULT_FILE}: `serve` would run a development set-up, for this machine only.");
    }
    let (settings, warnings) = match layers.settings() {
        Ok(found) => found,
        // Before its first run, the development set-up has no certificate yet.
        Err(problems) if !has_file && problems.iter().all(is_made_by_serve) => {
            if args.json {
                print_json(&[], &[]);
            }
            return Ok(true);
        }
        Err(problems) => return invalid(args, problems),
    };
    let tried = if args.online { try_online(settings).await } else { Vec::new() };
    if args.json {
        print_json(&warnings, &tried);
    } else {
        for warning in &warnings {
            println!("{warning}");
        }
        for Tried { what, works, detail } in &tried {
            println!("{}: {what}: {detail}", if *works { "works" } else { "FAILS" });
        }
        println!("The configuration is valid.");
    }
    Ok(tried.iter().all(|tried| tried.works))
}

fn invalid(args: &CheckArgs, problems: Vec<Problem>) -> Result<bool, Failure> {
    if args.json {
        print_json(&problems, &[]);
    }
    Err(Failure::Configuration(problems))
}

fn is_made_by_serve(problem: &Problem) -> bool {
    problem.severity == Severity::Warning
        || ["server.tls.certificate", "server.tls.private_key", "auth.development.password_file"]
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
        Ok(inbox) => inbox.probe().await.map_err(|error| error.to_string()),
        Err(error) => Err(format!("{error:#}")),
    };
    tried.push(Tried::new("inbox", inbox.map(|()| "can be written".to_owned())));
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

fn print_json(problems: &[Problem], tried: &[Tried]) {
    let valid = problems.iter().all(|problem| problem.severity == Severity::Warning);
    let online: Vec<_> =
        tried.iter().map(|tried| json!({"what": tried.what, "works": tried.works, "detail": tried.detail})).collect();
    println!("{}", json!({"valid": valid, "problems": problems, "online": online}));
}
