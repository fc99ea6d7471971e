//! Standard output, for every command that has a result.

use std::io::{self, ErrorKind, Stdout, Write};

/// Standard output, which remembers when nobody reads it any more (`events list | head`).
pub(super) struct Output {
    to: Stdout,
    /// Whoever read it has read enough.
    pub(super) unread: bool,
}

impl Output {
    /// The standard output of this process.
    pub(super) fn new() -> Self {
        Self { to: io::stdout(), unread: false }
    }

    fn note<T>(&mut self, written: io::Result<T>) -> io::Result<T> {
        written.inspect_err(|error| self.unread |= error.kind() == ErrorKind::BrokenPipe)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.to.flush();
        self.note(flushed)
    }
}
