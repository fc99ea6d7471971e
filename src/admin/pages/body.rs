//! A body as text: as it was received, in numbered lines, with the place marked that a refusal names; and as a handler gets
//! it, indented. No digit and no name is another one by that.

use super::trouble::Trouble;
use super::visit::Visit;
use crate::decode;
use crate::desk::Desk;
use crate::event::Event;
use crate::inbox::EventView;

/// So much of a body is shown.
const SHOWN: usize = 256 << 10;
/// And so many lines.
const LINES: usize = 4000;

/// In which form it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// As it was received.
    Received,
    /// The same with a line for each field.
    Spaced,
    /// As a handler gets it.
    Delivered,
}

impl View {
    /// The one that the address asks for; a refused body has only one.
    pub(super) fn of(visit: &Visit, event: &EventView) -> Self {
        let asked = visit.uri.query().unwrap_or_default();
        match asked {
            "view=spaced" if event.kind.is_some() => Self::Spaced,
            "view=delivered" if event.kind.is_some() => Self::Delivered,
            _ => Self::Received,
        }
    }
}

/// A body as it stands on a page.
pub(super) struct Shown {
    pub(super) lines: Vec<Line>,
    /// Whether there is more of it.
    pub(super) is_cut: bool,
}

/// A line of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// What stands before the place that is marked,
    pub(super) before: String,
    /// what is marked,
    pub(super) marked: String,
    /// and what stands behind it.
    pub(super) behind: String,
    /// Whether a refusal names it.
    pub(super) is_named: bool,
}

/// The body of an event, or the event as a handler gets it.
pub(super) async fn shown(
    desk: &Desk,
    event: &EventView,
    read: Option<&Event>,
    view: View,
) -> Result<Option<Shown>, Trouble> {
    if view == View::Delivered {
        let Some(delivered) = read.and_then(|read| read.cloud_event().ok()) else { return Ok(None) };
        return Ok(Some(in_lines(&indented(&String::from_utf8_lossy(&delivered)), None)));
    }
    let place = event.reason.as_deref().filter(|_| event.kind.is_none()).and_then(place);
    let Ok(body) = desk.body_if_readable(event).await? else { return Ok(None) };
    let begin = &body[..body.len().min(4 * SHOWN)];
    let text = decode::readable(event.content_type.as_deref(), begin);
    let is_json = text.trim_start().starts_with(['{', '[']);
    let mut shown = match view {
        View::Spaced if is_json => in_lines(&indented(&text), None),
        _ => in_lines(&text, place),
    };
    shown.is_cut |= begin.len() < body.len();
    Ok(Some(shown))
}

fn in_lines(text: &str, place: Option<(usize, usize)>) -> Shown {
    let mut end = text.len().min(SHOWN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut lines = Vec::new();
    let mut is_cut = end < text.len();
    for (at, line) in text[..end].split('\n').enumerate() {
        if at == LINES {
            is_cut = true;
            break;
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        let column = place.filter(|(named, _)| *named == at + 1).map(|(_, column)| column);
        lines.push(
            column.map_or_else(
                || Line { before: line.to_owned(), ..Line::default() },
                |column| Line::marked(line, column),
            ),
        );
    }
    // A file ends with the end of its last line.
    if !is_cut && lines.len() > 1 && lines.last().is_some_and(|last| *last == Line::default()) {
        lines.pop();
    }
    Shown { lines, is_cut }
}

impl Line {
    fn marked(line: &str, column: usize) -> Self {
        let mut places = line.char_indices().map(|(at, _)| at).chain([line.len()]).skip(column.saturating_sub(1));
        let at = places.next().unwrap_or(line.len());
        let end = places.next().unwrap_or(line.len());
        let (before, rest) = line.split_at(at);
        let (marked, behind) = rest.split_at(end.saturating_sub(at));
        // Where it ends too early, the end is what is marked.
        let marked = if marked.is_empty() { "\u{2190} here" } else { marked };
        Self { before: before.to_owned(), marked: marked.to_owned(), behind: behind.to_owned(), is_named: true }
    }
}

/// The line and the column that a reason names: `line 12, column 8`.
fn place(reason: &str) -> Option<(usize, usize)> {
    let number = |text: &str| {
        let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let (_, rest) = reason.split_once("line ")?;
    let (_, column) = rest.split_once("column ")?;
    number(rest).zip(number(column))
}

/// JSON in lines. It is not read but only spaced out, so that it says the same to the digit.
fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    let mut letters = json.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        if in_text {
            out.push(letter);
            (in_text, is_escaped) = (is_escaped || letter != '"', !is_escaped && letter == '\\');
            continue;
        }
        match letter {
            '"' => {
                in_text = true;
                out.push('"');
            }
            '{' | '[' => {
                out.push(letter);
                while letters.next_if(|next| next.is_whitespace()).is_some() {}
                if let Some(end) = letters.next_if(|next| ['}', ']'].contains(next)) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            letter if letter.is_whitespace() => {}
            letter => out.push(letter),
        }
        if out.len() > 2 * SHOWN {
            break;
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(40)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_indented_says_the_same_to_the_digit() {
        let json = r#"{"a":1.10000000000000000000000000001,"b":[],"c":["x, y: {\"}\\",-0E+1]}"#;

        assert_eq!(
            indented(json),
            "{\n  \"a\": 1.10000000000000000000000000001,\n  \"b\": [],\n  \"c\": [\n    \"x, y: {\\\"}\\\\\",\n    -0E+1\n  ]\n}"
        );
    }

    #[test]
    fn the_place_that_a_refusal_names_is_marked() {
        assert_eq!(place("line 12, column 8: expected `,`"), Some((12, 8)));
        assert_eq!((place("it is no event"), place("line x, column 8")), (None, None));

        let shown = in_lines("{\r\n  \"ä\": x\n", Some((2, 8)));
        let marked = &shown.lines[1];

        assert_eq!((shown.lines.len(), marked.before.as_str(), marked.marked.as_str()), (2, "  \"ä\": ", "x"));
        assert_eq!(in_lines("{", Some((1, 2))).lines[0].marked, "\u{2190} here");
    }

    #[test]
    fn of_a_large_body_the_beginning_is_shown() {
        let shown = in_lines(&"ä".repeat(SHOWN), None);

        assert!(shown.is_cut && shown.lines[0].before.len() <= SHOWN);
        assert!(in_lines(&"\n".repeat(SHOWN), None).lines.len() == LINES);
    }
}
