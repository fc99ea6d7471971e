//! Outcome → HTTP answer, and what Tradecloud makes of it: the only place that names status codes.

/// What Tradecloud does after an answer with a status code (its current manual).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 2xx: Tradecloud is done with the event.
    Delivered,
    /// Tradecloud drops the event for good: every 4xx, and 500.
    Lost,
    /// Tradecloud sends the event again, with increasing pauses, without end: 502, 503, 504, or no
    /// answer at all.
    WillRetry,
}

impl Verdict {
    /// Judges a status code as Tradecloud does.
    pub const fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Delivered,
            502..=504 => Self::WillRetry,
            _ => Self::Lost,
        }
    }

    /// `delivered`, `lost` or `will retry`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Lost => "lost",
            Self::WillRetry => "will retry",
        }
    }
}
