//! The lessons: those that are built into this program, and those of a folder with folders `NN-name/lesson.md`.

use std::io::{BufRead, BufReader};
use std::path::{Component, Path, PathBuf};

use super::error::Error;
use super::files::replace;
use crate::diagnostic::closest;
use crate::document::{self, Links};
use crate::lesson::{About, HUB, LESSON, Page, ReadError, Room, copy_lesson, folder_of, is_apart, pages_in, read_text};
use crate::limits::Limits;
use crate::source::SourceFile;

/// A file of a lesson that is built in: its path, whether it is a program, its bytes.
type Entry = (&'static str, bool, &'static [u8]);

/// The lessons that are built in, each with its files: `build.rs` lists them.
const BUILT_IN: &[(&str, &[Entry])] = include!(concat!(env!("OUT_DIR"), "/lessons.rs"));

/// The most files of a learner's folder that are compared with the lesson's.
const MOST_COMPARED: usize = 10_000;

/// Whether a lesson of this program has this name.
pub(super) fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(own, _)| *own == name)
}

/// The lessons, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    pub(crate) lessons: Vec<Lesson>,
    /// Those that can't be read.
    pub(crate) unread: Vec<Unread>,
}

/// A lesson that can't be read.
#[derive(Debug)]
pub(crate) struct Unread {
    /// The name of its folder.
    pub(crate) name: String,
    /// Why.
    pub(crate) why: String,
}

/// A lesson that can be begun.
#[derive(Debug)]
pub(crate) struct Lesson {
    /// The name of its folder, such as `04-cache`.
    pub(crate) name: String,
    /// Its first heading.
    pub(crate) title: String,
    pub(crate) about: Option<About>,
    pub(crate) page: Page,
    source: Source,
}

#[derive(Debug)]
enum Source {
    BuiltIn(&'static [Entry]),
    Folder(PathBuf),
}

impl Catalogue {
    /// The lessons of this program.
    ///
    /// # Errors
    /// None but mistakes in them, which the tests find.
    pub(crate) fn built_in() -> Result<Catalogue, Error> {
        let lessons = BUILT_IN.iter().map(|(name, files)| {
            let text = files.iter().find(|(path, ..)| *path == LESSON).map_or(&[][..], |(.., bytes)| bytes);
            let text = SourceFile::from_bytes(format!("{name}/{LESSON}"), text).map_err(ReadError::from)?;
            Lesson::read(name, &text, Source::BuiltIn(files))
        });
        Ok(Catalogue { lessons: lessons.collect::<Result<_, _>>()?, unread: Vec::new() })
    }

    /// The lessons in a folder. One that can't be read hides no other, and is told of.
    ///
    /// # Errors
    /// The folder can't be read, or has no lesson; a page with a mistake in it.
    pub(crate) fn of_folder(folder: &Path, limits: &Limits) -> Result<Catalogue, Error> {
        let (mut lessons, mut unread, mut first) = (Vec::new(), Vec::new(), None);
        for page in pages_in(folder)? {
            match Lesson::of_page(&page, limits) {
                Ok(lesson) => lessons.push(lesson),
                Err(error @ Error::Reading(_)) => {
                    let name = folder_of(&page).file_name().unwrap_or_default().to_string_lossy().into_owned();
                    unread.push(Unread { name, why: error.to_string() });
                    first = first.or(Some(error));
                }
                Err(error) => return Err(error),
            }
        }
        match first {
            Some(error) if lessons.is_empty() => Err(error),
            Some(_) | None => Ok(Catalogue { lessons, unread }),
        }
    }

    /// A lesson by its number, its name, or both: `4`, `cache`, `04-cache`.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub(crate) fn find(&self, wanted: &str) -> Result<&Lesson, Error> {
        self.lessons.iter().find(|lesson| is_called(&lesson.name, wanted)).ok_or_else(|| {
            if let Some(unread) = self.unread.iter().find(|unread| is_called(&unread.name, wanted)) {
                return Error::Unread { name: unread.name.clone(), why: unread.why.clone() };
            }
            let names = self.lessons.iter().map(Lesson::bare_name);
            Error::NoSuchLesson { wanted: wanted.to_owned(), meant: closest(wanted, names).map(str::to_owned) }
        })
    }

    /// The lesson after one.
    pub(crate) fn after(&self, name: &str) -> Option<&Lesson> {
        let place = self.lessons.iter().position(|lesson| lesson.name == name)?;
        self.lessons.get(place + 1)
    }
}

impl Unread {
    /// The number that its name begins with.
    pub(crate) fn number(&self) -> Option<u32> {
        parts(&self.name).0
    }
}

impl Lesson {
    /// The lesson that a page is, with the files of its folder.
    ///
    /// # Errors
    /// It can't be read; a page with a mistake in it.
    pub(crate) fn of_page(page: &Path, limits: &Limits) -> Result<Lesson, Error> {
        let text = read_text(page, limits)?;
        let folder = folder_of(page).canonicalize().map_err(Error::io("find", folder_of(page)))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Lesson::read(&name, &text, Source::Folder(folder))
    }

    fn read(name: &str, text: &SourceFile, source: Source) -> Result<Lesson, Error> {
        let page = Page::parse(&text.name, &text.text)?;
        let title = page.title().unwrap_or(name).to_owned();
        let about = About::find(&page)?;
        Ok(Lesson { name: name.to_owned(), title, about, page, source })
    }

    /// The number that its name begins with.
    pub(crate) fn number(&self) -> Option<u32> {
        parts(&self.name).0
    }

    /// Its name without the number.
    pub(crate) fn bare_name(&self) -> &str {
        parts(&self.name).1
    }

    /// Puts the lesson's files into the folder of a room, where they are missing, and opens the registry that it brings. Gives the links that
    /// are left out, since they lead out of the lesson.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn furnish(&self, room: &mut Room, is_bare: bool) -> Result<Vec<PathBuf>, Error> {
        let left_out = if is_bare { self.write_to(room.work())? } else { Vec::new() };
        match &self.source {
            Source::BuiltIn(files) => {
                let shelves = room.path("shelves");
                let mut offered = files.iter().filter(|entry| is_offered(entry)).peekable();
                if offered.peek().is_some() {
                    offered.try_for_each(|entry| write(entry, &shelves))?;
                    room.open_hub(&shelves.join(HUB))?;
                }
            }
            Source::Folder(folder) if folder.join(HUB).is_dir() => room.open_hub(&folder.join(HUB))?,
            Source::Folder(_) => {}
        }
        Ok(left_out)
    }

    /// Writes the files of the lesson's folder into another one. Gives the links that are left out.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn write_to(&self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        match &self.source {
            Source::BuiltIn(files) => {
                files.iter().filter(|entry| !is_offered(entry)).try_for_each(|entry| write(entry, folder))?;
                Ok(Vec::new())
            }
            Source::Folder(own) => Ok(copy_lesson(own, folder)?.into_iter().map(|(link, _)| link).collect()),
        }
    }

    /// Sees to it that nothing of the lesson's own folder changes when something is made of another one.
    ///
    /// # Errors
    /// One of them lies in the other; what the file system says.
    pub(super) fn spare(&self, folder: &Path) -> Result<(), Error> {
        match &self.source {
            Source::Folder(own) if !is_apart(own, folder).map_err(Error::io("find", folder))? => {
                Err(Error::Source { folder: folder.to_owned(), own: own.clone() })
            }
            Source::Folder(_) | Source::BuiltIn(_) => Ok(()),
        }
    }

    /// Whether a folder has a file that is not the lesson's, or not as the lesson has it. What can't be read is not the lesson's.
    pub(super) fn is_changed(&self, folder: &Path) -> bool {
        let mut folders = vec![folder.to_owned()];
        let mut count = 0;
        while let Some(inner) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&inner) else { return true };
            for entry in entries {
                let Ok(entry) = entry else { return true };
                count += 1;
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                    continue;
                }
                let path = entry.path();
                let name = path.strip_prefix(folder).unwrap_or(&path);
                if count > MOST_COMPARED || !self.has(name, &path) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether a file of the lesson has the same content.
    fn has(&self, name: &Path, path: &Path) -> bool {
        let is_plain = name.components().all(|part| matches!(part, Component::Normal(_)));
        if let (true, Source::Folder(folder), Ok(target)) = (is_plain, &self.source, path.read_link()) {
            return folder.join(name).read_link().is_ok_and(|own| own == target);
        }
        let (true, Ok((found, metadata))) = (is_plain, document::open(path, Links::Refuse)) else { return false };
        match &self.source {
            Source::BuiltIn(files) => files
                .iter()
                .find(|(own, ..)| Path::new(own) == name)
                .is_some_and(|(.., own)| own.len() as u64 == metadata.len() && is_same(BufReader::new(found), *own)),
            Source::Folder(folder) => document::open(&folder.join(name), Links::Follow).is_ok_and(|(own, of_own)| {
                of_own.len() == metadata.len() && is_same(BufReader::new(found), BufReader::new(own))
            }),
        }
    }
}

/// The number that the name of a lesson begins with, and what follows it.
fn parts(name: &str) -> (Option<u32>, &str) {
    let parts = name
        .split_once('-')
        .and_then(|(number, rest)| Some((number.parse().ok(), rest)).filter(|parts| parts.0.is_some()));
    parts.unwrap_or((None, name))
}

/// Whether a lesson of this name is meant by a number, a name, or both.
pub(super) fn is_called(name: &str, wanted: &str) -> bool {
    let (number, bare) = parts(name);
    name == wanted || bare == wanted || number.is_some() && wanted.parse().ok() == number
}

/// Whether two files of one length have the same bytes. What can't be read is not the same.
fn is_same(mut one: impl BufRead, mut other: impl BufRead) -> bool {
    loop {
        let (Ok(left), Ok(right)) = (one.fill_buf(), other.fill_buf()) else { return false };
        let count = left.len().min(right.len());
        if count == 0 || left[..count] != right[..count] {
            return left.is_empty() && right.is_empty();
        }
        one.consume(count);
        other.consume(count);
    }
}

/// Whether a file is one of what the lesson's registry offers.
fn is_offered((name, ..): &Entry) -> bool {
    Path::new(name).starts_with(HUB)
}

/// Writes a file of a lesson that is built in below a folder.
fn write((name, is_program, bytes): &Entry, folder: &Path) -> Result<(), Error> {
    let path = folder.join(name);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
    }
    replace(&path, bytes, if *is_program { 0o755 } else { 0o644 }).map_err(Error::io("write", &path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lessons_are_found_by_number_and_by_name() {
        let catalogue = Catalogue::built_in().unwrap();
        for wanted in ["4", "04", "cache", "04-cache"] {
            assert_eq!(catalogue.find(wanted).unwrap().name, "04-cache");
        }
        assert_eq!(catalogue.after("04-cache").unwrap().number(), Some(5));
        let error = catalogue.find("cahce").unwrap_err();
        assert!(matches!(error, Error::NoSuchLesson { meant: Some(meant), .. } if meant == "cache"));
    }

    #[test]
    fn files_are_compared_as_far_as_they_are_files() {
        let place = tempfile::tempdir().unwrap();
        let (lesson, work) = (place.path().join("pack/01-a"), place.path().join("work"));
        std::fs::create_dir_all(&lesson).unwrap();
        std::fs::create_dir(&work).unwrap();
        std::fs::write(lesson.join(LESSON), "# A\n").unwrap();
        std::fs::write(lesson.join("b"), "b").unwrap();
        nix::unistd::mkfifo(&lesson.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let catalogue = Catalogue::of_folder(&place.path().join("pack"), &Limits::default()).unwrap();
        let is_changed = |file: &str, text: &str| {
            std::fs::write(work.join(file), text).unwrap();
            catalogue.lessons[0].is_changed(&work)
        };
        assert_eq!((is_changed("b", "b"), is_changed("b", "c"), is_changed("b", "bb")), (false, true, true));
        assert!(!is_changed("b", "b") && is_changed("pipe", "x"));
    }
}
