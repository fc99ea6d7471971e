//! The placeholder in the path of an endpoint: where in a request the id stands of what has changed.
//!
//! A GET webhook brings no body; its URL names the order or shipment that is to be fetched. Nobody has published how
//! Tradecloud encodes an id there. So what counts is the raw URL: what stands before and after the id is compared as it
//! is written, and all that is between them is the id, a `/` included, percent-decoded once. A `+` is a `+`.

use crate::model::What;
use crate::model::kinds::enumerated;

/// What a placeholder may be.
const PLACEHOLDERS: [(&str, What); 3] =
    [("orderId", What::OrderId), ("legacyOrderId", What::LegacyOrderId), ("shipmentId", What::ShipmentId)];

/// Longer than this, in bytes, no id is.
const LONGEST: usize = 512;

/// A path with a placeholder in it, or in the value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What the id is.
    pub(crate) what: What,
    place: Place,
    /// The other parameters that it has, sorted. A request has to have them all, and may have more.
    beside: Vec<String>,
}

/// Where the id stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// In the path, between these.
    Path { before: String, after: String },
    /// In a parameter of a request to that path: what stands before it, the parameter's name included, and after it.
    Parameter { path: String, before: String, after: String },
}

impl Template {
    /// Reads the path of an endpoint; `None` if it has no placeholder.
    ///
    /// # Errors
    /// What is wrong with it, for the one who has written it.
    pub(super) fn read(path: &str) -> Result<Option<Self>, String> {
        let Some((before, rest)) = path.split_once('{') else {
            return if path.contains('}') { Err("has a `}` without its `{`".to_owned()) } else { Ok(None) };
        };
        let Some((name, after)) = rest.split_once('}') else {
            return Err(format!("has a `{{` without its `}}`. {}", those_there_are()));
        };
        let Some((_, what)) = PLACEHOLDERS.into_iter().find(|(known, _)| *known == name) else {
            return Err(format!("has a placeholder that is none, `{{{name}}}`. {}", those_there_are()));
        };
        if after.contains(['{', '}']) {
            return Err("has more than one placeholder: only one thing is fetched for a call".to_owned());
        }
        if let Some((path, query)) = before.split_once('?') {
            return Self::in_query(what, path, query, after).map(Some);
        }
        let (after, query) = after.split_once('?').unwrap_or((after, ""));
        let place = Place::Path { before: before.to_owned(), after: after.to_owned() };
        Ok(Some(Self { what, place, beside: sorted(parameters(query)) }))
    }

    /// Whose placeholder stands in the query, behind that much of it and before the rest.
    fn in_query(what: What, path: &str, query: &str, rest: &str) -> Result<Self, String> {
        let (others_before, before) = query.rsplit_once('&').unwrap_or(("", query));
        let (after, others_after) = rest.split_once('&').unwrap_or((rest, ""));
        if before.split_once('=').is_none_or(|(name, _)| name.is_empty()) {
            return Err("has the placeholder where the name of a parameter is. It belongs behind the `=`: \
                        `?orderId={orderId}`"
                .to_owned());
        }
        let place = Place::Parameter { path: path.to_owned(), before: before.to_owned(), after: after.to_owned() };
        Ok(Self { what, place, beside: sorted(parameters(others_before).chain(parameters(others_after))) })
    }

    /// Whether the id stands in the query.
    pub(super) const fn is_in_query(&self) -> bool {
        matches!(self.place, Place::Parameter { .. })
    }

    /// Whether it stands for the requests that the other one stands for, whatever they would have fetched.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.place == other.place && self.beside == other.beside
    }

    /// By this, the one that says more comes first.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        let (Place::Path { before, after } | Place::Parameter { before, after, .. }) = &self.place;
        std::cmp::Reverse((self.is_in_query(), self.beside.len(), before.len(), after.len()))
    }

    /// Whether it is about requests to that path, with whatever query.
    pub(super) fn is_at(&self, of_request: &str) -> bool {
        match &self.place {
            Place::Path { .. } => between(of_request, self.around().0, self.around().1).is_some(),
            Place::Parameter { path, .. } => path == of_request,
        }
    }

    /// The id in a request to that path with that query, as it is written there, if it is one of those this is for.
    pub(super) fn id_in<'r>(&self, of_request: &'r str, query: Option<&'r str>) -> Option<&'r str> {
        let query = query.unwrap_or_default();
        let has = |parameter: &String| parameters(query).any(|other| other == parameter);
        if !self.is_at(of_request) || !self.beside.iter().all(has) {
            return None;
        }
        let (before, after) = self.around();
        match self.place {
            Place::Path { .. } => between(of_request, before, after),
            Place::Parameter { .. } => parameters(query).find_map(|parameter| between(parameter, before, after)),
        }
    }

    /// Whether a request names several things at once, of which only one could be fetched.
    pub(super) fn is_ambiguous(&self, query: Option<&str>) -> bool {
        let (before, after) = self.around();
        let mut ids = parameters(query.unwrap_or_default()).filter_map(|parameter| between(parameter, before, after));
        let first = ids.next();
        self.is_in_query() && ids.any(|id| Some(id) != first)
    }

    fn around(&self) -> (&str, &str) {
        let (Place::Path { before, after } | Place::Parameter { before, after, .. }) = &self.place;
        (before, after)
    }

    /// The id that is written so in a request; `None` if it has no place for one.
    ///
    /// # Errors
    /// Why it is none, for whoever called. What was written is not repeated.
    pub(super) fn id(&self, written: Option<&str>) -> Result<String, String> {
        let wrong = |what: &str| {
            let name = PLACEHOLDERS.iter().find(|(_, known)| *known == self.what).map_or("", |(name, _)| name);
            Err(format!("the {{{name}}} of this call {what}: there is nothing that could be fetched"))
        };
        let Some(written) = written.filter(|written| !written.is_empty()) else { return wrong("is missing") };
        match String::from_utf8(decoded(written)) {
            Err(_) => wrong("is not in UTF-8"),
            Ok(id) if id.len() > LONGEST => wrong("is longer than 512 bytes"),
            Ok(id) if id.contains(char::is_control) => wrong("has a control character in it"),
            Ok(id) if matches!(id.as_str(), "." | "..") => wrong("would lead elsewhere"),
            Ok(id) => Ok(id),
        }
    }
}

fn those_there_are() -> String {
    let names = PLACEHOLDERS.map(|(name, _)| format!("`{{{name}}}`"));
    format!("There are {}", enumerated(&names.each_ref().map(String::as_str), "and"))
}

/// The parameters of a query as they are written.
fn parameters(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|parameter| !parameter.is_empty())
}

fn sorted<'a>(parameters: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut parameters: Vec<_> = parameters.map(str::to_owned).collect();
    parameters.sort_unstable();
    parameters
}

/// What stands between these in a text.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.strip_prefix(before)?.strip_suffix(after)
}

/// A text without its percent signs, once. One that nothing follows that could be meant stays.
fn decoded(written: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut decoded, mut rest) = (Vec::with_capacity(written.len()), written.as_bytes());
    while let [first, behind @ ..] = rest {
        let pair = if let (b'%', [high, low, ..]) = (first, behind) { digit(high).zip(digit(low)) } else { None };
        decoded.push(pair.map_or(*first, |(high, low)| high << 4 | low));
        rest = if pair.is_some() { &behind[2..] } else { behind };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(path: &str) -> Template {
        Template::read(path).unwrap().unwrap()
    }

    /// The id in a request to that target, decoded.
    fn id(path: &str, target: &str) -> Option<Result<String, String>> {
        let template = template(path);
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        template.id_in(path, query).map(|written| template.id(Some(written)))
    }

    #[test]
    fn the_id_is_all_that_stands_between_what_is_before_and_after_it() {
        for (path, target, expected) in [
            ("/order/{orderId}", "/order/a334", Some("a334")),
            ("/order/{orderId}", "/order/c-PO%2F77", Some("c-PO/77")),
            ("/order/{orderId}", "/order/c-PO/77", Some("c-PO/77")),
            ("/order/{orderId}", "/order/a+b%2Bc", Some("a+b+c")),
            ("/order/{orderId}", "/order/%C3%BC", Some("ü")),
            ("/order/{orderId}", "/order/ü", Some("ü")),
            ("/order/{orderId}", "/order/100%25", Some("100%")),
            ("/order/{orderId}", "/order/%252F", Some("%2F")),
            ("/order/{orderId}", "/order/100%", Some("100%")),
            ("/order/{orderId}", "/order/%zz%4", Some("%zz%4")),
            ("/order/{orderId}", "/order/1?x=y", Some("1")),
            ("/order/{orderId}", "/orders/1", None),
            ("/order/{orderId}", "/Order/1", None),
            ("/order/{orderId}", "/order", None),
            ("/{orderId}/order", "/a/b/order", Some("a/b")),
            ("/o-{orderId}.json", "/o-7.json", Some("7")),
            ("/o-{orderId}-o", "/o-o", None),
            ("/order/{orderId}?of=c", "/order/1?a&of=c", Some("1")),
            ("/order/{orderId}?of=c", "/order/1?of=d", None),
            ("/w?id={orderId}", "/w?id=1", Some("1")),
            ("/w?id={orderId}", "/w?x=y&id=a+b%26%2F&z", Some("a+b&/")),
            ("/w?id={orderId}", "/w?id=a=b?c/d", Some("a=b?c/d")),
            ("/w?id={orderId}", "/w/?id=1", None),
            ("/w?id={orderId}", "/w?ID=1", None),
            ("/w?id={orderId}", "/w", None),
            ("/w?id=o-{orderId}-o", "/w?id=o-1-o", Some("1")),
            ("/w?a=1&id={orderId}&b=2", "/w?b=2&id=7&a=1", Some("7")),
            ("/w?a=1&id={orderId}&b=2", "/w?id=7&a=1", None),
        ] {
            let found = id(path, target).map(Result::unwrap);
            assert_eq!(found.as_deref(), expected, "{path} in {target}");
        }
    }

    #[test]
    fn what_could_lead_elsewhere_or_is_nothing_is_no_id() {
        let at = |text: &str| id("/o/{orderId}", &format!("/o/{text}")).unwrap();
        let long = "ü".repeat(256);
        for (id, what) in [
            ("", "is missing"),
            (".", "lead elsewhere"),
            ("..", "lead elsewhere"),
            ("%2e%2E", "lead elsewhere"),
            ("a%00", "control character"),
            ("a%0D%0Ab", "control character"),
            ("%C2%85", "control character"),
            ("%FC", "UTF-8"),
            (&format!("{long}x"), "512 bytes"),
        ] {
            let why = at(id).unwrap_err();
            assert!(why.contains(what) && why.starts_with("the {orderId} of this call "), "{id}: {why}");
        }
        for id in ["...", "../x", "%2E%2e/", " %20"] {
            assert!(at(id).is_ok(), "{id} goes out as one segment");
        }
        assert_eq!(at(&long), Ok(long));
        assert!(template("/w?s={shipmentId}").id(None).unwrap_err().contains("{shipmentId}"));
    }

    #[test]
    fn a_placeholder_that_is_none_is_told() {
        for (path, what) in [
            ("/o/{orderId", "has a `{` without its `}`"),
            ("/o/orderId}", "has a `}` without its `{`"),
            ("/o/{order}", "`{order}`. There are `{orderId}`, `{legacyOrderId}` and `{shipmentId}`"),
            ("/o/{orderid}", "`{orderid}`"),
            ("/o/{}", "`{}`"),
            ("/o/{orderId}/{shipmentId}", "more than one"),
            ("/o/{orderId}?s={shipmentId}", "more than one"),
            ("/o/{orderId}}", "more than one"),
            ("/o?{orderId}", "behind the `=`"),
            ("/o?{orderId}=1", "behind the `=`"),
            ("/o?a=1&x{orderId}", "behind the `=`"),
            ("/o?={orderId}", "behind the `=`"),
        ] {
            let told = Template::read(path).unwrap_err();
            assert!(told.contains(what), "{path}: {told}");
        }
        assert_eq!(Template::read("/webhooks/tradecloud"), Ok(None));
    }

    #[test]
    fn two_are_the_same_if_no_request_tells_them_apart() {
        let same = |one, other| template(one).is_same(&template(other));
        assert!(same("/o/{orderId}", "/o/{shipmentId}"));
        assert!(same("/o?a=1&i={orderId}&b=2", "/o?b=2&a=1&i={orderId}"));
        assert!(!same("/o/{orderId}", "/o/{orderId}/x") && !same("/o?i={orderId}", "/o?j={orderId}"));
        assert!(!same("/o?i={orderId}", "/o?i={orderId}&t=s"));
    }
}
