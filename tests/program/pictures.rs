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

/// A file that is overwritten, one that stays, and one that only gets another mode.
const WASTE: &str = "\
//- Dockerfile
FROM scratch
COPY large small 名前 /
COPY other /large
COPY --chmod=600 名前 /
COPY whole /whole
//- large
0123456789012345678901234567890123456789
//- small
0123456789
//- 名前
01234567890123456789
//- other
new
//- whole
01234567890123456789012345678901234567890123456789012345678901234567890123456789
";

#[test]
fn layers_are_bars_with_their_waste() {
    let place = Place::new(WASTE);
    place.run("build --quiet -t waste .");
    insta::assert_snapshot!(at_all_widths(&place, "history --bars waste"));
}

#[test]
fn the_ingredients_of_a_key_stand_side_by_side() {
    let place = Place::new(
        "//- Dockerfile\nFROM scratch\nENV MODE=fast OLD=1\nCOPY src 名前 /src/\nWORKDIR /src\n//- src/one\n1\n//- src/two\n2\n//- 名前\nx\n\
         //- script\nwhy 3 full\nwhy 4 --full --against 1\nwhy full 2\nwhy 1 full\n",
    );
    let mut text = place.run("step --script script .");
    place.run("build --quiet .");
    place.write("src/two", "2 and more\n");
    place.write("src/three", "3\n");
    text += &at_all_widths(&place, "step --script script .");
    insta::assert_snapshot!(filter(&text));
}

#[test]
fn an_image_is_walked_from_the_index_to_its_layers() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY Dockerfile /\nLABEL a=b\nCOPY Dockerfile /again\n");
    place.run("build --quiet -t walked:1 .");
    // On a narrow terminal a digest is in two pieces.
    let is_digits =
        |word: &str| word.len() > 12 && word.trim_start_matches("sha256:").chars().all(|one| one.is_ascii_hexdigit());
    let shown = |word| if is_digits(word) { "…" } else { word };
    let text = at_all_widths(&place, "inspect --tree walked:1");
    let lines = text.lines().map(|line| line.split(' ').map(shown).collect::<Vec<_>>().join(" "));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}
