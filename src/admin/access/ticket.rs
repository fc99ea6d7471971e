//! A ticket: printed on the machine itself by whoever can read the key, good once, for a minute.

use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::key::KeyFile;
use super::seal::{self, Sealed};
use super::{Role, Visitor};

/// How long it is good, in seconds.
const GOOD_FOR: i64 = 60;

/// Whom it lets in.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ticket {
    name: String,
    role: Role,
    until: i64,
    id: String,
}

impl Sealed for Ticket {
    const PURPOSE: &'static str = "ticket";
}

/// Makes one.
pub(super) fn make(key: &KeyFile, name: &str, role: Role) -> io::Result<String> {
    let until = Timestamp::now().as_second() + GOOD_FOR;
    let ticket = Ticket { name: name.to_owned(), role, until, id: Uuid::new_v4().simple().to_string() };
    seal::seal(&key.read_or_make()?, &ticket, b"").ok_or_else(|| io::Error::other("it cannot be written"))
}

/// Whom a ticket would let in; nobody, if it is not one of ours, too old, or used up.
pub(super) fn look(key: &KeyFile, text: &str) -> io::Result<Option<Ticket>> {
    let Some(seal_key) = key.read()? else { return Ok(None) };
    let now = Timestamp::now().as_second();
    let is_good = |ticket: &Ticket| now < ticket.until && ticket.until <= now + GOOD_FOR;
    let ticket = seal::open(&seal_key, text, |_: &Ticket| Some(Vec::new())).filter(is_good);
    Ok(ticket.filter(|ticket| !key.is_used_up(&ticket.id, ticket.until)))
}

/// Uses it up.
pub(super) fn enter(key: &KeyFile, text: &str) -> io::Result<Option<Visitor>> {
    let Some(ticket) = look(key, text)? else { return Ok(None) };
    Ok(if key.use_up(&ticket.id, ticket.until)? { Some(ticket.visitor()) } else { None })
}

impl Ticket {
    /// Who he is then.
    pub(super) fn visitor(&self) -> Visitor {
        Visitor { name: self.name.clone(), role: self.role }
    }
}
