//! Pictures in text, on narrow, usual and wide terminals.

use std::fs;

use layerlab::oci::{Digest, Platform};
use serde_json::{Value, json};

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

/// What a command shows at a width; no line is wider.
fn at_width(columns: u16, place: &Place, arguments: &str) -> String {
    let shown = shown_in(columns, place, arguments);
    for line in shown.lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= columns.into(), "{columns}: {line}");
    }
    filter(&shown)
}

/// The same at all widths, one after the other.
fn at_all_widths(place: &Place, arguments: &str) -> String {
    let shown = |columns| format!("-- {columns} columns\n{}", at_width(columns, place, arguments));
    WIDTHS.map(shown).concat()
}

#[test]
fn the_stages_of_a_build_are_a_graph() {
    let place = Place::new(STAGES);
    let mut text = place.run("plan --graph");
    place.run("build --quiet .");
    place.write("main.txt", "changed\n");
    // The book shows those of 80 columns.
    for columns in WIDTHS {
        insta::assert_snapshot!(format!("graph_{columns}"), at_width(columns, &place, "plan --graph"));
    }
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
    let shown = |columns| at_width(columns, &place, "history --bars waste");
    for columns in WIDTHS {
        insta::assert_snapshot!(format!("bars_{columns}"), shown(columns));
    }
}

/// What is changed, deleted, and deleted with its folder above.
const STRATA: &str = "\
//- Dockerfile
FROM layerlab/base
COPY app /app
COPY motd /etc/motd
COPY --chmod=755 app/run /app/run
RUN rm /app/key && echo new > /etc/motd
RUN rm -r /app/lib
//- app/run
run
//- app/key
key
//- app/lib/one
1
//- app/lib/two
2
//- motd
hello
";

#[test]
fn layers_lie_on_one_another() {
    let place = Place::new(STRATA);
    place.run("build --quiet -t strata .");
    let shown = |columns| without_base(&at_width(columns, &place, "history --stack strata"));
    for columns in WIDTHS {
        insta::assert_snapshot!(format!("stack_{columns}"), shown(columns));
    }
    place.write("script", "continue\nlayers stack\n");
    assert!(place.run("step --script script .").contains("│ D   lib/"));
}

/// The files of the base image are this machine's.
fn without_base(text: &str) -> String {
    let (above, base) = text.split_once("├─ layer 1 ").unwrap();
    let mut lines = base.lines();
    let title = lines.next().unwrap();
    let cells = lines.clone().next().unwrap().chars().count() - 3;
    let below: Vec<&str> = lines.skip_while(|line| !line.starts_with('└')).collect();
    format!("{above}├─ layer 1 {title}\n│ {:cells$}│\n{}\n", "  … all files of the base image", below.join("\n"))
}

#[test]
fn steps_hang_on_one_another_in_the_cache() {
    let place = Place::new(STAGES);
    let mut text = place.run("plan --graph=chain");
    place.run("build --quiet .");
    place.write("main.txt", "changed\n");
    text += &at_all_widths(&place, "plan --graph=chain");
    insta::assert_snapshot!(filter(&text));
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nCOPY words.txt /app/\nENV LANG=C\nRUN sort /app/words.txt > /app/sorted\n\
         COPY README /app/\nRUN ls /app > /list\nCMD cat /list\n//- words.txt\nb\na\n//- README\nwords\n",
    );
    place.run("build --quiet .");
    place.write("README", "sorted words\n");
    insta::assert_snapshot!("chain", at_width(80, &place, "plan --graph=chain"));
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
    insta::assert_snapshot!("ingredients", at_the_prompt(&place, "why 3 full"));
}

#[test]
fn an_image_is_walked_from_the_index_to_its_layers() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY Dockerfile /\nLABEL a=b\nCOPY Dockerfile /again\n");
    place.run("build --quiet -t walked:1 .");
    let shown = |columns| without_digests(&at_width(columns, &place, "inspect --tree walked:1"));
    for columns in WIDTHS {
        insta::assert_snapshot!(format!("tree_{columns}"), shown(columns));
    }
}

/// On a narrow terminal a digest is in two pieces.
fn without_digests(text: &str) -> String {
    let is_digits =
        |word: &str| word.len() > 12 && word.trim_start_matches("sha256:").chars().all(|one| one.is_ascii_hexdigit());
    let shown = |word| if is_digits(word) { "…" } else { word };
    let lines = text.lines().map(|line| line.split(' ').map(shown).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_index_has_a_manifest_for_each_platform() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY Dockerfile /\n");
    place.run("build --quiet -t walked:1 .");
    let list = place.home().join("index.json");
    let mut names: Value = serde_json::from_slice(&fs::read(&list).unwrap()).unwrap();
    let mut own = names["manifests"][0].clone();
    let annotations = own.as_object_mut().unwrap().remove("annotations").unwrap();
    own["platform"] = json!({"os": "linux", "architecture": Platform::host().architecture});
    let foreign = json!({"mediaType": own["mediaType"], "digest": Digest::of(b"elsewhere").to_string(), "size": 9,
        "platform": {"os": "linux", "architecture": "s390x"}});
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": [foreign, own]}).to_string();
    let digest = Digest::of(index.as_bytes());
    fs::write(place.home().join("blobs/sha256").join(digest.hex()), &index).unwrap();
    names["manifests"] = json!([{"mediaType": kind, "digest": digest.to_string(), "size": index.len(),
        "annotations": annotations}]);
    fs::write(&list, names.to_string()).unwrap();
    insta::assert_snapshot!(without_digests(&at_all_widths(&place, "inspect --tree walked:1")));
}

/// What a command at the prompt shows in a pipe.
fn at_the_prompt(place: &Place, command: &str) -> String {
    place.write("script", &format!("{command}\n"));
    let text = place.run("step --script script .");
    let (_, shown) = text.split_once(&format!("(layerlab) {command}\n")).expect(&text);
    shown.to_owned()
}

#[test]
fn pictures_are_the_same_at_the_prompt() {
    let place = Place::new(WASTE);
    place.run("build --quiet -t waste .");
    place.write("script", "continue\nlayers bars\n");
    assert!(place.run("step --script script .").ends_with(&place.run("history --bars waste")));
    let place = Place::new(STAGES);
    place.run("build --quiet .");
    assert_eq!(at_the_prompt(&place, "plan graph"), place.run("plan --graph"));
}

/// The size of the base image depends on the machine.
#[test]
fn a_deleted_file_is_waste_of_the_layer_that_brought_it() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN mkdir /all && head -c 50000000 /dev/zero > /all/large\n\
         RUN head -c 30000000 /dev/zero > /half && head -c 30000000 /dev/zero > /other\nRUN rm -r /all /half\n",
    );
    place.run("build --quiet -t waste .");
    let shown = shown_in(80, &place, "history --bars waste");
    let row = |number: usize| shown.lines().nth(number).unwrap();
    assert!(row(2).contains("50.0 MB  ░░░░") && !row(2).contains('█') && row(2).contains("  50.0 MB  RUN"), "{shown}");
    assert!(row(3).contains("60.0 MB  ████") && row(3).contains("█░") && row(3).contains("  30.0 MB  RUN"), "{shown}");
    assert!(row(4).contains("      0 B   ") && !row(4).contains(['█', '░']), "{shown}");
    assert!(shown.contains("░ (80.0 MB, 7"), "{shown}");
    place.assert_whole();
}

#[test]
fn the_times_of_a_build_stand_beside_those_of_the_last() {
    let place =
        Place::new("//- Dockerfile\nFROM layerlab/base\nRUN true\nCOPY note /\nRUN exit $(cat note)\n//- note\n0\n");
    // Time stands still here, so every step takes none.
    let mut text = place.run("build --times --progress tty .");
    place.write("note", "00\n");
    text += &at_all_widths(&place, "build --times --progress tty .");
    place.write("note", "7\n");
    text += &place.run("build --times --progress tty .");
    insta::assert_snapshot!(filter(&text));
}

#[test]
fn transcripts_are_no_wider_than_the_terminal() {
    let place = Place::new(STAGES);
    for progress in ["classic", "plain", "tty"] {
        for columns in WIDTHS {
            let shown =
                shown_in(columns, &place, &format!("build --no-cache --progress {progress} -t {progress}/image ."));
            let ours = shown.lines().filter(|line| !line.contains("sha256:") && !line.contains('\x1b'));
            for line in ours {
                assert!(unicode_width::UnicodeWidthStr::width(line) <= columns.into(), "{progress} {columns}: {line}");
            }
            let instruction = "built.txt && echo 一つの長い行は端末の幅を超えてはならない > note";
            assert_eq!(shown.contains(instruction), columns == 130, "{progress} {columns}: {shown}");
        }
    }
}
