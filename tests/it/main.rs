//! The promises, stage by stage, tested from outside: real programs and servers around the receiver.

#![expect(unreachable_pub, reason = "nobody can use a program of tests; `pub` says what its modules share")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod acme;
mod answers;
mod configuration;
mod confined;
mod credentials;
mod decode;
mod dispatch;
mod documented;
mod documents;
mod durability;
mod embedded;
mod first_run;
mod handlers;
mod handshake;
mod hostile;
mod inbox_commands;
mod inbox_scale;
mod malformed;
mod model;
mod oauth;
mod proxies;
mod receive;
mod reload;
mod render;
mod repeated;
mod replay;
mod round_trip;
mod routing;
mod scripted;
mod secrets;
mod send;
mod shared_inbox;
mod stateless;
mod support;
mod txml;
mod upgrade;
