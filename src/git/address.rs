//! What a git repository is called, and what of it is meant.
//!
//! ```text
//! https://host/team/repo.git#ref:folder      http and https: the path has to end with `.git`
//! git://host/repo#ref                        any path
//! ssh://user@host/repo?tag=v1&subdir=folder
//! user@host:team/repo.git
//! ```
//!
//! The rules are those of BuildKit (moby/buildkit, `dfgitutil` and `gitutil`): what stands behind `#` or in the query says which commit and
//! which folder. Left out: bundles.
//!
//! Read `repository.rs` next: the part before `?` and `#`.

use std::fmt;

use super::Error;
use super::repository::{Repository, Scheme, is_commit, is_reference, split_scheme, split_short};
use crate::registry::url::unescaped;
use crate::shown;

/// The most bytes of an address.
const LONGEST: usize = 4 << 10;

/// A repository, and what of it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) repository: Repository,
    /// A branch, a tag, another reference, or a whole commit id. `None`: what the server calls HEAD.
    pub(crate) reference: Option<String>,
    /// The folder, without a `/` at its front or end. Empty: all of it.
    pub(crate) folder: String,
    /// What the commit id has to begin with.
    pub(crate) checksum: Option<String>,
    pub(crate) keep_git_dir: Option<bool>,
    pub(crate) submodules: Submodules,
}

/// Whether the repositories inside come too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Submodules {
    Taken,
    LeftOut,
}

/// Whether a text is the address of a repository, as a source of ADD.
pub(crate) fn is_repository(text: &str) -> bool {
    let Some((scheme, rest)) = split_scheme(text) else { return split_short(text).is_some() };
    match Scheme::of(&scheme) {
        Some(Scheme::Git | Scheme::Ssh) => true,
        Some(Scheme::Http | Scheme::Https) => {
            let path = rest.split(['?', '#']).next().unwrap_or_default();
            path.contains('/') && unescaped(path).ends_with(b".git")
        }
        None => false,
    }
}

impl Source {
    /// Reads an address for which [`is_repository`] holds.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn parse(text: &str) -> Result<Source, Error> {
        let invalid = |reason: String| Error::Invalid { written: without_credentials(text), reason };
        if text.len() > LONGEST || text.chars().any(|one| one.is_control() || one == ' ') {
            return Err(invalid("it has a space or a control character, or is too long".to_owned()));
        }
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_short = split_scheme(text).is_none();
        let fragment = if is_short { fragment.to_owned() } else { decoded(fragment) };
        let (reference, folder) = fragment.split_once(':').unwrap_or((&fragment, ""));
        let repository = Repository::parse(address).map_err(|reason| invalid(reason.to_owned()))?;
        let mut source = Source {
            repository,
            reference: Some(reference.to_owned()).filter(|reference| !reference.is_empty()),
            folder: folder.to_owned(),
            checksum: None,
            keep_git_dir: None,
            submodules: Submodules::Taken,
        };
        source.read_query(query).map_err(&invalid)?;
        source.folder = cleaned(&source.folder).ok_or_else(|| invalid("its folder lies outside".to_owned()))?;
        match &source.reference {
            Some(reference) if !is_reference(reference) => {
                Err(invalid(format!("`{}` can't be the name of a reference", shown::line(reference))))
            }
            _ => Ok(source),
        }
    }

    /// Takes what the query says.
    fn read_query(&mut self, query: &str) -> Result<(), String> {
        let mut seen: Vec<String> = Vec::new();
        let mut by_kind: [Option<String>; 2] = [None, None];
        let mut by_commit = false;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")));
            if seen.contains(&name) {
                return Err(format!("its query has `{}` twice", shown::line(&name)));
            }
            let is_switch = ["submodules", "keep-git-dir", "fetch-by-commit"].contains(&name.as_str());
            if value.is_empty() && !is_switch {
                return Err(format!("`{}` of its query has no value", shown::line(&name)));
            }
            match name.as_str() {
                "ref" => agree(&mut self.reference, value, "reference")?,
                "tag" => by_kind[0] = Some(qualified("refs/tags/", &value)),
                "branch" => by_kind[1] = Some(qualified("refs/heads/", &value)),
                "subdir" => {
                    let mut folder = Some(std::mem::take(&mut self.folder)).filter(|folder| !folder.is_empty());
                    agree(&mut folder, value, "folder")?;
                    self.folder = folder.unwrap_or_default();
                }
                "checksum" | "commit" => self.expect(&value)?,
                "keep-git-dir" => self.keep_git_dir = Some(switch(&name, &value)?),
                "submodules" if switch(&name, &value)? => self.submodules = Submodules::Taken,
                "submodules" => self.submodules = Submodules::LeftOut,
                // Files always have the time of their commit.
                "mtime" if value == "checkout" || value == "commit" => {}
                "mtime" => return Err("`mtime` of its query is `checkout` or `commit`".to_owned()),
                "fetch-by-commit" => by_commit = switch(&name, &value)?,
                _ => return Err(format!("its query has `{}`, which means nothing", shown::line(&name))),
            }
            seen.push(name);
        }
        if by_commit {
            // No server is asked which commit the reference is.
            self.reference = self.checksum.clone().filter(|checksum| is_commit(checksum));
            return self.reference.as_ref().map(|_| ()).ok_or("`fetch-by-commit` needs a whole commit id".to_owned());
        }
        match by_kind {
            [Some(_), Some(_)] => Err("it names a tag and a branch".to_owned()),
            [Some(name), None] | [None, Some(name)] => agree(&mut self.reference, name, "reference"),
            [None, None] => Ok(()),
        }
    }

    /// Asks for a commit by the beginning of its id.
    ///
    /// # Errors
    /// It is none, or another one is asked for already.
    pub(crate) fn expect(&mut self, checksum: &str) -> Result<(), &'static str> {
        if checksum.is_empty() || !checksum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("for a repository it is the id of a commit, in hexadecimal digits");
        }
        match &self.checksum {
            Some(known) if !known.eq_ignore_ascii_case(checksum) => {
                Err("the address of the repository asks for another commit")
            }
            _ => {
                self.checksum = Some(checksum.to_ascii_lowercase());
                Ok(())
            }
        }
    }

    /// That it can't be used as it is.
    pub(crate) fn refused(&self, reason: &str) -> Error {
        Error::Invalid { written: self.to_string(), reason: reason.to_owned() }
    }

    /// What the repository is called in a line: the last name of its path.
    pub(crate) fn short_name(&self) -> &str {
        let name = self.repository.url().trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
        name.strip_suffix(".git").unwrap_or(name)
    }

    /// The whole commit id that it names, if it is one.
    pub(crate) fn commit(&self) -> Option<&str> {
        self.reference.as_deref().filter(|reference| is_commit(reference))
    }
}

/// The address without what nobody shall see.
impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.repository)?;
        match (&self.reference, self.folder.as_str()) {
            (None, "") => Ok(()),
            (reference, "") => write!(formatter, "#{}", reference.as_deref().unwrap_or_default()),
            (reference, folder) => write!(formatter, "#{}:{folder}", reference.as_deref().unwrap_or_default()),
        }
    }
}

/// An address as messages may have it.
pub(crate) fn without_credentials(text: &str) -> String {
    match split_scheme(text) {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let server = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, server)| server);
            format!("{scheme}://{server}{}", &rest[end..])
        }
        None => text.to_owned(),
    }
}

fn agree(known: &mut Option<String>, value: String, what: &str) -> Result<(), String> {
    match known {
        Some(known) if *known != value => Err(format!("it names two of it: its {what}")),
        _ => {
            *known = Some(value);
            Ok(())
        }
    }
}

fn qualified(prefix: &str, name: &str) -> String {
    if name.starts_with(prefix) { name.to_owned() } else { format!("{prefix}{name}") }
}

/// The value of a switch, by the rules of Go.
fn switch(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("`{name}` of its query is neither `true` nor `false`")),
    }
}

/// A folder by its letters: `None` where it is above the root.
fn cleaned(folder: &str) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for name in folder.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&unescaped(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Source, Submodules, is_repository};

    #[test]
    fn addresses_of_repositories_are_told_from_others() {
        for text in [
            "https://host/a/b.git",
            "HTTP://host/b.git#main:docs",
            "https://host/b.git?ref=x",
            "git://host/b",
            "ssh://git@host/b",
            "git@host:a/b",
            "me@host:b",
        ] {
            assert!(is_repository(text), "{text}");
        }
        for text in [
            "https://host/b",
            "https://x.git",
            "https://host/b.git/x",
            "file:///b.git",
            "ftp://host/b.git",
            "a/b.git",
            "./git@host:b",
            "host:b.git",
        ] {
            assert!(!is_repository(text), "{text}");
        }
    }

    #[test]
    fn an_address_says_what_is_meant() {
        let parsed = |text: &str| Source::parse(text).expect(text);
        let source = parsed("https://host/team/app.git#v1:docs//x/../en/");
        assert_eq!((source.reference.as_deref(), source.folder.as_str()), (Some("v1"), "docs/en"));
        assert_eq!((source.short_name(), source.to_string().as_str()), ("app", "https://host/team/app.git#v1:docs/en"));
        let source = parsed("git@host:team/app.git?tag=v1&subdir=docs&submodules=0&keep-git-dir&checksum=ab");
        assert_eq!((source.reference.as_deref(), source.folder.as_str()), (Some("refs/tags/v1"), "docs"));
        assert_eq!((source.keep_git_dir, source.submodules), (Some(true), Submodules::LeftOut));
        assert_eq!((source.checksum.as_deref(), source.short_name()), (Some("ab"), "app"));
        assert_eq!(parsed("https://host/a.git#:docs").reference, None);
    }

    #[test]
    fn credentials_are_not_shown() {
        let source = Source::parse("https://me:swordfish@host/a.git#main").unwrap();
        let printed = format!("{source} {source:?}");
        assert!(source.repository.has_credentials() && !printed.contains("swordfish"), "{printed}");
        let error = Source::parse("https://me:swordfish@host/a.git#-x").unwrap_err().to_string();
        assert!(!error.contains("swordfish"), "{error}");
    }

    #[test]
    fn what_git_could_take_for_something_else_is_refused() {
        for text in [
            "ssh://-oProxyCommand=x/a",
            "ssh://host/-a",
            "git@-x:a",
            "git@host:-a",
            "git@host:",
            "ssh://me:secret@host/a",
            "git://me@host/a",
            "https://host:x/a.git",
            "https://host/a.git#--upload-pack=x",
            "https://host/a.git#a..b",
            "https://host/a.git#main:../x",
            "https://host/a.git?ref=a&ref=b",
            "https://host/a.git?ref=a#b",
            "https://host/a.git?tag=a&branch=b",
            "https://host/a.git?nothing=1",
            "https://host/a.git?submodules=maybe",
            "https://host/a b.git",
        ] {
            assert!(Source::parse(text).is_err(), "{text}");
        }
    }
}
