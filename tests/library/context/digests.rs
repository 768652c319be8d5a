//! Contents: digested, and known again where nothing has changed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use layerlab::context::{Context, Error, learn};
use layerlab::limits::Limits;
use layerlab::oci::Digest;
use layerlab::progress::Meter;
use layerlab::tree::{Seen, TreePath};

use super::{Fixture, digests, seen};

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
