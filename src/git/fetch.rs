//! One visit to the server of a repository: which commit it is, and its objects, into a folder that goes with the visit.
//!
//! ```text
//! a branch or a tag     fetch --depth=1 of that reference
//! a commit id           fetch --depth=1 of that commit; where the server gives only what has a name: of all branches and tags
//! ```

use std::path::PathBuf;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::address::{Source, Submodules};
use super::connection::Connection;
use super::program::{Git, With};
use super::references::{self, Found, WANTED};
use super::repository::{Repository, Scheme, Server, is_commit};
use super::submodules::Module;
use super::{Error, checkout, kept, submodules};
use crate::hidden::Hidden;
use crate::layer::{self, LayerWriter};
use crate::oci::Layer;
use crate::registry::place::{NamedBy, Neighbourhood};
use crate::store::{Store, write};
use crate::tree::{Tree, TreePath};

/// How deep submodules may lie in each other, and how many there may be.
const DEEPEST_MODULE: usize = 10;
const MOST_MODULES: usize = 1000;

/// Who we are to the server of a repository. Those of its submodules, which the repository names, are not told.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) server: Server,
    /// The value of `Authorization`.
    pub(crate) header: Option<Hidden>,
    /// The socket of an agent for SSH.
    pub(crate) agent: Option<PathBuf>,
}

/// A visit to the server of a repository. Its folder goes when it ends.
pub(crate) struct Visit<'v> {
    source: &'v Source,
    login: &'v Login,
    git: Git<'v>,
    neighbourhood: Rc<Neighbourhood>,
    _folder: Folder,
}

/// What has come.
#[derive(Debug)]
pub(crate) struct Brought {
    /// Its files.
    pub(crate) layer: Layer,
    /// The id of the commit.
    pub(crate) commit: String,
}

/// A folder for a while.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays is removed by the next that opens the store.
        let _ = write::remove_folder(&self.0);
    }
}

impl<'v> Visit<'v> {
    /// Begins a visit; nobody is asked yet.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Unreachable`] where the server can't be asked; [`Error::Store`].
    pub(crate) fn begin(store: &'v Store, source: &'v Source, login: &'v Login) -> Result<Visit<'v>, Error> {
        Visit::to(store, source, login, Rc::default(), NamedBy::Us)
    }

    fn to(
        store: &'v Store,
        source: &'v Source,
        login: &'v Login,
        neighbourhood: Rc<Neighbourhood>,
        named: NamedBy,
    ) -> Result<Visit<'v>, Error> {
        let repository = &source.repository;
        let mut connection = Connection::to(repository, &neighbourhood, named, store.meter())?;
        if let Some(header) = login.header(repository).filter(|_| repository.is_http()) {
            let scope = format!("http.{}.extraHeader", repository.url());
            connection.settings.push((scope, format!("Authorization: {header}")));
        }
        let folder = Folder(write::temporary_folder(&store.home().temporary())?);
        let agent = login.agent.clone();
        let git = Git { store, folder: folder.0.join("git"), name: repository.to_string(), connection, agent };
        Ok(Visit { source, login, git, neighbourhood, _folder: folder })
    }

    /// Asks which commit it is now.
    ///
    /// # Errors
    /// [`Error`].
    pub(crate) fn look_up(&self) -> Result<Found, Error> {
        references::look_up(&self.git, self.source)
    }

    /// Brings the files of a commit into the store, as a layer. It is on disk, and held by this process.
    ///
    /// # Errors
    /// [`Error`]; nothing is kept then.
    pub(crate) fn bring(&self, found: &Found, keep: Keep) -> Result<Brought, Error> {
        let commit = self.fetch(found)?;
        let mut writer = LayerWriter::new(self.git.store)?;
        let root = TreePath::root();
        self.write(&commit, &root, &mut writer, &mut Nesting::default())?;
        if keep == Keep::Everything {
            kept::write(&self.git, self.source, found, &commit, &mut writer)?;
        }
        let layer = writer.finish()?;
        // What contradicts itself is refused here, and not when it is copied.
        layer::apply(self.git.store, &layer.descriptor, layer.diff_id, &mut Tree::empty())?;
        Ok(Brought { layer, commit })
    }

    /// Writes the files of a commit that has come, and those of its submodules, below a folder.
    fn write(
        &self,
        commit: &str,
        below: &TreePath,
        writer: &mut LayerWriter<'_>,
        nesting: &mut Nesting,
    ) -> Result<(), Error> {
        let listed = checkout::list(&self.git, commit)?;
        checkout::write(&self.git, commit, below, writer)?;
        if self.source.submodules == Submodules::LeftOut {
            return Ok(());
        }
        for Module { path, source } in submodules::of(&self.git, &self.source.repository, commit, &listed)? {
            (nesting.count, nesting.depth) = (nesting.count + 1, nesting.depth + 1);
            if nesting.count > MOST_MODULES || nesting.depth > DEEPEST_MODULE {
                return Err(self.git.unusable(format!(
                    "its submodule `{}` is one too many: {MOST_MODULES} may come in all, {DEEPEST_MODULE} inside of each other",
                    String::from_utf8_lossy(&path)
                )));
            }
            let neighbourhood = Rc::clone(&self.neighbourhood);
            let visit = Visit::to(self.git.store, &source, self.login, neighbourhood, NamedBy::Others)?;
            let commit = visit.fetch(&visit.look_up()?)?;
            visit.write(&commit, &below.join(path), writer, nesting)?;
            nesting.depth -= 1;
        }
        Ok(())
    }

    /// Brings the objects of a commit, which has to be the one that the server has listed. Gives its id.
    fn fetch(&self, found: &Found) -> Result<String, Error> {
        let git = &self.git;
        let format = if found.object.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        git.answer(With::Objects, &["init", "--quiet", "--bare", "--template=", format])?;
        let url = git.connection.url.as_str();
        let one = ["fetch", "--progress", "--no-tags", "--depth=1", "--", url];
        let wanted = found.name.as_deref().unwrap_or(&found.object);
        let fetched = git.answer(With::Server, &[&one[..], &[&format!("+{wanted}:{WANTED}")]].concat());
        match fetched {
            Ok(_) => {}
            Err(Error::Failed { said, .. }) if found.name.is_none() && is_unnamed(&said) => self.fetch_all(found)?,
            Err(Error::Failed { said, .. }) if said.contains("shallow") => {
                let all = ["fetch", "--progress", "--no-tags", "--", url, &format!("+{wanted}:{WANTED}")];
                git.answer(With::Server, &all)?;
            }
            Err(error) => return Err(error),
        }
        let commit = git.answer(With::Objects, &["rev-parse", "--verify", &format!("{WANTED}^{{commit}}")])?;
        if !is_commit(&commit) {
            return Err(git.unusable("its commit has no id"));
        }
        // A checksum may be that of a tag; what came decides, and not what the server has said before.
        let object = git.answer(With::Objects, &["rev-parse", "--verify", WANTED])?;
        if let Some(name) = found.name.as_deref().filter(|_| object != found.object || commit != found.commit()) {
            let (repository, name, listed) = (git.name.clone(), name.to_owned(), found.commit().to_owned());
            return Err(Error::Moved { repository, name, listed, sent: commit });
        }
        self.check(&commit, &object)?;
        Ok(commit)
    }

    /// Brings all that has a name, from a server that gives nothing else.
    fn fetch_all(&self, found: &Found) -> Result<(), Error> {
        let (git, url) = (&self.git, self.git.connection.url.as_str());
        let all = ["+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*"];
        git.answer(With::Server, &[&["fetch", "--progress", "--no-tags", "--", url], &all[..]].concat())?;
        let set = git.answer(With::Objects, &["update-ref", WANTED, &format!("{}^{{commit}}", found.object)]);
        set.map(|_| ()).map_err(|error| match error {
            Error::Failed { repository, .. } => {
                Error::NoReference { repository, what: format!("commit {} in a branch or tag", found.object) }
            }
            error => error,
        })
    }

    /// Whether the commit that came, or the tag that names it, is the one that is asked for.
    fn check(&self, commit: &str, object: &str) -> Result<(), Error> {
        let Some(expected) = &self.source.checksum else { return Ok(()) };
        if commit.starts_with(expected) || object.starts_with(expected) {
            return Ok(());
        }
        let repository = self.git.name.clone();
        Err(Error::Checksum { repository, expected: expected.clone(), actual: commit.to_owned() })
    }
}

impl Login {
    /// What the server of a repository is told: what stands in the address; else, where it is the one that we have a login for, that, but not
    /// over an open line through the network.
    fn header(&self, repository: &Repository) -> Option<String> {
        let is_loopback = ["localhost", "127.0.0.1", "[::1]"].contains(&repository.host());
        if let Some(credentials) = &repository.credentials {
            return Some(format!("Basic {}", BASE64.encode(credentials.reveal())));
        }
        if repository.server() != self.server || (repository.scheme == Scheme::Http && !is_loopback) {
            return None;
        }
        let header = self.header.as_ref()?;
        Some(String::from_utf8_lossy(header.reveal()).trim().to_owned())
    }
}

/// What a token is to a server of repositories, as BuildKit has it.
pub(crate) fn token_header(token: &Hidden) -> Hidden {
    let login = [b"x-access-token:", token.reveal()].concat();
    Hidden::new(format!("Basic {}", BASE64.encode(login)).into_bytes())
}

/// How many submodules there are so far, and how deep.
#[derive(Debug, Default)]
struct Nesting {
    count: usize,
    depth: usize,
}

/// Whether the folder `.git` is part of what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Files,
    Everything,
}

/// Whether a server gives only what has a name.
fn is_unnamed(said: &str) -> bool {
    ["not our ref", "unadvertised object", "shallow"].iter().any(|words| said.contains(words))
}
