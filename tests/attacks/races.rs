//! Files of a build context that are swapped while they are read.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::contexts::{SECRET, assert_not_taken, dockerfile};
use crate::harness::{Attack, USERS, attack};

/// Swaps a path between two states as fast as can be, until it is dropped.
pub struct Swapping {
    stop: std::sync::Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Swapping {
    /// `one` and `other` exchange their names, over and over.
    pub fn begin(one: &Path, other: &Path) -> Swapping {
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let (flag, one, other) = (std::sync::Arc::clone(&stop), one.to_owned(), other.to_owned());
        let thread = std::thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                let _ = nix::fcntl::renameat2(
                    nix::fcntl::AT_FDCWD,
                    &one,
                    nix::fcntl::AT_FDCWD,
                    &other,
                    nix::fcntl::RenameFlags::RENAME_EXCHANGE,
                );
                std::thread::yield_now();
            }
        });
        Swapping { stop, thread: Some(thread) }
    }
}

impl Drop for Swapping {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Builds a few times while two names of the context exchange what they mean.
fn race(attack: &mut Attack, one: &str, other: &str) {
    // As large as what it may be exchanged for, so that the size gives nothing away.
    attack.write("d/secret", &format!("{}\n", "x".repeat(SECRET.len())));
    dockerfile(attack, "COPY d /all/\nCOPY d/secret /one\nADD d/secret /added");
    attack.run("build --no-cache -q .");
    let swapping = Swapping::begin(&attack.path(one), &attack.path(other));
    for _ in 0..8 {
        let outcome = attack.run("build --no-cache -q .");
        assert!(outcome.status.code().is_some_and(|code| code < 2), "{}", outcome.text);
    }
    drop(swapping);
    assert_not_taken(attack);
}

#[test]
fn a_file_becomes_a_link_while_it_is_copied() {
    attack("a file is swapped for a link between look and open (CVE-2018-15664)", USERS, |attack| {
        attack.link("away", attack.sentinel().join("secret"));
        attack.write("d/secret", "x\n");
        race(attack, "d/secret", "away");
    });
}

#[test]
fn a_folder_becomes_a_link_while_it_is_copied() {
    attack("a folder is swapped for a link between look and open (CVE-2021-30465's idea)", USERS, |attack| {
        attack.link("away", attack.sentinel());
        attack.write("d/secret", "x\n");
        race(attack, "d", "away");
    });
}

#[test]
fn a_file_becomes_a_pipe_while_it_is_copied() {
    attack("a file is swapped for a pipe that nobody writes to", USERS, |attack| {
        mkfifo(&attack.path("pipe"), Mode::from_bits_truncate(0o644)).unwrap();
        attack.write("d/secret", "x\n");
        race(attack, "d/secret", "pipe");
    });
}

#[test]
fn a_file_grows_and_shrinks_while_it_is_copied() {
    attack("a file that changes makes an archive whose sizes lie", USERS, |attack| {
        attack.write("d/secret", "x\n");
        let path = attack.path("d/secret");
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let flag = std::sync::Arc::clone(&stop);
        dockerfile(attack, "COPY d /all/\nADD d/secret /one");
        attack.run("build -q .");
        let writer = std::thread::spawn(move || {
            for length in (0..200_000).step_by(977).cycle() {
                if flag.load(Ordering::Relaxed) {
                    break;
                }
                let _ = fs::write(&path, vec![b'x'; length]);
            }
        });
        for _ in 0..8 {
            let outcome = attack.run("build --no-cache -q .");
            assert!(outcome.status.code().is_some_and(|code| code < 2), "{}", outcome.text);
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        assert_not_taken(attack);
    });
}

#[test]
fn files_vanish_while_the_context_is_walked() {
    attack("names that are gone by the time they are looked at", USERS, |attack| {
        attack.write("d/secret", "x\n");
        dockerfile(attack, "COPY . /all/");
        attack.run("build -q .");
        let folder = attack.path("d");
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let flag = std::sync::Arc::clone(&stop);
        let writer = std::thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                for number in 0..20 {
                    let _ = fs::create_dir(folder.join(format!("folder{number}")));
                    let _ = fs::write(folder.join(format!("folder{number}/file")), "x");
                    let _ = fs::write(folder.join(format!("file{number}")), "x");
                }
                for number in 0..20 {
                    let _ = fs::remove_dir_all(folder.join(format!("folder{number}")));
                    let _ = fs::remove_file(folder.join(format!("file{number}")));
                }
            }
        });
        for _ in 0..8 {
            let outcome = attack.run("build --no-cache -q .");
            assert!(outcome.status.code().is_some_and(|code| code < 2), "{}", outcome.text);
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        attack.place.assert_whole();
    });
}
