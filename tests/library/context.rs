//! The build context: walking, leaving out, digesting, and knowing again what has not changed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use layerlab::context::{Context, Error, Snapshot, StatCache, expand, go_match, learn};
use layerlab::diagnostic::Explained as _;
use layerlab::limits::Limits;
use layerlab::oci::Digest;
use layerlab::progress::Meter;
use layerlab::seen;
use layerlab::tree::{Kind, Place, Seen, Tree, TreePath};

/// A folder made from a text: a line `//- /path` begins a file, a path that ends with `/` is a folder.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(text: &str) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Fixture { folder };
        for part in text.split("//- /").skip(1) {
            let (path, content) = part.split_once('\n').unwrap();
            fixture.write(path.trim(), content);
        }
        fixture
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join("context").join(relative)
    }

    fn write(&self, relative: &str, content: &str) {
        let path = self.path(relative);
        if relative.ends_with('/') {
            fs::create_dir_all(path).unwrap();
            return;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn cache(&self) -> StatCache {
        StatCache::load(&self.folder.path().join("stat"), &Limits::default())
    }

    fn scan(&self) -> Snapshot {
        Context::open(&self.path(""), None, &Limits::default()).unwrap().scan(&self.cache(), SystemTime::now()).unwrap()
    }
}

fn listing(tree: &Tree) -> String {
    let mut text = String::new();
    for (path, node) in tree.walk(&TreePath::root()).skip(1) {
        let kind = match &node.kind {
            Kind::Directory => "directory".to_owned(),
            Kind::File(content) => format!("file {} B", content.size),
            Kind::Symlink(target) => format!("-> {}", String::from_utf8_lossy(target)),
            Kind::Fifo => "fifo".to_owned(),
            Kind::CharDevice { .. } | Kind::BlockDevice { .. } => "device".to_owned(),
        };
        let owner = (node.metadata.uid, node.metadata.gid);
        text.push_str(&format!("{path} {:04o} {}:{} {kind}\n", node.metadata.mode, owner.0, owner.1));
    }
    text
}

fn paths(tree: &Tree) -> Vec<String> {
    tree.walk(&TreePath::root()).skip(1).map(|(path, _)| path.to_string()).collect()
}

fn excluded(snapshot: &Snapshot) -> Vec<String> {
    let line = |one: &layerlab::context::Excluded| {
        format!("{} by `{}` in line {}", String::from_utf8_lossy(&one.path), one.pattern, one.line)
    };
    snapshot.excluded().iter().map(line).collect()
}

fn seen(tree: &Tree) -> Vec<Seen> {
    let seen = |node: &layerlab::tree::Node| match &node.content()?.place {
        Place::Seen(seen) => Some(seen.clone()),
        Place::Host(_) | Place::Blob { .. } | Place::Bytes(_) | Place::Spool(_) => None,
    };
    tree.nodes().filter_map(seen).collect()
}

/// The digests of a context's files, read where they are not known.
fn digests(snapshot: &Snapshot) -> Result<Vec<Digest>, Error> {
    let files = seen(snapshot.tree());
    learn(files.iter(), &Meter::new().unwrap())?;
    Ok(files.iter().map(|seen| seen.file().known().unwrap().digest).collect())
}

#[test]
fn a_context_becomes_a_tree_of_root_with_the_modes_of_the_machine() {
    let fixture = Fixture::new("//- /src/main.sh\necho hi\n//- /readme\nhello\n//- /empty/\n");
    fs::set_permissions(fixture.path("src/main.sh"), fs::Permissions::from_mode(0o4755)).unwrap();
    for folder in ["src", "empty"] {
        fs::set_permissions(fixture.path(folder), fs::Permissions::from_mode(0o755)).unwrap();
    }
    symlink("../outside", fixture.path("link")).unwrap();
    fs::hard_link(fixture.path("readme"), fixture.path("twin")).unwrap();
    nix::unistd::mkfifo(&fixture.path("pipe"), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(fixture.path("socket")).unwrap();
    fs::set_permissions(fixture.path("socket"), fs::Permissions::from_mode(0o600)).unwrap();

    let snapshot = fixture.scan();
    insta::assert_snapshot!(listing(snapshot.tree()), @r"
    /empty 0755 0:0 directory
    /link 0777 0:0 -> ../outside
    /pipe 0600 0:0 fifo
    /readme 0644 0:0 file 6 B
    /socket 0600 0:0 file 0 B
    /src 0755 0:0 directory
    /src/main.sh 4755 0:0 file 8 B
    /twin 0644 0:0 file 6 B
    ");
    let link = |path: &str| snapshot.tree().get(&TreePath::new(path)).unwrap().link;
    assert!(link("readme").is_some());
    assert_eq!(link("readme"), link("twin"));
    assert_eq!(link("src/main.sh"), None);
    assert_eq!((snapshot.summary().files, snapshot.summary().bytes), (3, 20));
}

#[test]
fn what_is_left_out_names_its_pattern() {
    let fixture = Fixture::new(
        "//- /.dockerignore\n# comment\n*.log\nbuild\n!build/keep/*.txt\n!important.log\n\
         //- /a.log\n//- /important.log\n//- /src/b.log\n//- /build/x\n//- /build/keep/a.txt\n//- /build/keep/b.bin\n\
         //- /build/other/c\n//- /Dockerfile\n",
    );
    let snapshot = fixture.scan();
    insta::assert_snapshot!(paths(snapshot.tree()).join("\n"), @r"
    /.dockerignore
    /Dockerfile
    /build
    /build/keep
    /build/keep/a.txt
    /important.log
    /src
    /src/b.log
    ");
    insta::assert_snapshot!(excluded(&snapshot).join("\n"), @r"
    a.log by `*.log` in line 2
    build/keep/b.bin by `build` in line 3
    build/other by `build` in line 3
    build/x by `build` in line 3
    ");
}

#[test]
fn what_is_excluded_twice_stays_out() {
    let files = "//- /d/e/f\n//- /d/e/g\n//- /d/1\n//- /x/e/f\n";
    let kept = |list: &str| {
        let fixture = Fixture::new(&format!("//- /.dockerignore\n{list}\n.dockerignore\n{files}"));
        let snapshot = fixture.scan();
        let patterns = Context::open(&fixture.path(""), None, &Limits::default()).unwrap();
        for path in ["d/e/f", "d/e/g", "d/1", "x/e/f"] {
            let is_there = snapshot.tree().get(&TreePath::new(path)).is_some();
            assert_eq!(is_there, !patterns.patterns().excludes(path).unwrap(), "{list:?}: {path}");
        }
        paths(snapshot.tree()).join(" ")
    };
    assert_eq!(kept("d\n!d/e/f\nd/e"), "/x /x/e /x/e/f");
    assert_eq!(kept("d\n!d/e/f\nd/*"), "/x /x/e /x/e/f");
    assert_eq!(kept("d\n!d/e/f\n**/e"), "/x");
    assert_eq!(kept("*\n!d/e\nd/e\n!d/e/g"), "/d /d/e /d/e/g");
    assert_eq!(kept("d/e\n!d\nd/1\n!d/e/f"), "/d /d/e /d/e/f /d/e/g /x /x/e /x/e/f");
    assert_eq!(kept("!d/e\nd\n!d/1"), "/d /d/1 /x /x/e /x/e/f");
}

#[test]
fn an_excluded_directory_without_exceptions_is_not_opened() {
    let fixture = Fixture::new("//- /.dockerignore\nsecret\n//- /secret/deep/file\nx\n//- /file\nx\n");
    fs::set_permissions(fixture.path("secret"), fs::Permissions::from_mode(0o000)).unwrap();
    let snapshot = fixture.scan();
    fs::set_permissions(fixture.path("secret"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(paths(snapshot.tree()), ["/.dockerignore", "/file"]);
    assert_eq!(excluded(&snapshot), ["secret by `secret` in line 1"]);
}

#[test]
fn the_ignore_file_beside_the_dockerfile_comes_first() {
    let fixture = Fixture::new(
        "//- /.dockerignore\na\n//- /docker/web.Dockerfile\n//- /docker/web.Dockerfile.dockerignore\nb\n//- /a\n//- /b\n",
    );
    let dockerfile = fixture.path("docker/web.Dockerfile");
    let context = Context::open(&fixture.path(""), Some(&dockerfile), &Limits::default()).unwrap();
    assert!(context.ignore_file().unwrap().ends_with("web.Dockerfile.dockerignore"));
    let tree = context.tree().unwrap();
    assert!(tree.get(&TreePath::new("a")).is_some());
    assert!(tree.get(&TreePath::new("b")).is_none());
}

#[test]
fn errors_say_what_and_where() {
    let fixture = Fixture::new("//- /.dockerignore\nok\n[b-\n//- /file\n");
    let message = |path: &str| {
        let error = Context::open(&fixture.path(path), None, &Limits::default()).unwrap_err();
        let root = fixture.path("").display().to_string();
        format!("{error}\nhint: {}", error.hint().unwrap()).replace(&root, "CONTEXT/")
    };
    insta::assert_snapshot!(message("nowhere"), @r"
    the build context `CONTEXT/nowhere` does not exist
    hint: the context is the folder that COPY reads from; name one that exists
    ");
    insta::assert_snapshot!(message("file"), @r"
    the build context `CONTEXT/file` is not a directory
    hint: name the folder; a Dockerfile is given with `-f CONTEXT/file`
    ");
    insta::assert_snapshot!(message(""), @r"
    CONTEXT/.dockerignore: line 2: `[b-`: syntax error in pattern: `[` is not closed
    hint: the wildcards are `*`, `?`, `[a-z]` and `**`; `\` before one of them takes it literally
    ");
}

#[test]
fn what_cannot_be_read_is_an_error_with_a_hint() {
    let fixture = Fixture::new("//- /secret/file\nx\n");
    fs::set_permissions(fixture.path("secret"), fs::Permissions::from_mode(0o000)).unwrap();
    let context = Context::open(&fixture.path(""), None, &Limits::default()).unwrap();
    let outcome = context.tree();
    fs::set_permissions(fixture.path("secret"), fs::Permissions::from_mode(0o755)).unwrap();
    let Err(error) = outcome else {
        eprintln!("skipped: this user can read everything");
        return;
    };
    let root = fixture.path("").canonicalize().unwrap().display().to_string();
    let text = format!("{error}\nhint: {}", error.hint().unwrap()).replace(&root, "CONTEXT");
    insta::assert_snapshot!(text, @r"
    openat `CONTEXT/secret`: Permission denied (os error 13)
    hint: make it readable (`chmod u+rX CONTEXT/secret`), or keep it out of the context with a line in `.dockerignore`
    ");
}

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

#[test]
fn digests_are_those_of_the_contents_and_survive_a_restart() {
    let fixture = Fixture::new("//- /a\nalpha\n//- /b\nbeta\n");
    let later = SystemTime::now() + Duration::from_secs(5);
    let context = Context::open(&fixture.path(""), None, &Limits::default()).unwrap();
    let cache = fixture.cache();
    let snapshot = context.scan(&cache, later).unwrap();
    let before = digests(&snapshot).unwrap();
    assert_eq!(before, [Digest::of(b"alpha\n"), Digest::of(b"beta\n")]);
    snapshot.save(&cache).unwrap();

    let again = fixture.cache();
    let snapshot = context.scan(&again, later).unwrap();
    // The content is replaced behind the walk's back: a digest that is known needs no reading.
    fs::write(fixture.path("a"), "ALPHA\n").unwrap();
    assert_eq!(digests(&snapshot).unwrap(), before);
    let snapshot = context.scan(&again, later).unwrap();
    assert_eq!(digests(&snapshot).unwrap()[0], Digest::of(b"ALPHA\n"));
}

#[test]
fn a_cache_keeps_what_other_contexts_have_and_replaces_what_changed() {
    let fixture = Fixture::new("//- /one/a\nalpha\n//- /one/b\nbeta\n//- /two/c\ngamma\n");
    let later = SystemTime::now() + Duration::from_secs(5);
    let build = |folder: &str| {
        let cache = fixture.cache();
        let snapshot =
            Context::open(&fixture.path(folder), None, &Limits::default()).unwrap().scan(&cache, later).unwrap();
        digests(&snapshot).unwrap();
        snapshot.save(&cache).unwrap();
        fixture.cache().len()
    };
    assert_eq!(build("one"), 2);
    assert_eq!(build("two"), 3);
    fs::write(fixture.path("one/a"), "other\n").unwrap();
    assert_eq!(build("one"), 3);
    let snapshot =
        Context::open(&fixture.path(""), None, &Limits::default()).unwrap().scan(&fixture.cache(), later).unwrap();
    assert!(seen(snapshot.tree()).iter().all(|seen| seen.file().known().is_some()));
}

#[test]
fn a_file_that_changed_just_now_is_not_remembered() {
    let fixture = Fixture::new("//- /a\none\n");
    let context = Context::open(&fixture.path(""), None, &Limits::default()).unwrap();
    let file = fixture.path("a").canonicalize().unwrap();
    let cache = fixture.cache();
    for content in ["one\n", "two\n", "six\n", "ten\n"] {
        fs::write(&file, content).unwrap();
        let snapshot = context.scan(&cache, SystemTime::now()).unwrap();
        assert_eq!(digests(&snapshot).unwrap(), [Digest::of(content.as_bytes())]);
        snapshot.save(&cache).unwrap();
    }
    assert!(fixture.cache().is_empty());
}

#[test]
fn a_damaged_cache_is_an_empty_one() {
    let fixture = Fixture::new("//- /a\none\n");
    let context = Context::open(&fixture.path(""), None, &Limits::default()).unwrap();
    let cache = fixture.cache();
    let snapshot = context.scan(&cache, SystemTime::now() + Duration::from_secs(5)).unwrap();
    digests(&snapshot).unwrap();
    snapshot.save(&cache).unwrap();
    let file = fixture.folder.path().join("stat");
    let whole = fs::read(&file).unwrap();
    assert_eq!(fixture.cache().len(), 1);
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x40;
        fs::write(&file, &damaged).unwrap();
        assert!(fixture.cache().is_empty(), "byte {position}");
        fs::write(&file, &whole[..position]).unwrap();
        assert!(fixture.cache().is_empty(), "cut at {position}");
    }
}

#[test]
fn a_file_that_changes_between_walk_and_reading_is_an_error() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 5] = [
        ("longer", |path| fs::write(path, "longer\n").unwrap()),
        ("shorter", |path| fs::write(path, "x").unwrap()),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        ("a link", |path| {
            fs::rename(path, path.with_file_name("b")).unwrap();
            symlink("b", path).unwrap();
        }),
        ("a pipe", |path| {
            fs::remove_file(path).unwrap();
            nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        }),
    ];
    for size in [4, 100_000] {
        for (name, change) in changes {
            let fixture = Fixture::new("");
            fixture.write("a", &"x".repeat(size));
            let snapshot = fixture.scan();
            change(&fixture.path("a"));
            let outcome = digests(&snapshot);
            assert!(matches!(outcome, Err(Error::Seen(seen::Error::Changed { .. }))), "{name}, {size}: {outcome:?}");
        }
    }
}

#[test]
fn the_bytes_of_small_files_stay_as_long_as_somebody_keeps_them() {
    let fixture = Fixture::new("//- /a\nalpha\n//- /b\nbeta\n");
    fixture.write("large", &"x".repeat(100_000));
    let snapshot = fixture.scan();
    let files = seen(snapshot.tree());
    let contents = learn(files.iter(), &Meter::new().unwrap()).unwrap();
    let kept = |seen: &Seen| {
        let (together, start) = seen.kept()?;
        Some(together[start..start + seen.file().identity().size() as usize].to_vec())
    };
    let all: Vec<_> = files.iter().map(kept).collect();
    assert_eq!(all, [Some(b"alpha\n".to_vec()), Some(b"beta\n".to_vec()), None]);
    drop(contents);
    assert!(files.iter().all(|seen| seen.kept().is_none()));
}

#[test]
fn attributes_of_users_come_with_the_content() {
    let fixture = Fixture::new("//- /a\none\n//- /folder/\n");
    for path in ["a", "folder"] {
        if let Err(error) = xattr::set(fixture.path(path), "user.colour", b"blue") {
            eprintln!("skipped: this file system has no extended attributes: {error}");
            return;
        }
    }
    let later = SystemTime::now() + Duration::from_secs(5);
    let context = Context::open(&fixture.path(""), None, &Limits::default()).unwrap();
    for _ in 0..2 {
        let cache = fixture.cache();
        let snapshot = context.scan(&cache, later).unwrap();
        digests(&snapshot).unwrap();
        let known = seen(snapshot.tree())[0].file().known().unwrap().xattrs.clone();
        assert_eq!(known.get(b"user.colour"), Some(&b"blue"[..]));
        let folder = snapshot.tree().get(&TreePath::new("folder")).unwrap();
        assert_eq!(folder.metadata.xattrs.get(b"user.colour"), Some(&b"blue"[..]));
        snapshot.save(&cache).unwrap();
        assert_eq!(fixture.cache().len(), 1);
    }
}

#[test]
#[ignore = "a measurement: run it alone, optimised"]
fn measure_twenty_thousand_unchanged_files() {
    let fixture = Fixture::new("");
    for folder in 0..200 {
        for file in 0..100 {
            fixture.write(&format!("folder{folder:03}/file{file:03}.txt"), &format!("{folder} {file}\n"));
        }
    }
    let later = SystemTime::now() + Duration::from_secs(5);
    for round in 0..7 {
        if round == 4 {
            fixture.write(".dockerignore", "**/node_modules\n**/*.log\n*.md\n**/a?c/*.tmp\n!keep/*.log\nfolder199/\n");
        }
        let started = std::time::Instant::now();
        let cache = fixture.cache();
        let loaded = started.elapsed();
        let context = Context::open(&fixture.path(""), None, &Limits::default()).unwrap();
        let snapshot = context.scan(&cache, later).unwrap();
        let walked = started.elapsed();
        let count = digests(&snapshot).unwrap().len();
        let digested = started.elapsed();
        snapshot.save(&cache).unwrap();
        let saved = started.elapsed();
        println!(
            "round {round}: load {loaded:?} walk {:?} digest {:?} save {:?}: {count} files",
            walked - loaded,
            digested - walked,
            saved - digested,
        );
    }
    let started = std::time::Instant::now();
    std::process::Command::new("find").arg(fixture.path("")).args(["-printf", "%s"]).output().unwrap();
    println!("find: {:?}", started.elapsed());
}
