//! What SQLite finds wrong with the structure of a database, in words.
//!
//! It looks whether tables and their indexes hang together and every page is one. What is written in a record it does not
//! know: for that there are checksums.

use rusqlite::{Connection, ErrorCode};

/// More of it helps nobody: one damaged page shows in many places.
const MOST: usize = 20;

/// What is wrong with it; nothing if it is sound.
///
/// # Errors
/// If it cannot be read for another reason than damage.
pub(super) fn structure(db: &Connection) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    match quick_check(db, &mut found) {
        Err(error) if is_damage(&error) => found.push(format!("it cannot be read to its end: {error}")),
        checked => checked?,
    }
    Ok(found)
}

fn quick_check(db: &Connection, found: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = db.prepare(&format!("PRAGMA quick_check({MOST})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        // One row may have several findings, the first of them below a heading.
        let lines = text.lines().filter(|line| !line.starts_with("***") && !line.is_empty() && *line != "ok");
        found.extend(lines.take(MOST.saturating_sub(found.len())).map(in_words));
    }
    Ok(())
}

/// Whether an error says that the file is damaged, and not that it cannot be had.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// What one of its lines means for whoever has the inbox; with the line, which somebody who knows SQLite asks for.
fn in_words(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let what = if lower.contains("missing from index") || lower.contains("wrong # of entries in index") {
        "an index lacks a record, so that it is not found by what it is looked up by"
    } else if lower.contains("non-unique entry in index") {
        "a record is there twice"
    } else if lower.contains("never used") || lower.contains("freelist") {
        "room is lost in the file; no event is"
    } else if lower.starts_with("null value in") || lower.contains("value in") {
        "a field of a record has what it cannot have"
    } else {
        "pages do not hang together, so that records are lost or cannot be read"
    };
    format!("{what} (SQLite: {line})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_database_has_nothing_wrong_with_it() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1)").unwrap();

        assert!(structure(&db).unwrap().is_empty());
    }

    #[test]
    fn pages_that_are_overwritten_are_found_and_told_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let db = Connection::open(&path).unwrap();
        let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                    INSERT INTO t SELECT i, hex(randomblob(50)) FROM n";
        db.execute_batch(&format!("CREATE TABLE t (a INTEGER PRIMARY KEY, b); {rows}")).unwrap();
        drop(db);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[4096 * 4..4096 * 6].fill(0xA5);
        std::fs::write(&path, bytes).unwrap();

        let found = structure(&Connection::open(&path).unwrap()).unwrap();

        assert!(!found.is_empty() && found.len() <= MOST + 1, "{found:?}");
        assert!(found.iter().any(|line| line.starts_with("pages do not hang together")), "{found:?}");
    }
}
