//! Patterns of ignore files, and wildcards of COPY.

use std::fs;
use std::time::Duration;

use layerlab::context::{expand, go_match};
use layerlab::tree::{Tree, TreePath};

use super::{Fixture, paths};

#[test]
fn patterns_mean_what_they_mean_to_builders() {
    // Pattern list, path, the pattern that decides (none: no pattern applies).
    let cases: &[(&[&str], &str, Option<&str>)] = &[
        (&["[a-c]**/\\*"], "b*/x", Some("[a-c]**/\\*")),
        (&["a/**/z"], "a/z", Some("a/**/z")),
        (&["a/**/z"], "a/b/c/z", Some("a/**/z")),
        (&["a/**"], "a", None),
        (&["a/**"], "a/b", Some("a/**")),
        (&["**"], "anything/at all", Some("**")),
        (&["**.go"], "x/y.go", Some("**.go")),
        (&["a"], "a/b/c", Some("a")),
        (&["a", "!a/b"], "a/b/c", Some("!a/b")),
        (&["a", "!a/b", "a/b/c"], "a/b/c/d", Some("a/b/c")),
        (&["!a"], "a", None),
        (&["a/"], "a", Some("a/")),
        (&["./a//b/../c"], "a/c", Some("./a//b/../c")),
        (&["a?c"], "a/c", None),
        (&["a[^b]c"], "a/c", Some("a[^b]c")),
        (&["x\\d"], "x7", Some("x\\d")),
        (&["\\!a"], "!a", Some("\\!a")),
    ];
    for (list, path, expected) in cases {
        let patterns = layerlab::context::Patterns::new(*list).unwrap();
        let decisive = patterns.decide(path).unwrap().map(|pattern| pattern.text.as_str());
        assert_eq!(decisive, *expected, "{list:?} {path}");
    }
    for (list, message) in [
        (&["ok", "!"][..], "line 2: illegal exclusion pattern: `!` stands alone"),
        (&["[z"], "line 1: `[z`: syntax error in pattern: `[` is not closed"),
        (
            &["[-a]"],
            "line 1: `[-a]`: syntax error in pattern: `-` has to stand between two characters, or be written `\\-`",
        ),
    ] {
        let error = layerlab::context::Patterns::new(list).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    // This one shows only when it is used, as in a build.
    let backwards = layerlab::context::Patterns::new(["a", "![z-a]"]).unwrap();
    assert!(backwards.decide("b").unwrap().is_none());
    let error = backwards.decide("a").unwrap_err();
    assert_eq!(error.to_string(), "line 2: `![z-a]`: syntax error in pattern: a range of characters runs backwards");
}

#[test]
fn names_that_are_not_utf_8_are_walked_and_matched() {
    use std::os::unix::ffi::OsStrExt;
    let fixture = Fixture::new("//- /.dockerignore\n?.log\n");
    let name = |bytes: &[u8]| fixture.path("").join(std::ffi::OsStr::from_bytes(bytes));
    fs::write(name(b"\xff.log"), "x").unwrap();
    fs::write(name(b"\xff\xfe.log"), "x").unwrap();
    let snapshot = fixture.scan();
    assert_eq!(paths(snapshot.tree()), ["/.dockerignore", "/\\xff\\xfe.log"]);
}

#[test]
fn wildcards_of_copy_are_those_of_go() {
    let cases: &[(&str, &str, bool)] = &[
        ("*", "a", true),
        ("*", "a/b", false),
        ("*/b", "a/b", true),
        ("**", "ab", true),
        ("a*b*c", "axbxbxc", true),
        ("[^a]", "/", true),
        ("[a-c-e]", "b", false),
        ("\\*", "*", true),
        ("\\*", "a", false),
        ("a?", "aé", true),
        ("", "", true),
    ];
    for &(pattern, name, expected) in cases {
        match go_match(pattern, name) {
            Ok(matched) => assert_eq!(matched, expected, "{pattern} {name}"),
            Err(_) => assert_eq!(pattern, "[a-c-e]"),
        }
    }
    for bad in ["[", "[]a]", "[^", "a\\", "[a-", "[a-]", "[\\"] {
        assert!(go_match(bad, "x").is_err(), "{bad}");
    }
}

#[test]
fn no_pattern_takes_long() {
    let hostile = format!("{}b", "*a".repeat(60));
    let deep = format!("{}x", "**/a*".repeat(60));
    let name = "a".repeat(4000);
    let started = std::time::Instant::now();
    assert!(!go_match(&hostile, &name).unwrap());
    let patterns = layerlab::context::Patterns::new([hostile, deep]).unwrap();
    assert!(!patterns.excludes(&name).unwrap());
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn wildcards_are_expanded_in_the_order_of_a_walk() {
    let mut tree = Tree::empty();
    for path in ["a/x.txt", "a/y.md", "a-b/x.txt", "b/deep/x.txt", "c.txt", "d*e", "dfe"] {
        tree.insert(&TreePath::new(path), layerlab::tree::Node::file(0o644, *b"x"));
    }
    tree.insert(&TreePath::new("link"), layerlab::tree::Node::symlink("a"));
    let expanded =
        |pattern: &str| -> Vec<String> { expand(&tree, pattern).unwrap().iter().map(ToString::to_string).collect() };
    assert_eq!(expanded("*/*.txt"), ["/a/x.txt", "/a-b/x.txt"]);
    assert_eq!(expanded("*"), ["/a", "/a-b", "/b", "/c.txt", "/d*e", "/dfe", "/link"]);
    assert_eq!(expanded("link/*.txt"), ["/a/x.txt"]);
    assert_eq!(expanded("./b/../?.txt"), ["/c.txt"]);
    assert_eq!(expanded("d[*]e"), ["/d*e"]);
    assert_eq!(expanded("missing/*"), Vec::<String>::new());
    assert!(expand(&tree, "a[").is_err());
}
