//! An attempt in words: how it ended, why, and what the back end said.

use super::numbers::with_commas;
use crate::inbox::{AttemptView, Ending};
use crate::shown::{lines, printable};

/// `1 attempt that is`, `1,203 attempts that are`.
pub(crate) fn attempts_that_are(number: u32) -> String {
    format!("{} that {}", counted(number), if number == 1 { "is" } else { "are" })
}

/// `1 attempt`, `1,203 attempts`.
pub(crate) fn counted(attempts: u32) -> String {
    let number = with_commas(usize::try_from(attempts).unwrap_or(usize::MAX));
    format!("{number} attempt{}", if attempts == 1 { "" } else { "s" })
}

/// A back end that has answered was reached, and a program that has failed was there: `unreachable` is what that comes
/// to for those who deliver.
pub(crate) fn ending(attempt: &AttemptView) -> String {
    match (attempt.outcome, attempt.status) {
        (Some(Ending::Unreachable), Some(status)) => format!("not taken ({status})"),
        (Some(Ending::Unreachable) | None, None) => "failed".to_owned(),
        (None, Some(status)) => format!("failed with {status}"),
        (Some(ending), Some(status)) => format!("{} with {status}", ending.as_str()),
        (Some(ending), None) => ending.as_str().to_owned(),
    }
}

/// Why it failed, in its first line; and in lines of their own what else there is to that, and what the back end said.
pub(crate) fn in_words(attempt: &AttemptView) -> (Option<String>, Vec<String>) {
    let reason = attempt.reason.as_deref().unwrap_or_default();
    let mut of_reason = reason.lines().map(printable);
    let first = of_reason.next();
    let mut others: Vec<_> = of_reason.collect();
    let said = attempt.answer.as_deref().map(|answer| lines(answer.as_bytes())).unwrap_or_default();
    // Of many back ends the reason is what they said.
    if !said.is_empty() && !lines(reason.as_bytes()).contains(&said) {
        others.push("the back end said:".to_owned());
        others.extend(said.lines().map(|line| format!("  {line}")));
    }
    (first, others)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_was_answered_was_reached_and_what_was_not_has_failed() {
        let answered = AttemptView {
            handler: "erp".to_owned(),
            round: 1,
            attempt: 1,
            begun: Timestamp::UNIX_EPOCH,
            milliseconds: 6,
            outcome: Some(Ending::Unreachable),
            status: Some(500),
            answer: None,
            reason: None,
        };
        let no_answer = AttemptView { status: None, ..answered.clone() };
        let rejected = AttemptView { outcome: Some(Ending::Rejected), status: Some(422), ..answered.clone() };

        assert_eq!([&answered, &no_answer, &rejected].map(ending), ["not taken (500)", "failed", "rejected with 422"]);
    }
}
