//! The promises, stage by stage, tested from outside: real programs and servers around the receiver.
//!
//! What stands below is the table of contents. Each module opens with what it promises; `support` has what they share.

#![expect(unreachable_pub, reason = "nobody can use a program of tests; `pub` says what its modules share")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

// What every test uses.
mod documented; // what Tradecloud documents of its messages, written down a second time
mod scripted; // a receiver that answers what a test tells it to, for `send` and `replay`
mod support; // the receiver, its sender, and the systems around it

// The first minutes, and what it may do.
mod confined; // with as few rights as its image and its systemd unit leave it, everything works
mod first_run; // without any configuration: what is made up, for this machine only
mod taken_over; // an inbox of an earlier version, by what people ask of it, whatever happens meanwhile
mod upgrade; // what the version before has left still serves: configuration, inbox, scripts

// From the wire to the answer.
mod acme; // a certificate that renews itself, from a real CA
mod answers; // row by row: what is said, and what is kept
mod get_notices; // a call says what has changed, and is safe before it is answered
mod handshake; // TLS with old and careless clients
mod hostile; // thousands of requests that mean harm, and none does any
mod proxies; // behind a load balancer: whose word counts for who the client is
mod receive; // an event that comes is there, and is answered

// Who may send.
mod credentials; // any of the credentials, changed without a gap
mod oauth; // access tokens, good and forged, and an issuer that is away
mod secrets; // passwords and tokens are shown and kept nowhere else

// What an event says.
mod decode; // bodies become envelopes, as JSON and as tXML
mod encodings; // tXML in the encodings that XML allows
mod malformed; // what is not well-formed is refused, with the place of the fault
mod model; // messages as types
mod render; // JSON as tXML, written for the tests alone
mod round_trip; // whatever Tradecloud may send comes out as it went in
mod schemas; // JSON Schemas of events, and the documents of what is said to Tradecloud and an ERP, are true
mod txml; // tXML becomes the JSON that Tradecloud would have sent

// What was taken is never lost.
mod durability; // kills, syncs that fail, full disks, clocks that jump
mod inbox_scale; // an inbox with very many events works like an empty one
mod repeated; // what comes again is one event, and what only looks like it is another
mod shared_inbox; // several receivers on one database
mod stateless; // without an inbox: 200 only for what the handlers confirmed

// What the receiver asks Tradecloud for.
mod fetching; // polls, notices, documents and gaps, on a simulated Tradecloud

// From the inbox to the ERP.
mod dispatch; // in the order received, until it arrives or somebody decides otherwise
mod handlers; // the promises that every handler keeps, on real back ends
mod routing; // which handler gets which event

// Inside another program.
mod embedded; // a program of one's own with a receiver in it

// What people do.
mod configuration; // `check`: every problem at once, each with its place and a hint
mod inbox_commands; // `events`, `send` and `replay` as at a terminal
mod inbox_copies; // `inbox`: a backup while the receiver works, whether it is whole, and the way back
mod inspector; // who may look at the inbox on the admin address, and what he finds there
mod outputs; // whole outputs of the commands, compared to the letter
mod reload; // change without loss, and nobody notices it
mod replay; // `replay` against scripted answers
mod send; // `send` against scripted answers
mod simulate; // a Tradecloud on one's own machine: its answers have the fields of the real ones

// What the log says.
mod telemetry; // each thing that happens, in every form of the log

// The law of this house.
mod documents; // README and docs/ say what is true, and their commands work
mod imports; // the folders of `src` stand on floors, without a circle
