//! Trees: paths, replacing, symbolic links, differences, and what they cost.

use std::fmt::Write as _;

use layerlab::tree::{Change, Follow, LinkId, Node, Tree, TreePath, diff};

fn path(text: &str) -> TreePath {
    TreePath::new(text)
}

/// A tree from lines `PATH`, `PATH/` or `PATH -> TARGET`.
fn tree(text: &str) -> Tree {
    let mut tree = Tree::empty();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once(" -> ") {
            Some((name, target)) => tree.insert(&path(name), Node::symlink(target)),
            None if line.ends_with('/') => tree.insert(&path(line), Node::directory(0o755)),
            None => tree.insert(&path(line), Node::file(0o644, line.as_bytes())),
        }
    }
    tree
}

#[test]
fn paths_are_cleaned_by_their_letters() {
    let mut text = String::new();
    for raw in ["", "/", "a", "/a//b/", "./a/./b", "../../a", "/a/../../b", "a/b/..", "a/..", "/a\tb"] {
        let path = path(raw);
        let parent = path.parent().map_or("none".to_string(), |parent| parent.to_string());
        writeln!(text, "{raw:?} -> {path} parent {parent}").unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn paths_are_in_the_order_of_a_walk() {
    let tree = tree("/a/b\n/a-b\n/a.b/c\n/a\u{1}b\n/b");
    let walked: Vec<TreePath> = tree.walk(&TreePath::root()).map(|(path, _)| path).collect();
    let mut sorted = walked.clone();
    sorted.sort();
    assert_eq!(walked, sorted);
    assert_eq!(
        walked.iter().map(TreePath::to_string).collect::<Vec<_>>().join(" "),
        r"/ /a /a/b /a\u{1}b /a-b /a.b /a.b/c /b"
    );
}

#[test]
fn names_that_are_not_text_are_escaped_for_people_only() {
    let path = TreePath::new(b"/caf\xe9/\n");
    assert_eq!(path.to_string(), r"/caf\xe9/\n");
    assert_eq!(path.as_bytes(), b"/caf\xe9/\n");
}

#[test]
fn links_are_followed_inside_the_tree_only() {
    let tree = tree(
        "/real/file
        /real/sub/
        /link -> real
        /absolute -> /real/sub
        /up -> ../../../real/../real/file
        /dangling -> /nowhere/file
        /loop -> loop
        /chain -> link/sub/../file
        /file",
    );
    let mut text = String::new();
    let paths = [
        "/",
        "/real/file",
        "/link/file",
        "/absolute",
        "/absolute/../..",
        "/up",
        "/dangling",
        "/loop",
        "/loop/x",
        "/chain",
        "/file/x",
        "/missing",
        "/missing/../real",
        "/link/new/deep",
        "/link",
    ];
    for name in paths {
        let show = |result: Result<TreePath, layerlab::tree::Error>| match result {
            Ok(path) => path.to_string(),
            Err(error) => format!("({error})"),
        };
        writeln!(
            text,
            "{name}: last {} | never {} | create {}",
            show(tree.resolve(&path(name), Follow::Last)),
            show(tree.resolve(&path(name), Follow::Never)),
            show(tree.resolve_for_create(&path(name), Follow::Last)),
        )
        .unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn forty_links_are_followed_and_not_one_more() {
    let mut text = String::from("/0\n");
    for number in 1..=41 {
        writeln!(text, "/{number} -> {}", number - 1).unwrap();
    }
    let tree = tree(&text);
    assert_eq!(tree.resolve(&path("/40"), Follow::Last), Ok(path("/0")));
    assert!(tree.resolve(&path("/41"), Follow::Last).is_err());
}

#[test]
fn inserting_replaces_as_unpacking_does() {
    let mut tree = tree("/dir/a\n/dir/b\n/file");
    tree.insert(&path("/dir"), Node::directory(0o700));
    tree.insert(&path("/file/below"), Node::file(0o600, *b""));
    tree.insert(&path("/"), Node::file(0o600, *b"not the root"));
    let names =
        |tree: &Tree| tree.walk(&TreePath::root()).map(|(path, _)| path.to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(names(&tree), "/ /dir /dir/a /dir/b /file /file/below");
    assert_eq!(tree.get(&path("/dir")).unwrap().metadata.mode, 0o700);
    tree.insert(&path("/dir"), Node::symlink("elsewhere"));
    tree.clear(&path("/file"));
    assert!(!tree.remove(&path("/nothing")));
    assert_eq!(names(&tree), "/ /dir /file");
}

#[test]
fn a_copy_is_not_changed_by_its_original() {
    let mut tree = tree("/a/b/c\n/a/b/d");
    let before = tree.clone();
    tree.insert(&path("/a/b/e"), Node::file(0o644, *b""));
    tree.remove(&path("/a/b/c"));
    assert_eq!(before.children(&path("/a/b")).count(), 2);
    assert!(before.get(&path("/a/b/e")).is_none());
    assert_eq!(before.subtree(&path("/a")).unwrap().children(&path("/b")).count(), 2);
}

#[test]
fn differences_are_sorted_and_deleted_folders_are_one() {
    let before = tree("/same/x\n/gone/a\n/gone/b\n/kind/child\n/content\n/mode\n/to-dir\n/link -> a");
    let mut after = before.clone();
    after.remove(&path("/gone"));
    after.insert(&path("/kind"), Node::file(0o644, *b"now a file"));
    after.insert(&path("/content"), Node::file(0o644, *b"other"));
    after.update(&path("/mode"), |node| node.metadata.mode = 0o755);
    after.insert(&path("/to-dir"), Node::directory(0o755));
    after.insert(&path("/to-dir/new"), Node::file(0o644, *b""));
    after.insert(&path("/new/deep/file"), Node::file(0o644, *b""));
    after.insert(&path("/link"), Node::symlink("b"));
    let mut text = String::new();
    for change in diff(&before, &after) {
        let letter = match change {
            Change::Added { .. } => 'A',
            Change::Modified { .. } => 'M',
            Change::Deleted { .. } => 'D',
        };
        writeln!(text, "{letter} {}", change.path()).unwrap();
    }
    insta::assert_snapshot!(text);
    assert_eq!(diff(&before, &before.clone()), []);
}

#[test]
fn a_further_name_of_a_file_changes_nothing_about_the_first() {
    let before = tree("/file\n/link -> a");
    let mut after = before.clone();
    for (number, name) in [(1, "/file"), (2, "/link")] {
        after.update(&path(name), |node| node.link = Some(LinkId::new(0, number)));
        after.insert(&path(&format!("{name}-again")), after.get(&path(name)).unwrap().clone());
    }
    let added: Vec<String> = diff(&before, &after).iter().map(|change| change.path().to_string()).collect();
    assert_eq!(added, ["/file-again", "/link-again"]);
}

#[test]
fn a_time_alone_is_told_apart_from_a_real_change_of_a_folder() {
    let before = tree("/dir/");
    let mut after = before.clone();
    after.update(&path("/dir"), |node| node.metadata.mtime = 5);
    assert!(diff(&before, &after)[0].is_directory_time());
    after.update(&path("/dir"), |node| node.metadata.mode = 0o700);
    assert!(!diff(&before, &after)[0].is_directory_time());
}
