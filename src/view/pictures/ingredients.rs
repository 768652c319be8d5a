//! The ingredients of a key in two columns: what a past build had, and what the step has now.
//!
//! ```text
//!             INGREDIENT     BUILD 1             NOW
//! same        files before   688dc55c502a        688dc55c502a
//! ≠ differs   instruction    ENV MODE=fast       ENV MODE=slow
//! ```

use super::Layout;
use crate::cache::{BuildName, Change, Difference, FileChange, Side};
use crate::debugger::Sides;
use crate::shown;
use crate::view::debugger::shorten;
use crate::view::table::{self, TooWide};
use crate::view::units;

/// How many changed files of one ingredient are shown.
const MOST_FILES: usize = 20;
/// What stands where one of the two has nothing.
const NOTHING: &str = "–";
/// What stands where a value is empty.
const EMPTY: &str = "(empty)";
/// The first column: a mark is never without its word.
const SAME: &str = "same";
const DIFFERS: &str = "≠ differs";

/// What the key of a step is made from, then and now.
pub(crate) fn ingredients(layout: &Layout, sides: &Sides) -> String {
    if sides.rows.is_empty() {
        return layout.row("", "FROM has no key of its own");
    }
    match &sides.build {
        Some(build) => compared(layout, build, &sides.rows),
        None => alone(layout, &sides.rows),
    }
}

fn compared(layout: &Layout, build: &BuildName, rows: &[Side]) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    for side in rows {
        match side {
            Side::Same { name, value } => {
                lines.push([SAME, name, &shown(value), &shown(value)].map(str::to_owned).into())
            }
            Side::Differs(difference) => lines.extend(differing(difference)),
        }
    }
    let then = match &build.imported_from {
        None => format!("BUILD {}", build.number),
        Some(place) => format!("BUILD {} of {}", build.number, shown::line(place)),
    };
    let header = ["", "INGREDIENT", then.as_str(), "NOW"];
    let differing = rows.iter().filter(|side| matches!(side, Side::Differs(_))).count();
    let sum = match differing {
        0 => "no ingredient differs, so the key is the same".to_owned(),
        number => format!(
            "{number} of {} differ{}",
            units::count(rows.len() as u64, "ingredient"),
            if number == 1 { "s" } else { "" }
        ),
    };
    table::render(&header, &lines, layout.columns(), TooWide::Broken) + &layout.hang("", &sum)
}

/// A value: an empty one is not overlooked.
fn shown(value: &str) -> String {
    if value.is_empty() { EMPTY.to_owned() } else { shorten(value) }
}

/// A row for the ingredient, and one for each attribute of a file.
fn differing(difference: &Difference) -> Vec<Vec<String>> {
    let row = |name: String, values: &Change<String>| {
        let value = |value: Option<&String>| value.map_or_else(|| NOTHING.to_owned(), |value| shown(value));
        vec![DIFFERS.to_owned(), name, value(values.before()), value(values.after())]
    };
    let mut rows = vec![row(difference.subject.to_string(), &difference.values)];
    let file = |change: &FileChange| row(format!("└ {} {}", change.path, change.attribute), &change.attribute.values());
    rows.extend(difference.files.iter().take(MOST_FILES).map(file));
    let more = difference.files.len().saturating_sub(MOST_FILES);
    if more > 0 {
        rows.push(vec![DIFFERS.to_owned(), format!("└ and {more} more"), String::new(), String::new()]);
    }
    rows
}

/// A step that nothing is known to compare with.
fn alone(layout: &Layout, rows: &[Side]) -> String {
    let row = |side: &Side| match side {
        Side::Same { name, value } => vec![name.clone(), shown(value)],
        Side::Differs(difference) => {
            let after = difference.values.after().map_or_else(|| NOTHING.to_owned(), |value| shown(value));
            vec![difference.subject.to_string(), after]
        }
    };
    let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
    table::render(&["INGREDIENT", "NOW"], &rows, layout.columns(), TooWide::Broken)
        + &layout.hang("", "no earlier build has such a step to compare with")
}
