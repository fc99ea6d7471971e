//! What a [`Section`] asks for, and this build was made without. A feature of Cargo has the name that the part it
//! brings has in the configuration.

use super::Section;

impl Section {
    /// Notes that what `key` names was left out of this build.
    pub fn left_out(&self, key: &str) {
        if let Some(name) = self.text(key) {
            self.error(
                key,
                format!(
                    "is \"{name}\", which this program was built without. Build it with \
                     `cargo build --release --features {name}`"
                ),
            );
        }
    }

    /// Leaves the other keys as they are: they belong to what was left out, and nobody here can tell a wrong one.
    pub fn leave(&self) {
        self.asked.borrow_mut().extend(self.values.keys().cloned());
    }
}
