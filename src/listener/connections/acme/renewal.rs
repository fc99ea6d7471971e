//! Sees to it that there is a certificate, and a new one in time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use humantime::format_duration;
use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::{Certificate, Settings, order};
use crate::dispatch::{Schedule, chance};
use crate::listener::connections::certificate_slot::Slot;
use crate::listener::connections::tls::days_until;
use crate::telemetry::events;

/// The pauses after failures: five attempts in the first hour, then one an hour. Let's Encrypt lets five
/// fail in an hour.
const RETRIES: Schedule = Schedule {
    first_retry: Duration::from_secs(5),
    retry_factor: 6.0,
    max_retry: Duration::from_secs(3600),
    give_up_after: Duration::MAX,
};
/// For one attempt, whatever it waits for.
const ATTEMPT: Duration = Duration::from_secs(10 * 60);
/// How often to look at the clock: it may be set, or the machine may sleep.
const LOOK: Duration = Duration::from_secs(60);

/// Keeps the slot filled. Never returns; dropped, it stops.
pub(crate) async fn keep(settings: Settings, slot: Arc<Slot>) {
    let mut current = settings.kept.clone();
    loop {
        match &current {
            Some(certificate) if certificate.is_for(&settings.domains) => until(certificate.renew_at(chance())).await,
            Some(_) => events::certificates::for_other_names(),
            None if slot.get().is_some() => events::certificates::awaited_with_another(),
            None => events::certificates::awaited_with_none(),
        }
        let certificate = get(&settings, &slot, current.as_deref()).await;
        slot.put(Arc::clone(&certificate.key));
        let expires = certificate.expires;
        events::certificates::new_in_use(expires, days_until(expires));
        current = Some(Arc::new(certificate));
    }
}

/// Tries until it works.
async fn get(settings: &Settings, slot: &Slot, current: Option<&Certificate>) -> Certificate {
    let mut failures = 0;
    loop {
        let tried = timeout(ATTEMPT, order::obtain(settings, slot)).await;
        let error = match tried.unwrap_or_else(|_| Err(anyhow!("the CA took longer than {}", format_duration(ATTEMPT))))
        {
            Ok(certificate) => return certificate,
            Err(error) => error,
        };
        failures += 1;
        let now = Timestamp::now();
        let next = RETRIES.next(failures, now, now, chance()).unwrap_or(now);
        match current {
            None if slot.get().is_some() => events::certificates::none_but_another(&error, next),
            None => events::certificates::none(&error, next),
            Some(old) if old.is_late() => {
                events::certificates::not_renewed_and_late(&error, next, days_until(old.expires));
            }
            Some(old) => events::certificates::not_renewed(&error, next, days_until(old.expires)),
        }
        until(next).await;
    }
}

/// Waits for a time of the clock.
async fn until(time: Timestamp) {
    while let Ok(left) = Duration::try_from(time.duration_since(Timestamp::now()))
        && !left.is_zero()
    {
        sleep(left.min(LOOK)).await;
    }
}
