//! What the model says about an element, wherever it stands.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::decode::found::{Bare, EVENTS};
use crate::model::shape::{Described, Field, Fields, Shape};
use crate::model::{Kind, Order, Shipment, Webhook};

/// What becomes of an element: the name of its field in JSON, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use<'a> {
    pub(super) json: &'a str,
    pub(super) shape: Shape,
}

/// What becomes of an element inside an object of the given type, or inside one that the model does
/// not know.
///
/// Where the type does not declare it, the model may still know the element from elsewhere: a `note`
/// is one of a list of notes in every object. If types disagree about an element, or none knows it,
/// then what it holds decides.
pub(super) fn use_of<'a>(fields: Option<&Fields>, element: &'a str) -> Use<'a> {
    if let Some(field) = fields.and_then(|fields| fields.of_element(element)) {
        return Use { json: field.json, shape: field.shape };
    }
    let elsewhere = EVERYWHERE.get(element).copied().flatten();
    elsewhere.unwrap_or(Use { json: element, shape: Shape::Any })
}

/// The type of the root: a webhook if it has one of the event elements, else a bare order or shipment.
pub(super) fn root<'a>(mut children: impl Iterator<Item = &'a str>) -> Option<&'static Fields> {
    let mut bare = Bare::default();
    let is_webhook = children.any(|name| {
        bare.see(if name == "line" { "lines" } else { name }, true);
        EVENTS.iter().any(|(event, _)| *event == name)
    });
    let of_bare = if bare.kind() == Some(Kind::Shipment) { Shipment::SHAPE } else { Order::SHAPE };
    match if is_webhook { Webhook::SHAPE } else { of_bare } {
        Shape::Object(fields) => Some(fields),
        _ => None,
    }
}

/// What every type that knows an element says of it; `None` where they disagree about its name.
static EVERYWHERE: LazyLock<HashMap<&'static str, Option<Use<'static>>>> = LazyLock::new(|| {
    let mut uses = HashMap::new();
    collect(&Webhook::SHAPE, &mut uses);
    uses
});

fn collect(shape: &Shape, uses: &mut HashMap<&'static str, Option<Use<'static>>>) {
    match shape {
        Shape::List(entry) => collect(entry, uses),
        Shape::Object(fields) => {
            for Field { json, element, shape, .. } in fields.fields {
                let new = Use { json, shape: *shape };
                let known = uses.entry(element).or_insert(Some(new));
                *known = known.and_then(|known| agreed(known, new));
                collect(shape, uses);
            }
        }
        _ => {}
    }
}

/// What two types agree on about an element.
fn agreed(one: Use<'static>, other: Use<'static>) -> Option<Use<'static>> {
    let shape = match (one.shape, other.shape) {
        (one, other) if one == other => one,
        (Shape::List(_), Shape::List(_)) => Shape::List(&Shape::Any),
        (Shape::List(_), _) | (_, Shape::List(_)) => return None,
        _ => Shape::Any,
    };
    (one.json == other.json).then_some(Use { shape, ..one })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_that_types_disagree_about_is_decided_by_what_it_holds() {
        let anywhere = |element| use_of(None, element);
        assert_eq!(anywhere("note"), Use { json: "notes", shape: Shape::List(&Shape::Text) });
        assert_eq!(anywhere("quantity"), Use { json: "quantity", shape: Shape::Number });
        assert!(matches!(anywhere("document"), Use { json: "documents", shape: Shape::List(Shape::Object(_)) }));
        // A list in a party, a text in an item.
        assert_eq!(anywhere("name"), Use { json: "name", shape: Shape::Any });
        // Lists of different lines in an order and in a shipment.
        assert_eq!(anywhere("line"), Use { json: "lines", shape: Shape::List(&Shape::Any) });
        assert_eq!(anywhere("nobodyKnowsIt"), Use { json: "nobodyKnowsIt", shape: Shape::Any });
    }
}
