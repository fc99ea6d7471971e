//! What stands in for a handler that this build was made without: a name in the configuration, and an error that says
//! how to have it.

use std::time::Duration;

use crate::config::Section;
use crate::handlers::{BuildError, Configured, Readable, SharedHandler};

/// Nobody has such settings.
#[derive(Debug)]
pub(super) enum Settings {}

impl Readable for Settings {
    fn read(section: &Section, _: Duration) -> Option<Self> {
        section.left_out("type");
        section.leave();
        None
    }
}

impl Configured for Settings {
    fn describe(&self) -> String {
        match *self {}
    }

    fn build(self: Box<Self>, _: &str) -> Result<SharedHandler, BuildError> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use crate::config::table;
    use crate::handlers::{DEFAULT_TIMEOUT, Readable as _};

    #[test]
    fn a_handler_that_was_left_out_says_how_to_have_it_and_nothing_of_its_keys() {
        let read = table::read("bus", "type = 'nats'\nurl = 'nats://bus'\nsubject = 'a.>'", |section| {
            let settings = Settings::read(&section, DEFAULT_TIMEOUT);
            section.finish();
            settings
        });

        let problems: Vec<_> = read.unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            ["error: `bus.type` is \"nats\", which this program was built without. Build it with \
              `cargo build --release --features nats`"]
        );
    }
}
