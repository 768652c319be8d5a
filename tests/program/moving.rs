//! A recorded terminal as a moving picture: an SVG file whose style sheet shows each cell from when on it was seen.
//!
//! Nothing in it is a script or is loaded from elsewhere, so a page can show it as an image, and its texts are text. All rows of the
//! session are drawn one below the other; what scrolls is the whole. Whoever has asked for less motion sees the last screen, as does a
//! program that knows no animations. Specifications: <https://www.w3.org/TR/SVG2/>, <https://www.w3.org/TR/css-animations-1/>.
//!
//! Left out: what Layerlab does not print, such as backgrounds, and wide characters.

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub const TITLE: &str = "Layerlab steps through the Dockerfile of its first lesson";

/// What was seen from a time on, in milliseconds.
pub struct Frame {
    pub time: u64,
    pub screen: vt100::Screen,
}

/// From which frame on something is seen, and from which on no more.
type Span = (usize, Option<usize>);

/// A row, counted from the first of the session, and a column.
type Place = (usize, u16);

/// Cells beside one another that look alike: the class that the style sheet has for them, and their text.
#[derive(Clone, PartialEq)]
struct Run {
    place: Place,
    class: String,
    text: String,
}

/// Sizes in pixels: the width of a cell of the monospaced face, the height of a row, where letters stand in it, and the border.
const CELL: f64 = 8.4;
const ROW: f64 = 18.0;
const BASE: f64 = 13.5;
const MARGIN: f64 = 14.0;

/// A dark terminal, which can be read on a light page as well. All texts have a contrast of more than 4.5 to 1.
const STYLE: &str = "\
.page{fill:#16191f}.cursor{fill:#8d96a5}
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d7dbe2}
.bold{font-weight:bold}.dim{fill:#98a1af}.c1{fill:#ff8087}.c2{fill:#7ed491}.c4{fill:#82aef5}.c5{fill:#dc9bf0}.c6{fill:#65d1dc}
";

/// The whole file. The last frame only says when the one before it ends.
pub fn draw(frames: &[Frame]) -> String {
    let (end, frames) = frames.split_last().expect("a recording has an end");
    let percent = |frame: usize| short(frames[frame].time as f64 * 100.0 / end.time as f64);
    let (rows, columns) = frames[0].screen.size();
    let (width, height) = (f64::from(columns.get()) * CELL, f64::from(rows.get()) * ROW);
    let mut style = STYLE.to_owned();
    writeln!(style, "g,.cursor{{animation:{}ms step-end infinite}}", end.time).unwrap();
    style.push_str(&moves("all", frames, percent, |screen| (0.0, -ROW * screen.scrollback_len() as f64)));
    style.push_str(&moves("cursor", frames, percent, |screen| {
        let (row, column) = screen.cursor_position();
        (CELL * f64::from(column), ROW * (screen.scrollback_len() + usize::from(row)) as f64)
    }));
    let mut body = String::new();
    for ((from, to), runs) in spans(frames) {
        let (name, hidden, until) = match to {
            None => (format!("f{from}"), "", String::new()),
            Some(to) => {
                (format!("f{from}-{to}"), "visibility:hidden;", format!("{}%{{visibility:hidden}}", percent(to)))
            }
        };
        let at = percent(from);
        writeln!(style, ".{name}{{{hidden}animation-name:{name}}}@keyframes {name}{{0%{{visibility:hidden}}{at}%{{visibility:visible}}{until}}}").unwrap();
        let texts: String = runs.iter().map(element).collect();
        writeln!(body, "<g class=\"{name}\">{texts}</g>").unwrap();
    }
    let (outer_width, outer_height) = (short(width + 2.0 * MARGIN), short(height + 2.0 * MARGIN));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {outer_width} {outer_height}\" width=\"{outer_width}\" height=\"{outer_height}\" role=\"img\">
<title>{TITLE}</title>
<style>
{style}@media(prefers-reduced-motion:reduce){{g,.cursor{{animation:none}}}}
</style>
<rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"8\"/>
<svg x=\"{MARGIN}\" y=\"{MARGIN}\" width=\"{}\" height=\"{}\"><g class=\"all\">
<rect class=\"cursor\" width=\"{CELL}\" height=\"{ROW}\"/>
{body}</g></svg>
</svg>
",
        short(width),
        short(height)
    )
}

/// Where something is from frame to frame; without animations it is where it is at the end.
fn moves(
    name: &str,
    frames: &[Frame],
    percent: impl Fn(usize) -> String,
    place: impl Fn(&vt100::Screen) -> (f64, f64),
) -> String {
    let places: Vec<String> = frames
        .iter()
        .map(|frame| place(&frame.screen))
        .map(|(x, y)| format!("transform:translate({}px,{}px)", short(x), short(y)))
        .collect();
    let mut text = format!(".{name}{{{};animation-name:{name}}}@keyframes {name}{{", places[places.len() - 1]);
    for (frame, place) in places.iter().enumerate() {
        if frame == 0 || places[frame - 1] != *place {
            write!(text, "{}%{{{place}}}", percent(frame)).unwrap();
        }
    }
    text + "}\n"
}

/// All that is ever seen, by when it is.
fn spans(frames: &[Frame]) -> BTreeMap<Span, Vec<Run>> {
    let mut seen: BTreeMap<Place, (usize, Run)> = BTreeMap::new();
    let mut spans: BTreeMap<Span, Vec<Run>> = BTreeMap::new();
    for (number, frame) in frames.iter().enumerate() {
        let cells = cells(&frame.screen);
        // What has left the screen stays as it was.
        let visible = seen.range((frame.screen.scrollback_len(), 0)..);
        let gone: Vec<Place> =
            visible.filter(|(place, (_, cell))| cells.get(place) != Some(cell)).map(|(place, _)| *place).collect();
        for place in gone {
            let (from, cell) = seen.remove(&place).expect("it was seen");
            spans.entry((from, Some(number))).or_default().push(cell);
        }
        for (place, cell) in cells {
            seen.entry(place).or_insert((number, cell));
        }
    }
    for (from, cell) in seen.into_values() {
        spans.entry((from, None)).or_default().push(cell);
    }
    spans.into_iter().map(|(span, cells)| (span, joined(cells))).collect()
}

/// The cells of a screen that hold something.
fn cells(screen: &vt100::Screen) -> BTreeMap<Place, Run> {
    let (rows, columns) = screen.size();
    let mut cells = BTreeMap::new();
    for (row, column) in (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |column| (row, column))) {
        let Some(cell) = screen.cell(row, column).filter(|cell| cell.has_contents()) else { continue };
        let mut classes = Vec::new();
        match cell.fgcolor() {
            vt100::Color::Idx(colour @ (1 | 2 | 4..=6)) => classes.push(format!("c{colour}")),
            vt100::Color::Default => {}
            other => panic!("the style sheet has no colour {other:?}"),
        }
        let attributes = [(cell.bold(), "bold"), (cell.dim(), "dim")];
        classes.extend(attributes.into_iter().filter(|(is_set, _)| *is_set).map(|(_, class)| class.to_owned()));
        let place = (screen.scrollback_len() + usize::from(row), column);
        cells.insert(place, Run { place, class: classes.join(" "), text: cell.contents().to_owned() });
    }
    cells
}

/// Cells that are beside one another and look alike as one. Two blanks are a gap.
fn joined(mut cells: Vec<Run>) -> Vec<Run> {
    cells.sort_by_key(|cell| cell.place);
    let mut runs: Vec<Run> = Vec::new();
    for cell in cells {
        match runs.last_mut() {
            Some(run)
                if run.class == cell.class
                    && run.place.0 == cell.place.0
                    && usize::from(run.place.1) + run.text.chars().count() == usize::from(cell.place.1)
                    && !(run.text.ends_with(' ') && cell.text == " ") =>
            {
                run.text.push_str(&cell.text);
            }
            _ => runs.push(cell),
        }
    }
    runs.retain(|run| run.text != " ");
    runs
}

/// The rows of a screen as text, with the class of each run that has one.
pub fn rows(screen: &vt100::Screen) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    let mut last = None;
    for run in joined(cells(screen).into_values().collect()) {
        if last.replace(run.place.0) != Some(run.place.0) {
            rows.push(String::new());
        }
        let row = rows.last_mut().expect("it was begun");
        let class = if run.class.is_empty() { String::new() } else { format!("<{}>", run.class) };
        write!(row, "{class}{} ", run.text).unwrap();
    }
    rows
}

/// However wide a reader's letters are, they fill their cells.
fn element(run: &Run) -> String {
    let text = run.text.trim_start();
    let column = usize::from(run.place.1) + run.text.chars().count() - text.chars().count();
    let text = text.trim_end();
    let class = if run.class.is_empty() { String::new() } else { format!(" class=\"{}\"", run.class) };
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<text x=\"{}\" y=\"{}\" textLength=\"{}\"{class}>{escaped}</text>",
        short(column as f64 * CELL),
        short(run.place.0 as f64 * ROW + BASE),
        short(text.chars().count() as f64 * CELL)
    )
}

/// With two decimals at most.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
