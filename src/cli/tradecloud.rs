//! `fetch` and `backfill`: has Tradecloud asked for what somebody names, or for what never came.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::events::{Time, time};
use super::{Failure, WrongUsage};
use crate::config::Problem;
use crate::dispatch::Dispatch;
use crate::inbox::{Archive, Arrival, EventKey, NoInbox, Notice, Purpose, SharedInbox};
use crate::intake::Intake;
use crate::listener::development;
use crate::model::What;
use crate::settings;
use crate::shown;
use crate::tradecloud::{Api, Backfill, Brought, Fetch, Missing, Polled, Settings, in_words, no_id, poll};

/// Fetch orders or shipments from Tradecloud by their ids, and hand them on as events. A running receiver does it; where
/// none runs, it is done here, and the events are delivered when one does. What the inbox knows already in that state is
/// not handed on again.
///
/// Exit status: 0 if everything was fetched or left for the receiver, 1 if not.
#[derive(Debug, Args)]
pub struct FetchArgs {
    #[command(subcommand)]
    what: FetchWhat,
}

#[derive(Debug, Subcommand)]
enum FetchWhat {
    /// Orders, by the id that Tradecloud gives them
    Order {
        /// Such as <company id>-<purchase order number>
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
        /// They are ids of the legacy platform, and are fetched there
        #[arg(long)]
        legacy: bool,
    },
    /// Shipments, by the id that Tradecloud gives them
    Shipment {
        /// Such as <company id>-<shipment number>
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
}

/// Look for what Tradecloud has and the inbox has not, list it, and hand it on: orders that were answered 4xx or 500,
/// that were never sent, or that came before there was a receiver. Of what `inbox.keep` has removed, the inbox does not
/// know any more.
///
/// Exit status: 0 if all of it was looked at, 1 if not.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub struct BackfillArgs {
    /// What was changed at that time or later
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Time,
    /// What was changed before that time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Time>,
    /// Orders only (default: orders and shipments)
    #[arg(long)]
    orders: bool,
    /// Shipments only
    #[arg(long)]
    shipments: bool,
    /// List it, and hand nothing on
    #[arg(long)]
    dry_run: bool,
    /// Write each as a JSON object
    #[arg(long)]
    json: bool,
}

/// What both work on.
struct Place {
    settings: settings::Settings,
    inbox: SharedInbox,
    archive: Arc<dyn Archive>,
    intake: Intake,
    api: Api,
}

async fn place(config: Option<&Path>) -> Result<Place, Failure> {
    let layers = development::layers(config).map_err(|problem| vec![problem])?;
    let (settings, _) = layers.settings()?;
    let Some(tradecloud) = &settings.tradecloud else {
        let what = "is not there: add the table with the account that Tradecloud is asked by";
        return Err(vec![Problem::error("tradecloud", what)].into());
    };
    let api = Api::new(tradecloud).map_err(|error| anyhow!(error))?;
    let inbox = settings.inbox.store.open(Purpose::Tool).await?;
    let archive = Arc::clone(&inbox).archive().ok_or(NoInbox::KeepsNothing).map_err(anyhow::Error::from)?;
    super::tell_of_take_over(&*archive);
    let routes = settings.handlers.iter().map(|handler| handler.route.clone()).collect();
    let intake = Intake::new(Arc::clone(&inbox), Dispatch::new(routes));
    Ok(Place { settings, inbox, archive, intake, api })
}

/// Fetches what `args` names; returns whether all of it was.
///
/// # Errors
/// The problems of the configuration, or why the inbox cannot be used.
pub async fn fetch(args: &FetchArgs, config: Option<&Path>, out: &mut impl Write) -> Result<bool, Failure> {
    let (what, ids) = match &args.what {
        FetchWhat::Order { ids, legacy: true } => (What::LegacyOrderId, ids),
        FetchWhat::Order { ids, .. } => (What::OrderId, ids),
        FetchWhat::Shipment { ids } => (What::ShipmentId, ids),
    };
    if let Some(why) = ids.iter().find_map(|id| no_id(id)) {
        return Err(anyhow::Error::new(WrongUsage(why)).into());
    }
    let place = place(config).await?;
    if what == What::LegacyOrderId && !place.settings.tradecloud.as_ref().is_some_and(Settings::has_legacy) {
        let what = "is not there: add the table with the account of the legacy platform";
        return Err(vec![Problem::error("tradecloud.legacy", what)].into());
    }
    let done = fetch_all(&place, what, ids, out).await;
    place.api.logout().await;
    place.inbox.close().await;
    Ok(done?)
}

async fn fetch_all(place: &Place, what: What, ids: &[String], out: &mut impl Write) -> anyhow::Result<bool> {
    let Place { settings, inbox, archive, intake, api } = place;
    let is_served = archive.is_served().await?;
    let not_found_after = settings.tradecloud.as_ref().map(|it| it.not_found_after).unwrap_or_default();
    let (api, archive, intake) = (api.clone(), Arc::clone(archive), intake.clone());
    let fetch = Fetch::new(api, archive, intake, not_found_after);
    let mut all = true;
    for id in ids {
        let shown = shown::line(id);
        let notice = Notice {
            what,
            of: id.clone(),
            received: Timestamp::now(),
            path: String::new(),
            arrival: Arrival { origin: "fetch", ..Arrival::default() },
        };
        let receipt = inbox.notice(notice).await?;
        if is_served {
            let waits = if receipt.repeated { "waits already" } else { "is left for the running receiver" };
            writeln!(out, "{} {shown} {waits}: see `events show {}`", in_words(what), receipt.id)?;
            continue;
        }
        match fetch.bring(EventKey::of_id(&receipt.id), what, id).await {
            Ok(Brought::New) => {
                writeln!(out, "{} {shown} was fetched: it is event {}", in_words(what), receipt.id)?;
            }
            Ok(Brought::Known(by)) => {
                let with = by.map(|by| format!(", with event {by}")).unwrap_or_default();
                writeln!(out, "{} {shown} is known in this state{with}", in_words(what))?;
            }
            Err(error) => {
                all = false;
                writeln!(out, "{} {shown} was not fetched: {error}", in_words(what))?;
            }
        }
    }
    if !is_served {
        writeln!(out, "No receiver runs: what was fetched is delivered when one does.")?;
    }
    Ok(all)
}

/// Looks for what is missing, and hands it on.
///
/// # Errors
/// The problems of the configuration, or why Tradecloud or the inbox cannot be asked.
pub async fn backfill(args: &BackfillArgs, config: Option<&Path>, out: &mut impl Write) -> Result<bool, Failure> {
    let place = place(config).await?;
    let zone = &place.settings.log.time_zone;
    let since = args.since.at(zone).map_err(anyhow::Error::from)?;
    let until = args.until.map(|until| until.at(zone)).transpose().map_err(anyhow::Error::from)?;
    if until.is_some_and(|until| until <= since) {
        return Err(anyhow::Error::new(WrongUsage("--until has to be later than --since".to_owned())).into());
    }
    if since > Timestamp::now() {
        let why = "--since is in the future: nothing has changed since then".to_owned();
        return Err(anyhow::Error::new(WrongUsage(why)).into());
    }
    // By itself on each request: a session would end that of a receiver that runs.
    let api = place.api.by_basic();
    let backfill = Backfill { api, archive: Arc::clone(&place.archive), intake: place.intake.clone() };
    let of_orders = place.settings.poll.as_ref().and_then(poll::Settings::orders).unwrap_or(Polled::Orders);
    let mut of = Vec::new();
    if args.orders || !args.shipments {
        of.push(of_orders);
    }
    if args.shipments || !args.orders {
        of.push(Polled::Shipments);
    }
    let (mut looked, mut missing) = (0, 0);
    for of in of {
        let found = backfill
            .run(of, (since, until), !args.dry_run, |missing| write(out, missing, args.json))
            .await
            .context("it is not finished. What was handed on is known the next time")?;
        (looked, missing) = (looked + found.at, missing + found.missing);
    }
    place.inbox.close().await;
    if !args.json {
        let of = format!("{missing} of {looked}");
        let what = match (missing, args.dry_run) {
            (0, _) => format!("The inbox has all {looked} that Tradecloud has changed in that time."),
            (_, true) => format!("{of} are missing here. Nothing was handed on: leave out --dry-run for that."),
            (_, false) => format!("{of} were missing here, and are handed on: see `events list --origin backfill`."),
        };
        writeln!(out, "{what}").context("cannot write the result")?;
    }
    Ok(true)
}

fn write(out: &mut impl Write, missing: &Missing, as_json: bool) -> std::io::Result<()> {
    let Missing { what, id, number, updated, here } = missing;
    if as_json {
        let here = here.map(|here| here.to_string());
        let entry = json!({"what": what, "id": id, "number": number, "updated": updated, "here": here});
        return writeln!(out, "{entry}");
    }
    let number = number.as_deref().map_or_else(|| "-".to_owned(), shown::line);
    let updated = updated.as_deref().map_or_else(|| "-".to_owned(), shown::line);
    let here = here.map_or_else(|| "never came".to_owned(), |here| format!("here is the state of {here}"));
    writeln!(out, "{what:<8}  {number:<20}  {updated:<24}  {}  {here}", shown::line(id))
}
