//! The documents: README, docs/ and what stands beside them, taken apart.

use std::path::Path;

/// A document of this repository.
pub struct Page {
    /// Where it is, from the root of the repository on.
    pub path: String,
    pub text: String,
}

/// README, docs/ and the other documents at the root.
pub fn pages() -> Vec<Page> {
    let mut paths: Vec<_> = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned).into();
    below("docs", &mut paths);
    assert!(paths.len() > 20, "the pages of docs/ were not found: {paths:?}");
    paths.iter().map(|path| page(path)).collect()
}

fn below(folder: &str, paths: &mut Vec<String>) {
    let mut entries: Vec<_> = std::fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            below(&path, paths);
        } else if Path::new(&path).extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
}

/// One of them.
pub fn page(path: &str) -> Page {
    Page { path: path.to_owned(), text: file(path) }
}

/// A file of the repository.
pub fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Page {
    /// The blocks of code in that language, without the indentation that a list gives them.
    pub fn blocks(&self, language: &str) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, bool, String)> = None;
        for line in self.text.lines() {
            let (fence, indentation) = (line.trim_start().strip_prefix("```"), line.len() - line.trim_start().len());
            match (&mut open, fence) {
                (None, Some(info)) => open = Some((indentation, info.trim() == language, String::new())),
                (Some(_), Some(_)) => {
                    let (_, wanted, block) = open.take().unwrap();
                    blocks.extend(wanted.then_some(block));
                }
                (Some((indentation, _, block)), None) => {
                    block.push_str(line.get(*indentation..).unwrap_or("").trim_end_matches('\n'));
                    block.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.path);
        blocks
    }

    /// The only block in that language.
    pub fn block(&self, language: &str) -> String {
        let blocks = self.blocks(language);
        assert_eq!(blocks.len(), 1, "blocks of {language} in {}", self.path);
        blocks.into_iter().next().unwrap()
    }

    /// The lines that are no code.
    pub fn prose(&self) -> impl Iterator<Item = &str> {
        let mut in_code = false;
        self.text.lines().filter(move |line| {
            let fence = line.trim_start().starts_with("```");
            in_code ^= fence;
            !fence && !in_code
        })
    }

    /// The headings, without their marks.
    pub fn headings(&self) -> Vec<&str> {
        self.prose().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim()).collect()
    }

    /// What stands below a heading, up to the next one of any level.
    pub fn section(&self, heading: &str) -> Page {
        let (mut inside, mut in_code) = (false, false);
        let mut text = String::new();
        for line in self.text.lines() {
            in_code ^= line.trim_start().starts_with("```");
            if line.starts_with('#') && !in_code {
                inside = line.trim_start_matches('#').trim() == heading;
            } else if inside {
                text += line;
                text.push('\n');
            }
        }
        assert!(!text.is_empty(), "{} has no section {heading:?}", self.path);
        Page { path: self.path.clone(), text }
    }

    /// The rows of its tables, a list of cells each, without heads.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let lines: Vec<_> = self.prose().collect();
        let is_rule = |line: &str| line.starts_with("|--");
        let rows = lines.iter().enumerate().filter(|(index, line)| {
            line.starts_with('|') && !is_rule(line) && !lines.get(index + 1).is_some_and(|next| is_rule(next))
        });
        rows.map(|(_, line)| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
    }
}

/// What stands between backticks in a text.
pub fn in_backticks(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
