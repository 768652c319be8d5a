//! The graph of a build as an SVG file: nothing is loaded from elsewhere. It brings its own background, light or dark as its reader likes it, because
//! the page that shows it, such as a slide, may be the other.
//!
//! Specification: <https://www.w3.org/TR/SVG2/>. The lanes are those of the text; what is text in it is escaped as XML wants it.

use super::graph::{label, mark, notes, title};
use super::lanes::{self, Lane, Row};
use super::{fitted, padded};
use crate::machine::{Graph, Outcome};
use crate::view::palette::Role;
use crate::view::table::visible_width;

/// Sizes in pixels: of a row, a cell of the monospaced face, the space between lanes, and around everything.
const ROW: usize = 22;
const CELL: usize = 8;
const LANE: usize = 18;
const MARGIN: usize = 16;
/// Room for `COPY --from` above its line.
const LABEL: usize = 110;
/// The most lanes, and the most cells of a step's text.
const MOST_LANES: usize = 40;
const MOST_CELLS: usize = 100;

const STYLE: &str = "\
text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:#1f2328;white-space:pre}\
.page{fill:#fff}.box{fill:#f6f8fa;stroke:#8c959f}.line{fill:none;stroke:#57606a;stroke-width:1.5}.head{fill:#57606a}\
.title{font-weight:bold}.label{font-size:11px;fill:#57606a}.hit{fill:#116329}.miss{fill:#953800}.unknown{fill:#57606a}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117}.box{fill:#161b22;stroke:#6e7681}.line{stroke:#8d96a0}.head{fill:#8d96a0}\
.label,.unknown{fill:#8d96a0}.hit{fill:#3fb950}.miss{fill:#f0883e}}";

/// The whole file.
pub(crate) fn svg(graph: &Graph) -> String {
    let rows = lanes::rows(graph);
    let lanes = lanes::lanes(graph, &rows, MOST_LANES);
    let notes = notes(graph);
    let cells = rows.iter().map(|row| visible_width(&text_of(row, graph))).max().unwrap_or(0);
    let gutter = if lanes.is_empty() { 0 } else { LANE * lanes::width(&lanes) + LABEL };
    let drawing = Drawing { graph, left: MARGIN + gutter, width: (cells + 3) * CELL };
    let widest_note = notes.iter().map(|note| visible_width(note) * CELL + 2 * MARGIN).max().unwrap_or(0);
    let width = (drawing.left + drawing.width + MARGIN).max(widest_note);
    let height = drawing.top(rows.len()) + ROW * notes.len() + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\">\n<title>The stages of a build</title>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n"
    );
    for (number, row) in rows.iter().enumerate() {
        svg.push_str(&drawing.row(number, row));
    }
    for lane in &lanes {
        svg.push_str(&drawing.lane(lane));
    }
    for (number, note) in notes.iter().enumerate() {
        svg.push_str(&text("", MARGIN, drawing.top(rows.len()) + ROW * (number + 1) - 6, note));
    }
    svg + "</svg>\n"
}

fn text_of(row: &Row<'_>, graph: &Graph) -> String {
    match row {
        Row::Top(_) => title(graph, row).unwrap_or_default(),
        Row::Step(outcome) => step(outcome),
        Row::Bottom(_) => String::new(),
    }
}

fn step(outcome: &Outcome) -> String {
    let mark = mark(outcome).map_or(String::new(), |(mark, word, _)| format!("{mark} {word}"));
    format!("{} {:>3} {}", padded(&mark, 9), outcome.step.number, fitted(&outcome.step.instruction, MOST_CELLS))
}

/// Where the boxes stand.
struct Drawing<'g> {
    graph: &'g Graph,
    left: usize,
    width: usize,
}

impl Drawing<'_> {
    /// The upper edge of a row.
    fn top(&self, row: usize) -> usize {
        MARGIN + ROW * row
    }

    fn row(&self, number: usize, row: &Row<'_>) -> String {
        let line = text_of(row, self.graph);
        let (x, y) = (self.left + CELL, self.top(number) + 16);
        match row {
            Row::Top(node) => {
                let height = ROW * (node.steps.len() + 1) + 6;
                let (left, top, width) = (self.left, self.top(number), self.width);
                format!(
                    "<rect class=\"box\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n{}",
                    text("title", x, y, &line)
                )
            }
            Row::Step(outcome) => {
                let class = match mark(outcome).map(|(_, _, role)| role) {
                    Some(Role::Good) => "hit",
                    Some(Role::Notice) => "miss",
                    Some(_) => "unknown",
                    None => "",
                };
                text(class, x, y, &line)
            }
            Row::Bottom(_) => String::new(),
        }
    }

    /// From the lower edge of a box down, and to each step that takes from it.
    fn lane(&self, lane: &Lane) -> String {
        let x = self.left - LABEL - LANE * lane.column;
        let start = self.top(lane.start) - 2;
        let end = self.top(lane.end()) + 11;
        let mut svg = format!("<path class=\"line\" d=\"M{} {start}H{x}V{end}\"/>\n", self.left);
        for &(row, kind) in &lane.arrivals {
            let (y, tip) = (self.top(row) + 11, self.left);
            svg.push_str(&format!("<path class=\"line\" d=\"M{x} {y}H{}\"/>\n", tip - 6));
            svg.push_str(&format!("<path class=\"head\" d=\"M{tip} {y}l-8 -4v8z\"/>\n"));
            svg.push_str(&text("label", self.left - LABEL + 10, y - 3, label(kind)));
        }
        svg
    }
}

fn text(class: &str, x: usize, y: usize, text: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<text{class} x=\"{x}\" y=\"{y}\">{}</text>\n", escaped(text))
}

/// The text, with what XML gives a meaning written otherwise. It is harmless already, so it has no character that XML forbids.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
