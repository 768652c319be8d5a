//! COPY and ADD: what is copied from where to where.
//!
//! They are operations on trees. Nothing is unpacked and nobody needs to be root: the bytes go from where they lie (the
//! context, another stage's layer, the Dockerfile itself) into the layer's archive in one pass.

use std::io::Seek as _;
use std::sync::Arc;

use super::chmod::Chmod;
use super::configure;
use super::copy::{Adjustments, Placement};
use super::driver::{Executed, Machine};
use super::event::Reporter;
use super::missing::{self, SearchPlace, Searched};
use super::owner::Owner;
use super::resolve::{Action, Resolved};
use super::selection::{self, Names, Rule, SelectError, Selected, Selection};
use super::supported::{copy_of_remote, is_remote, not_supported};
use super::workdir::cleaned;
use super::{Error, State};
use crate::cache::{self, Ingredient, Ingredients, Setting};
use crate::context::{Patterns, glob};
use crate::dockerfile::{self, Add, Copy, Word};
use crate::layer::{SeenReader, archive};
use crate::plan::CopySource;
use crate::tree::{Content, Kind, Node, Place, Tree, TreePath};

/// Where the files of one source word come from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// Files of a tree: the context's, another stage's or another image's.
    Files(Vec<Selection>),
    /// A document in the Dockerfile.
    Document { name: String, text: String },
}

/// A COPY or ADD, resolved.
#[derive(Clone, Debug)]
pub(super) struct CopyAction {
    pub origins: Vec<Origin>,
    /// Absolute; a trailing `/` says that it is a directory.
    pub destination: String,
    pub chown: Option<String>,
    pub chmod: Option<Chmod>,
    /// The layer does not depend on what is below it.
    pub link: bool,
    /// ADD unpacks local archives.
    pub unpack: bool,
}

/// What COPY and ADD have in common.
struct Request<'r> {
    keyword: &'static str,
    sources: &'r [dockerfile::Source],
    destination: &'r Word,
    chown: Option<&'r Word>,
    chmod: Option<&'r Word>,
    excludes: &'r [Word],
    link: bool,
    parents: bool,
    unpack: bool,
}

impl Machine {
    pub(super) fn resolve_copy(
        &self,
        stage: usize,
        copy: &Copy,
        before: Arc<State>,
        stage_state: impl Fn(usize) -> Option<Arc<State>>,
    ) -> Result<Resolved, Error> {
        let request = Request {
            keyword: "COPY",
            sources: &copy.sources,
            destination: &copy.destination,
            chown: copy.chown.as_ref(),
            chmod: copy.chmod.as_ref(),
            excludes: &copy.excludes,
            link: copy.link,
            parents: copy.parents,
            unpack: false,
        };
        let source = match self.plan.copy_source(stage, copy)? {
            None => None,
            Some(CopySource::Scratch) => Some((Tree::empty(), cache::Origin::Scratch)),
            Some(CopySource::Stage(index)) => {
                let state = stage_state(index).ok_or_else(|| Error::Argument {
                    message: format!(
                        "cannot copy from stage `{}`: it is not built yet",
                        self.plan.stages[index].label()
                    ),
                    hint: None,
                })?;
                Some((self.tree(&state)?, cache::Origin::Stage(self.plan.stages[index].label())))
            }
            Some(CopySource::Image(reference)) => {
                let state = self.image_state(&reference, stage)?;
                Some((self.tree(&state)?, cache::Origin::Image(reference.familiar())))
            }
        };
        self.resolve_request(&request, source, before)
    }

    pub(super) fn resolve_add(&self, add: &Add, before: Arc<State>) -> Result<Resolved, Error> {
        let request = Request {
            keyword: "ADD",
            sources: &add.sources,
            destination: &add.destination,
            chown: add.chown.as_ref(),
            chmod: add.chmod.as_ref(),
            excludes: &add.excludes,
            link: add.link,
            parents: false,
            unpack: add.unpack.unwrap_or(true),
        };
        self.resolve_request(&request, None, before)
    }

    fn resolve_request(
        &self,
        request: &Request<'_>,
        source: Option<(Tree, cache::Origin)>,
        before: Arc<State>,
    ) -> Result<Resolved, Error> {
        let scope = self.scope();
        let optional = |word: Option<&Word>| word.map(|word| scope.word(word, &before)).transpose();
        let chown = optional(request.chown)?.filter(|text| !text.is_empty());
        chown.as_deref().map_or(Ok(()), Owner::check)?;
        let chmod_text = optional(request.chmod)?.filter(|text| !text.is_empty());
        let chmod = chmod_text.as_deref().map(Chmod::parse).transpose()?;
        let mut exclude_texts = Vec::new();
        for word in request.excludes {
            exclude_texts.push(scope.word(word, &before)?);
        }
        let excludes = match exclude_texts.as_slice() {
            [] => None,
            texts => Some(Patterns::new(texts).map_err(SelectError::from)?),
        };
        let written = scope.word(request.destination, &before)?;
        let destination = destination(before.working_dir(), &written);

        // A mode that is set needs the files below, which a layer of its own does not have. And where nothing is below, every
        // layer is one of its own.
        let link = request.link && chmod.is_none() && !before.is_empty();

        let mut action = CopyAction {
            origins: Vec::new(),
            destination: destination.clone(),
            chown,
            chmod,
            link,
            unpack: request.unpack,
        };
        let mut ingredients = Ingredients::default();
        if !link {
            ingredients.push(Ingredient::Parent { state: before.file_system });
        }
        ingredients.push(Ingredient::setting(Setting::Keyword, request.keyword));
        ingredients.push(Ingredient::setting(Setting::Destination, destination));
        let mut history = String::from(request.keyword);
        if request.parents {
            history.push_str(" --parents");
        }
        for (name, value) in [("chown", &action.chown), ("chmod", &chmod_text)] {
            if let Some(value) = value {
                history.push_str(&format!(" --{name}={value}"));
            }
        }
        let mode = action.chmod.as_ref().zip(chmod_text.as_ref()).map(|(mode, text)| match mode {
            Chmod::Octal(mode) => format!("{mode:04o}"),
            Chmod::Symbolic(_) => text.clone(),
        });
        for (setting, value) in [(Setting::Chown, action.chown.clone()), (Setting::Chmod, mode)] {
            if let Some(value) = value {
                ingredients.push(Ingredient::setting(setting, value));
            }
        }
        for (flag, is_set) in
            [(Setting::Link, link), (Setting::Parents, request.parents), (Setting::Unpack, request.unpack)]
        {
            if is_set {
                ingredients.push(Ingredient::setting(flag, "true"));
            }
        }
        if !exclude_texts.is_empty() {
            ingredients.push(Ingredient::setting(Setting::Exclude, configure::quoted_list(&exclude_texts)));
        }

        let names = if request.parents { Names::Parents } else { Names::Last };
        let mut listings = Vec::new();
        let most = self.options.request.limits.of(dockerfile::Limit::Heredoc);
        // Documents come last, wherever they are written.
        let is_document = |source: &&dockerfile::Source| matches!(source, dockerfile::Source::Heredoc(_));
        let paths = request.sources.iter().filter(|source| !is_document(source));
        for one in paths.chain(request.sources.iter().filter(is_document)) {
            match one {
                dockerfile::Source::Heredoc(document) => {
                    let text = if document.expand {
                        dockerfile::words::expand_document(&document.document(), before.as_ref(), most)
                            .map_err(|error| crate::diagnostic::Diagnostic::error(error.to_string()))?
                            .text
                    } else {
                        document.document()
                    };
                    history.push_str(&format!(" <<{}", document.name));
                    ingredients.push(Ingredient::Document { name: document.name.clone(), text: text.clone() });
                    action.origins.push(Origin::Document { name: document.name.clone(), text });
                }
                dockerfile::Source::Path(word) => {
                    let word = scope.word(word, &before)?;
                    if is_remote(&word) {
                        return Err(match request.keyword {
                            "ADD" => Error::Diagnostics(vec![not_supported("ADD", "URL")]),
                            _ => Error::Diagnostics(vec![copy_of_remote(&word)]),
                        });
                    }
                    history.push_str(&format!(" {word}"));
                    let (tree, origin, place) = match &source {
                        Some((tree, origin)) => (tree.clone(), origin.clone(), SearchPlace::Elsewhere),
                        None => {
                            let tree = self.context()?.snapshot.tree().clone();
                            (tree, cache::Origin::Context, SearchPlace::Context)
                        }
                    };
                    let searched =
                        Searched { tree: &tree, name: &origin.to_string(), place, excludes: excludes.as_ref() };
                    let selections = self.select(&word, names, &searched)?;
                    let (listing, hard_links) = self.listing(&selections, cache::Roots::new(origin, &word))?;
                    let name = counted_name(&word, names);
                    if !hard_links.is_empty() {
                        let (name, links) = (name.clone(), hard_links.join(", "));
                        ingredients.push(Ingredient::HardLinks { name, links });
                    }
                    ingredients.push(Ingredient::Files {
                        name,
                        listing: listing.digest(),
                        files: listing.files,
                        bytes: listing.bytes,
                    });
                    listings.push(listing);
                    action.origins.push(Origin::Files(selections));
                }
            }
        }
        history.push_str(&format!(" {written}"));
        Ok(Resolved {
            after: (*before).clone(),
            before: Some(before),
            action: Action::Copy(Box::new(action)),
            ingredients: Some(ingredients),
            listings,
            expanded: has_variable(request).then(|| history.clone()),
            history: Some(history),
        })
    }

    pub(super) fn place_files(
        &self,
        action: &CopyAction,
        before: &Option<Arc<State>>,
        reporter: &mut Reporter<'_>,
    ) -> Result<Executed, Error> {
        let mut warn = |message| reporter.warn(message);
        let below = self.tree_below(before)?;
        let below = if action.link { Tree::empty() } else { below };
        let owner = match &action.chown {
            Some(text) => Some(Owner::resolve(text, &self.world.store, &below, &mut warn)?),
            None => None,
        };
        let mut placement = Placement::new(&below);
        let adjust = Adjustments { owner, chmod: action.chmod.clone(), now: self.world.clock.seconds() };
        for origin in &action.origins {
            match origin {
                Origin::Document { name, text } => {
                    let mut node = Node::file(0o644, text.as_bytes().to_vec());
                    node.metadata.mtime = self.world.clock.seconds();
                    placement.copy(&Selection::of_file(name, node), &action.destination, &adjust)?;
                }
                Origin::Files(selections) => {
                    for selection in selections {
                        if !(action.unpack && self.unpack_archive(selection, action, &mut placement, &adjust)?) {
                            placement.copy(selection, &action.destination, &adjust)?;
                        }
                    }
                }
            }
        }
        for (path, last) in &placement.replaced {
            warn(format!(
                "`{path}` is not a directory, so each source replaces the one before it, and only `{}` is left: end the destination with `/`",
                last.escape_ascii()
            ));
        }
        Ok(Executed::Placed(placement, below))
    }

    /// The files that a word stands for.
    fn select(&self, word: &str, names: Names, searched: &Searched<'_>) -> Result<Vec<Selection>, Error> {
        let rule = Rule { names, excludes: searched.excludes };
        let selections =
            selection::select(searched.tree, word, rule).map_err(|error| self.explain_source(error, word, searched))?;
        let may_be_missing = searched.place == SearchPlace::Context && !glob::plain_part(word).is_root();
        if selections.is_empty() && may_be_missing && !selection::is_asked_for(searched.tree, word)? {
            return Err(missing::nothing_matches(word, searched));
        }
        Ok(selections)
    }

    /// ADD of a local archive: its entries, below the destination. Gives `false` where the file is no archive.
    fn unpack_archive(
        &self,
        selection: &Selection,
        action: &CopyAction,
        placement: &mut Placement,
        adjust: &Adjustments,
    ) -> Result<bool, Error> {
        let Selected::File(Node { kind: Kind::File(Content { place: Place::Seen(seen), .. }), .. }) = &selection.what
        else {
            return Ok(false);
        };
        // Opened once: what is looked at, what is unpacked and what the key was made of are one file.
        let opened = SeenReader::open(seen)?;
        let limits = self.world.store.limits();
        if !archive::is_archive(&seen.path, opened.file()?, limits)? {
            return Ok(false);
        }
        // `--chmod` is for files that are copied; what an archive holds, and the directory for it, keep their modes.
        let made = Adjustments { chmod: None, ..adjust.clone() };
        let root = placement.make_directories(&TreePath::new(action.destination.as_bytes()), &made)?;
        let mut file = opened.file()?;
        file.rewind().map_err(|source| Error::Io { operation: "rewind", path: seen.path.to_path_buf(), source })?;
        placement.unpack(&root, &mut archive::of_file(&seen.path, file, limits)?, adjust)?;
        opened.check()?;
        Ok(true)
    }
}

/// Whether something in a request is expanded, so that its text alone does not tell what is done.
fn has_variable(request: &Request<'_>) -> bool {
    let sources = request.sources.iter().filter_map(|source| match source {
        dockerfile::Source::Path(word) => Some(word),
        dockerfile::Source::Heredoc(_) => None,
    });
    let words = [Some(request.destination), request.chown, request.chmod].into_iter().flatten();
    words.chain(sources).chain(request.excludes).any(|word| word.raw.contains('$'))
}

/// What of a source word is in the key: its last component, as in BuildKit, so that moving the folder that it is in is no
/// change. With `--parents` all that comes along.
fn counted_name(word: &str, names: Names) -> String {
    let counted = match (names, word.split_once("/./")) {
        (Names::Parents, Some((_, below))) => below,
        _ => word,
    };
    let path = TreePath::new(counted.as_bytes());
    let name = match names {
        Names::Parents => Some(path.relative()),
        Names::Last => path.file_name(),
    };
    name.filter(|name| !name.is_empty()).map_or_else(|| ".".into(), |name| String::from_utf8_lossy(name).into_owned())
}

/// The destination as an absolute path, its trailing slash kept: it says that a directory is meant.
fn destination(working_dir: &str, written: &str) -> String {
    let is_directory = written.is_empty() || written == "." || written.ends_with('/') || written.ends_with("/.");
    let joined = if written.starts_with('/') { written.to_owned() } else { format!("{working_dir}/{written}") };
    let path = cleaned(&joined);
    if is_directory && path != "/" { format!("{path}/") } else { path }
}
