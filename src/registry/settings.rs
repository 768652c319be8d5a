//! `registries.toml` in the home: where images come from.
//!
//! ```toml
//! pull = "missing"                        # when a registry is asked: always, missing, newer, never
//!
//! [registry."docker.io"]
//! mirrors = ["http://teacher.local:5000"] # asked first, in this order; then the registry itself
//!
//! [registry."registry.example:5000"]
//! server = "https://10.0.0.7:5000"        # where it is, if not where its name says
//! certificate = "ca.crt"                  # its own authority (PEM), beside this file or absolute
//! insecure = true                         # any certificate will do, and plain HTTP where there is no TLS
//! blocked = true                          # never asked
//! ```
//!
//! A registry on this machine's loopback may always be without TLS. Left out: patterns of names, rewriting of repositories, and the files
//! of other programs (`/etc/docker/daemon.json`, `/etc/containers/registries.conf`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Error;
use super::http::{Trust, certificates};
use super::url::Url;
use crate::document::{self, Links};
use crate::limits::Limit;
use crate::store::Home;

/// When a registry is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Each time: an image in the store counts only where the registry has the same.
    Always,
    /// When the store has none.
    #[default]
    Missing,
    /// Each time; where the registry can't be asked, the image in the store will do.
    Newer,
    /// Never.
    Never,
}

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<When, String> {
        match text {
            "always" => Ok(When::Always),
            "missing" => Ok(When::Missing),
            "newer" => Ok(When::Newer),
            "never" => Ok(When::Never),
            other => Err(format!("`{}` is none of always, missing, newer, never", crate::shown::line(other))),
        }
    }
}

/// What the user has said about registries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// When a registry is asked, where the command does not say.
    pub(crate) when: Option<When>,
    registries: BTreeMap<String, Entry>,
    file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    pull: Option<When>,
    #[serde(default)]
    registry: BTreeMap<String, Entry>,
}

/// What is said about one registry.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    mirrors: Vec<String>,
    server: Option<String>,
    certificate: Option<PathBuf>,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
}

/// A server that has the images of a registry.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// Where its API may be, in the order in which it is tried: `https://host/v2/`.
    pub(super) bases: Vec<Url>,
    /// As messages and `login` name it: `docker.io`, `teacher.local:5000`.
    pub(super) name: String,
    /// What stands before the names of repositories: `mirror/`, or nothing.
    pub(super) prefix: String,
    /// Which certificates are good.
    pub(super) trust: Trust,
}

const LIMIT: Limit = Limit::bytes("registries.toml", "LAYERLAB_MAX_REGISTRIES", 1 << 20);
const CERTIFICATE: Limit = Limit::bytes("certificate of a registry", "LAYERLAB_MAX_CERTIFICATE", 1 << 20);

/// The domain of names without one, and the server that has its images.
pub(crate) const HUB: &str = "docker.io";
const HUB_SERVER: &str = "registry-1.docker.io";

impl Settings {
    /// Reads the settings of a home; there need not be any.
    ///
    /// # Errors
    /// [`Error::Settings`] for what is not understood, [`Error::Document`] for a file that can't be read.
    pub(crate) fn load(home: &Home) -> Result<Settings, Error> {
        let file = home.root().join("registries.toml");
        match document::read(&file, home.bound(&LIMIT), Links::Follow) {
            Ok(text) => Settings::parse(&String::from_utf8_lossy(&text), &file),
            Err(error) if error.is_not_found() => Ok(Settings { file, ..Settings::default() }),
            Err(error) => Err(error.into()),
        }
    }

    fn parse(text: &str, file: &Path) -> Result<Settings, Error> {
        let wrong = |at: usize, reason: String| {
            let before = &text[..at.min(text.len())];
            let (line, column) =
                (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
            Error::Settings { file: file.to_owned(), line, column, reason }
        };
        let document: Document = toml::from_str(text)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().replace('\n', ", ")))?;
        for (name, entry) in &document.registry {
            let own = entry.server.iter().map(|server| (server, "the server"));
            for (address, what) in entry.mirrors.iter().map(|mirror| (mirror, "a mirror")).chain(own) {
                if server(address, false).is_none() {
                    let at = text.find(address.as_str()).unwrap_or(0);
                    return Err(wrong(at, format!("`{address}` is not the address of {what} of {name}")));
                }
            }
        }
        Ok(Settings { when: document.pull, registries: document.registry, file: file.to_owned() })
    }

    /// Who is asked for the images of a registry, the mirrors first.
    ///
    /// # Errors
    /// [`Error::Blocked`], [`Error::Credentials`] and [`Error::Document`] for a certificate that can't be read.
    pub(super) fn endpoints(&self, domain: &str, home: &Home) -> Result<Vec<Endpoint>, Error> {
        let mirrors = self.registries.get(domain).map_or(&[][..], |entry| &entry.mirrors);
        let mut endpoints = Vec::new();
        for mirror in mirrors {
            endpoints.extend(self.endpoint(mirror, &self.entry(host(mirror))?, home)?);
        }
        endpoints.push(self.registry(domain, home)?);
        Ok(endpoints)
    }

    /// The registry itself.
    ///
    /// # Errors
    /// As [`Settings::endpoints`].
    pub(super) fn registry(&self, domain: &str, home: &Home) -> Result<Endpoint, Error> {
        let entry = self.entry(domain)?;
        let usual = if domain == HUB { HUB_SERVER } else { domain };
        let found = self.endpoint(entry.server.as_deref().unwrap_or(usual), &entry, home)?;
        let found = found.map(|endpoint| Endpoint { name: domain.to_owned(), ..endpoint });
        found.ok_or_else(|| Error::Invalid {
            name: domain.to_owned(),
            reason: "it can't be the name of a server".to_owned(),
        })
    }

    /// What is said of a registry, by its host and port.
    fn entry(&self, host: &str) -> Result<Entry, Error> {
        let entry = self.registries.get(host).cloned().unwrap_or_default();
        if entry.blocked {
            return Err(Error::Blocked { registry: host.to_owned(), file: self.file.clone() });
        }
        Ok(entry)
    }

    /// A server by its host, or by its address.
    fn endpoint(&self, text: &str, entry: &Entry, home: &Home) -> Result<Option<Endpoint>, Error> {
        let Some((bases, prefix)) = server(text, entry.insecure) else { return Ok(None) };
        let trust = match &entry.certificate {
            _ if entry.insecure => Trust::Any,
            Some(path) => Trust::Also(self.certificates(path, home)?),
            None => Trust::Machine,
        };
        Ok(Some(Endpoint { bases, name: host(text).to_owned(), prefix, trust }))
    }

    fn certificates(&self, path: &Path, home: &Home) -> Result<Vec<Vec<u8>>, Error> {
        let path = self.file.parent().unwrap_or(Path::new("/")).join(path);
        let text = document::read(&path, home.bound(&CERTIFICATE), Links::Follow)?;
        match certificates(&text) {
            Some(found) if !found.is_empty() => Ok(found),
            Some(_) | None => {
                Err(Error::Credentials { place: path, reason: "it has no certificate in PEM form".to_owned() })
            }
        }
    }
}

/// Host and port of an address, which may have a scheme and a path.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// Where the API of a server may be, and the prefix of its repositories. Without a scheme it is HTTPS; on this machine, or where it is said to be
/// insecure, plain HTTP as well.
fn server(text: &str, is_insecure: bool) -> Option<(Vec<Url>, String)> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let (host, prefix) = rest.trim_end_matches('/').split_once('/').unwrap_or((rest.trim_end_matches('/'), ""));
    // A query would stand in the middle of what is asked for.
    if rest.contains('?') {
        return None;
    }
    let base = |scheme: &str| Url::parse(&format!("{scheme}://{host}/v2/"));
    let may_be_plain = is_insecure || base("http").is_some_and(|url| super::judge::is_loopback(url.host()));
    let bases = match scheme {
        Some(scheme) => vec![base(scheme)?],
        None if may_be_plain => vec![base("https")?, base("http")?],
        None => vec![base("https")?],
    };
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    Some((bases, prefix))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Settings, When, server};

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(text, Path::new("registries.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_are_read() {
        let text = "pull = \"newer\"\n[registry.\"docker.io\"]\nmirrors = [\"http://a:5000/hub\"]\n";
        let settings = parse(text).expect("valid");
        assert_eq!(settings.when, Some(When::Newer));
        for (text, reason) in [
            (
                "pull = \"often\"\n",
                "registries.toml:1:8: unknown variant `often`, expected one of `always`, `missing`, `newer`, `never`",
            ),
            (
                "[registry.\"x\"]\nsecure = true\n",
                "registries.toml:2:1: unknown field `secure`, expected one of `mirrors`, `server`, `certificate`, `insecure`, `blocked`",
            ),
            (
                "[registry.\"x\"]\nmirrors = [\"ftp://y\"]\n",
                "registries.toml:2:13: `ftp://y` is not the address of a mirror of x",
            ),
        ] {
            assert_eq!(parse(text).map(|_| ()), Err(reason.to_owned()));
        }
    }

    #[test]
    fn servers_are_found() {
        let bases = |text: &str, insecure| {
            let (bases, prefix) = server(text, insecure)?;
            Some(format!("{} {prefix}", bases.iter().map(|url| url.as_str()).collect::<Vec<_>>().join(" ")))
        };
        for (text, insecure, expected) in [
            ("ghcr.io", false, Some("https://ghcr.io/v2/ ")),
            ("a.example:5000", true, Some("https://a.example:5000/v2/ http://a.example:5000/v2/ ")),
            ("localhost:5000", false, Some("https://localhost:5000/v2/ http://localhost:5000/v2/ ")),
            ("127.0.0.1:5000", false, Some("https://127.0.0.1:5000/v2/ http://127.0.0.1:5000/v2/ ")),
            ("http://a:5000/hub/", false, Some("http://a:5000/v2/ hub/")),
            ("[::1]:5000", false, Some("https://[::1]:5000/v2/ http://[::1]:5000/v2/ ")),
            ("", false, None),
            ("http://a?x", false, None),
            ("http://a/hub?x", false, None),
        ] {
            assert_eq!(bases(text, insecure).as_deref(), expected, "{text}");
        }
    }
}
