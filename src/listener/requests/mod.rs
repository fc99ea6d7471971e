//! Requests, in the order in which one is worked on.

// Every route, and the layers around them.
pub(crate) mod router;

// One request from start to end: read this first.
pub(crate) mod receive;

// What every request needs.
pub(crate) mod reception;

// Who the client is where a proxy stands in front.
pub mod client;

// `[[endpoints]]`: who may send what where.
pub mod endpoints;

// The placeholder in a path: where the id stands of what a GET webhook says has changed.
pub mod template;

// What the head of one says: where it is aimed, and where its body comes from.
pub(crate) mod arrival;

// Bodies from addresses that may not send here: refused at once, and kept aside.
pub(crate) mod aside;

// Wrong credentials where right ones worked lately: a delay instead of lost orders.
pub(crate) mod auth_grace;

// What the log is told of callers that were turned away.
pub(crate) mod turned_away;

// More requests than can be worked on: some wait, some are told to come again.
pub(crate) mod overload;

// Reading a body: bounded in size, in memory and in time.
pub(crate) mod body;

// A body that nobody wants is taken in and dropped, so that its sender gets to read the answer.
pub(crate) mod lingering;

// The answer of an endpoint that waits for the handlers.
pub(crate) mod handled;

// A GET webhook: that something has changed, which is still to be fetched.
pub(crate) mod notices;
