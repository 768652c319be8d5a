//! The build context: walking, and leaving out.

mod digests;
mod wildcards;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::SystemTime;

use layerlab::context::{Context, Error, Snapshot, StatCache, learn};
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
