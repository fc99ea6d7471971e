//! People who search, in one process: what their questions cost the receiver that works beside them.
//!
//! Each asks one question after the other, with a pause before the next, as people do. The inbox is opened as the
//! command line opens it, once for all of them, so none of it is starting and connecting; that is in
//! `scripts/questions`, with the same questions. Run a receiver on the inbox of `scripts/million`, load it with
//! and without searchers in turn, and compare what the load measures:
//!
//! ```sh
//! cargo bench --bench searchers -- CONFIG [SEARCHERS [SECONDS [PAUSE_IN_SECONDS]]]
//! ```
//!
//! It prints how many questions were answered and how many were ended as too long, and the milliseconds that they
//! took.

use std::env::args;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tradecloud_webhook::config::Layers;
use tradecloud_webhook::desk::Desk;
use tradecloud_webhook::inbox::{Filter, InboxError, Purpose, State};
use tradecloud_webhook::model::Kind;

const USAGE: &str = "searchers: people who search an inbox.
  searchers CONFIG [SEARCHERS [SECONDS [PAUSE_IN_SECONDS]]]   default: 10 searchers, 15 s, 1 s between two questions";

/// As many as `events list` shows.
const SHOWN: usize = 50;

/// What became of the questions.
#[derive(Default)]
struct Answers {
    took: Vec<Duration>,
    too_long: usize,
}

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds `--bench`.
    let args: Vec<String> = args().skip(1).filter(|arg| arg != "--bench").collect();
    let Some(config) = args.first() else {
        return writeln!(std::io::stderr(), "{USAGE}").context("cannot write to standard error");
    };
    let number = |index: usize, or: f64| args.get(index).map_or(Ok(or), |text| text.parse().context(USAGE));
    let (searchers, lasts, pause) = (number(1, 10.0)?, number(2, 15.0)?, number(3, 1.0)?);
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let pause = Duration::try_from_secs_f64(pause)?;
    let all = runtime.block_on(search(Path::new(config), searchers, Duration::try_from_secs_f64(lasts)?, pause))?;
    tell(searchers, pause, all).context("cannot write to standard output")
}

/// Lets so many search for so long.
async fn search(config: &Path, searchers: f64, lasts: Duration, pause: Duration) -> anyhow::Result<Answers> {
    let kept = Layers::read(Some(config)).map_err(|problem| anyhow::anyhow!("{problem}"))?.kept();
    let kept = kept.map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let inbox = kept.inbox.store.open(Purpose::Tool).await?;
    let archive = inbox.archive().context("that inbox keeps nothing")?;
    let desk = Arc::new(Desk::new(archive, kept.routes));
    let (mut working, end, mut index) = (JoinSet::new(), Instant::now() + lasts, 0_u32);
    while f64::from(index) < searchers {
        let (desk, first) = (Arc::clone(&desk), pause.mul_f64(f64::from(index) / searchers));
        let mut random = Random(u64::from(index) << 32 | u64::from(std::process::id()));
        index += 1;
        working.spawn(async move {
            let mut answers = Answers::default();
            // Not all in the same moment.
            sleep(first).await;
            while Instant::now() < end {
                let (filter, begun) = (question(&mut random)?, Instant::now());
                match ask(&desk, &filter).await {
                    Ok(()) => answers.took.push(begun.elapsed()),
                    Err(InboxError::TooLong) => answers.too_long += 1,
                    Err(error) => return Err(error.into()),
                }
                sleep(pause).await;
            }
            anyhow::Ok(answers)
        });
    }
    let mut all = Answers::default();
    while let Some(answers) = working.join_next().await {
        let answers = answers??;
        all.took.extend(answers.took);
        all.too_long += answers.too_long;
    }
    desk.close().await;
    Ok(all)
}

/// As `events list` asks: a page, how many there are, and how far numbers are read.
async fn ask(desk: &Desk, filter: &Filter) -> Result<(), InboxError> {
    let (mut pages, mut shown) = (desk.pages(filter), 0);
    while let Some(page) = pages.next().await? {
        shown += page.events.len();
    }
    if shown == filter.limit {
        desk.count(filter).await?;
    }
    if filter.number.is_some() {
        desk.unread().await?;
    }
    Ok(())
}

/// One of the questions of `scripts/questions`, with a number that there is in the inbox of `scripts/million`.
fn question(random: &mut Random) -> anyhow::Result<Filter> {
    let event = random.below(999_999) + 1;
    let (order, sale, track) = (event / 8, event, event / 10 * 10);
    let day: (Timestamp, Timestamp) = ("2025-10-20T00:00:00Z".parse()?, "2025-10-21T00:00:00Z".parse()?);
    let text = |text: &str| Some(text.to_owned());
    let all = || Filter { limit: SHOWN, ..Filter::default() };
    let in_state = |state| Filter { states: vec![state], ..all() };
    let of_erp = || Filter { handler: text("erp"), ..all() };
    let number = |number: String| Filter { number: Some(number), ..all() };
    let of_order = || number(format!("PO-{order:08}"));
    let shipments = || Some(Kind::Shipment);
    let mut questions = vec![
        all(),
        in_state(State::Dead),
        in_state(State::Discarded),
        in_state(State::Refused),
        in_state(State::Done),
        in_state(State::Pending),
        in_state(State::Unwanted),
        Filter { states: vec![State::Dead, State::Refused], ..all() },
        Filter { kind: shipments(), ..all() },
        Filter { kind: Some(Kind::Order), ..in_state(State::Dead) },
        Filter { event: text("OrderCancelled*"), ..all() },
        Filter { event: text("Nothing*"), ..all() },
        Filter { origin: text("poll"), ..all() },
        of_erp(),
        Filter { states: vec![State::Dead], ..of_erp() },
        Filter { states: vec![State::Dead], kind: shipments(), ..of_erp() },
        Filter { event: text("Nothing*"), ..of_erp() },
        Filter { handler: text("none"), ..all() },
        Filter { since: Some(day.0), until: Some(day.1), ..all() },
        Filter { until: Some("2025-10-10T00:00:00Z".parse()?), ..all() },
        Filter { since: Some(day.0), until: Some(day.1), kind: shipments(), ..in_state(State::Dead) },
        number(format!("po {order:08}")),
        number("nothing-of-that-name".to_owned()),
        Filter { kind: shipments(), ..of_order() },
        Filter { states: vec![State::Dead], ..of_order() },
        number(format!("so{sale:09}")),
        number(format!("TR{track:010}")),
        of_order(),
    ];
    let index = random.below(questions.len() as u64);
    Ok(questions.swap_remove(usize::try_from(index)?))
}

fn tell(searchers: f64, pause: Duration, answers: Answers) -> std::io::Result<()> {
    let Answers { mut took, too_long } = answers;
    took.sort_unstable();
    let at = |percent: usize| {
        let took = took.get((took.len() * percent / 100).min(took.len().saturating_sub(1)));
        took.map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    };
    writeln!(
        std::io::stdout(),
        "{searchers} searchers, {pause:?} between two questions of each: {} answered, {too_long} too long  \
         p50 {:.1}  p95 {:.1}  p99 {:.1}  most {:.1} ms",
        took.len(),
        at(50),
        at(95),
        at(99),
        at(100)
    )
}

/// Numbers that look random: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
