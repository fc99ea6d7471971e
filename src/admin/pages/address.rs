//! The query of an address: what somebody asks for, to be asked for again with a little more or less.

use askama::filters::urlencode_strict;

/// Names and values in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Of these pairs those that say something.
    pub(super) fn of(pairs: &[(String, String)]) -> Self {
        Self(pairs.iter().filter(|(_, value)| !value.is_empty()).cloned().collect())
    }

    /// Without those of these names.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        Self(self.0.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect())
    }

    /// With one more.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs = self.without(&[name]).0;
        pairs.push((name.to_owned(), value.to_owned()));
        Self(pairs)
    }

    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `a=1&b=2`, with nothing in it that an address does not take.
    pub(super) fn encoded(&self) -> String {
        let pairs: Vec<_> =
            self.0.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        pairs.join("&")
    }

    /// The page of that name with this query.
    pub(super) fn link(&self, page: &str) -> String {
        if self.is_empty() { page.to_owned() } else { format!("{page}?{}", self.encoded()) }
    }
}

/// A part of an address.
pub(super) fn encoded(text: &str) -> String {
    match urlencode_strict(text) {
        Ok(encoded) => encoded.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_asked_for_is_one_part_of_an_address() {
        let query = Query::of(&[("number".to_owned(), "a/b?c#d&e=f ü".to_owned()), ("kind".to_owned(), String::new())]);

        assert_eq!(query.link("orders"), "orders?number=a%2Fb%3Fc%23d%26e%3Df%20%C3%BC");
        assert_eq!(query.with("after", "x").without(&["number"]).link("events"), "events?after=x");
        assert_eq!(query.without(&["number"]).link("events"), "events");
    }
}
