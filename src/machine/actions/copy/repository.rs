//! ADD of a git repository: the files of one commit, as a layer of the store.
//!
//! ```text
//!             the reference          its commit is the one that is kept     it is another, or nothing is kept
//! missing     is looked up           what is kept                           the commit is fetched
//! always      as missing
//! newer       as missing; what is kept, if nobody can be asked
//! never       is not looked up       what is kept                           an error
//! ```
//!
//! A whole commit id, and a checksum that is one, need no look-up: where that commit is kept, nobody is asked. A build asks once for
//! each reference. A prediction asks nobody. The layer has the whole repository: each folder of it that an ADD names is a part of that tree.

use super::selection::Selection;
use super::url::{is_here, when};
use crate::cache::{Downloaded, Downloads};
use crate::context::Patterns;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::rules;
use crate::git::{self, Keep, Login, Source, Submodules, Visit};
use crate::machine::Error;
use crate::machine::actions::from::{Fetching, Search};
use crate::machine::event::EventKind;
use crate::machine::inputs::Inputs;
use crate::oci::{Descriptor, DiffId, Layer, media_type};
use crate::registry::When;
use crate::tree::{Kind, Tree, TreePath};

/// What a source of ADD is.
#[derive(Debug)]
pub(super) struct Obtained {
    pub(super) selection: Selection,
    /// The commit that it is part of.
    pub(super) commit: String,
}

/// The files of a repository.
///
/// # Errors
/// [`Error::Repository`] where they don't come, or are not what is expected; [`Error::NotAsked`] where they are only foreseen.
pub(super) fn obtain(
    source: &Source,
    keep: Keep,
    excludes: Option<&Patterns>,
    search: Search<'_>,
    inputs: &Inputs,
) -> Result<Obtained, Error> {
    let (tree, commit) = files(source, keep, search, inputs)?;
    Ok(Obtained { selection: Selection::of_whole(&tree, excludes)?, commit })
}

/// The files of a repository as a tree, and their commit.
///
/// # Errors
/// As [`obtain`].
pub(crate) fn files(source: &Source, keep: Keep, search: Search<'_>, inputs: &Inputs) -> Result<(Tree, String), Error> {
    let name = kept_name(source, keep);
    let found = match inputs.downloaded(&name).filter(|found| is_expected(source, found)) {
        Some(found) => found,
        None => {
            let found = current(source, keep, &name, search)?;
            inputs.remember_download(&found);
            found
        }
    };
    let layer = Layer {
        descriptor: Descriptor::new(media_type::LAYER, found.digest, found.bytes),
        diff_id: DiffId(found.digest),
    };
    let tree = inputs.tree_of_layers(&[layer])?;
    let refuse = |reason: &str| git::Error::Unusable {
        repository: source.repository.to_string(),
        reason: format!("its `{}` {reason}", source.folder),
    };
    let mut folder = TreePath::root();
    for part in source.folder.split('/').filter(|part| !part.is_empty()) {
        folder = folder.join(part);
        match tree.get(&folder).map(|node| &node.kind) {
            Some(Kind::Directory) => {}
            Some(_) => return Err(refuse("leads through what is not a folder").into()),
            None => return Err(refuse("is not there").into()),
        }
    }
    Ok((tree.subtree(&folder).unwrap_or_default(), commit(&found).to_owned()))
}

/// What is kept is found again by this: all that its files depend on besides the commit.
fn kept_name(source: &Source, keep: Keep) -> String {
    let reference = source.reference.as_deref().unwrap_or_default();
    let mut name = format!("git {}#{reference}", source.repository);
    if keep == Keep::Everything {
        name.push_str(" with .git");
    }
    if source.submodules == Submodules::LeftOut {
        name.push_str(" without submodules");
    }
    name
}

/// The commit of what is kept.
fn commit(kept: &Downloaded) -> &str {
    kept.version.as_deref().unwrap_or_default()
}

fn is_expected(source: &Source, kept: &Downloaded) -> bool {
    source.checksum.as_ref().is_none_or(|expected| commit(kept).starts_with(expected.as_str()))
}

/// What the repository has now, as far as that has to be found out.
fn current(source: &Source, keep: Keep, name: &str, search: Search<'_>) -> Result<Downloaded, Error> {
    let store = search.store;
    let downloads = Downloads::open(store.home());
    let kept = downloads.get(name)?.filter(|kept| is_here(store, kept));
    let when = when(search)?;
    let is_named = |kept: &Downloaded| {
        let named = [source.commit(), source.checksum.as_deref()];
        named.into_iter().flatten().any(|named| named == commit(kept)) && is_expected(source, kept)
    };
    let kept = match kept {
        Some(kept) if is_named(&kept) || (when == When::Never && is_expected(source, &kept)) => return Ok(kept),
        kept => kept,
    };
    if when == When::Never {
        return Err(Diagnostic::new(
            &rules::NOT_DOWNLOADED,
            format!("`{source}` is not kept from an earlier build, and no server may be asked for it"),
        )
        .hint("`--pull missing`, or LAYERLAB_PULL=missing, lets one be asked")
        .into());
    }
    if search.fetch == Fetching::Foreseen {
        let verb = if kept.is_some() { "asked" } else { "fetched" };
        return Err(Error::NotAsked { because: format!("`{source}` would first have to be {verb}") });
    }
    let found = match (ask(source, keep, name, kept.as_ref(), search), &kept) {
        (Err(Error::Repository(error)), Some(kept))
            if when == When::Newer && error.is_offline() && is_expected(source, kept) =>
        {
            kept.clone()
        }
        (found, _) => found?,
    };
    let is_new = kept.is_none_or(|kept| kept.digest != found.digest || commit(&kept) != commit(&found));
    let (repository, commit, bytes) = (source.to_string(), commit(&found).to_owned(), found.bytes);
    search.noted.brought(EventKind::RepositoryFetched { repository, commit, bytes, is_new });
    // Written again where nothing has changed: its time says when it was last used.
    downloads.put(&found)?;
    Ok(found)
}

/// Asks the server, and fetches what is not kept.
fn ask(
    source: &Source,
    keep: Keep,
    name: &str,
    kept: Option<&Downloaded>,
    search: Search<'_>,
) -> Result<Downloaded, Error> {
    let login = login(source, search)?;
    let visit = Visit::begin(search.store, source, &login)?;
    let found = visit.look_up()?;
    if let Some(kept) = kept.filter(|kept| commit(kept) == found.commit() && is_expected(source, kept)) {
        return Ok(kept.clone());
    }
    let brought = visit.bring(&found, keep)?;
    let Descriptor { digest, size, .. } = brought.layer.descriptor;
    Ok(Downloaded { url: name.to_owned(), digest, bytes: size, version: Some(brought.commit), modified: None })
}

/// Who we are to the server, as far as the build was given it: by the names that BuildKit has for it.
fn login(source: &Source, search: Search<'_>) -> Result<Login, Error> {
    let options = search.options;
    let secret = |name: &str| options.given.secret(name, &options.request.limits);
    let host = source.repository.host().to_owned();
    let mut header = None;
    for ending in [format!(".{host}"), String::new()] {
        if header.is_none() {
            header = secret(&format!("GIT_AUTH_HEADER{ending}"))?;
        }
        if header.is_none() {
            header = secret(&format!("GIT_AUTH_TOKEN{ending}"))?.map(|token| git::token_header(&token));
        }
    }
    Ok(Login { server: source.repository.server(), header, agent: options.given.agents.get("default").cloned() })
}
