//! The learner's own place: a folder to work in, which an editor can open, and beside it a home for the images and containers of this
//! lesson alone.
//!
//! ```text
//! ~/layerlab-lessons/04-cache/           the files of the lesson, and what becomes of them
//! $LAYERLAB_HOME/learning/04-cache/      progress.json, lock, and a room as `verify` has one: home/, logins/, bin/, control/
//! ```
//!
//! Nothing of the learner's is lost silently: a folder that is to become fresh again is put aside where it has anything in it that is not
//! the lesson's. Whatever is made of a place is noted before, and whoever opens a lesson with such a note makes it then: a program that was killed
//! and a disk that was full leave no half of a lesson.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::catalogue::Lesson;
use super::error::Error;
use super::files::{free, make_folders, replace};
use super::left::Left;
use super::progress::{Making, Progress, SharedProgress};
use super::stop::Kind;
use super::walk::Walk;
use crate::document::{self, Links};
use crate::lesson::{
    DigestMap, FileName, Mismatch, PAGE, Room, Task, Typing, changed, first_mismatch, in_background, is_changed,
};
use crate::limits::{Bound, Limits};
use crate::progress::Interrupt;
use crate::store::create_private_folder;

/// How long the command of a check may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The right to a lesson, which one learner of a home has at a time, as long as the value lives. What is kept of it is read after that.
#[derive(Debug)]
pub(crate) struct LessonLock {
    root: PathBuf,
    /// Whether nobody had it before.
    is_first: bool,
    _lock: File,
}

impl LessonLock {
    /// Takes the right to a lesson whose place this is.
    ///
    /// # Errors
    /// Somebody else has it; what the file system says.
    pub(crate) fn take(root: &Path, name: &str) -> Result<LessonLock, Error> {
        create_private_folder(root)?;
        let path = root.join("lock");
        let is_first = !path.exists();
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let lock = options.map_err(Error::io("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(LessonLock { root: root.to_owned(), is_first, _lock: lock }),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::Busy(name.to_owned())),
            Err(std::fs::TryLockError::Error(source)) => Err(Error::io("lock", &path)(source)),
        }
    }
}

impl LessonLock {
    /// The folder to work in, where this is the usual one. What is in that, when this home has never had the lesson, is somebody else's: that of
    /// another home, or of the learner. It stays, and another folder is taken.
    pub(crate) fn folder(&self, usual: PathBuf) -> PathBuf {
        let has_files = || std::fs::read_dir(&usual).is_ok_and(|mut entries| entries.next().is_some());
        if self.is_first && has_files() { free(&usual) } else { usual }
    }
}

/// A place to learn at.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) room: Room,
    /// Links of the lesson that are not in the folder, since they lead out of it.
    pub(crate) left_out: Vec<PathBuf>,
    lock: LessonLock,
    /// How large a file may be that is compared with one of the page.
    bound: Bound,
}

impl Workspace {
    /// Opens the place of a lesson, and makes of it what is to be made, once the way is clear for that.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn open(
        lock: LessonLock,
        lesson: &Lesson,
        work: &Path,
        making: Option<Making>,
        limits: &Limits,
    ) -> Result<Workspace, Error> {
        lesson.spare(work)?;
        if making == Some(Making::All) {
            // No command is typed there: it needs no folder of its own.
            let mut room = Room::kept(&lock.root, &lock.root.join("control"))?;
            remove_store(&mut room, &lock.root)?;
        }
        let (room, left_out) = furnished(&lock.root, work, lesson, making.is_some())?;
        Ok(Workspace { room, lock, left_out, bound: limits.bound(&PAGE) })
    }

    /// Makes something of the place, once the way is clear for that.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn make(&mut self, lesson: &Lesson, making: Making) -> Result<(), Error> {
        let work = self.work().to_owned();
        match making {
            Making::Files => self.room.close_shell(),
            Making::All => remove_store(&mut self.room, &self.lock.root)?,
        }
        (self.room, self.left_out) = furnished(&self.lock.root, &work, lesson, true)?;
        Ok(())
    }

    /// The folder where the learner works.
    pub(crate) fn work(&self) -> &Path {
        self.room.work()
    }

    /// What the last shell has left.
    pub(crate) fn left(&self) -> Left {
        Left::read(&self.room.path("control"), &[self.work(), &self.lock.root])
    }

    /// What the lesson's commands have left in the background, each with its number.
    pub(crate) fn in_background(&self) -> Vec<(i32, String)> {
        in_background(&self.room.path("home"))
    }

    /// The first check of a task that does not pass; none where it is done. They run in a shell of their own: what the learner's knows is
    /// nothing to them.
    ///
    /// # Errors
    /// What prevents a command from being run; Ctrl-C.
    pub(crate) fn check(
        &mut self,
        task: &Task,
        digests: &DigestMap,
        interrupt: &Interrupt,
    ) -> Result<Option<Mismatch>, Error> {
        let typing = Typing::nothing(PATIENCE, interrupt);
        let room = &mut self.room;
        let mismatch =
            room.look().and_then(|()| first_mismatch(&task.checks, digests, |command| room.run(command, &typing)));
        self.room.close_shell();
        mismatch.map_err(Error::io("run the checks in", self.room.work()))
    }

    /// Whether a file has a text.
    pub(crate) fn has(&self, file: &FileName, text: &str) -> bool {
        self.text(file.path()).is_some_and(|found| found == text)
    }

    /// The text of a file, if it is one that a page could show.
    pub(crate) fn text(&self, file: &Path) -> Option<String> {
        let bytes = document::read(&self.work().join(file), self.bound, Links::Follow).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// The text of a file after a change. `None`: the change does not fit it.
    pub(crate) fn changed(&self, file: &Path, change: &[String]) -> Option<String> {
        changed(&self.text(file)?, change)
    }

    /// Whether a file is as a change leaves it.
    pub(crate) fn is_changed(&self, file: &Path, change: &[String]) -> bool {
        self.text(file).is_some_and(|text| is_changed(&text, change))
    }

    /// Writes a file of the lesson. Where it is a whole one, another text that the learner had there is put beside the folder; gives where.
    ///
    /// # Errors
    /// Something else than a file stands there, or a link on the way; what the file system says.
    pub(crate) fn write(&self, file: &FileName, text: &str, is_whole: bool) -> Result<Option<PathBuf>, Error> {
        let path = self.work().join(file.path());
        make_folders(self.work(), file.path().parent().unwrap_or(Path::new("")))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kept = if is_whole && path.exists() {
            let (mut before, metadata) = document::open(&path, Links::Follow)?;
            let aside = free(&self.work().with_file_name(format!("{}-{name}-before", self.name())));
            let mut copy = File::create_new(&aside).map_err(Error::io("make", &aside))?;
            io::copy(&mut before, &mut copy).map_err(Error::io("copy", &path))?;
            copy.set_permissions(metadata.permissions()).map_err(Error::io("change the mode of", &aside))?;
            Some(aside)
        } else {
            None
        };
        replace(&path, text.as_bytes(), 0o644).map_err(Error::io("write", &path))?;
        Ok(kept)
    }

    /// Ends all that the lesson's commands have started, and removes its images, containers and volumes.
    pub(crate) fn clear(&mut self) {
        clear(&mut self.room);
    }

    fn name(&self) -> String {
        self.work().file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Ends all that the commands of a room have started, and removes its images, containers and volumes.
fn clear(room: &mut Room) {
    room.close_shell();
    room.empty();
}

/// The same, and removes all of the room.
///
/// # Errors
/// What the file system says.
pub(super) fn remove_store(room: &mut Room, root: &Path) -> Result<(), Error> {
    clear(room);
    for name in ["home", "logins", "bin", "control", "hub", "shelves"] {
        let path = root.join(name);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io("remove", &path)(error)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Writes the files of a lesson into a new or an empty folder: those of its own folder, and those that its page shows for the first time, so
/// that nobody has to type them. Gives the links that are left out.
///
/// # Errors
/// The folder has something in it; a lesson with a mistake in it; what the file system says.
pub(crate) fn write_files(lesson: &Lesson, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if folder.symlink_metadata().is_ok() && !folder.is_dir() {
        return Err(Error::NoFolder(folder.to_owned()));
    }
    lesson.spare(folder)?;
    std::fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
    if std::fs::read_dir(folder).map_err(Error::io("list", folder))?.next().is_some() {
        return Err(Error::NotEmpty(folder.to_owned()));
    }
    let walk = Walk::of(&lesson.page)?;
    let left_out = lesson.write_to(folder)?;
    for stop in &walk.stops {
        let Kind::File(edit) = &stop.kind else { continue };
        let (name, path) = (edit.file.path(), folder.join(edit.file.path()));
        // What is there is what the file is at the start.
        if !edit.is_change && path.symlink_metadata().is_err() {
            make_folders(folder, name.parent().unwrap_or(Path::new("")))?;
            replace(&path, edit.text().as_bytes(), 0o644).map_err(Error::io("write", &path))?;
        }
    }
    Ok(left_out)
}

/// The room of a lesson, with its files where they are missing; and what of them was left out.
fn furnished(root: &Path, work: &Path, lesson: &Lesson, is_bare: bool) -> Result<(Room, Vec<PathBuf>), Error> {
    let mut room = Room::kept(root, work)?;
    room.stop_clock();
    let left_out = lesson.furnish(&mut room, is_bare)?;
    settle(&room);
    Ok((room, left_out))
}

/// Makes the home, with a few lines that were typed at the debugger's prompt: it need not say what Enter does there, since the lesson says
/// what is to be typed.
fn settle(room: &Room) {
    let history = room.path("home/cache/prompt-history");
    if !history.exists() && room.layerlab(&["store", "path"]).is_ok() {
        // Without them only more is said.
        let _ = std::fs::write(history, "step\nwhy\nls /\n");
    }
}

/// Clears the way for what is to be made of a learner's place, and notes it. What stands where the folder goes gets another name, unless it has
/// nothing but the lesson's files.
///
/// # Errors
/// The folder is the lesson's own; what the file system says. Then all is as it was.
pub(crate) fn clear_the_way(
    lesson: &Lesson,
    work: &Path,
    making: Making,
    progress: &SharedProgress,
) -> Result<(), Error> {
    lesson.spare(work)?;
    let before = progress.look(Progress::clone);
    let aside = name_aside(work);
    progress.change(|progress| {
        if making == Making::All {
            *progress = Progress { aside: std::mem::take(&mut progress.aside), ..Progress::default() };
        }
        (progress.folder, progress.in_making) = (Some(work.to_owned()), Some(making));
        progress.aside.extend(aside.clone());
    })?;
    let Some(aside) = aside else { return Ok(()) };
    if let Err(source) = std::fs::rename(work, &aside) {
        progress.change(|progress| *progress = before)?;
        return Err(Error::io("rename", work)(source));
    }
    // Looked at now, when no editor saves to it any more.
    if !lesson.is_changed(&aside) && std::fs::remove_dir_all(&aside).is_ok() {
        progress.change(|progress| progress.aside.retain(|other| *other != aside))?;
    }
    Ok(())
}

/// The name that what stands where a learner's folder goes gets for that. Nothing, or an empty folder, may stay.
fn name_aside(work: &Path) -> Option<PathBuf> {
    let is_free = match std::fs::read_dir(work) {
        Ok(mut entries) => entries.next().is_none(),
        // A link that leads nowhere is something.
        Err(error) => error.kind() == io::ErrorKind::NotFound && work.symlink_metadata().is_err(),
    };
    let name = work.file_name().unwrap_or_default().to_string_lossy().into_owned();
    (!is_free).then(|| free(&work.with_file_name(format!("{name}-before-reset"))))
}
