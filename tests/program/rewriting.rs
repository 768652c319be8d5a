//! `verify --update`: pages that are rewritten with what their commands print, and those that are left as they are.

use crate::harness::{Place, filter};

#[test]
fn pages_are_rewritten_where_that_is_asked_for() {
    let place = Place::new("");
    let page = "A page.\n\n- A block:\n\n  ```console\n  $ echo a; echo; echo $((1 + 1))\n  b\n  …\n  ```\n";
    place.write("page.md", page);
    let said = place.run("verify --update page.md");
    let page = std::fs::read_to_string(place.path("page.md")).unwrap();
    insta::assert_snapshot!(format!("{said}\n{page}"));
}

/// What a program prints is never run.
#[test]
fn output_becomes_no_part_of_a_page() {
    let pages = [
        "```console\n$ printf '%s\\n' a '$ touch run'\nx\n```\n",
        "A\n\n```console\n$ echo a\n$ printf 'a\\n\\140\\140\\140\\n# B\\n'\nx\n```\n\nC\n",
        "````exercise\nDo it.\n```check\n$ printf '# Proves nothing\\n'; test -e a\n$ true\n```\n```hint\nh\n```\nSolution:\n```sh\n$ touch a\n```\n````\n",
    ];
    let said = pages.map(|page| {
        let place = Place::new("");
        place.write("page.md", page);
        let said = place.run("verify --update page.md");
        assert_eq!(std::fs::read_to_string(place.path("page.md")).unwrap(), page);
        said
    });
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_page_that_its_author_changes_meanwhile_is_left_as_it_is() {
    let place = Place::new("");
    let page = format!("```console\n$ echo 'more' >> {}\nx\n```\n", place.path("page.md").display());
    place.write("page.md", &page);
    let said = place.run("verify --update page.md");
    assert!(said.contains("error: `page.md` has changed while its commands ran: it is left as it is\n"), "{said}");
    assert_eq!(std::fs::read_to_string(place.path("page.md")).unwrap(), page + "more\n");
}

/// One page that can't be rewritten hides nothing of the others; a link stays a link.
#[test]
fn each_page_is_rewritten_for_itself() {
    let place = Place::new("");
    let page = "```console\n$ echo a\nb\n```\n";
    place.write("bad.md", "```console\nx\n```\n");
    place.write("open.md", "```console\n");
    place.write("files/page.md", page);
    place.write("last.md", page);
    std::os::unix::fs::symlink("files/page.md", place.path("link.md")).unwrap();
    insta::assert_snapshot!(place.run("verify --update bad.md link.md open.md nowhere.md last.md"));
    for name in ["files/page.md", "last.md"] {
        assert_eq!(std::fs::read_to_string(place.path(name)).unwrap(), page.replace("b\n", "a\n"), "{name}");
    }
    assert!(place.path("link.md").is_symlink());
}

/// With the ends of lines that it has, and with blanks that nobody sees.
#[test]
fn a_page_keeps_the_form_that_it_has() {
    let place = Place::new("");
    for page in ["```console\n$ echo a\na\n```", "A\r\n\r\n```console\r\n$ cat <<E \r\na  \r\nE\r\na  \r\n```\r\n\r\nB"]
    {
        place.write("page.md", page);
        assert_eq!(place.run("verify page.md"), "page.md: 1 command, all as shown\n");
        place.write("page.md", &page.replace("a\n``", "b\n``").replace("a  \r\n``", "b\r\n``"));
        assert_eq!(place.run("verify --update page.md"), "page.md: 1 command, rewritten\n");
        assert_eq!(std::fs::read_to_string(place.path("page.md")).unwrap(), page.replace("a  \r\n``", "a\r\n``"));
    }
}

#[test]
fn a_page_gets_no_output_that_it_has_no_room_for() {
    let place = Place::new("");
    let long = "```console\n$ head -c 3000000 /dev/zero | tr '\\0' x\n…\n```\n";
    place.write("cut.md", "```console\n$ head -c 5000000 /dev/zero | tr '\\0' x\nold\n```\n");
    place.write("large.md", &(long.to_owned() + "\n" + long).replace("…\n", "old\n"));
    let said = place.run("verify --update cut.md large.md");
    let lines: Vec<String> = said.lines().map(|line| line.chars().take(120).collect()).collect();
    let texts = ["cut.md", "large.md"].map(|name| std::fs::read_to_string(place.path(name)).unwrap());
    insta::assert_snapshot!(filter(&lines.join("\n")) + "\n" + &texts.concat());
}

/// A new file would take one of its names, and the others would go on to lead to the old one.
#[test]
fn a_page_with_several_names_is_refused_before_anything_runs() {
    let place = Place::new("");
    let page = "```console\n$ echo a\nb\n```\n";
    place.write("page.md", page);
    std::fs::hard_link(place.path("page.md"), place.path("other.md")).unwrap();
    insta::assert_snapshot!(place.run("verify --update page.md"), @"
    error: `page.md` is one of 2 names of its file (hard links): it is left as it is
    hint: `cp page.md page.md.new && mv page.md.new page.md` gives this name a file of its own
    [exit code 1]
    ");
    assert_eq!(std::fs::read_to_string(place.path("other.md")).unwrap(), page);
    assert!(place.run("verify page.md").contains("+a"), "to compare it is another matter");
}
