//! How far a look at very many events is, for whoever waits for it at a terminal. To look at a million takes minutes.

use std::io::{self, IsTerminal as _, Stderr, Write};
use std::time::{Duration, Instant};

use super::words::{events, with_commas};

/// Nobody wants to read what has gone by before,
const FIRST: Duration = Duration::from_secs(1);
/// nor more often than that.
const EVERY: Duration = Duration::from_millis(500);

/// A line that is written over again and again, and is gone in the end.
pub(super) struct Progress<W: Write> {
    /// `None` where nobody looks.
    to: Option<W>,
    next: Instant,
    is_shown: bool,
}

impl Progress<Stderr> {
    /// On standard error, if that is a terminal.
    pub(super) fn at_the_terminal() -> Self {
        Self::new(io::stderr().is_terminal().then(io::stderr), FIRST)
    }
}

impl<W: Write> Progress<W> {
    fn new(to: Option<W>, first: Duration) -> Self {
        Self { to, next: Instant::now() + first, is_shown: false }
    }

    /// To be called with how many of how many were looked at.
    pub(super) fn looked(mut self) -> impl FnMut(usize, usize) {
        move |number, of| self.say(number, of)
    }

    fn say(&mut self, number: usize, of: usize) {
        let now = Instant::now();
        if let Some(to) = self.to.as_mut().filter(|_| now >= self.next) {
            self.next = now + EVERY;
            self.is_shown = true;
            // A terminal that is gone keeps nobody from his work.
            let _ = write!(to, "\r\x1b[K{} of {} looked at…", with_commas(number), events(of));
            let _ = to.flush();
        }
    }
}

impl<W: Write> Drop for Progress<W> {
    fn drop(&mut self) {
        if let Some(to) = self.to.as_mut().filter(|_| self.is_shown) {
            let _ = write!(to, "\r\x1b[K");
            let _ = to.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_sees_how_far_it_is_and_nothing_of_it_is_left() {
        let mut written = Vec::new();
        let mut looked = Progress::new(Some(&mut written), Duration::ZERO).looked();
        looked(500, 1_000_000);
        looked(1_000, 1_000_000);
        drop(looked);

        let text = String::from_utf8(written).unwrap();
        assert!(text.starts_with("\r\x1b[K500 of 1,000,000 events looked at…"), "{text:?}");
        assert!(text.ends_with("…\r\x1b[K"), "{text:?}");
    }

    #[test]
    fn of_what_takes_a_moment_nothing_is_said() {
        let mut written = Vec::new();
        let mut looked = Progress::new(Some(&mut written), Duration::from_secs(3600)).looked();
        looked(500, 1_000);
        drop(looked);

        assert_eq!(written, b"");
    }
}
