//! `--pack`, and the places of other commands: the folder or the repository that lessons come from, and the question whether their commands may be run.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::reading;
use crate::cli::commands::build::given::GivenOptions;
use crate::cli::failure::Failure;
use crate::cli::open_world;
use crate::cli::pruning::is_confirmed;
use crate::cli::ui::Ui;
use crate::diagnostic::{Diagnostic, Explained as _};
use crate::git::{self, Source, Submodules};
use crate::learning::{Catalogue, Commit, InUse, Origin, Pack, Packs};
use crate::machine::files_of_commit;
use crate::shown;
use crate::world::World;

/// The most names of files that are told.
const MOST_TOLD: usize = 3;

/// The options.
#[derive(Debug, Args)]
pub(super) struct PackOptions {
    /// The lessons of this folder or git repository, each NN-name/lesson.md, instead of those of this program
    #[arg(long, value_name = "DIR|URL[#REF[:DIR]]", global = true)]
    pack: Option<PathBuf>,
    /// Agree that the commands of the pack run as you, without being asked
    #[arg(long, global = true)]
    trust: bool,
    /// What a private repository asks for: `id=GIT_AUTH_TOKEN,env=VARIABLE`, or `src=FILE`
    #[arg(long, global = true, value_name = "SECRET")]
    secret: Vec<String>,
    /// The SSH agent for a repository: `default` is the one of SSH_AUTH_SOCK
    #[arg(long, global = true, value_name = "default|ID[=SOCKET]")]
    ssh: Vec<String>,
}

/// The lessons that a command is about.
#[derive(Debug, Args)]
pub(super) struct Places {
    /// Lessons, their folders, folders of lessons, or git repositories of them (default: the current folder)
    #[arg(value_name = "FOLDER|FILE|URL")]
    places: Vec<PathBuf>,
    /// Agree that the commands of repositories run as you, without being asked
    #[arg(long)]
    trust: bool,
    /// What a private repository asks for: `id=GIT_AUTH_TOKEN,env=VARIABLE`, or `src=FILE`
    #[arg(long, value_name = "SECRET")]
    secret: Vec<String>,
    /// The SSH agent for a repository: `default` is the one of SSH_AUTH_SOCK
    #[arg(long, value_name = "default|ID[=SOCKET]")]
    ssh: Vec<String>,
}

impl Places {
    /// The pages, those of repositories after the user has agreed.
    pub(super) fn pages(&self, home: Option<&Path>, ui: &Ui) -> Result<Vec<PathBuf>, Failure> {
        if self.places.is_empty() {
            return own_pages(Path::new("."));
        }
        let mut pages = Vec::new();
        for place in &self.places {
            if !is_address(place) {
                pages.extend(own_pages(place)?);
                continue;
            }
            let world = open_world(home)?;
            let (secret, ssh) = (self.secret.clone(), self.ssh.clone());
            let options = PackOptions { pack: Some(place.clone()), trust: self.trust, secret, ssh };
            let pack = options.find(&world, ui)?;
            // Until the program ends.
            std::mem::forget(options.agree(world.home().root(), pack.as_ref(), ui)?);
            if let Some(pack) = pack {
                pages.extend(reading::pages(&pack.folder)?);
            }
        }
        Ok(pages)
    }
}

/// The lessons of a pack, or those of this program.
pub(super) fn catalogue(world: &World, pack: Option<&Pack>) -> Result<Catalogue, Failure> {
    Ok(match pack {
        Some(pack) => Catalogue::of_folder(&pack.folder, world.store.limits())?,
        None => Catalogue::built_in()?,
    })
}

/// Whether a text is an address, and not a path.
fn is_address(text: &Path) -> bool {
    text.to_str().is_some_and(|text| git::is_repository(text) || text.contains("://")) && !text.exists()
}

/// The pages of a place on this machine. The place may be around what a home keeps, so each page is looked at.
fn own_pages(place: &Path) -> Result<Vec<PathBuf>, Failure> {
    let pages = reading::pages(place)?;
    pages.iter().try_for_each(|page| check_own(page))?;
    Ok(pages)
}

/// Refuses what a home keeps of a repository's pack: under that path nobody was asked whether its commands may run.
pub(super) fn check_own(path: &Path) -> Result<(), Failure> {
    if !Packs::are_around(path) {
        return Ok(());
    }
    let path = shown::line(&path.to_string_lossy()).into_owned();
    let error = Diagnostic::error(format!("`{path}` is kept for learners, and comes from a repository"));
    Err(error.hint("name the repository: its commands run once you have agreed").into())
}

impl PackOptions {
    /// The pack, on this machine.
    pub(super) fn find(&self, world: &Arc<World>, ui: &Ui) -> Result<Option<Pack>, Failure> {
        let Some(pack) = &self.pack else { return Ok(None) };
        match pack.to_str() {
            Some(text) if is_address(pack) && git::is_repository(text) => Ok(Some(self.fetch(world, ui, text)?)),
            Some(text) if is_address(pack) => {
                let message =
                    format!("`{}` is not the address of a repository", shown::line(&git::without_password(text)));
                Err(Diagnostic::error(message)
                    .hint("over HTTP it ends with `.git`: `https://host/course.git#v1`")
                    .into())
            }
            Some(_) | None => {
                check_own(pack)?;
                let address = pack.to_string_lossy().into_owned();
                Ok(Some(Pack { folder: pack.clone(), origin: None, address }))
            }
        }
    }

    /// Has the user agree to what a pack of others does, once for each commit. Its files stay as long as what this gives.
    pub(super) fn agree(&self, home: &Path, pack: Option<&Pack>, ui: &Ui) -> Result<Option<InUse>, Failure> {
        let Some(Pack { folder, origin: Some(origin), .. }) = pack else { return Ok(None) };
        let packs = Packs::open(home)?;
        if packs.is_agreed(&origin.commit) {
            return Ok(Some(packs.hold(&origin.commit)?));
        }
        let can_ask = io::stdin().is_terminal() && io::stdout().is_terminal();
        if !self.trust && !can_ask {
            let message = format!(
                "the commands of this pack would run as you, and you have not agreed to that: commit {} of {}",
                origin.commit, origin.repository
            );
            let hint = format!("read it first, in `{}`; `--trust` agrees", folder.display());
            return Err(Diagnostic::error(message).hint(hint).into());
        }
        if !self.trust && !is_agreed(origin, folder, ui)? {
            return Err(Failure::status(1));
        }
        packs.agree(&origin.commit)?;
        Ok(Some(packs.hold(&origin.commit)?))
    }

    /// Brings the commit that an address means now.
    fn fetch(&self, world: &Arc<World>, ui: &Ui, address: &str) -> Result<Pack, Failure> {
        let source = Source::parse(address).map_err(|error| {
            let diagnostic = Diagnostic::error(error.to_string());
            error.hint().into_iter().fold(diagnostic, Diagnostic::hint)
        })?;
        // All of a commit is written, and nothing else, so that its id says what is agreed to.
        let folder = source.folder.clone();
        let whole = Source { folder: String::new(), submodules: Submodules::LeftOut, ..source };
        let given = GivenOptions::for_repository(&self.secret, &self.ssh).given(world.store.limits())?;
        let (files, commit) = files_of_commit(world, &whole, given)?;
        let commit = Commit::try_from(commit).map_err(|error| Diagnostic::error(error.to_string()))?;
        let packs = Packs::open(world.home().root())?;
        let (place, left_out) = packs.keep(&world.store, &commit, &files)?;
        let left_out: Vec<&String> = left_out.iter().filter(|path| Path::new(path).starts_with(&folder)).collect();
        if !left_out.is_empty() {
            let names: Vec<String> =
                left_out.iter().take(MOST_TOLD).map(|name| format!("`{}`", shown::line(name))).collect();
            let more = if left_out.len() > MOST_TOLD { ", …" } else { "" };
            ui.note(&format!("links are left out of a pack: {}{more}", names.join(", ")));
        }
        let repository = whole.repository.to_string();
        let place = if folder.is_empty() { place } else { place.join(&folder) };
        if !place.is_dir() {
            let message = format!("commit {commit} of {repository} has no folder `{}`", shown::line(&folder));
            return Err(Diagnostic::error(message).into());
        }
        let address = match (whole.reference.as_deref().unwrap_or_default(), folder.as_str()) {
            ("", "") => repository.clone(),
            (reference, "") => format!("{repository}#{reference}"),
            (reference, folder) => format!("{repository}#{reference}:{folder}"),
        };
        Ok(Pack { folder: place, origin: Some(Origin { repository, folder, commit }), address })
    }
}

/// Asks. No answer is a no.
fn is_agreed(origin: &Origin, folder: &Path, ui: &Ui) -> Result<bool, Failure> {
    let question = format!(
        "This pack's commands run as you, and can do what you can do. Read it first if you don't know who wrote it.\n\n  \
         repository  {}\n  commit      {}\n  files       {}\n\nGo on? [y/N] ",
        origin.repository,
        origin.commit,
        shown::line(&folder.to_string_lossy())
    );
    is_confirmed(ui, &question)
}
