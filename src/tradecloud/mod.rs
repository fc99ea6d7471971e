//! Tradecloud's own API: whom the receiver asks when a call brought no body, when it looks for what never came, and for
//! documents.
//!
//! `settings` reads `[tradecloud]`, and `api` has what can be asked. Behind it, `line` lets one request after another
//! out, and leaves a server alone that asks for it or is out of order; `session` logs in, as seldom as it can, because
//! too many attempts get an account banned; `account` knows whether its password was refused; `token` is what a login
//! gives. `path` makes addresses of ids, `page` takes answers apart, `hidden` keeps what we showed of ourselves out of
//! what others say, and `probe` is for `check --online`.

// Goes once all of it is in use.
#![cfg_attr(not(test), expect(dead_code, reason = "fetching, polling and documents are built on it"))]

mod account;
mod api;
mod error;
mod hidden;
mod line;
mod page;
mod path;
mod probe;
mod session;
mod settings;
mod token;

pub(crate) use self::settings::Settings;
#[expect(unused_imports, reason = "fetching, polling and documents are built on it")]
pub(crate) use self::{
    api::{Api, Polled},
    error::ApiError,
    page::{Item, Metadata, Page},
};

#[cfg(test)]
mod tests;
