//! `RUN --mount`: what is mounted while the command runs, and what of it the key has.
//!
//! The rules of the key are BuildKit's. Of a bind mount, the files count that are mounted, and not where they come from. The contents of a cache
//! never count, nor does it count which id it has, only whether it is the usual one of its place; its owner and what it begins with do count.
//! Of secrets and agents the id and the form count, and never the value: it is not known here, but only when the command is executed.

use std::sync::Arc;

use crate::cache::{Ingredient, Listing};
use crate::container::{Access, SecretFile};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::mount::{self, MountKind, ResolvedMount};
use crate::dockerfile::{Mount, Word, rules};
use crate::hidden::HiddenVariable;
use crate::machine::actions::copy::{Surroundings, Taken};
use crate::machine::{Error, Given, State};
use crate::runtime::mounts::agent::Agent;
use crate::runtime::mounts::cache::{Beginning, Cache, Sharing};
use crate::runtime::mounts::{Wanted, What};
use crate::source::Span;
use crate::tree::TreePath;
use crate::world::World;

/// The mounts of a RUN, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mounts {
    list: Vec<RunMount>,
    /// What the key has of them.
    pub(crate) ingredients: Vec<Ingredient>,
    /// The listings that the ingredients point at.
    pub(crate) listings: Vec<Listing>,
}

/// A mount, resolved.
#[derive(Clone, Debug)]
struct RunMount {
    place: Option<Span>,
    /// Absolute; of a secret that is a variable only, nothing.
    target: String,
    what: RunWhat,
}

#[derive(Clone, Debug)]
enum RunWhat {
    Known(Box<What>),
    Secret { id: String, need: Need, file: Option<Form>, variable: Option<String> },
    Agent { id: String, need: Need, form: Form },
}

/// Whether the RUN fails where nobody has given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

/// Mode and owner of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    mode: u32,
    uid: u32,
    gid: u32,
}

impl Form {
    fn of(mount: &ResolvedMount, mode: u32) -> Form {
        Form { mode: mount.mode.unwrap_or(mode), uid: mount.uid.unwrap_or(0), gid: mount.gid.unwrap_or(0) }
    }
}

/// As a person reads it: `0400 0:0`.
impl std::fmt::Display for Form {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:04o} {}:{}", self.mode, self.uid, self.gid)
    }
}

/// What a build has for the mounts of a RUN.
pub(super) struct Equipment {
    pub(super) wanted: Vec<Wanted>,
    pub(super) variables: Vec<HiddenVariable>,
    /// The ids of secrets and agents that nobody has given.
    pub(super) missing: Vec<String>,
}

/// What the mounts of a RUN in stage `stage` come to in a state.
///
/// # Errors
/// A value can't be expanded or makes no sense, a source is not there.
pub(super) fn resolve(
    mounts: &[Mount],
    stage: usize,
    before: &Arc<State>,
    surroundings: &Surroundings<'_>,
) -> Result<Mounts, Error> {
    let mut resolved = Mounts::default();
    for mount in mounts {
        let span = mount.text.span;
        let mut expand = |value: &str| {
            let word = Word { span, ..Word::new(value) };
            surroundings.scope.word(&word, before).map_err(|error| error.to_string())
        };
        let meant = mount.resolve(&mut expand).map_err(|error| error.diagnostic(&mount.text))?;
        let resolving = Resolving { mount, meant: &meant, stage, before, surroundings };
        resolving.add_to(&mut resolved).map_err(|error| error.on(span))?;
    }
    Ok(resolved)
}

/// One mount under way.
struct Resolving<'r> {
    mount: &'r Mount,
    meant: &'r ResolvedMount,
    stage: usize,
    before: &'r Arc<State>,
    surroundings: &'r Surroundings<'r>,
}

impl Resolving<'_> {
    fn add_to(&self, mounts: &mut Mounts) -> Result<(), Error> {
        match self.meant.kind {
            MountKind::Bind => self.add_bind(mounts),
            MountKind::Cache => self.add_cache(mounts),
            MountKind::Tmpfs => self.add_memory(mounts),
            MountKind::Secret => self.add_secret(mounts),
            MountKind::Ssh => self.add_agent(mounts),
        }
    }

    fn add_bind(&self, mounts: &mut Mounts) -> Result<(), Error> {
        let target = self.target(self.meant.target.as_deref().unwrap_or(""))?;
        let taken = self.files(self.meant.source.as_deref().unwrap_or("/"))?;
        let (tree, path) = taken.selection.as_tree();
        let access = self.access();
        self.note(mounts, &target, format!("files, {}", access_text(access)));
        mounts.add_files(taken);
        self.push(mounts, target, What::Files { tree, path, access });
        Ok(())
    }

    fn add_cache(&self, mounts: &mut Mounts) -> Result<(), Error> {
        let written = self.meant.target.as_deref().unwrap_or("");
        let target = self.target(written)?;
        let source = TreePath::cleaned(self.meant.source.as_deref().unwrap_or("/"));
        let has_owner = self.meant.mode.is_some() || self.meant.uid.is_some() || self.meant.gid.is_some();
        let sharing = match self.meant.sharing {
            Some(mount::Sharing::Shared) | None => Sharing::Shared,
            Some(mount::Sharing::Private) => Sharing::Private,
            Some(mount::Sharing::Locked) => Sharing::Locked,
        };
        let usual = TreePath::cleaned(written);
        let id = self.meant.id.clone().unwrap_or_else(|| usual.clone());
        let access = self.access();
        let mut text = format!("cache, {}", access_text(access));
        if id != usual || sharing != Sharing::Shared {
            text.push_str(", with an id or sharing of its own");
        }
        // An owner makes the cache a new directory, whatever `from` says; with a source it is not looked at. Both as in BuildKit.
        let beginning = if source == "/" && has_owner {
            let Form { mode, uid, gid } = Form::of(self.meant, 0o755);
            text.push_str(&format!(", {}", Form { mode, uid, gid }));
            Beginning::Owned { mode, uid, gid }
        } else if self.mount.from.as_deref().is_some_and(|from| !from.is_empty()) {
            let taken = self.files(&source)?;
            let (tree, path) = taken.selection.as_tree();
            if path != "/" {
                let message = format!("`{source}` is a file, and a cache is a directory");
                return Err(Diagnostic::new(&rules::INVALID_MOUNT, message).into());
            }
            let listing = taken.listing.digest();
            self.note(mounts, &target, text);
            mounts.add_files(taken);
            let cache = Cache { id, sharing, beginning: Beginning::Filled { tree, listing }, source: path, access };
            self.push(mounts, target, What::Cache(cache));
            return Ok(());
        } else {
            Beginning::Empty
        };
        if source != "/" {
            text.push_str(&format!(", its {source}"));
        }
        self.note(mounts, &target, text);
        self.push(mounts, target, What::Cache(Cache { id, sharing, beginning, source, access }));
        Ok(())
    }

    fn add_memory(&self, mounts: &mut Mounts) -> Result<(), Error> {
        let target = self.target(self.meant.target.as_deref().unwrap_or(""))?;
        // As in Docker, zero bytes are no limit.
        let (size, access) = (self.meant.size_limit.filter(|size| *size > 0), self.access());
        let limit = size.map(|size| format!(", at most {size} B")).unwrap_or_default();
        self.note(mounts, &target, format!("memory, {}{limit}", access_text(access)));
        self.push(mounts, target, What::Memory { size, access });
        Ok(())
    }

    fn add_secret(&self, mounts: &mut Mounts) -> Result<(), Error> {
        let last = |path: &str| path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let written = self.meant.target.clone();
        let named = self.meant.source.clone().or_else(|| self.meant.id.clone());
        let id = named.unwrap_or_else(|| last(written.as_deref().unwrap_or_default()));
        let variable = self.meant.env.as_ref().map(|name| if name.is_empty() { id.clone() } else { name.clone() });
        let target = match (&written, &variable) {
            (Some(target), _) => Some(self.target(target)?),
            (None, None) => Some(self.target(&format!("/run/secrets/{}", last(&id)))?),
            (None, Some(_)) => None,
        };
        let (need, form) = (self.need(), Form::of(self.meant, 0o400));
        let asked = if need == Need::Required { ", required" } else { "" };
        if let Some(name) = variable.as_deref() {
            check_variable(name)?;
            mounts.ingredients.push(Ingredient::SecretVariable { name: name.to_owned(), id: format!("{id}{asked}") });
        }
        if let Some(target) = &target {
            self.note(mounts, target, format!("secret {id}, {form}{asked}"));
        }
        let file = target.is_some().then_some(form);
        let what = RunWhat::Secret { id, need, file, variable };
        mounts.list.push(RunMount { place: self.mount.text.span, target: target.unwrap_or_default(), what });
        Ok(())
    }

    fn add_agent(&self, mounts: &mut Mounts) -> Result<(), Error> {
        if self.meant.source.is_some() {
            return Err(Diagnostic::new(&rules::INVALID_MOUNT, "`source` makes no sense for an ssh mount")
                .hint("name the agent with `id`, and give it with `--ssh ID=SOCKET`")
                .into());
        }
        let number = mounts.agents().count();
        let usual = format!("/run/buildkit/ssh_agent.{number}");
        let target = self.target(self.meant.target.as_deref().unwrap_or(&usual))?;
        let id = self.meant.id.clone().unwrap_or_else(|| "default".to_owned());
        let (need, form) = (self.need(), Form::of(self.meant, 0o600));
        let asked = if need == Need::Required { ", required" } else { "" };
        self.note(mounts, &target, format!("agent {id}, {form}{asked}"));
        let what = RunWhat::Agent { id, need, form };
        mounts.list.push(RunMount { place: self.mount.text.span, target, what });
        Ok(())
    }

    fn push(&self, mounts: &mut Mounts, target: String, what: What) {
        let what = RunWhat::Known(Box::new(what));
        mounts.list.push(RunMount { place: self.mount.text.span, target, what });
    }

    fn note(&self, mounts: &mut Mounts, target: &str, what: String) {
        mounts.ingredients.push(Ingredient::Mount { target: target.to_owned(), what });
    }

    fn access(&self) -> Access {
        if self.meant.read_only { Access::ReadOnly } else { Access::ReadWrite }
    }

    fn need(&self) -> Need {
        if self.meant.required { Need::Required } else { Need::Optional }
    }

    /// The target as an absolute path. One that is relative, or not there at all, is one of the working directory.
    fn target(&self, written: &str) -> Result<String, Error> {
        let path = if written.starts_with('/') {
            TreePath::cleaned(written)
        } else {
            TreePath::cleaned(&format!("{}/{written}", self.before.working_dir()))
        };
        if path != "/" {
            return Ok(path);
        }
        let error = Diagnostic::new(&rules::INVALID_MOUNT, "invalid mount target `/`");
        Err(match written {
            "" => error
                .hint("name a place with `target=/path`: without one it is the working directory, which is `/` here"),
            _ => error.hint("nothing can be mounted over the root: name a directory or file in it"),
        }
        .into())
    }

    /// The files that a path leads to, in what `from` names or in the context.
    fn files(&self, path: &str) -> Result<Taken, Error> {
        let Resolving { mount, stage, surroundings, .. } = *self;
        let source = surroundings.plan.mount_source(stage, mount)?;
        surroundings.take(stage, source.as_ref(), path)
    }
}

/// The name of a variable that a shell can use holds neither of these.
fn check_variable(name: &str) -> Result<(), Error> {
    if !name.is_empty() && !name.contains(['=', '\0']) {
        return Ok(());
    }
    let message = format!("`{}` can't be the name of a variable", name.escape_debug());
    Err(Diagnostic::new(&rules::INVALID_MOUNT, message).into())
}

fn access_text(access: Access) -> &'static str {
    match access {
        Access::ReadOnly => "read-only",
        Access::ReadWrite => "writable",
    }
}

impl Mounts {
    fn add_files(&mut self, taken: Taken) {
        let Listing { files, bytes, .. } = taken.listing;
        let name = taken.name;
        if !taken.hard_links.is_empty() {
            self.ingredients.push(Ingredient::HardLinks { name: name.clone(), links: taken.hard_links.join(", ") });
        }
        self.ingredients.push(Ingredient::Files { name, listing: taken.listing.digest(), files, bytes });
        self.listings.push(taken.listing);
    }

    fn agents(&self) -> impl Iterator<Item = &RunMount> {
        self.list.iter().filter(|mount| matches!(mount.what, RunWhat::Agent { .. }))
    }

    /// What goes to the end of the command's environment where that has no such variable: where the first agent is.
    pub(super) fn agent_variable(&self) -> Option<(&'static str, &str)> {
        self.agents().next().map(|mount| ("SSH_AUTH_SOCK", mount.target.as_str()))
    }

    /// What is mounted, with the values that the build has been given.
    ///
    /// # Errors
    /// What is required was not given, or can't be read.
    pub(super) fn equip(&self, given: &Given, world: &World) -> Result<Equipment, Error> {
        let mut equipment = Equipment { wanted: Vec::new(), variables: Vec::new(), missing: Vec::new() };
        for RunMount { place, target, what } in &self.list {
            let mut want = |what| equipment.wanted.push(Wanted { target: target.clone(), what });
            match what {
                RunWhat::Known(what) => want((**what).clone()),
                RunWhat::Secret { id, need, file, variable } => {
                    let Some(content) = given.secret(id, world.store.limits())? else {
                        if *need == Need::Required {
                            return Err(Error::from(not_given("secret", id)).on(*place));
                        }
                        equipment.missing.push(format!("`--secret id={id}`"));
                        continue;
                    };
                    if let Some(Form { mode, uid, gid }) = *file {
                        want(What::Secret(SecretFile { content: content.clone(), mode, uid, gid }));
                    }
                    let variable =
                        variable.iter().map(|name| HiddenVariable { name: name.clone(), value: content.clone() });
                    equipment.variables.extend(variable);
                }
                RunWhat::Agent { id, need, form: Form { mode, uid, gid } } => match (given.agents.get(id), need) {
                    (Some(socket), _) => {
                        let (socket, mode, uid, gid) = (socket.clone(), *mode, *uid, *gid);
                        want(What::Agent(Agent { socket, mode, uid, gid }));
                    }
                    (None, Need::Required) => return Err(Error::from(not_given("agent", id)).on(*place)),
                    (None, Need::Optional) => equipment.missing.push(format!("`--ssh {id}`")),
                },
            }
        }
        Ok(equipment)
    }
}

/// The error for what is required and was not given.
fn not_given(what: &str, id: &str) -> Diagnostic {
    let hint = match what {
        "secret" => format!("give it with `--secret id={id},src=FILE` or `--secret id={id},env=NAME`"),
        _ => format!("give it with `--ssh {id}`, which is the agent of SSH_AUTH_SOCK, or with `--ssh {id}=SOCKET`"),
    };
    Diagnostic::new(&rules::MOUNT_NOT_GIVEN, format!("the {what} `{id}` is required, and was not given")).hint(hint)
}
