//! Connections, in the order in which one comes about.

// The acceptor: how many, and who has to go when every place is taken.
pub(crate) mod guard;

// How long one may stay.
pub(crate) mod lease;

// Whom a load balancer passes one on for (the PROXY protocol).
pub(crate) mod proxy_protocol;

// `[server.tls]`, and the certificate and key from files.
pub mod tls;

// What a certificate and its chain say, and how Tradecloud will judge them.
pub(crate) mod chain;

// A certificate from a CA that renews itself.
pub mod acme;

// The certificate of a running receiver: handshakes, an exchange while it runs.
pub(crate) mod certificates;

// What a handshake is made with.
pub(crate) mod certificate_slot;

// Handshakes take turns with everything else.
pub(crate) mod handshake_turns;

// HTTP/2; hyper gets the others.
pub(crate) mod http2;

// A stream that was looked at to see which of the two it speaks.
pub(crate) mod peeked;

// A client that closes its side right behind a request, and still wants the answer.
pub(crate) mod half_closed;
