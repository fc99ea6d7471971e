//! What every request needs.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::aside::Aside;
use super::auth_grace::Grace;
use super::endpoints::{SharedTable, Table};
use super::overload::Load;
use super::turned_away::TurnedAway;
use crate::auth::Gate;
use crate::budget::Budget;
use crate::dispatch::Dispatch;
use crate::inbox::SharedInbox;
use crate::intake::Intake;
use crate::listener::settings::Server;
use crate::readiness::Readiness;

/// Where requests come in.
pub(crate) struct Reception {
    pub(crate) server: Server,
    pub(crate) table: SharedTable,
    pub(crate) budget: Budget,
    pub(crate) load: Load,
    pub(crate) inbox: SharedInbox,
    pub(crate) dispatch: Dispatch,
    pub(crate) intake: Intake,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) turned_away: TurnedAway,
    pub(crate) grace: Grace,
    pub(crate) aside: Aside,
}

impl Reception {
    /// Without endpoints yet; requests to other paths come to the gate `anywhere`.
    pub(crate) fn new(
        server: &Server,
        anywhere: &Gate,
        inbox: SharedInbox,
        dispatch: Dispatch,
        readiness: Arc<Readiness>,
    ) -> Self {
        let table = Table::new(Vec::new(), anywhere.clone(), server.proxies.clone());
        Self {
            server: server.clone(),
            table: Arc::new(ArcSwap::from_pointee(table)),
            budget: Budget::new(server.limits.bodies_in_memory),
            // HTTP/2 must not multiply what the number of connections bounds.
            load: Load::new(server.limits.connections, server.answer_within),
            grace: Grace::new(Arc::clone(&inbox).archive()),
            intake: Intake::new(Arc::clone(&inbox), dispatch.clone()),
            inbox,
            dispatch,
            readiness,
            turned_away: TurnedAway::new(),
            aside: Aside::new(),
        }
    }

    /// Tells the log what was counted and not told yet, because the receiver ends.
    pub(crate) fn tell_rest(&self) {
        self.turned_away.tell_rest();
        self.load.tell_rest();
        for credential in self.table.load().credentials() {
            credential.tell_rest();
        }
    }
}
