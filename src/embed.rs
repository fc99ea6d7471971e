//! The short ways from a configuration to a receiver that runs, for a program that embeds one.

use std::path::Path;

use crate::app::Receiver;
use crate::config::{Layers, Problem, Problems};
use crate::listener::development;
use crate::signal::told_to_stop;

/// What the text of [`Receiver::from_toml`] goes by in messages.
const TEXT: &str = "configuration";

impl Receiver {
    /// The receiver that `tradecloud-webhook serve --config FILE` runs: by that file; without one by
    /// [`config/receiver.toml`](crate::config::DEFAULT_FILE), and if that is not there, by a development set-up for
    /// this machine only, which is made. The environment stands above it, the defaults stand below.
    ///
    /// While it runs, it goes on with other settings when a file has changed, or at SIGHUP.
    ///
    /// # Errors
    /// The [`Problems`] of the configuration, all of them; or if the development set-up cannot be made.
    pub fn from_config(file: Option<&Path>) -> anyhow::Result<Self> {
        let file = file.map(Path::to_owned);
        let read = move || development::layers(file.as_deref());
        let layers = read().map_err(Problems::from)?;
        if !layers.has_file() {
            development::make()?;
        }
        Ok(Self::by(&layers, read)?)
    }

    /// The same by a text in place of the file. What the text names (certificates, secrets) is followed.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration.
    pub fn from_toml(text: impl Into<String>) -> Result<Self, Problems> {
        let layers = Layers::from_text(TEXT, text);
        let again = layers.clone();
        Self::by(&layers, move || Ok(again.clone()))
    }

    fn by(
        layers: &Layers,
        read: impl Fn() -> Result<Layers, Problem> + Send + Sync + 'static,
    ) -> Result<Self, Problems> {
        let (settings, warnings) = layers.settings()?;
        let mut receiver = Self::new(settings).following(read);
        receiver.warnings = warnings;
        Ok(receiver)
    }

    /// Starts it, works until the process is told to stop (SIGTERM, SIGINT, Ctrl+C), and drains: for a program that
    /// does nothing else. It logs to standard error as `[log]` says, unless the program has set up a log of its own.
    ///
    /// A program that wants to stop it by itself, or to know its address, calls [`Receiver::start`], and
    /// [`Running::run_until`](crate::app::Running::run_until) or [`Running::drain`](crate::app::Running::drain).
    ///
    /// # Errors
    /// As [`Receiver::start`] and [`Running::run_until`](crate::app::Running::run_until).
    pub async fn run(self) -> anyhow::Result<()> {
        // Held to the end: dropped, it writes what of the log still waits.
        let _log = self.settings.log.start();
        self.start().await?.run_until(told_to_stop()).await
    }
}
