//! Every page is found, and every link leads to where it says.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::support::pages::{Page, page, pages, root};

/// Where the links of a page lead, but for those into the world.
fn links(page: &Page) -> Vec<String> {
    let mut links = Vec::new();
    for line in page.prose() {
        // What stands in backticks is no link.
        let text: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for rest in text.split("](").skip(1) {
            let target = rest.split(')').next().unwrap();
            if !target.contains("://") && !target.starts_with("mailto:") {
                links.push(target.to_owned());
            }
        }
    }
    links
}

/// The anchor that a heading gets, on a forge as in a book.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leaves the repository", path.display()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_leads_somewhere() {
    let pages: BTreeMap<_, _> = pages().into_iter().map(|page| (PathBuf::from(&page.path), page)).collect();
    let mut broken = Vec::new();
    let mut followed = 0;
    for (path, page) in &pages {
        for link in links(page) {
            followed += 1;
            let (file, wanted) = link.split_once('#').map_or((&*link, None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { path.clone() } else { plain(&path.parent().unwrap().join(file)) };
            let leads = match (wanted, pages.get(&target)) {
                (None, _) => root().join(&target).exists(),
                (Some(wanted), Some(page)) => page.headings().iter().any(|heading| anchor(heading) == wanted),
                (Some(_), None) => false,
            };
            if !leads {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(followed > 100, "links were not found: {followed}");
}

#[test]
fn the_summary_lists_every_page_once() {
    let mut listed = links(&page("docs/SUMMARY.md"));
    listed.sort();

    let mut there: Vec<_> =
        pages().into_iter().filter_map(|page| page.path.strip_prefix("docs/").map(str::to_owned)).collect();
    there.retain(|path| path != "SUMMARY.md");
    there.sort();

    assert_eq!(listed, there);
}

#[test]
fn the_readme_is_short_and_leads_to_every_page_of_the_first_level() {
    let readme = page("README.md");

    let links = links(&readme);

    assert!(readme.text.lines().count() <= 150, "{} lines", readme.text.lines().count());
    for page in pages().iter().filter(|page| page.path.starts_with("docs/") && !page.path.ends_with("/SUMMARY.md")) {
        // Those about one handler each are found from the page about handlers, too.
        let linked = links.iter().any(|link| link.split('#').next() == Some(&page.path));
        assert!(linked || page.path.starts_with("docs/handlers/"), "the README does not lead to {}", page.path);
    }
}

#[test]
fn every_page_opens_with_the_question_it_answers() {
    for page in pages().iter().filter(|page| page.path.starts_with("docs/") && !page.path.ends_with("/SUMMARY.md")) {
        let mut lines = page.text.lines();
        assert!(lines.next().is_some_and(|line| line.starts_with("# ")), "{}: no title", page.path);
        let opening: String = lines.skip(1).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        assert!(opening.contains('?'), "{} begins with {opening:?}", page.path);
    }
}

#[test]
fn no_heading_of_a_page_has_the_anchor_of_another() {
    for page in pages().iter().filter(|page| page.path.starts_with("docs/")) {
        let mut anchors: Vec<_> = page.headings().into_iter().map(anchor).collect();
        anchors.sort();
        let before = anchors.len();
        anchors.dedup();
        assert_eq!(anchors.len(), before, "{}: {anchors:?}", page.path);
    }
}
