//! The drawings of the book: what the program prints in a terminal, as SVG in a box that scrolls where it is too wide.
//!
//! The text is that of a snapshot, so a drawing shows what the program draws. Lines are lines, and not letters that a font may
//! have or not; what is text stays text. A chapter includes the file, so that it has the colours of the book's theme (`book/drawings.css`).
//! What is read to those who do not see it says what is to be seen.
//!
//! Specifications: <https://www.w3.org/TR/SVG2/>, <https://www.unicode.org/charts/PDF/U2500.pdf>.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

use crate::code::project;

/// A drawing: its file in `book/src/drawings/`, the snapshot that it is made of, and what it shows.
const DRAWINGS: &[(&str, &str, &str)] = &[
    (
        "stages",
        "tests/program/snapshots/program__pictures__graph_80.snap",
        "Four stages as boxes with their steps, marked hit, miss or unknown; lines lead from a stage to those that begin FROM it or copy from it.",
    ),
    (
        "chain",
        "tests/program/snapshots/program__pictures__chain.snap",
        "Steps one below the other, joined by a line; at step 5, whose file has changed, the line becomes a broken one, and the step behind it misses, too.",
    ),
    (
        "stack",
        "tests/program/snapshots/program__pictures__stack_80.snap",
        "Six layers on one another, each with the files that it adds, changes or deletes; lower ones have files that are hidden by a layer above.",
    ),
    (
        "bars",
        "tests/program/snapshots/program__pictures__bars_80.snap",
        "Four layers as bars; most of the first one is light: it was overwritten or deleted by a later layer.",
    ),
    (
        "times",
        "src/view/pictures/snapshots/layerlab__view__pictures__times__tests__times_80.snap",
        "Each step of a build as a bar that begins where the one above it ends, with a light bar for the build before it.",
    ),
    (
        "image",
        "tests/program/snapshots/program__pictures__tree_80.snap",
        "A tree from index.json by the manifest to the configuration and the layers of an image, each named by its digest.",
    ),
    (
        "boxes",
        "src/view/pictures/snapshots/layerlab__view__pictures__boxes__tests__a_user_sees_where_the_process_is.snap",
        "Five boxes, one in the other: this machine, the namespaces, the mounts, the confinement, and in the innermost process 1.",
    ),
];

/// Sizes in pixels: of a cell, where letters stand in it, and around everything.
const CELL: usize = 8;
const ROW: usize = 18;
const BASE: usize = 13;
const MARGIN: usize = 4;

const UP: u8 = 1;
const RIGHT: u8 = 2;
const DOWN: u8 = 4;
const LEFT: u8 = 8;

/// Where the lines of a character lead to from its middle.
fn lines_of(letter: char) -> Option<u8> {
    Some(match letter {
        '─' => LEFT | RIGHT,
        '│' => UP | DOWN,
        '┌' | '╭' => RIGHT | DOWN,
        '┐' | '╮' => LEFT | DOWN,
        '└' | '╰' => UP | RIGHT,
        '┘' | '╯' => UP | LEFT,
        '├' => UP | RIGHT | DOWN,
        '┤' => UP | LEFT | DOWN,
        '┬' => LEFT | RIGHT | DOWN,
        '┴' => LEFT | RIGHT | UP,
        '┼' => UP | RIGHT | DOWN | LEFT,
        _ => return None,
    })
}

/// The marks that have a meaning of their own, by the class that the style sheet has for them.
fn class_of(letter: char) -> Option<&'static str> {
    match letter {
        '✓' => Some("good"),
        '✗' => Some("bad"),
        _ => None,
    }
}

/// The text of a snapshot.
fn snapshot(path: &str) -> String {
    let text = std::fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.splitn(3, "---\n").nth(2).unwrap().trim_end().to_owned()
}

/// The drawing of a text.
#[derive(Default)]
struct Drawing {
    /// Half a cell each: from which half to the next one.
    across: BTreeSet<(usize, usize)>,
    down: BTreeSet<(usize, usize)>,
    shapes: String,
    texts: String,
}

impl Drawing {
    fn of(text: &str) -> Drawing {
        let mut drawing = Drawing::default();
        for (row, line) in text.lines().enumerate() {
            drawing.row(row, line);
        }
        drawing
    }

    fn row(&mut self, row: usize, line: &str) {
        let mut column = 0;
        // A text with single spaces in it, from a column on.
        let mut words = (0, String::new());
        for letter in line.chars() {
            let width = letter.width().unwrap_or(0);
            let is_drawn = self.draw(row, column, letter);
            let is_gap = letter == ' ' && (words.1.is_empty() || words.1.ends_with(' '));
            if is_drawn || is_gap || class_of(letter).is_some() {
                self.write(row, std::mem::take(&mut words));
            }
            if !is_drawn && !is_gap {
                if words.1.is_empty() {
                    words.0 = column;
                }
                words.1.push(letter);
            }
            column += width;
        }
        self.write(row, words);
    }

    /// Draws a character, if it is one that is drawn.
    fn draw(&mut self, row: usize, column: usize, letter: char) -> bool {
        let (x, y) = (MARGIN + column * CELL, MARGIN + row * ROW);
        if let Some(lines) = lines_of(letter) {
            let halves = [(LEFT, 2 * column), (RIGHT, 2 * column + 1)];
            self.across.extend(halves.iter().filter(|(side, _)| lines & side != 0).map(|(_, half)| (row, *half)));
            let halves = [(UP, 2 * row), (DOWN, 2 * row + 1)];
            self.down.extend(halves.iter().filter(|(side, _)| lines & side != 0).map(|(_, half)| (column, *half)));
            return true;
        }
        let middle = y + ROW / 2;
        let centre = x + CELL / 2;
        match letter {
            '●' => writeln!(self.shapes, "<circle class=\"head\" cx=\"{centre}\" cy=\"{middle}\" r=\"5\"/>").unwrap(),
            '○' => {
                writeln!(self.shapes, "<circle class=\"ring\" cx=\"{centre}\" cy=\"{middle}\" r=\"4.5\"/>").unwrap()
            }
            '╎' => writeln!(self.shapes, "<path class=\"dashed\" d=\"M{centre} {y}v{ROW}\"/>").unwrap(),
            '╳' => {
                let (left, top) = (centre - 5, middle - 5);
                writeln!(self.shapes, "<path class=\"broken\" d=\"M{left} {top}l10 10m0 -10l-10 10\"/>").unwrap();
            }
            '▶' => {
                writeln!(self.shapes, "<path class=\"head\" d=\"M{x} {}l{CELL} 5l-{CELL} 5z\"/>", middle - 5).unwrap()
            }
            '█' | '░' => {
                let class = if letter == '█' { "bar" } else { "waste" };
                let (top, height) = (y + 3, ROW - 6);
                let bar = format!("<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"");
                // What goes on is one bar.
                match self.shapes.trim_end().rsplit_once('\n').map_or(self.shapes.as_str(), |(_, last)| last) {
                    last if last.starts_with(&format!("<rect class=\"{class}\"")) && ends_at(last, x, top) => {
                        let longer = grown(last);
                        let kept = self.shapes.trim_end().len() - last.trim_end().len();
                        self.shapes.truncate(kept);
                        writeln!(self.shapes, "{longer}").unwrap();
                    }
                    _ => writeln!(self.shapes, "{bar}{CELL}\" height=\"{height}\"/>").unwrap(),
                }
            }
            _ => return false,
        }
        true
    }

    fn write(&mut self, row: usize, (column, text): (usize, String)) {
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        let cells: usize = text.chars().map(|letter| letter.width().unwrap_or(0)).sum();
        let (x, y, length) = (MARGIN + column * CELL, MARGIN + row * ROW + BASE, cells * CELL);
        let class = text.chars().find_map(class_of).map(|class| format!(" class=\"{class}\"")).unwrap_or_default();
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        writeln!(self.texts, "<text{class} x=\"{x}\" y=\"{y}\" textLength=\"{length}\">{text}</text>").unwrap();
    }

    /// All lines, each as long as it goes.
    fn path(&self) -> String {
        let mut path = String::new();
        for (row, from, to) in runs(&self.across) {
            let y = MARGIN + row * ROW + ROW / 2;
            write!(path, "M{} {y}H{}", MARGIN + from * CELL / 2, MARGIN + to * CELL / 2).unwrap();
        }
        for (column, from, to) in runs(&self.down) {
            let x = MARGIN + column * CELL + CELL / 2;
            write!(path, "M{x} {}V{}", MARGIN + from * ROW / 2, MARGIN + to * ROW / 2).unwrap();
        }
        path
    }
}

/// Whether a bar ends where the next one would begin.
fn ends_at(bar: &str, x: usize, top: usize) -> bool {
    let number = |name: &str| -> usize {
        bar.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap().parse().unwrap()
    };
    number("x") + number("width") == x && number("y") == top
}

/// A bar that is a cell longer.
fn grown(bar: &str) -> String {
    let (before, rest) = bar.trim_end().split_once("width=\"").unwrap();
    let (width, after) = rest.split_once('"').unwrap();
    format!("{before}width=\"{}\"{after}", width.parse::<usize>().unwrap() + CELL)
}

/// What follows one another, as one.
fn runs(halves: &BTreeSet<(usize, usize)>) -> Vec<(usize, usize, usize)> {
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    for &(line, half) in halves {
        match runs.last_mut() {
            Some((last, _, to)) if *last == line && *to == half => *to += 1,
            _ => runs.push((line, half, half + 1)),
        }
    }
    runs
}

fn svg(text: &str, shows: &str) -> String {
    let drawing = Drawing::of(text);
    let cells = |line: &str| line.chars().map(|letter| letter.width().unwrap_or(0)).sum::<usize>();
    let width = text.lines().map(cells).max().unwrap_or(0) * CELL + 2 * MARGIN;
    let height = text.lines().count() * ROW + 2 * MARGIN;
    format!(
        "<div class=\"drawing\" tabindex=\"0\">\n<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{shows}\">\n\
         <title>{shows}</title>\n<path class=\"line\" d=\"{}\"/>\n{}{}</svg>\n</div>\n",
        drawing.path(),
        drawing.shapes,
        drawing.texts
    )
}

#[test]
fn drawings_are_what_the_program_prints() {
    let folder = project().join("book/src/drawings");
    let mut stale = Vec::new();
    for (name, path, shows) in DRAWINGS {
        let drawn = svg(&snapshot(path), shows);
        let file = folder.join(format!("{name}.html"));
        if std::env::var_os("LAYERLAB_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &drawn).unwrap();
        } else if std::fs::read_to_string(&file).is_ok_and(|there| there != drawn) || !file.exists() {
            stale.push(*name);
        }
    }
    assert!(stale.is_empty(), "not as printed: {stale:?}; LAYERLAB_BLESS=1 draws them anew");
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, DRAWINGS.len(), "a drawing that nothing makes, in {}", folder.display());
}
