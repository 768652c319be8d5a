//! A case: a build context, an ignore file and a Dockerfile, as data that can be changed, written to disk and printed.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// When everything in a context was changed: times are not in a key, so a change must not show by them.
const MODIFIED: Duration = Duration::from_secs(COPIED.unsigned_abs());

/// The same in seconds since 1970, as an image has it.
pub const COPIED: i64 = 1_000_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// By path, so folders come before what is in them.
    pub files: BTreeMap<String, Entry>,
    /// The lines of `.dockerignore`.
    pub ignored: Vec<String>,
    pub stages: Vec<Stage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub mode: u32,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Folder,
    Text(String),
    Link(String),
    /// Another name of the file at this path.
    HardLink(String),
    /// A tar of these files.
    Archive(Vec<(String, String)>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    pub from: String,
    pub name: String,
    pub instructions: Vec<String>,
}

impl Case {
    pub fn dockerfile(&self) -> String {
        let mut text = String::new();
        for stage in &self.stages {
            text.push_str(&format!("FROM {} AS {}\n", stage.from, stage.name));
            for instruction in &stage.instructions {
                text.push_str(&format!("{instruction}\n"));
            }
        }
        text
    }

    /// Makes the context in an empty folder.
    pub fn lay_out(&self, folder: &Path) {
        for (name, entry) in &self.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match &entry.kind {
                Kind::Folder => fs::create_dir_all(&path).unwrap(),
                Kind::Text(text) => fs::write(&path, text).unwrap(),
                Kind::Link(target) => symlink(target, &path).unwrap(),
                Kind::HardLink(other) if folder.join(other).is_file() => {
                    fs::hard_link(folder.join(other), &path).unwrap()
                }
                Kind::HardLink(_) => fs::write(&path, "no other name\n").unwrap(),
                Kind::Archive(files) => fs::write(&path, tar(files)).unwrap(),
            }
        }
        fs::write(folder.join("Dockerfile"), self.dockerfile()).unwrap();
        fs::write(folder.join(".dockerignore"), self.ignored.join("\n")).unwrap();
        settle(folder);
        for (name, entry) in self.files.iter().rev() {
            let path = folder.join(name);
            if !path.is_symlink() && !matches!(entry.kind, Kind::HardLink(_)) {
                fs::set_permissions(&path, Permissions::from_mode(entry.mode)).unwrap();
            }
        }
    }
}

/// Gives everything the same time and plain modes, from the inside out.
fn settle(path: &Path) {
    if path.is_symlink() {
        let time = nix::sys::time::TimeSpec::from_duration(MODIFIED);
        let flags = nix::sys::stat::UtimensatFlags::NoFollowSymlink;
        nix::sys::stat::utimensat(nix::fcntl::AT_FDCWD, path, &time, &time, flags).unwrap();
        return;
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            settle(&entry.unwrap().path());
        }
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    } else {
        fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    }
    File::open(path).unwrap().set_modified(UNIX_EPOCH + MODIFIED).unwrap();
}

fn tar(files: &[(String, String)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o640);
        header.set_uid(5);
        header.set_gid(6);
        header.set_mtime(MODIFIED.as_secs());
        header.set_size(text.len() as u64);
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "── Dockerfile\n{}── .dockerignore\n", self.dockerfile())?;
        for line in &self.ignored {
            writeln!(formatter, "{line}")?;
        }
        writeln!(formatter, "── context")?;
        for (name, entry) in &self.files {
            writeln!(formatter, "{:04o} {name:?} {:?}", entry.mode, entry.kind)?;
        }
        Ok(())
    }
}
