//! What `events deliver` says of an event: what is due now, and what keeps the rest.

use std::collections::HashSet;

use crate::dispatch::Route;
use crate::inbox::{DeliveryView, EventView, State};

/// What was asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// To be delivered to that handler, instead of to each that has not got it.
    pub(super) handler: Option<&'a str>,
    /// Only the deliveries in that state.
    pub(super) only: Option<State>,
    /// The handlers there are.
    pub(super) routes: &'a [Route],
}

/// What became of it.
pub(super) struct Outcome {
    /// What to say of the event, and whether it was done.
    pub(super) said: Result<String, String>,
    /// A receiver delivers something of it now.
    pub(super) due: bool,
    /// Something of it is due once its handler goes on.
    pub(super) paused: bool,
}

/// Why a pending delivery is not made at once.
enum Obstacle<'a> {
    NoHandler,
    Paused,
    WaitsFor(&'a str),
}

impl Asked<'_> {
    /// What to say of an event, now that `changed` of its deliveries were changed. `on_their_way` are the
    /// events before it that are due, or follow one that is.
    pub(super) fn outcome(&self, changed: usize, event: Option<&EventView>, on_their_way: &HashSet<String>) -> Outcome {
        let deliveries = event.map(|event| &*event.deliveries).unwrap_or_default();
        let pending = deliveries.iter().filter(|delivery| {
            delivery.state == State::Pending && self.handler.is_none_or(|handler| handler == delivery.handler)
        });
        let (mut notes, mut kept, mut free, mut paused) = (Vec::new(), false, false, false);
        if changed > 0 {
            notes.push(format!("{changed} delivery(s) due"));
        }
        for delivery in pending {
            let handler = &delivery.handler;
            let obstacle = self.obstacle(delivery, on_their_way);
            kept |= obstacle.is_some();
            free |= obstacle.is_none();
            paused |= matches!(obstacle, Some(Obstacle::Paused));
            match obstacle {
                Some(Obstacle::NoHandler) => notes.push(format!("handler {handler} is not in the configuration")),
                Some(Obstacle::Paused) => notes.push(format!("handler {handler} is paused")),
                Some(Obstacle::WaitsFor(first)) => {
                    notes.push(format!("for handler {handler} it waits for event {first} of its order or shipment"));
                }
                None if changed > 0 => {}
                None => notes.push(match &delivery.waits_for {
                    Some(first) => format!("for handler {handler} it follows event {first} of its order or shipment"),
                    None => format!(
                        "for handler {handler} it is due already: a running receiver is at it, or will be within seconds"
                    ),
                }),
            }
        }
        let what = if notes.is_empty() { self.nothing(event) } else { Ok(notes.join("; ")) };
        let said = if changed == 0 && kept { what.and_then(Err) } else { what };
        // What a receiver has delivered meanwhile is not pending any more.
        Outcome { said, due: changed > 0 && (free || !kept), paused: changed > 0 && paused }
    }

    fn obstacle<'d>(&self, delivery: &'d DeliveryView, on_their_way: &HashSet<String>) -> Option<Obstacle<'d>> {
        match self.routes.iter().find(|route| route.name == delivery.handler) {
            None => Some(Obstacle::NoHandler),
            Some(route) if route.paused => Some(Obstacle::Paused),
            Some(_) => {
                delivery.waits_for.as_deref().filter(|first| !on_their_way.contains(*first)).map(Obstacle::WaitsFor)
            }
        }
    }

    /// Nothing was changed, and nothing is pending.
    fn nothing(&self, event: Option<&EventView>) -> Result<String, String> {
        match (event, self.only) {
            (None, _) => Err("nothing to deliver: it is not in the inbox any more".to_owned()),
            // A running receiver, or somebody else, was quicker.
            (Some(event), Some(State::Pending | State::Dead | State::Discarded)) => {
                Ok(format!("it is {} by now", event.state.as_str()))
            }
            _ => {
                Err("nothing to deliver: each handler that wanted it, if any, is done. With `--handler NAME` it goes to that \
                      handler once more all the same"
                    .to_owned())
            }
        }
    }
}
