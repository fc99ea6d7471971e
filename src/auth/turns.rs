//! Passwords that take long to check are checked in turn, and the turn goes round the addresses: whoever has
//! many connections gets through no sooner than whoever has one, and waits for his own guesses only.
//!
//! Addresses that are known, because Tradecloud sends from them or because right credentials came from there
//! since the start, have turns of their own, for which no stranger waits.
//!
//! Behind one address may be somebody who guesses and somebody who is right. Of those who wait there, chance
//! says who is next, and who has to go when there are too many: nobody can be kept out by being outpaced, only
//! be delayed in the proportion in which others come.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::rand;
use tokio::sync::oneshot;

use super::AddressList;

/// Callers that wait, all together.
const MOST: usize = 256;
/// Addresses that are remembered as known: more than ever send.
const MOST_KNOWN: usize = 64;

static OF_STRANGERS: Turns = Turns::new();
static OF_KNOWN: Turns = Turns::new();
static KNOWN: Mutex<VecDeque<IpAddr>> = Mutex::new(VecDeque::new());

/// Whoever holds it computes. Dropped, it goes to the next one.
pub(super) struct Turn(Option<&'static Turns>);

/// One turn, and who waits for it.
struct Turns(Mutex<Waiting>);

struct Waiting {
    /// Somebody has the turn.
    taken: bool,
    /// By address, the one that is next first; none is empty.
    lines: VecDeque<(IpAddr, Vec<oneshot::Sender<Turn>>)>,
}

/// Waits for the turn to compute for a caller at that address; `None` if too many wait. Whoever leaves loses his
/// place.
pub(super) async fn wait(from: IpAddr) -> Option<Turn> {
    let turns = if is_known(from) { &OF_KNOWN } else { &OF_STRANGERS };
    turns.queue(whole(from)).await.ok()
}

/// Remembers that right credentials came from that address.
pub(super) fn know(from: IpAddr) {
    let (mut known, from) = (KNOWN.lock().unwrap_or_else(PoisonError::into_inner), whole(from));
    if !known.contains(&from) {
        known.truncate(MOST_KNOWN - 1);
        known.push_front(from);
    }
}

fn is_known(from: IpAddr) -> bool {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.contains(&whole(from)) || AddressList::tradecloud().contains(from)
}

/// What one party has many addresses of counts as one: a network of IPv6.
pub(crate) fn whole(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() >> 64 << 64)),
        four @ IpAddr::V4(_) => four,
    }
}

impl Turns {
    const fn new() -> Self {
        Self(Mutex::new(Waiting { taken: false, lines: VecDeque::new() }))
    }

    fn queue(&'static self, from: IpAddr) -> oneshot::Receiver<Turn> {
        let (give, given) = oneshot::channel();
        let mut waiting = self.waiting();
        waiting.line_up(from, give);
        if !waiting.taken {
            self.pass_on(&mut waiting);
        }
        given
    }

    /// Gives the turn to whoever is next, if anybody waits.
    fn pass_on(&'static self, waiting: &mut Waiting) {
        waiting.taken = false;
        while let Some(next) = waiting.next() {
            match next.send(Turn(Some(self))) {
                Ok(()) => {
                    waiting.taken = true;
                    return;
                }
                // Gone meanwhile. The turn stays here.
                Err(mut turn) => turn.0 = None,
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn line_up(&mut self, from: IpAddr, caller: oneshot::Sender<Turn>) {
        for (_, line) in &mut self.lines {
            line.retain(|caller| !caller.is_closed());
        }
        self.lines.retain(|(_, line)| !line.is_empty());
        match self.lines.iter_mut().find(|(address, _)| *address == from) {
            Some((_, line)) => line.push(caller),
            None => self.lines.push_back((from, vec![caller])),
        }
        if self.lines.iter().map(|(_, line)| line.len()).sum::<usize>() > MOST {
            self.send_one_away();
        }
    }

    /// One of the longest line.
    fn send_one_away(&mut self) {
        let longest = self.lines.iter().enumerate().max_by_key(|(_, (_, line))| line.len()).map(|(index, _)| index);
        if let Some((_, line)) = longest.and_then(|index| self.lines.get_mut(index)) {
            line.swap_remove(any_of(line.len()));
            self.lines.retain(|(_, line)| !line.is_empty());
        }
    }

    /// Somebody of the address that is next, which then is the last.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let (address, mut line) = self.lines.pop_front()?;
        let next = line.swap_remove(any_of(line.len()));
        if !line.is_empty() {
            self.lines.push_back((address, line));
        }
        Some(next)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0 {
            turns.pass_on(&mut turns.waiting());
        }
    }
}

/// A number below `count` that nobody can foresee; the last one if there are none to be had.
fn any_of(count: usize) -> usize {
    let mut bytes = [0xff; size_of::<usize>()];
    let _ = rand::fill(&mut bytes);
    usize::from_ne_bytes(bytes) % count.max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn turns() -> &'static Turns {
        Box::leak(Box::new(Turns::new()))
    }

    #[tokio::test]
    async fn the_turn_goes_round_the_addresses() {
        let turns = turns();
        let first = turns.queue(address("192.0.2.1")).await.unwrap();
        let mut many: Vec<_> = (0..40).map(|_| turns.queue(address("192.0.2.1"))).collect();
        let mut one = turns.queue(address("192.0.2.2"));

        drop(first);
        let of_many = many.iter_mut().filter_map(|given| given.try_recv().ok()).collect::<Vec<_>>();
        assert!(of_many.len() == 1 && one.try_recv().is_err(), "one at a time");
        drop(of_many);

        assert!(one.try_recv().is_ok(), "forty others were there before");
    }

    #[tokio::test]
    async fn whoever_comes_to_a_full_line_may_be_served_and_other_lines_are_left_alone() {
        let turns = turns();
        let held = turns.queue(address("192.0.2.1")).await.unwrap();
        let mut one = turns.queue(address("192.0.2.2"));
        let mut many: Vec<_> = (0..4 * MOST).map(|_| turns.queue(address("192.0.2.1"))).collect();

        many.retain_mut(|given| !matches!(given.try_recv(), Err(oneshot::error::TryRecvError::Closed)));

        assert_eq!(many.len(), MOST - 1);
        drop(held);
        assert!(one.try_recv().is_ok(), "who was there first is next");
        drop(one);
    }

    #[tokio::test]
    async fn whoever_leaves_stops_nobody() {
        let turns = turns();
        let held = turns.queue(address("192.0.2.1")).await.unwrap();
        let (gone, mut stays) = (turns.queue(address("192.0.2.1")), turns.queue(address("192.0.2.2")));
        drop(gone);
        let given_and_gone = turns.queue(address("192.0.2.3"));

        drop(held);
        drop(stays.try_recv().unwrap());
        drop(given_and_gone);

        let next = tokio::time::timeout(Duration::from_secs(60), turns.queue(address("192.0.2.4"))).await;
        assert!(next.unwrap().is_ok());
    }

    #[test]
    fn tradeclouds_addresses_and_those_of_right_callers_are_known() {
        know(address("2001:db8:1:2::3"));

        for known in ["35.204.224.107", "::ffff:35.204.36.162", "2001:db8:1:2::3", "2001:db8:1:2:3:4:5:6"] {
            assert!(is_known(address(known)), "{known}");
        }
        for strange in ["192.0.2.77", "2001:db8:1:3::3"] {
            assert!(!is_known(address(strange)), "{strange}");
        }
    }
}
