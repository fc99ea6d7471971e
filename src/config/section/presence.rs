//! Keys of a [`Section`] that may be missing, and keys that may not.

use super::Section;

impl Section {
    /// Whether the table has that key.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The names of its keys, sorted: for a table whose keys are the user's.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.values.keys().cloned().collect();
        keys.sort();
        keys
    }

    /// What `read` makes of the key, or `default` where there is no such key; `None` if what is there is wrong.
    pub fn or<T>(&self, key: &str, read: impl FnOnce(&Self, &str) -> Option<T>, default: T) -> Option<T> {
        self.or_else(key, read, || Some(default))
    }

    /// As [`Section::or`], for a default that has to be made, and may not be to be had.
    pub fn or_else<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Self, &str) -> Option<T>,
        default: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        self.know(key);
        if self.has(key) { read(self, key) } else { default() }
    }

    /// What `read` makes of a key that must be there; `example` is shown if it is not.
    pub fn required<T>(&self, key: &str, example: &str, read: impl FnOnce(&Self, &str) -> Option<T>) -> Option<T> {
        self.or_else(key, read, || {
            self.error(key, format!("is missing. Add `{key} = {example}`"));
            None
        })
    }

    /// A text that must be there; `example` is shown if it is not.
    pub fn required_text(&self, key: &str, example: &str) -> Option<String> {
        self.required(key, example, Self::text)
    }

    /// A text out of a few that must be there.
    pub fn required_choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let choose = |section: &Self, key: &str| section.choice(key, choices);
        self.or_else(key, choose, || {
            let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            self.error(key, format!("is missing. One of {}", names.join(", ")));
            None
        })
    }

    /// Takes no notice of a key that means nothing here: it is not unknown, whatever it says.
    pub fn ignore(&self, key: &str) {
        self.know(key);
    }

    /// From now on the key is known, whether it is there or not.
    pub(super) fn know(&self, key: &str) {
        self.asked.borrow_mut().push(key.to_owned());
    }
}
