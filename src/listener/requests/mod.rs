//! Requests, in the order in which one is worked on.

// Every route, and the layers around them.
pub(crate) mod router;

// One request from start to end: read this first.
pub(crate) mod receive;

// What the head of a request says: where it is aimed, and where its body comes from.
mod arrival;

// The answer where the handlers are waited for.
mod handled;

// Who the client is where a proxy stands in front.
pub mod client;

// Who may send what where: what a reload exchanges as a whole.
pub(crate) mod endpoints;

// Bodies from addresses that may not send here: refused at once, and kept aside.
pub(crate) mod aside;

// Wrong credentials that worked lately cost a delay instead of orders.
pub(crate) mod auth_grace;

// What the log is told of callers that were turned away.
pub(crate) mod turned_away;

// More requests than can be worked on: some wait, some are told to come again.
pub(crate) mod overload;

// Reading a body: bounded in size, in memory and in time.
pub(crate) mod body;

// A body that nobody wants is taken in and dropped, so that its sender gets to read the answer.
pub(crate) mod lingering;
