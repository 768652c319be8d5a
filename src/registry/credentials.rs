//! Who we are to a registry: the files and helpers in which Docker and Podman keep user names and passwords.
//!
//! | place | what is there |
//! |---|---|
//! | `config.json` in `$DOCKER_CONFIG`, else in `~/.docker` | `credHelpers`, `credsStore`: programs that keep them; `auths`: base64 of `user:password` |
//! | `$REGISTRY_AUTH_FILE`, else `containers/auth.json` in `$XDG_RUNTIME_DIR`, else in `~/.config` | Podman's `auths`, also for a part of a registry |
//!
//! The first that knows the registry counts. What a `login` gives is written where Docker would write it: to the helper, or into
//! `config.json`, which only its owner may read (mode 0600); all else that is in the file stays.
//!
//! A helper is a program `docker-credential-NAME`, asked over its standard streams (docker/docker-credential-helpers).

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::Error;
use super::helpers::Helpers;
use super::settings::HUB;
use crate::document::{self, Links};
use crate::hidden::Hidden;
use crate::limits::{Limit, Limits};
use crate::progress::Meter;
use crate::store::Preferences;

/// What a registry is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A user name and a password, or an access token in its place.
    Password {
        /// The user name.
        user: String,
        /// The password.
        password: Hidden,
    },
    /// A token for the service of tokens, which some registries give at login.
    Identity(Hidden),
}

impl Credentials {
    /// The value of the header `Authorization` that has a user name and a password: RFC 7617.
    pub(super) fn basic(&self) -> Option<Hidden> {
        let Credentials::Password { user, password } = self else { return None };
        let pair = [user.as_bytes(), b":", password.reveal()].concat();
        Some(Hidden::new(format!("Basic {}", BASE64_STANDARD.encode(pair)).into_bytes()))
    }

    /// What base64 of `user:password` says.
    fn decode(text: &str) -> Option<Credentials> {
        let pair = BASE64_STANDARD.decode(text.trim()).ok()?;
        let colon = pair.iter().position(|byte| *byte == b':')?;
        let user = String::from_utf8(pair[..colon].to_vec()).ok()?;
        // Docker ends what it writes with a zero in some versions.
        let password = pair[colon + 1..].strip_suffix(b"\0").unwrap_or(&pair[colon + 1..]);
        (!user.is_empty()).then(|| Credentials::Password { user, password: Hidden::new(password.to_vec()) })
    }
}

/// The variables of the environment that say where the files are.
pub(crate) const VARIABLES: [&str; 4] = ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "HOME"];

/// Where credentials are kept.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    docker: Option<PathBuf>,
    others: Vec<PathBuf>,
    limits: Limits,
    helpers: Helpers,
}

const FILE: Limit = Limit::bytes("file of credentials", "LAYERLAB_MAX_CREDENTIALS", 4 << 20);
/// The key of Docker Hub in these files, from the time of its first API.
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// The user name by which a helper says that the secret is an identity token.
const TOKEN_USER: &str = "<token>";

impl Keyring {
    /// The files that the variables of the environment lead to.
    pub(crate) fn new(preferences: &Preferences, meter: &Meter) -> Keyring {
        let set = |name| preferences.registries.get(name).map(PathBuf::from);
        let docker = set("DOCKER_CONFIG").or_else(|| set("HOME").map(|home| home.join(".docker")));
        let others = match set("REGISTRY_AUTH_FILE") {
            Some(file) => vec![file],
            None => [set("XDG_RUNTIME_DIR"), set("HOME").map(|home| home.join(".config"))]
                .into_iter()
                .flatten()
                .map(|folder| folder.join("containers/auth.json"))
                .collect(),
        };
        let docker = docker.map(|folder| folder.join("config.json"));
        Keyring { docker, others, limits: preferences.limits.clone(), helpers: Helpers::new(meter) }
    }

    /// What is known for a repository of a registry.
    ///
    /// # Errors
    /// [`Error::Credentials`] for a file that is not understood, or a helper that fails; [`Error::Document`].
    pub(crate) fn find(&self, registry: &str, repository: &str) -> Result<Option<Credentials>, Error> {
        if let Some(path) = &self.docker {
            let file = self.read(path)?;
            if let Some(helper) = helper(&file, registry) {
                if let Some(found) = self.ask(&helper, registry)? {
                    return Ok(Some(found));
                }
            } else if let Some(found) = in_file(path, &file, registry, "")? {
                return Ok(Some(found));
            }
        }
        for path in &self.others {
            if let Some(found) = in_file(path, &self.read(path)?, registry, repository)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Keeps what a login has given. Says where.
    ///
    /// # Errors
    /// As [`Keyring::find`]; [`Error::Io`] where the file can't be written.
    pub(crate) fn keep(&self, registry: &str, credentials: &Credentials) -> Result<String, Error> {
        let path = self.docker_file()?;
        let mut file = self.read(&path)?;
        let (user, secret) = match credentials {
            Credentials::Password { user, password } => (user.as_str(), password.reveal()),
            Credentials::Identity(token) => (TOKEN_USER, token.reveal()),
        };
        if let Some(helper) = helper(&file, registry) {
            let secret = String::from_utf8_lossy(secret);
            let told = json!({ "ServerURL": key(registry), "Username": user, "Secret": secret });
            self.helpers.call(&helper, "store", told.to_string().as_bytes())?;
            return Ok(helper);
        }
        let entry = match credentials {
            Credentials::Password { .. } => {
                json!({ "auth": BASE64_STANDARD.encode([user.as_bytes(), b":", secret].concat()) })
            }
            Credentials::Identity(_) => json!({ "identitytoken": String::from_utf8_lossy(secret) }),
        };
        let auths = file.entry("auths").or_insert_with(|| json!({}));
        if auths.is_null() {
            *auths = json!({});
        }
        match auths.as_object_mut() {
            Some(auths) => drop(auths.insert(key(registry), entry)),
            None => return Err(wrong(&path, "`auths` is not an object")),
        }
        write(&path, &file)?;
        Ok(path.display().to_string())
    }

    /// Forgets what is known for a registry, in Docker's files. Says whether there was anything.
    ///
    /// # Errors
    /// As [`Keyring::keep`].
    pub(crate) fn forget(&self, registry: &str) -> Result<bool, Error> {
        let path = self.docker_file()?;
        let mut file = self.read(&path)?;
        let mut had = false;
        if let Some(helper) = helper(&file, registry) {
            had = self.ask(&helper, registry)?.is_some();
            if had {
                self.helpers.call(&helper, "erase", key(registry).as_bytes())?;
            }
        }
        if let Some(auths) = file.get_mut("auths").and_then(Value::as_object_mut) {
            let before = auths.len();
            auths.retain(|name, _| !is_for(name, registry, ""));
            if auths.len() < before {
                write(&path, &file)?;
                had = true;
            }
        }
        Ok(had)
    }

    /// Asks a helper.
    fn ask(&self, helper: &str, registry: &str) -> Result<Option<Credentials>, Error> {
        let Some(answer) = self.helpers.call(helper, "get", key(registry).as_bytes())? else { return Ok(None) };
        let answer: Value =
            serde_json::from_slice(&answer).map_err(|_| wrong(Path::new(helper), "its answer is not JSON"))?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
        let secret = Hidden::new(text("Secret").as_bytes().to_vec());
        Ok(match text("Username") {
            "" => None,
            TOKEN_USER => Some(Credentials::Identity(secret)),
            user => Some(Credentials::Password { user: user.to_owned(), password: secret }),
        })
    }

    fn docker_file(&self) -> Result<PathBuf, Error> {
        let missing = || wrong(Path::new("config.json"), "neither DOCKER_CONFIG nor HOME is set");
        self.docker.clone().ok_or_else(missing)
    }

    /// A file, as an object; one that is not there is empty.
    fn read(&self, path: &Path) -> Result<Map<String, Value>, Error> {
        let text = match document::read(path, self.limits.bound(&FILE), Links::Follow) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => return Ok(Map::new()),
            Err(error) => return Err(error.into()),
        };
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(Map::new());
        }
        // The library's words quote what it has found, which may be a password.
        serde_json::from_slice(&text).map_err(|error| {
            wrong(path, &format!("it is not a JSON object (line {}, column {})", error.line(), error.column()))
        })
    }
}

/// The key of a registry in these files.
fn key(registry: &str) -> String {
    if registry == HUB { HUB_KEY.to_owned() } else { registry.to_owned() }
}

/// Whether a key means a registry, or the part of it that a repository is in. Old keys are addresses: `https://host/v1/`.
fn is_for(name: &str, registry: &str, repository: &str) -> bool {
    let bare = name.split_once("://").map_or(name, |(_, rest)| rest);
    let bare = ["/v1/", "/v2/", "/v1", "/v2", "/"].iter().find_map(|end| bare.strip_suffix(end)).unwrap_or(bare);
    let registry_names: &[&str] =
        if registry == HUB { &[HUB, "index.docker.io", "registry-1.docker.io"] } else { &[registry] };
    registry_names.iter().any(|registry| match bare.strip_prefix(registry) {
        Some("") => true,
        Some(path) => path.strip_prefix('/').is_some_and(|path| {
            repository == path || repository.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        }),
        None => false,
    })
}

/// The program that keeps the credentials of a registry, if one does.
fn helper(file: &Map<String, Value>, registry: &str) -> Option<String> {
    let own = file.get("credHelpers").and_then(Value::as_object).and_then(|helpers| {
        helpers.iter().find(|(name, _)| is_for(name, registry, "")).and_then(|(_, helper)| helper.as_str())
    });
    let name = own.or_else(|| file.get("credsStore").and_then(Value::as_str))?;
    // A name, and not a path of somebody's choice.
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_name.then(|| format!("docker-credential-{name}"))
}

/// What a file says; the longest key that fits counts.
fn in_file(
    path: &Path,
    file: &Map<String, Value>,
    registry: &str,
    repository: &str,
) -> Result<Option<Credentials>, Error> {
    let auths = file.get("auths").and_then(Value::as_object);
    let fitting = auths.into_iter().flatten().filter(|(name, _)| is_for(name, registry, repository));
    let Some((_, entry)) = fitting.max_by_key(|(name, _)| name.len()) else { return Ok(None) };
    let text = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Credentials::Identity(Hidden::new(token.as_bytes().to_vec()))));
    }
    if let Some(auth) = text("auth") {
        let found = Credentials::decode(auth);
        return found.map(Some).ok_or_else(|| Error::BadAuth { file: path.to_owned(), registry: registry.to_owned() });
    }
    let pair = text("username").zip(text("password"));
    Ok(pair.map(|(user, password)| Credentials::Password {
        user: user.to_owned(),
        password: Hidden::new(password.as_bytes().to_vec()),
    }))
}

fn wrong(place: &Path, reason: &str) -> Error {
    Error::Credentials { place: place.to_owned(), reason: reason.to_owned() }
}

/// Where a symbolic link leads, also one to what is not there yet.
fn followed(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    match path.read_link() {
        Ok(target) => path.parent().unwrap_or(Path::new("/")).join(target),
        Err(_) => path.to_owned(),
    }
}

/// Replaces the file, which only its owner may read. A symbolic link stays one: dotfiles are often kept elsewhere.
fn write(path: &Path, file: &Map<String, Value>) -> Result<(), Error> {
    let io = |operation| {
        let path = path.to_owned();
        move |source| Error::Io { operation, path, source }
    };
    let path = followed(path);
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.exists() {
        std::fs::create_dir_all(folder).map_err(io("create the folder of"))?;
        let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
    }
    let mut temporary = tempfile::Builder::new().prefix(".config-").tempfile_in(folder).map_err(io("write"))?;
    let text = serde_json::to_string_pretty(file).map_err(|error| wrong(&path, &error.to_string()))?;
    temporary.write_all(text.as_bytes()).and_then(|()| temporary.as_file().sync_all()).map_err(io("write"))?;
    temporary.persist(&path).map_err(|error| io("replace")(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Credentials, Hidden, helper, in_file, is_for};

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn keys_mean_registries() {
        for (key, registry, repository, expected) in [
            ("https://index.docker.io/v1/", "docker.io", "library/alpine", true),
            ("docker.io", "docker.io", "x", true),
            ("ghcr.io", "ghcr.io", "x", true),
            ("https://ghcr.io/v2/", "ghcr.io", "x", true),
            ("ghcr.io/owner", "ghcr.io", "owner/app", true),
            ("ghcr.io/own", "ghcr.io", "owner/app", false),
            ("ghcr.io", "ghcr.io.evil.example", "x", false),
            ("a:5000", "a", "x", false),
        ] {
            assert_eq!(is_for(key, registry, repository), expected, "{key} {registry}");
        }
    }

    #[test]
    fn files_are_understood() {
        let file = object(json!({
            "auths": {
                "ghcr.io": { "auth": "bWU6c2VjcmV0" },
                "ghcr.io/other": { "auth": "eW91OnNlY3JldDI=" },
                "azure.example": { "auth": "MDA6", "identitytoken": "token" },
                "bad.example": { "auth": "???" },
                "helped.example": {},
            },
            "credHelpers": { "helped.example": "pass", "evil.example": "../../tmp/x" },
        }));
        let find = |registry, repository| {
            in_file(std::path::Path::new("config.json"), &file, registry, repository).map_err(|error| error.to_string())
        };
        let password = |user: &str, password: &str| Credentials::Password {
            user: user.to_owned(),
            password: Hidden::new(password.into()),
        };
        assert_eq!(find("ghcr.io", "a/b"), Ok(Some(password("me", "secret"))));
        assert_eq!(find("ghcr.io", "other/b"), Ok(Some(password("you", "secret2"))));
        assert_eq!(find("azure.example", "a"), Ok(Some(Credentials::Identity(Hidden::new(b"token".to_vec())))));
        assert_eq!(find("helped.example", "a"), Ok(None));
        assert!(find("bad.example", "a").is_err());
        assert_eq!(helper(&file, "helped.example").as_deref(), Some("docker-credential-pass"));
        assert_eq!(helper(&file, "evil.example"), None);
    }
}
