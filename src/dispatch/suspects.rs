//! A handler's deliveries under suspicion (see `alone`), which wait for their turn.
//!
//! Only one of them is at work in the whole process, and that one may hang for as long as its handler's time-out. So
//! they wait beside the handler's lanes: those are for the others meanwhile.

use std::collections::VecDeque;

use tokio::task::JoinSet;

use super::alone::{Alone, Turn};
use crate::inbox::{Claim, Inbox};

/// Claimed, but not begun.
pub(super) struct Suspects {
    alone: Alone,
    waiting: VecDeque<Claim>,
    /// Waits in line with those of the other handlers.
    asking: JoinSet<Turn>,
    turn: Option<Turn>,
}

impl Suspects {
    /// None yet.
    pub(super) fn new(alone: Alone) -> Self {
        Self { alone, waiting: VecDeque::new(), asking: JoinSet::new(), turn: None }
    }

    /// Some more. The more often the process has ended during one, the later it is tried: the others are done by
    /// then, and who came to it by chance is not met by the next end as well.
    pub(super) fn add(&mut self, claims: impl IntoIterator<Item = Claim>) {
        self.waiting.extend(claims);
        self.waiting.make_contiguous().sort_by_key(|claim| claim.ends);
    }

    /// The next one, if it is its turn; if not, that is waited for from now on.
    pub(super) fn next(&mut self) -> Option<(Claim, Turn)> {
        self.ask();
        // One that nobody needs is given back.
        let turn = self.turn.take()?;
        self.waiting.pop_front().map(|claim| (claim, turn))
    }

    /// Waits in line from now on, if there is one to be tried.
    pub(super) fn ask(&mut self) {
        if !self.waiting.is_empty() && self.turn.is_none() && self.asking.is_empty() {
            let alone = self.alone.clone();
            self.asking.spawn(async move { alone.turn().await });
        }
    }

    /// None is to be begun for now: those of other handlers go first.
    pub(super) fn stand_back(&mut self) {
        (self.asking, self.turn) = (JoinSet::new(), None);
    }

    /// Whether a turn is waited for.
    pub(super) fn is_asking(&self) -> bool {
        !self.asking.is_empty()
    }

    /// Waits until it is the turn of the next one.
    pub(super) async fn come(&mut self) {
        if let Some(Ok(turn)) = self.asking.join_next().await {
            self.turn = Some(turn);
        }
    }

    /// Gives all of them back.
    pub(super) async fn release(&mut self, inbox: &dyn Inbox) {
        self.stand_back();
        while let Some(claim) = self.waiting.pop_front() {
            inbox.release(&claim).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use tokio::time::timeout;

    use super::*;
    use crate::inbox::EventKey;
    use crate::model::Format;

    const A_MOMENT: Duration = Duration::from_millis(10);

    fn claim(id: &str) -> Claim {
        Claim {
            event: 1,
            key: EventKey::of_id(id),
            id: id.to_owned(),
            number: None,
            event_name: None,
            handler: "erp".to_owned(),
            lane: 1,
            attempts: 0,
            since: Timestamp::UNIX_EPOCH,
            size: 1,
            format: Format::Json,
            round: 1,
            ends: 1,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_is_begun_whichever_handler_it_is_for() {
        let alone = Alone::default();
        let (mut erp, mut disk) = (Suspects::new(alone.clone()), Suspects::new(alone));
        erp.add(["1", "2"].map(claim));
        disk.add([claim("3")]);

        assert!(erp.next().is_none() && erp.is_asking());
        erp.come().await;
        let (first, turn) = erp.next().unwrap();
        assert!(disk.next().is_none());
        assert!(timeout(A_MOMENT, disk.come()).await.is_err());
        assert!(erp.next().is_none());
        drop(turn);
        disk.come().await;
        let (other, turn) = disk.next().unwrap();
        assert!(timeout(A_MOMENT, erp.come()).await.is_err());
        drop(turn);
        erp.come().await;

        assert_eq!([first.id, other.id, erp.next().unwrap().0.id], ["1", "3", "2"]);
        assert!(erp.next().is_none() && !erp.is_asking(), "nobody waits for the turn of none");
    }

    #[tokio::test]
    async fn whoever_was_met_by_more_ends_is_tried_later() {
        let mut suspects = Suspects::new(Alone::default());
        suspects.add([Claim { ends: 2, ..claim("1") }, claim("2")]);
        suspects.add([claim("3")]);

        let mut tried = Vec::new();
        while !suspects.waiting.is_empty() {
            assert!(suspects.next().is_none());
            suspects.come().await;
            tried.extend(suspects.next().map(|(claim, _turn)| claim.id));
        }

        assert_eq!(tried, ["2", "3", "1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_is_down_keeps_no_other_from_its_turn() {
        let alone = Alone::default();
        let (mut down, mut up) = (Suspects::new(alone.clone()), Suspects::new(alone));
        down.add([claim("1")]);
        up.add([claim("2")]);
        assert!(down.next().is_none() && up.next().is_none());
        down.come().await;
        assert!(timeout(A_MOMENT, up.come()).await.is_err());

        down.stand_back();

        assert!(timeout(A_MOMENT, up.come()).await.is_ok());
        assert_eq!(up.next().unwrap().0.id, "2");
    }
}
