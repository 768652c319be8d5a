//! What a COPY or an ADD asks for, with its words expanded: one value for both.
//!
//! ```text
//! COPY --chown=$WHO src/*.sh conf /app/  ──words, variables──▶  Transfer { sources: [src/*.sh, conf], destination: /app/, … }
//! ```
//!
//! From here on nothing depends on the Dockerfile any more. Which files the sources stand for is the matter of `selection.rs`.

use super::chmod::Chmod;
use super::owner::Owner;
use super::selection::{Names, SelectError};
use crate::cache::{Ingredient, Ingredients, Setting};
use crate::context::Patterns;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{self, Add, Copy, Limit, Word, rules};
use crate::git;
use crate::machine::go::quoted_list;
use crate::machine::scope::Scope;
use crate::machine::supported::{CHECKSUM_OF_LOCAL, copy_of_remote, is_remote};
use crate::machine::{Error, State};
use crate::oci::Digest;
use crate::registry::download::Address;
use crate::source::Span;
use crate::tree::TreePath;

/// A COPY or an ADD.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    pub(crate) keyword: Keyword,
    /// The paths and URLs, in the order in which they are written.
    pub(crate) sources: Vec<Source>,
    /// The documents, which come after them, wherever they are written.
    pub(crate) documents: Vec<Document>,
    /// Absolute; a trailing `/` says that it is a directory.
    pub(crate) destination: String,
    pub(crate) chown: Option<String>,
    pub(crate) chmod: Option<Chmod>,
    /// What of a source's path arrives at the destination.
    pub(crate) names: Names,
    /// The layer does not depend on what is below it.
    pub(crate) link: bool,
    /// Which archives ADD unpacks.
    pub(crate) unpack: Unpack,
    /// What the content of the URL has to be.
    pub(crate) checksum: Option<Digest>,
    excludes: Vec<String>,
    /// As they are written, variables expanded.
    written: Written,
}

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Copy,
    Add,
}

impl Keyword {
    fn name(self) -> &'static str {
        match self {
            Keyword::Copy => "COPY",
            Keyword::Add => "ADD",
        }
    }
}

/// Where files are taken from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// As it is written, variables expanded.
    pub(crate) text: String,
    /// Where it is written.
    pub(crate) place: Option<Span>,
    pub(crate) location: Location,
}

/// Where a source is.
#[derive(Clone, Debug)]
pub(super) enum Location {
    /// In the context, or in what `--from` names.
    Path,
    /// A server has it as a file.
    Url(Address),
    /// A server has it as a repository.
    Repository(Box<git::Source>, git::Keep),
}

impl Location {
    /// Where a source of ADD is that lies elsewhere. What is in it is in the image's history, so there may be no password.
    fn parse(text: &str) -> Result<Location, Error> {
        if !git::is_repository(text) {
            return Ok(Location::Url(Address::parse(text)?));
        }
        let source = git::Source::parse(text)?;
        if source.repository.has_credentials() {
            return Err(source.refused("a user name or a password in it would be kept in the image's history").into());
        }
        Ok(Location::Repository(Box::new(source), git::Keep::Files))
    }
}

impl Source {
    /// Keeps the folder `.git` where the address or the flag asks for it.
    fn keep(&mut self, flag: Option<bool>) -> Result<(), Error> {
        let Location::Repository(source, keep) = &mut self.location else { return Ok(()) };
        if flag.is_some() && source.keep_git_dir.is_some() && flag != source.keep_git_dir {
            let message = "`--keep-git-dir` and the address of the repository don't agree";
            return Err(Diagnostic::new(&rules::INVALID_FLAG_VALUE, message).into());
        }
        // A folder of it has none, as in BuildKit.
        if source.keep_git_dir.or(flag) == Some(true) && source.folder.is_empty() {
            *keep = git::Keep::Everything;
        }
        Ok(())
    }

    pub(crate) fn is_path(&self) -> bool {
        matches!(self.location, Location::Path)
    }
}

/// Which archives are unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unpack {
    Nothing,
    /// Those of the context.
    Local,
    /// Those of URLs, too.
    Everything,
}

/// A file whose content stands in the Dockerfile.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What the key and the history have letter by letter.
#[derive(Clone, Debug)]
struct Written {
    destination: String,
    chmod: Option<String>,
}

/// What words are expanded with.
#[derive(Clone, Copy)]
pub(super) struct Words<'w> {
    pub(crate) scope: &'w Scope<'w>,
    pub(crate) before: &'w State,
}

impl Words<'_> {
    fn one(&self, word: &Word) -> Result<String, Error> {
        self.scope.word(word, self.before)
    }

    /// A flag's value; one that is empty counts as none.
    fn flag(&self, word: Option<&Word>) -> Result<Option<String>, Error> {
        Ok(word.map(|word| self.one(word)).transpose()?.filter(|text| !text.is_empty()))
    }

    fn document(&self, document: &dockerfile::Heredoc) -> Result<Document, Error> {
        let text = document.document();
        let text = match document.expand {
            false => text,
            true => {
                let most = Limit::Heredoc.of(self.scope.limits);
                let expanded = dockerfile::words::expand_document(&text, self.before, most);
                expanded.map_err(|error| Diagnostic::new(&rules::INVALID_WORD, error.to_string()))?.text
            }
        };
        Ok(Document { name: document.name.clone(), text })
    }
}

impl Transfer {
    /// What a COPY asks for.
    ///
    /// # Errors
    /// For a word, an owner or a mode that can't be one, and for a source that is not supported.
    pub(crate) fn of_copy(copy: &Copy, words: Words<'_>) -> Result<Transfer, Error> {
        let flags = [copy.chown.as_ref(), copy.chmod.as_ref()];
        let transfer = Transfer::new(Keyword::Copy, &copy.sources, &copy.destination, flags, &copy.excludes, words)?;
        let names = if copy.parents { Names::Parents } else { Names::Last };
        Ok(Transfer { names, ..transfer }.linked(copy.link, words.before))
    }

    /// What an ADD asks for.
    ///
    /// # Errors
    /// For a word, an owner or a mode that can't be one, and for a source that is not supported.
    pub(crate) fn of_add(add: &Add, words: Words<'_>) -> Result<Transfer, Error> {
        let flags = [add.chown.as_ref(), add.chmod.as_ref()];
        let mut transfer = Transfer::new(Keyword::Add, &add.sources, &add.destination, flags, &add.excludes, words)?;
        for source in &mut transfer.sources {
            let place = source.place;
            source.keep(add.keep_git_dir).map_err(|error| error.on(place))?;
        }
        let unpack = match add.unpack {
            None => Unpack::Local,
            Some(true) => Unpack::Everything,
            Some(false) => Unpack::Nothing,
        };
        let checksum = match &add.checksum {
            Some(word) => transfer.checksum(word, words).map_err(|error| error.on(word.span))?,
            None => None,
        };
        Ok(Transfer { unpack, checksum, ..transfer }.linked(add.link, words.before))
    }

    /// The value of `--checksum`.
    fn checksum(&mut self, word: &Word, words: Words<'_>) -> Result<Option<Digest>, Error> {
        let Some(text) = words.flag(Some(word))? else { return Ok(None) };
        if self.sources.iter().any(Source::is_path) {
            return Err(Diagnostic::new(&rules::MISPLACED_CHECKSUM, CHECKSUM_OF_LOCAL).into());
        }
        if let [Source { location: Location::Repository(source, _), .. }] = self.sources.as_mut_slice() {
            source
                .expect(&text)
                .map_err(|reason| Diagnostic::new(&rules::INVALID_FLAG_VALUE, format!("`--checksum`: {reason}")))?;
            return Ok(None);
        }
        let digest = text.parse::<Digest>().map_err(|error| {
            Diagnostic::new(&rules::INVALID_FLAG_VALUE, format!("`--checksum`: {error}"))
                .hint("`sha256:` and 64 hexadecimal digits, as sha256sum(1) prints them")
        });
        Ok(Some(digest?))
    }

    /// What both have: sources, destination, `--chown` and `--chmod`, `--exclude`.
    fn new(
        keyword: Keyword,
        sources: &[dockerfile::Source],
        destination: &Word,
        [chown, chmod]: [Option<&Word>; 2],
        excludes: &[Word],
        words: Words<'_>,
    ) -> Result<Transfer, Error> {
        let chown = words.flag(chown)?;
        chown.as_deref().map_or(Ok(()), Owner::check)?;
        let written_mode = words.flag(chmod)?;
        let chmod = written_mode.as_deref().map(Chmod::parse).transpose()?;
        let excludes = excludes.iter().map(|word| words.one(word)).collect::<Result<Vec<_>, _>>()?;
        let written = Written { destination: words.one(destination)?, chmod: written_mode };
        let (mut taken, mut documents) = (Vec::new(), Vec::new());
        for source in sources {
            match source {
                dockerfile::Source::Heredoc(document) => documents.push(words.document(document)?),
                dockerfile::Source::Path(word) => {
                    let (text, place) = (words.one(word)?, word.span);
                    let location = match keyword {
                        _ if !is_remote(&text) => Location::Path,
                        Keyword::Copy => return Err(copy_of_remote(&text).into()),
                        Keyword::Add => Location::parse(&text).map_err(|error| error.on(place))?,
                    };
                    taken.push(Source { text, place, location });
                }
            }
        }
        Ok(Transfer {
            keyword,
            sources: taken,
            documents,
            destination: absolute(words.before.working_dir(), &written.destination),
            chown,
            chmod,
            names: Names::Last,
            link: false,
            unpack: Unpack::Nothing,
            checksum: None,
            excludes,
            written,
        })
    }

    /// With `--link`, where it makes a difference: a mode that is set needs the files below, which a layer of its own does not
    /// have, and where nothing is below, every layer is one of its own.
    fn linked(self, is_wanted: bool, before: &State) -> Transfer {
        let link = is_wanted && self.chmod.is_none() && !before.is_empty();
        Transfer { link, ..self }
    }

    /// What `--exclude` leaves out.
    ///
    /// # Errors
    /// For a pattern that can't be one.
    pub(crate) fn patterns(&self) -> Result<Option<Patterns>, SelectError> {
        if self.excludes.is_empty() { Ok(None) } else { Ok(Some(Patterns::new(&self.excludes)?)) }
    }

    /// What the key has of it, except for the files.
    pub(crate) fn ingredients(&self, before: &State) -> Ingredients {
        let mut ingredients = Ingredients::default();
        if !self.link {
            ingredients.push(Ingredient::Parent { state: before.file_system() });
        }
        let mode = self.chmod.as_ref().zip(self.written.chmod.as_ref()).map(|(mode, text)| match mode {
            Chmod::Octal(mode) => format!("{mode:04o}"),
            Chmod::Symbolic(_) => text.clone(),
        });
        let set = |is_set: bool| is_set.then(|| "true".to_owned());
        for (setting, value) in [
            (Setting::Keyword, Some(self.keyword.name().to_owned())),
            (Setting::Destination, Some(self.destination.clone())),
            (Setting::Chown, self.chown.clone()),
            (Setting::Chmod, mode),
            (Setting::Link, set(self.link)),
            (Setting::Parents, set(self.names == Names::Parents)),
            (Setting::Unpack, self.unpacked().map(str::to_owned)),
            (Setting::Exclude, (!self.excludes.is_empty()).then(|| quoted_list(&self.excludes))),
        ] {
            if let Some(value) = value {
                ingredients.push(Ingredient::setting(setting, value));
            }
        }
        ingredients
    }

    /// What of its sources is unpacked, where that makes a difference.
    fn unpacked(&self) -> Option<&'static str> {
        let has_urls = self.sources.iter().any(|source| matches!(source.location, Location::Url(_)));
        let is_remote = |source: &Source| !source.is_path();
        let has_others = !self.sources.iter().any(is_remote) || self.sources.iter().any(Source::is_path);
        match (has_others && self.unpack != Unpack::Nothing, has_urls && self.unpack == Unpack::Everything) {
            (false, false) => None,
            (true, false) | (false, true) => Some("true"),
            (true, true) => Some("everything"),
        }
    }

    /// The line of the image's history.
    pub(super) fn history(&self) -> String {
        let mut history = String::from(self.keyword.name());
        if self.names == Names::Parents {
            history.push_str(" --parents");
        }
        for (name, value) in [("chown", &self.chown), ("chmod", &self.written.chmod)] {
            if let Some(value) = value {
                history.push_str(&format!(" --{name}={value}"));
            }
        }
        for source in &self.sources {
            history.push_str(&format!(" {}", source.text));
        }
        for document in &self.documents {
            history.push_str(&format!(" <<{}", document.name));
        }
        format!("{history} {}", self.written.destination)
    }

    /// What of a source is in the key: its last component, as in BuildKit, so that moving the folder that it is in is no
    /// change. With `--parents` all that comes along.
    pub(crate) fn counted_name(&self, source: &Source) -> String {
        match &source.location {
            Location::Path => {}
            Location::Url(address) => return String::from_utf8_lossy(&address.file_name()).into_owned(),
            Location::Repository(..) => return ".".to_owned(),
        }
        let counted = match (self.names, source.text.split_once("/./")) {
            (Names::Parents, Some((_, below))) => below,
            _ => &source.text,
        };
        let path = TreePath::new(counted.as_bytes());
        let name = match self.names {
            Names::Parents => Some(path.relative()),
            Names::Last => path.file_name(),
        };
        let name = name.filter(|name| !name.is_empty());
        name.map_or_else(|| ".".into(), |name| String::from_utf8_lossy(name).into_owned())
    }
}

/// The destination as an absolute path, its trailing slash kept: it says that a directory is meant.
fn absolute(working_dir: &str, written: &str) -> String {
    let is_directory = written.is_empty() || written == "." || written.ends_with('/') || written.ends_with("/.");
    let joined = if written.starts_with('/') { written.to_owned() } else { format!("{working_dir}/{written}") };
    let path = TreePath::cleaned(&joined);
    if is_directory && path != "/" { format!("{path}/") } else { path }
}
