//! A place for a page: a folder to work in, a home of its own, and a shell that finds this program as `layerlab` and as `docker`.
//!
//! ```text
//! work/                       where commands are typed; a copy of what the page needs. A learner's is elsewhere
//! home/                       images, containers, volumes: nothing of the user's own
//! logins/                     what `login` remembers
//! bin/layerlab  bin/docker    links to this program
//! hub/                        what stands in for Docker Hub has, where the page brings it
//! control/                    the file of the command that runs, its input, its editor
//! ```
//!
//! A fresh room is removed with its value, and so are its containers and their processes. A learner's is kept.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::copying::{Copier, LinksTo};
use super::guard::Guard;
use super::hub::{Hub, Until};
use super::leaving::Leftovers;
use super::processes::{self, Kin, Mark};
use super::shell::{CommandResult, Shell, Typing};
pub(crate) use super::unready::Error;
use crate::progress::Interrupt;

/// What opens a file: the page's own change of it where one is prepared, the first that is left, and the learner's editor otherwise.
const EDITOR: &str = r#"for text in "${0%/*}"/edits/*; do
    if [ -f "$text" ]; then
        for file; do :; done
        cat "$text" > "$file" && rm "$text"
        exit
    fi
done
exec $LAYERLAB_LESSON_EDITOR "$@"
"#;
/// The variable with the learner's own editor.
const OWN_EDITOR: &str = "LAYERLAB_LESSON_EDITOR";

/// The folder of a lesson with what its Docker Hub has.
pub(crate) const HUB: &str = "hub";

/// Copies what is in a lesson's folder into another one, without what its registry offers. Gives the links that lead out of the lesson, which
/// are left out, each with what it leads to.
///
/// # Errors
/// What the file system says; files that are too large.
pub(crate) fn copy_lesson(folder: &Path, to: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    let mut copier = Copier::new(LinksTo::Lesson(0));
    let copied = copier.copy_all(folder, to, |name| name == HUB && folder.join(name).is_dir());
    let too_large = |path, excess| Error::LessonTooLarge { path, excess };
    copied.map_err(|refusal| Error::refused(refusal, folder, to, too_large))?;
    Ok(copier.left_out)
}

/// A place for a page.
#[derive(Debug)]
pub(crate) struct Room {
    root: PathBuf,
    work: PathBuf,
    shell: Option<Shell>,
    hub: Option<Hub>,
    /// Variables that its commands have beside the user's own.
    set: Vec<(&'static str, &'static str)>,
    /// How long it may take to make what it offers.
    until: Option<Until>,
    /// Who edits files; where nobody is there, the page does.
    editor: Option<OsString>,
    /// The folder that goes with the room, and who removes it where we are killed.
    passing: Option<(Guard, tempfile::TempDir)>,
}

impl Room {
    /// Makes a fresh room with copies of files and folders in it, each under its own name.
    ///
    /// # Errors
    /// What the file system says; files that are too large.
    pub(crate) fn new(with: &[PathBuf]) -> Result<Room, Error> {
        let parent = std::env::temp_dir();
        let folder = tempfile::Builder::new().prefix("layerlab-page-").tempdir_in(&parent);
        let folder = folder.map_err(Error::io("can't make a folder in", &parent))?;
        let (root, work) = (folder.path().to_owned(), folder.path().join("work"));
        let guard = Guard::over_page(&root.join("home"), &root).map_err(Error::io("can't watch over", &root))?;
        let passing = Some((guard, folder));
        let (shell, hub, until, editor) = (None, None, None, None);
        let room = Room { root, work, shell, hub, set: Vec::new(), until, editor, passing };
        room.build()?;
        let mut copier = Copier::new(LinksTo::Anywhere);
        let mut names = BTreeSet::new();
        for path in with {
            let absolute = path.canonicalize().map_err(Error::io("can't copy", path))?;
            let name = absolute.file_name().unwrap_or_default();
            if !names.insert(name.to_owned()) {
                return Err(Error::SameName { path: path.clone(), name: name.to_owned() });
            }
            let to = room.work.join(name);
            let copied = copier.copy(&absolute, &to);
            let too_large = |path, excess| Error::TooLarge { path, excess };
            copied.map_err(|refusal| Error::refused(refusal, path, &to, too_large))?;
        }
        Ok(room)
    }

    /// The room in a folder that stays, with its commands typed in another one. What is missing of it is made.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn kept(root: &Path, work: &Path) -> Result<Room, Error> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".into());
        let (root, work) = (root.to_owned(), work.to_owned());
        let room = Room {
            root,
            work,
            shell: None,
            hub: None,
            set: Vec::new(),
            until: None,
            editor: Some(editor),
            passing: None,
        };
        room.build()?;
        Ok(room)
    }

    fn build(&self) -> Result<(), Error> {
        let inner = ["home", "logins", "bin", "control"].map(|name| self.path(name));
        for path in inner.iter().chain([&self.work]) {
            std::fs::create_dir_all(path).map_err(Error::io("can't make", path))?;
        }
        let program = std::env::current_exe().map_err(Error::io("can't find", Path::new("/proc/self/exe")))?;
        for name in ["layerlab", "docker"] {
            let link = self.path("bin").join(name);
            // The program may be another one than last time.
            if std::fs::read_link(&link).is_ok_and(|leads_to| leads_to == program) {
                continue;
            }
            let _ = std::fs::remove_file(&link);
            symlink(&program, &link).map_err(Error::io("can't make", &link))?;
        }
        let editor = self.path("control/editor");
        std::fs::write(&editor, EDITOR).map_err(Error::io("can't write", &editor))
    }

    /// Copies what is in a lesson's folder into the folder where commands are typed, and starts the registry that it brings. Gives the links
    /// that lead out of the lesson, which are left out, each with what it leads to.
    ///
    /// # Errors
    /// As [`Room::new`]; an image for the registry that can't be built.
    pub(crate) fn furnish(&mut self, folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
        let left_out = copy_lesson(folder, &self.work)?;
        let shelves = folder.join(HUB);
        if shelves.is_dir() {
            self.open_hub(&shelves)?;
        }
        Ok(left_out)
    }

    /// Starts a registry that stands in for Docker Hub, as long as the room is open.
    ///
    /// # Errors
    /// What the file system says; an image for the registry that can't be built.
    pub(crate) fn open_hub(&mut self, shelves: &Path) -> Result<(), Error> {
        let failed = |source| Error::Io { what: "can't offer what is in", path: shelves.to_owned(), source };
        self.hub = None;
        let hub = Hub::start(&self.path("bin/layerlab"), &self.path("hub"), shelves, &self.set, self.until.as_ref());
        let hub = hub.map_err(failed)?;
        std::fs::write(self.path("home/registries.toml"), hub.settings()).map_err(failed)?;
        self.hub = Some(hub);
        Ok(())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The folder where commands are typed.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    /// Its commands have this variable.
    pub(super) fn set(&mut self, name: &'static str, value: &'static str) {
        self.set.push((name, value));
    }

    /// Each image that its registry offers may take so long to be built, unless somebody wishes to stop.
    pub(super) fn bound(&mut self, patience: Duration, interrupt: &Interrupt) {
        self.until = Some(Until { interrupt: Some(interrupt.clone()), patience });
    }

    /// Its commands have one time and one zone, if the user has not said which: what lessons show of times, names and sizes is the same
    /// whenever they are run.
    pub(crate) fn stop_clock(&mut self) {
        for (name, value) in [("SOURCE_DATE_EPOCH", "1700000000"), ("TZ", "UTC")] {
            if std::env::var_os(name).is_none() {
                self.set(name, value);
            }
        }
    }

    /// The next `edit` of the debugger puts this text into the file.
    pub(crate) fn prepare_editor(&self, text: &str) -> io::Result<()> {
        self.prepare_edits(&[text.to_owned()])
    }

    /// Each `edit` of the debugger puts the next of these texts into the file.
    pub(super) fn prepare_edits(&self, texts: &[String]) -> io::Result<()> {
        let edits = self.path("control/edits");
        match std::fs::remove_dir_all(&edits) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => std::fs::create_dir(&edits)?,
        }
        for (number, text) in texts.iter().enumerate() {
            std::fs::write(edits.join(format!("{number:04}")), text)?;
        }
        Ok(())
    }

    /// The next `edit` of the debugger is the learner's own.
    pub(crate) fn forget_edit(&self) {
        // There is none where the page has none.
        let _ = std::fs::remove_dir_all(self.path("control/edits"));
    }

    /// Types a command.
    pub(crate) fn run(&mut self, command: &str, typing: &Typing<'_>) -> io::Result<CommandResult> {
        let mut shell = match self.shell.take() {
            Some(shell) => shell,
            None => self.open_shell(&self.variables())?,
        };
        let result = shell.run(command, typing)?;
        if !result.is_last {
            self.shell = Some(shell);
        }
        Ok(result)
    }

    /// The next commands look at what is there: they get a shell of their own, in which no registry is asked but the page's.
    ///
    /// # Errors
    /// The shell can't be started.
    pub(crate) fn look(&mut self) -> io::Result<()> {
        let mut variables = vec![("LAYERLAB_PULL", "never".into())];
        variables.extend(self.variables());
        self.shell = Some(self.open_shell(&variables)?);
        Ok(())
    }

    fn open_shell(&self, variables: &[(&'static str, OsString)]) -> io::Result<Shell> {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
        Shell::start(&self.path("control"), &self.work, &variables)
    }

    /// The next command gets another shell.
    pub(crate) fn close_shell(&mut self) {
        self.shell = None;
    }

    /// The variables that make a shell one of this room.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::env::join_paths([self.path("bin")].into_iter().chain(std::env::split_paths(&path)));
        let editor = format!("sh {}", self.path("control/editor").display());
        let mut variables = vec![
            // A folder with a `:` in its name can't be in the list.
            ("PATH", paths.unwrap_or(path)),
            ("LAYERLAB_HOME", self.path("home").into()),
            ("DOCKER_CONFIG", self.path("logins").into()),
            ("REGISTRY_AUTH_FILE", self.path("logins/auth.json").into()),
            ("VISUAL", editor.into()),
            ("LC_ALL", "C.UTF-8".into()),
            // As pages show it, also where a learner types at a terminal.
            ("BUILDKIT_PROGRESS", "classic".into()),
        ];
        variables.extend(self.editor.clone().map(|editor| (OWN_EDITOR, editor)));
        variables.extend(self.set.iter().map(|(name, value)| (*name, value.into())));
        // Where the page brings a registry, nothing else is asked.
        variables.extend(self.hub.as_ref().map(|_| ("LAYERLAB_PULL", "missing".into())));
        variables
    }

    /// Takes away all that a page can ask: `layerlab` and `docker` are not there. What prints the same here as elsewhere asks nobody.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn strip(&self) -> io::Result<()> {
        for name in ["layerlab", "docker"] {
            let path = self.path("bin").join(name);
            std::fs::remove_file(&path)?;
            // In the place of one that is installed.
            std::fs::write(&path, "#!/bin/sh\nexit 127\n")?;
            std::fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// What the commands have left, of this shell or of the room's own. The containers are removed: what then goes on is none of theirs.
    ///
    /// # Errors
    /// The program can't be run.
    pub(crate) fn leftovers(&self, shell: Option<(u32, Kin)>) -> io::Result<Leftovers> {
        let list = |arguments: &[&str]| {
            let (text, _) = self.layerlab(arguments)?;
            Ok::<_, io::Error>(text.lines().map(str::to_owned).collect::<Vec<_>>())
        };
        let names = ["--format", "{{.Names}}"];
        let running = list(&[&["ps"], names.as_slice()].concat())?;
        let mut ended = list(&[&["ps", "-a"], names.as_slice()].concat())?;
        ended.retain(|name| !running.contains(name));
        let volumes = list(&["volume", "ls", "-q"])?;
        self.remove_containers();
        let own = || self.shell.as_ref().map(|shell| (shell.number(), Kin::Group));
        let processes = processes::left(&self.path("home"), shell.or_else(own));
        Ok(Leftovers { running, ended, volumes, processes })
    }

    /// The ids of what has come and gone here, such as containers: chance makes them, unlike the digests of what is in the store.
    pub(super) fn passing_ids(&self) -> Vec<String> {
        let events = std::fs::read_to_string(self.path("home/events.jsonl")).unwrap_or_default();
        let events = events.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let passing = events.filter(|event| event["Type"] != "image");
        passing.filter_map(|event| event["Actor"]["ID"].as_str().map(str::to_owned)).collect()
    }

    /// Ends its containers with their processes, and all that its commands have started, and removes what is in its home. The folder itself can be
    /// removed in any case but where files have owners that are not the user's own.
    pub(crate) fn empty(&self) {
        self.remove_containers();
        processes::end(&Mark::of_home(&self.path("home")));
        let _ = self.layerlab(&["system", "prune", "--all", "--volumes", "--force"]);
    }

    fn remove_containers(&self) {
        // By whole ids: a part of one, or a name, can mean another container by then.
        if let Ok((ids, true)) = self.layerlab(&["ps", "-a", "-q", "--no-trunc"]) {
            let ids: Vec<&str> = ids.split_whitespace().collect();
            if !ids.is_empty() {
                let _ = self.layerlab(&[&["rm", "-f", "-v"], ids.as_slice()].concat());
            }
        }
    }

    /// Carries out a command of this program in the room's home, and gives what it prints.
    pub(crate) fn layerlab(&self, arguments: &[&str]) -> io::Result<(String, bool)> {
        let mut command = Command::new(self.path("bin/layerlab"));
        let output = command.args(arguments).envs(self.variables()).stdin(Stdio::null()).output()?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Ok((text, output.status.success()))
    }
}

/// Lets the owner of a folder into all folders in it: those that are closed could not be removed.
fn open_up(folder: &Path) {
    let _ = std::fs::set_permissions(folder, Permissions::from_mode(0o700));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shell = None;
        if self.passing.is_some() {
            self.empty();
            open_up(&self.work);
        }
    }
}
