//! The commands that keep something: tag, write and save.

use std::path::{Path, PathBuf};

use super::Error;
use super::form::{Existing, Saved};
use super::moving::{Heads, watch};
use super::session::Session;
use crate::debugger;
use crate::shown;
use crate::view::{report, units};

/// What the first line of a saved session begins with.
const SAVED_FOR: &str = "# layerlab step ";

/// `tag NAME`.
pub(super) fn tag(session: &mut Session<'_>, name: &str) -> Result<(), Error> {
    let tagged = watch(session, Heads::Hidden, |debugger, sink| debugger.tag(name, sink))?;
    let what = tagged.after_step.map(|number| format!("  (the state after step {number})")).unwrap_or_default();
    session.row("tagged", &format!("{}{what}", tagged.reference.familiar()))
}

/// `write [FILE]`: without a name, the Dockerfile that the session is about.
pub(super) fn write(session: &mut Session<'_>, file: Option<&str>, existing: Existing) -> Result<(), Error> {
    let usual = || session.debugger.path().map_or_else(|| session.debugger.folder().join("Dockerfile"), Path::to_owned);
    let path = file.map_or_else(usual, PathBuf::from);
    let file = path.strip_prefix(".").unwrap_or(&path).display().to_string();
    if existing == Existing::Kept && !session.debugger.is_ours(&path) {
        return Err(refused("write", &file));
    }
    session.debugger.write(&path)?;
    let lines = session.debugger.source().text.lines().count() as u64;
    session.row("written", &format!("{file}: {}", units::count(lines, "line")))
}

/// What `save report` writes to where no file is named.
const REPORT: &str = "report.html";

/// `save FILE`, `save report [FILE]`.
pub(super) fn save(session: &mut Session<'_>, what: &Saved, existing: Existing) -> Result<(), Error> {
    let (command, file, (name, content)) = match what {
        Saved::Session(file) => ("save", file.as_str(), ("session", "what was typed and shown")),
        Saved::Report(file) => ("save report", file.as_deref().unwrap_or(REPORT), ("report", "a page about the build")),
    };
    let path = PathBuf::from(file);
    if is_dockerfile(session, &path) {
        return Err(Error::usage(
            format!("`{file}` is the Dockerfile, and `{command}` writes {content}"),
            format!("`write` saves the Dockerfile; to save the {name}, choose another name"),
        ));
    }
    if existing == Existing::Kept && !session.saved.contains(&path) && path.exists() {
        return Err(refused(command, file));
    }
    let text = match what {
        Saved::Session(_) => [head(session).as_bytes(), &session.out.transcript()].concat(),
        Saved::Report(_) => report::page(&session.debugger.review()?, &session.notes).into_bytes(),
    };
    debugger::replace(&path, &text)?;
    let is_in_context = path.canonicalize().ok().zip(session.debugger.folder().canonicalize().ok());
    if !session.saved.contains(&path) {
        session.saved.push(path);
    }
    match what {
        Saved::Session(_) => session.row("saved", file)?,
        Saved::Report(_) => session.row("saved", &format!("{file}: a page for a browser"))?,
    }
    match is_in_context {
        Some((path, folder)) if path.starts_with(&folder) => {
            session.row("note", "the file is in the build context: a `COPY .` would copy it, too")
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a path leads to the Dockerfile that the session is about.
fn is_dockerfile(session: &Session<'_>, path: &Path) -> bool {
    let known = session.debugger.path().map_or_else(|| session.debugger.folder().join("Dockerfile"), Path::to_owned);
    let real = |path: &Path| path.canonicalize().ok();
    real(path).is_some_and(|path| real(&known) == Some(path))
}

/// The first line of a saved session: what it was about. A script skips it.
fn head(session: &Session<'_>) -> String {
    let folder = session.debugger.folder();
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    format!("{SAVED_FOR}{}\n", shown::line(&folder.display().to_string()))
}

/// The folder that a saved session was about, as its first line says.
pub(crate) fn saved_for(session: &str) -> Option<&str> {
    session.lines().next()?.strip_prefix(SAVED_FOR)
}

fn refused(command: &str, file: &str) -> Error {
    Error::usage(
        format!("`{file}` exists, and was not written by this session"),
        format!("`{command} --force {file}` replaces it; or choose another name"),
    )
}
