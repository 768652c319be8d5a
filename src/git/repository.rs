//! Where a repository is, and how it is reached.
//!
//! A user name and a password of an HTTP address are kept apart from it, and never shown. No part of an address begins with `-`, so nobody can
//! take it for an option.

use std::fmt;

use crate::hidden::Hidden;
use crate::registry::url::unescaped;
use crate::shown;

/// Where a repository is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    pub(crate) scheme: Scheme,
    /// What git is given: without a user name and a password over HTTP.
    url: String,
    host: String,
    pub(super) port: Option<u16>,
    /// `user:password`, over HTTP.
    pub(super) credentials: Option<Hidden>,
}

/// How a repository is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
    Git,
    Ssh,
}

/// A server, by what has to be the same for it to be the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Scheme {
    pub(super) fn of(name: &str) -> Option<Scheme> {
        Some(match name {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "git" => Scheme::Git,
            "ssh" => Scheme::Ssh,
            _ => return None,
        })
    }

    /// The port that is meant where none is named.
    pub(super) fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
            Scheme::Git => 9418,
            Scheme::Ssh => 22,
        }
    }
}

impl Repository {
    /// Reads an address without query and fragment.
    pub(super) fn parse(text: &str) -> Result<Repository, &'static str> {
        let Some((scheme, rest)) = split_scheme(text) else {
            let (user, host, path) = split_short(text).ok_or("it is not the address of a repository on a server")?;
            if path.is_empty() || [user, host, path].iter().any(|part| part.starts_with('-')) {
                return Err("a part of it begins with `-`, or is empty");
            }
            let (url, host) = (text.to_owned(), host.to_owned());
            return Ok(Repository { scheme: Scheme::Ssh, url, host, port: None, credentials: None });
        };
        let scheme_name = scheme;
        let scheme =
            Scheme::of(&scheme_name).ok_or("repositories are reached over `https`, `http`, `ssh` and `git` only")?;
        let (authority, path) = rest.split_at(rest.find('/').ok_or("it has no path")?);
        if path.trim_matches('/').is_empty() || path.starts_with("/-") {
            return Err("it has no path, or one that begins with `-`");
        }
        let (user, server) = match authority.rsplit_once('@') {
            Some((user, server)) => (Some(user), server),
            None => (None, authority),
        };
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, Some(port.parse().map_err(|_| "its port is no number")?))
            }
            Some(_) | None => (server, None),
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
        if host.is_empty() || host.starts_with('-') || !host.bytes().all(is_host) {
            return Err("it has no host, or an impossible one");
        }
        let (login, credentials) = match (scheme, user) {
            (_, None) => (String::new(), None),
            (Scheme::Http | Scheme::Https, Some(user)) => {
                let user = if user.contains(':') { user.to_owned() } else { format!("{user}:") };
                (String::new(), Some(Hidden::new(unescaped(&user))))
            }
            (Scheme::Ssh, Some(user)) if !user.contains(':') && !user.starts_with('-') => (format!("{user}@"), None),
            (Scheme::Ssh | Scheme::Git, Some(_)) => return Err("it has a password, or a user where none can be"),
        };
        let url = format!("{scheme_name}://{login}{server}{path}");
        Ok(Repository { scheme, url, host: host.to_owned(), port, credentials })
    }

    /// The server that it is on. Who we are is told to this one, and to no other of the same machine.
    pub(crate) fn server(&self) -> Server {
        Server {
            scheme: self.scheme,
            host: self.host.to_ascii_lowercase(),
            port: self.port.unwrap_or(self.scheme.port()),
        }
    }

    /// What git is given. It begins with no `-` and names no program.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn is_http(&self) -> bool {
        matches!(self.scheme, Scheme::Http | Scheme::Https)
    }

    /// Whether it has a user name or a password that must not be shown.
    pub(crate) fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// The repository that another one calls so: an address of its own, or one beside it, as git(1) reads them in `.gitmodules`.
    pub(super) fn beside(&self, url: &str) -> Result<Repository, &'static str> {
        if !url.starts_with("./") && !url.starts_with("../") {
            return Repository::parse(url);
        }
        let mut base = self.url.trim_end_matches('/').to_owned();
        let (mut rest, mut separator) = (url, '/');
        loop {
            if let Some(after) = rest.strip_prefix("../") {
                let cut = base.rfind('/').or_else(|| base.rfind(':')).ok_or("it leads out of the server")?;
                separator = if base[cut..].starts_with(':') { ':' } else { '/' };
                base.truncate(cut);
                rest = after;
            } else if let Some(after) = rest.strip_prefix("./") {
                rest = after;
            } else {
                break;
            }
        }
        let joined = format!("{base}{separator}{}", rest.trim_end_matches('/'));
        let found = Repository::parse(&joined).map_err(|_| "it leads out of the server")?;
        if found.server() != self.server() {
            return Err("it leads out of the server");
        }
        Ok(Repository { credentials: self.credentials.clone(), ..found })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", shown::line(&self.url))
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Repository({})", self.url)
    }
}

/// `scheme://rest`, the scheme in lower case.
pub(super) fn split_scheme(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_scheme.then(|| (scheme.to_ascii_lowercase(), rest))
}

/// `user@host:rest`, as scp(1) and ssh(1) write it.
pub(super) fn split_short(text: &str) -> Option<(&str, &str, &str)> {
    let (user, rest) = text.split_once('@')?;
    let (host, rest) = rest.split_once(':')?;
    let is_name = |name: &str, marks: &[u8]| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
    };
    (is_name(user, b"-_") && is_name(host, b"-.")).then_some((user, host, rest))
}

/// Whether a text is a whole commit id: SHA-1 or SHA-256.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether a text can be the name of a reference: git-check-ref-format(1).
pub(super) fn is_reference(text: &str) -> bool {
    let is_bad = |one: char| one.is_control() || " ~^:?*[\\".contains(one);
    !text.starts_with(['-', '/'])
        && !text.ends_with(['/', '.'])
        && !text.chars().any(is_bad)
        && !["..", "@{", "//", "/."].iter().any(|part| text.contains(part))
}

#[cfg(test)]
mod tests {
    use super::Repository;

    #[test]
    fn submodules_lie_beside_the_repository_or_on_a_server() {
        let beside = |base: &str, url: &str| {
            Repository::parse(base).unwrap().beside(url).map(|found| found.to_string()).unwrap_or_default()
        };
        assert_eq!(beside("https://host/a/b.git", "../c.git"), "https://host/a/c.git");
        assert_eq!(beside("https://host/a/b.git", "./c"), "https://host/a/b.git/c");
        assert_eq!(beside("git@host:a/b.git", "../../c.git"), "git@host:c.git");
        assert_eq!(beside("https://host/a.git", "https://other/b"), "https://other/b");
        for url in ["../../../../x", "/tmp/x", "file:///x", "ext::sh -c x", "--upload-pack=x", "fd::3", "c.git"] {
            assert_eq!(beside("https://host/a/b.git", url), "", "{url}");
        }
    }
}
