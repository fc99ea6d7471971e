//! One real back end per handler type, each of which can be put into the same few moods. A new handler
//! is a file here and a line in [`all`]; every promise is then tried on it too.

mod amqp;
mod exec;
mod file;
mod http;
#[cfg(feature = "kafka")]
mod kafka;
mod nats;
mod postgres;

use async_trait::async_trait;

pub(super) use self::amqp::Amqp;
pub(super) use self::http::Http;
#[cfg(feature = "kafka")]
pub(super) use self::kafka::Topic;
pub(super) use self::nats::NatsStream;

/// What a back end does with the events that come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mood {
    Accepts,
    RefusesForGood,
    RefusesForNow,
    Hangs,
    Vanished,
}

/// A real back end with a handler for it. It starts by accepting.
#[async_trait]
pub(super) trait BackEnd: Send + Sync {
    /// The handler's type.
    fn name(&self) -> &'static str;

    /// The keys of its handler, without `timeout`.
    fn table(&self) -> String;

    /// Words that the reason of an attempt has in this mood, or why there is no such mood.
    fn reason(&self, mood: Mood) -> Result<&'static str, &'static str>;

    /// Changes the mood; whatever comes from now on meets it.
    async fn set(&mut self, mood: Mood);

    /// The events it has taken, in the order it took them.
    async fn taken(&self) -> Vec<String>;
}

/// One of each.
pub(super) async fn all() -> Vec<Box<dyn BackEnd>> {
    vec![
        Box::new(Amqp::start().await),
        Box::new(exec::Program::start()),
        Box::new(file::Directory::start()),
        Box::new(Http::start()),
        #[cfg(feature = "kafka")]
        Box::new(Topic::start().await),
        Box::new(NatsStream::start().await),
        Box::new(postgres::Table::start().await),
    ]
}

/// One of each that knows this mood, and is in it.
pub(super) async fn all_in(mood: Mood) -> Vec<Box<dyn BackEnd>> {
    let mut back_ends = all().await;
    back_ends.retain(|back_end| back_end.reason(mood).is_ok());
    for back_end in &mut back_ends {
        back_end.set(mood).await;
    }
    back_ends
}
