//! Tradecloud's own API: whom the receiver asks when a call brought no body, when it looks for what never came, and for
//! documents.
//!
//! `settings` reads `[tradecloud]`, and `api` has what can be asked. Behind it, `line` lets one request after another
//! out, and leaves a server alone that asks for it or is out of order; `session` logs in, as seldom as it can, because
//! too many attempts get an account banned; `account` knows whether its password was refused; `token` is what a login
//! gives. `path` makes addresses of ids, `page` takes answers apart, `hidden` keeps what we showed of ourselves out of
//! what others say, and `probe` is for `check --online`.
//!
//! On that stand `fetch`, which follows notices, `poll`, which asks what has changed, and `backfill`, which looks for what
//! is missing; `known` says what the inbox has, `source` gives documents, and
//! `agent` is the part of a receiver that does all this, if it leads.

mod account;
mod agent;
mod api;
mod backfill;
mod error;
mod fetch;
mod hidden;
mod known;
mod line;
mod page;
mod path;
pub(crate) mod poll;
mod probe;
mod session;
mod settings;
mod source;
mod token;

pub(crate) use self::agent::{Agent, AtOnce};
pub(crate) use self::api::{Api, Polled};
pub(crate) use self::backfill::{Backfill, Missing};
pub(crate) use self::fetch::{Brought, Fetch, in_words};
pub(crate) use self::known::Known;
pub(crate) use self::path::no_id;
pub(crate) use self::probe::Needs;
pub(crate) use self::settings::Settings;

#[cfg(test)]
mod tests;
