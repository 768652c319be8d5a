//! Pictures in text, on narrow, usual and wide terminals.

use std::fmt::Write as _;

use crate::harness::{Place, filter};
use crate::terminal::shown_in;

const WIDTHS: [u16; 3] = [60, 80, 130];

/// Several stages: two that start from one, several that copy from others, one that nobody needs, names in wide characters.
const STAGES: &str = "\
//- Dockerfile
FROM layerlab/base AS common
WORKDIR /work
COPY shared.txt .
FROM common AS builder
COPY main.txt .
RUN cat shared.txt main.txt > built.txt && echo 一つの長い行は端末の幅を超えてはならない > note
FROM common AS docs
COPY page.txt .
RUN cat shared.txt page.txt > page.html
FROM layerlab/base AS unused
RUN exit 1
FROM scratch
COPY --from=builder /work/built.txt /
COPY --from=docs /work/page.html /
COPY --from=common /work/shared.txt /original.txt
LABEL done=yes
//- shared.txt
shared
//- main.txt
main <main> & \"main\"
//- page.txt
page
";

/// What a command shows at each width; no line is wider.
fn at_all_widths(place: &Place, arguments: &str) -> String {
    let mut text = String::new();
    for columns in WIDTHS {
        let shown = shown_in(columns, place, arguments);
        for line in shown.lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= columns.into(), "{columns}: {line}");
        }
        write!(text, "-- {columns} columns\n{shown}").unwrap();
    }
    filter(&text)
}

#[test]
fn the_stages_of_a_build_are_a_graph() {
    let place = Place::new(STAGES);
    let mut text = place.run("plan --graph");
    place.run("build --quiet .");
    place.write("main.txt", "changed\n");
    text += &at_all_widths(&place, "plan --graph");
    place.write("shared.txt", "changed\n");
    text += &place.run("plan --graph");
    insta::assert_snapshot!(text);
}

#[test]
fn a_graph_is_a_drawing_for_a_page() {
    let place = Place::new(STAGES);
    place.run("build --quiet .");
    place.write("main.txt", "changed\n");
    insta::assert_snapshot!(place.run("plan --graph=svg"));
}
