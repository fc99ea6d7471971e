//! `simulate`: a Tradecloud on this machine, to try everything against without an account.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::mpsc::unbounded_channel;
use uuid::Uuid;

use super::WrongUsage;
use super::sender::{Access, Caller, pause_after};
use crate::signal::told_to_stop;
use crate::simulate::{Call, Form, Options, Played, Player, Simulation, Webhook};

/// An order with its lines takes some kilobytes.
const MOST_ORDERS: usize = 100_000;

/// Seeds that nobody has chosen are short enough to be typed.
const SEEDS: u64 = 1_000_000;

/// Be a Tradecloud on this machine: orders that live, webhooks that tell it, and an API to ask, with sessions, polls
/// and documents. Nothing is kept: it ends with Ctrl+C, and says what became of its webhooks.
///
/// Webhooks are judged and sent again as Tradecloud does: after 502, 503, 504 or no answer, with pauses from 1 second
/// doubling to 5 minutes. A shipment is JSON in any format.
#[derive(Debug, Clone, clap::Args)]
pub struct SimulateArgs {
    /// Where its API listens: plain HTTP, so on this machine only. Port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9180")]
    listen: SocketAddr,
    /// The account of its API
    #[arg(
        long,
        value_name = "USER:PASSWORD",
        default_value = "integration@example.com:simulated",
        hide_default_value = true
    )]
    api_user: SecretString,
    /// How many orders there are when it starts
    #[arg(long, value_name = "N", default_value_t = 20)]
    orders: usize,
    /// The same seed makes the same world again; without one, it is drawn and told
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where to send what happens; may be repeated. With {orderId}, {legacyOrderId} or {shipmentId} in it, it is a GET
    /// webhook: called without a body, with the id in that place
    #[arg(long, value_name = "URL")]
    webhook: Vec<String>,
    /// How to call them [default: post, or get where there is a place for an id]
    #[arg(long, value_name = "METHOD")]
    method: Option<How>,
    /// How bodies are written
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    format: Format,
    /// One delivery for each line in place of a schedule
    #[arg(long)]
    single_delivery: bool,
    #[command(flatten)]
    access: Access,
    /// Lose so many of the webhooks on purpose, such as 5%
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share)]
    drop: f64,
    /// Answer so many of the requests to the API with 429, 500, 503, slowly, or not to the end; files may get an
    /// address that has expired
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share)]
    faults: f64,
    /// How late, at the most, polls see what has changed, and out of order
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    lag: Duration,
    /// How often something happens; 0s: nothing does by itself
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    every: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum How {
    Post,
    Put,
    Get,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Json,
    Txml,
}

impl How {
    const fn method(self) -> Method {
        match self {
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Get => Method::GET,
        }
    }
}

/// The player of `send`, for webhooks.
struct Webhooks(Caller);

#[async_trait]
impl Player for Webhooks {
    async fn play(&self, call: &Call) -> Played {
        let mut headers = HeaderMap::new();
        let body = call.body.as_ref().map(|(content_type, body)| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            body.clone()
        });
        let answer = self.0.call(call.method.clone(), &call.url, headers, body).await;
        Played { verdict: answer.verdict, status: answer.status, detail: answer.detail }
    }

    fn pause_after(&self, attempt: u32) -> Duration {
        pause_after(attempt)
    }
}

/// Runs a simulated Tradecloud until SIGTERM or Ctrl+C, and writes what it does to `out`, a line each.
///
/// # Errors
/// If an argument cannot be used, the address cannot be listened on, or `out` cannot be written.
pub async fn run(args: &SimulateArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let options = options(args)?;
    let plain = options.webhooks.iter().all(Webhook::is_plain);
    let player = Webhooks(Caller::new(&args.access, plain)?);
    let (lines, mut told) = unbounded_channel();
    let (username, password, seed) = (options.username.clone(), options.password.clone(), options.seed);
    let (simulation, address) = Simulation::start(options, args.listen, Box::new(player), lines)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let (orders, shipments) = simulation.size();
    writeln!(
        out,
        "A simulated Tradecloud listens on http://{address}, with {orders} orders and {shipments} shipments."
    )?;
    writeln!(out, "Seed {seed}: `--seed {seed}` makes the same world again. To be copied into the configuration:\n")?;
    let (user, secret) = (toml::Value::from(username), toml::Value::from(password));
    writeln!(out, "[tradecloud]\nurl = \"http://{address}\"\nusername = {user}\npassword = {secret}")?;
    writeln!(out, "company = \"{}\"\n", simulation.company())?;
    writeln!(out, "[tradecloud.legacy]\nurl = \"http://{address}/api/v1\"\nusername = {user}\npassword = {secret}\n")?;
    if args.webhook.is_empty() {
        writeln!(out, "No webhook is told: name your receiver with --webhook.")?;
    }
    out.flush()?;
    let stop = told_to_stop();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(line) = told.recv() => {
                writeln!(out, "{line}")?;
                out.flush()?;
            }
        }
    }
    writeln!(out, "{}", simulation.summary())?;
    Ok(true)
}

fn options(args: &SimulateArgs) -> anyhow::Result<Options> {
    if !args.listen.ip().is_loopback() {
        let port = args.listen.port();
        return wrong(format!(
            "--listen {}: it speaks plain HTTP and is for this machine only: 127.0.0.1:{port}",
            args.listen
        ));
    }
    let Some((username, password)) = args.api_user.expose_secret().split_once(':') else {
        return wrong("--api-user has no colon: write it as USER:PASSWORD".to_owned());
    };
    if username.is_empty() || password.is_empty() {
        return wrong("--api-user has nothing on one side of its colon: write it as USER:PASSWORD".to_owned());
    }
    if args.orders > MOST_ORDERS {
        return wrong(format!("--orders {}: all of them are in memory, so {MOST_ORDERS} at the most", args.orders));
    }
    let method = args.method.map(How::method);
    let webhooks: Result<Vec<Webhook>, String> =
        args.webhook.iter().map(|address| Webhook::read(address, method.as_ref())).collect();
    let webhooks = match webhooks {
        Ok(webhooks) => webhooks,
        Err(why) => return wrong(format!("--webhook {why}")),
    };
    Ok(Options {
        username: username.to_owned(),
        password: password.to_owned(),
        seed: args.seed.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0 % SEEDS),
        orders: args.orders,
        form: if args.single_delivery { Form::Single } else { Form::Schedule },
        as_txml: args.format == Format::Txml,
        webhooks,
        drop: args.drop,
        faults: args.faults,
        lag: args.lag,
        every: args.every,
    })
}

fn wrong<T>(what: String) -> anyhow::Result<T> {
    Err(WrongUsage(what).into())
}

/// Reads a share: `5%`, or `0.05`.
fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    match number.trim().parse::<f64>() {
        Ok(number) if (0.0..=whole).contains(&number) => Ok(number / whole),
        _ => Err("it has to be a share from 0% to 100%".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn read(arguments: &[&str]) -> Result<Options, String> {
        let cli = Cli::try_parse_from([&["simulate"], arguments].concat()).map_err(|error| error.to_string())?;
        options(&cli.args).map_err(|error| error.to_string())
    }

    #[test]
    fn a_share_is_percent_or_a_fraction() {
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("0.05"), Ok(0.05));
        assert_eq!(share("100 %"), Ok(1.0));
        for wrong in ["5", "-1%", "101%", "some", "", "NaN"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_is_for_this_machine_only() {
        assert!(read(&["--listen", "0.0.0.0:9180"]).err().unwrap().contains("127.0.0.1:9180"));
        assert!(read(&["--listen", "[::1]:9180"]).is_ok());
    }

    #[test]
    fn the_password_of_an_account_is_not_repeated() {
        assert!(!read(&["--api-user", "hunter2"]).err().unwrap().contains("hunter2"));
        let options = read(&["--api-user", "a@b:c:d"]).unwrap();
        assert_eq!((options.username, options.password), ("a@b".to_owned(), "c:d".to_owned()));
    }

    #[test]
    fn a_get_webhook_has_a_place_for_the_id() {
        assert!(read(&["--webhook", "http://localhost/", "--method", "get"]).err().unwrap().contains("{orderId}"));
        assert!(read(&["--webhook", "http://localhost/{orderId}", "--webhook", "http://localhost/"]).is_ok());
    }
}
