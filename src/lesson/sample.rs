//! A lesson to begin with: a folder with all that a lesson has, in which everything is proven.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::LESSON;
use crate::diagnostic::Explained;
use crate::errno;

/// The files. `TITLE` in the page stands for the lesson's name.
const FILES: [(&str, &str); 4] = [
    (LESSON, include_str!("sample/lesson.md")),
    ("Dockerfile", include_str!("sample/Dockerfile")),
    ("greeting.txt", include_str!("sample/greeting.txt")),
    (".dockerignore", include_str!("sample/ignored")),
];

/// Why there is no new lesson.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    #[error("`{}` is no name of a lesson", .0.display())]
    NoName(PathBuf),
    #[error("can't make `{}`: {}", path.display(), errno::describe(source))]
    Io { path: PathBuf, source: io::Error },
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Exists(_) => Some("a new lesson gets a folder of its own: choose another name".to_owned()),
            Error::NoName(_) => {
                Some("such as `15-my-lesson`: its folder is called so, and its title begins as that".to_owned())
            }
            Error::Io { source, .. } => errno::hint(source),
        }
    }
}

/// Writes a lesson into a new folder, and gives the path of its page.
///
/// # Errors
/// The folder is there; what the file system says.
pub(crate) fn write(folder: &Path) -> Result<PathBuf, Error> {
    let title = folder.file_name().and_then(|name| title(&name.to_string_lossy()));
    let title = title.ok_or_else(|| Error::NoName(folder.to_owned()))?;
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(folder.to_owned()),
        _ => Error::Io { path: folder.to_owned(), source },
    };
    if folder.symlink_metadata().is_ok() {
        return Err(Error::Exists(folder.to_owned()));
    }
    // Beside it first: a folder of this name is whole. A name with a dot is no lesson's, if we are killed meanwhile.
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.with_file_name(format!(".{name}.{}", std::process::id()));
    create_anew(&beside).map_err(failed)?;
    fill(&beside, &title).and_then(|()| publish(&beside, folder)).map_err(|error| {
        let _ = fs::remove_dir_all(&beside);
        failed(error)
    })?;
    Ok(folder.join(LESSON))
}

/// Makes a folder. One that is there was left by a process that had our number, and is gone.
fn create_anew(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_dir_all(folder)?;
            fs::create_dir(folder)
        }
        created => created,
    }
}

/// Writes the files into a folder.
fn fill(folder: &Path, title: &str) -> io::Result<()> {
    FILES.iter().try_for_each(|(name, text)| {
        let text = if *name == LESSON { text.replacen("TITLE", title, 1) } else { (*text).to_owned() };
        fs::write(folder.join(name), text)
    })
}

/// Gives a folder a name that nothing has.
fn publish(beside: &Path, folder: &Path) -> io::Result<()> {
    match renameat_with(CWD, beside, CWD, folder, RenameFlags::NOREPLACE) {
        // Not every file system can be told to replace nothing.
        Err(Errno::INVAL) => fs::rename(beside, folder),
        renamed => Ok(renamed?),
    }
}

/// `15-my-lesson` as a title: `My lesson`.
fn title(name: &str) -> Option<String> {
    let words = name.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
    let words: String = words.chars().map(|letter| if ['-', '_'].contains(&letter) { ' ' } else { letter }).collect();
    let mut letters = words.trim().chars();
    let first = letters.next()?;
    let is_plain = words.chars().all(|letter| letter.is_alphanumeric() || letter == ' ' || letter == '.');
    is_plain.then(|| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn a_name_becomes_a_title() {
        assert_eq!(title("15-my_first-lesson").as_deref(), Some("My first lesson"));
        assert_eq!(title("15-"), None);
        assert_eq!(title("a\u{1b}[1m"), None);
    }
}
