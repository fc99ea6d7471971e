//! The digests of a JSON text: an exact one, and one that is the same for tXML.

use aws_lc_rs::digest::{Context, SHA256, digest};

use super::DEEPEST;
use super::reader::{Place, Reader};

/// So many bytes are digested at once. Most fields have fewer.
const AT_ONCE: usize = 128;

/// A digest in the making. To set up a context costs more than to digest what most fields hold, so that is done
/// only for those that hold more.
struct Running {
    last: [u8; AT_ONCE],
    length: usize,
    before: Option<Context>,
}

impl Running {
    const fn new() -> Self {
        Self { last: [0; AT_ONCE], length: 0, before: None }
    }

    fn update(&mut self, bytes: &[u8]) {
        if self.length + bytes.len() > AT_ONCE {
            let before = self.before.get_or_insert_with(|| Context::new(&SHA256));
            before.update(&self.last[..self.length]);
            self.length = 0;
            if bytes.len() > AT_ONCE {
                return before.update(bytes);
            }
        }
        self.last[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn finish(self) -> [u8; 32] {
        let last = &self.last[..self.length];
        let Some(mut context) = self.before else { return sha256(last) };
        context.update(last);
        whole(context.finish().as_ref())
    }
}

/// Both digests in the making.
pub(super) struct Hash {
    exact: Running,
    alike: Running,
}

impl Hash {
    pub(super) const fn new() -> Self {
        Self { exact: Running::new(), alike: Running::new() }
    }

    /// A value that has no others in it. Its length before it, so that where it ends is not told by what it holds.
    fn scalar(&mut self, kind: u8, text: &[u8]) {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes();
        self.exact.update(&[kind]);
        self.alike.update(b"s");
        for digest in [&mut self.exact, &mut self.alike] {
            digest.update(&length);
            digest.update(text);
        }
    }

    fn object(&mut self, exact: &Sum, alike: &Sum) {
        for (digest, sum) in [(&mut self.exact, exact), (&mut self.alike, alike)] {
            digest.update(b"{");
            sum.0.iter().for_each(|part| digest.update(&part.to_be_bytes()));
        }
    }

    /// A bracket. In tXML a list with one entry looks like the entry itself, so it only counts exactly.
    fn bracket(&mut self, bracket: u8) {
        self.exact.update(&[bracket]);
    }

    pub(super) fn finish(self) -> ([u8; 32], [u8; 32]) {
        (self.exact.finish(), self.alike.finish())
    }
}

/// The digests of an object's fields, added up: the same in whatever order they come.
#[derive(Default)]
struct Sum([u64; 4]);

impl Sum {
    fn add(&mut self, digest: [u8; 32]) {
        for (part, bytes) in self.0.iter_mut().zip(digest.chunks_exact(8)) {
            *part = part.wrapping_add(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        }
    }
}

impl Reader<'_> {
    /// Adds the value that follows. `None` where it cannot be read in every detail.
    pub(super) fn value(&mut self, hash: &mut Hash, place: Place, depth: usize) -> Option<()> {
        match self.peek()? {
            _ if depth > DEEPEST => return None,
            b'{' => self.object(hash, place, depth)?,
            b'[' => self.list(hash, depth)?,
            b'"' => {
                let text = self.text()?;
                hash.scalar(b't', &text);
            }
            _ => match self.literal()? {
                // The same as an entry that is not there.
                b"null" => hash.exact.update(b"0"),
                literal => hash.scalar(b'l', literal),
            },
        }
        Some(())
    }

    fn object(&mut self, hash: &mut Hash, place: Place, depth: usize) -> Option<()> {
        let (mut exact, mut alike) = (Sum::default(), Sum::default());
        self.at += 1;
        while self.unless_closed(b'}')? {
            let name = self.text()?;
            self.skip(b':')?;
            let says_something = self.says_something()?;
            let mut field = Hash::new();
            field.scalar(b't', &name);
            self.value(&mut field, place.of_field(&name), depth + 1)?;
            if place.leaves_out(&name) {
                continue;
            }
            let (exactly, alikewise) = field.finish();
            exact.add(exactly);
            if says_something {
                alike.add(alikewise);
            }
        }
        hash.object(&exact, &alike);
        Some(())
    }

    fn list(&mut self, hash: &mut Hash, depth: usize) -> Option<()> {
        self.at += 1;
        hash.bracket(b'[');
        while self.unless_closed(b']')? {
            self.value(hash, Place::Inside, depth + 1)?;
        }
        hash.bracket(b']');
        Some(())
    }

    /// Whether the value that follows is more than `null` or an empty list, which tXML does not have.
    fn says_something(&mut self) -> Option<bool> {
        self.peek()?;
        let rest = self.text.get(self.at..)?;
        let in_list = rest.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
        Some(!rest.starts_with(b"null") && !in_list.is_some_and(|entries| entries.starts_with(b"]")))
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    whole(digest(&SHA256, bytes).as_ref())
}

/// A digest as it is: all of them have this length.
fn whole(digest: &[u8]) -> [u8; 32] {
    digest.try_into().unwrap_or_default()
}
