//! What a build is given besides the Dockerfile and its context: `--secret`, `--ssh`, `--allow`.
//!
//! A secret's file is looked at here, so that a mistake is told before anything runs, and read only when a RUN asks for it. A value never stands on
//! the command line, where every process of the machine could read it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::diagnostic::{Diagnostic, Explained as _, closest};
use crate::dockerfile;
use crate::document::{self, Links};
use crate::errno;
use crate::hidden::Hidden;
use crate::limits::Limits;
use crate::machine::{Given, Insecure, SECRET, SecretSource};

/// The options for it.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct GivenOptions {
    /// Give RUN a secret: `id=NAME,src=FILE` or `id=NAME,env=VARIABLE`
    #[arg(long, value_name = "SECRET")]
    secret: Vec<String>,
    /// Give RUN an SSH agent: `default` is the one of SSH_AUTH_SOCK
    #[arg(long, value_name = "default|ID[=SOCKET]")]
    ssh: Vec<String>,
    /// Allow what RUN may not do by itself: `security.insecure`
    #[arg(long, value_name = "ENTITLEMENT")]
    allow: Vec<Entitlement>,
}

/// What a RUN may be allowed, as BuildKit calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Entitlement {
    /// `RUN --network=host`, which is allowed without it as well.
    #[value(name = "network.host")]
    HostNetwork,
    /// `RUN --security=insecure`.
    #[value(name = "security.insecure")]
    Insecure,
}

impl GivenOptions {
    /// What somebody else's repository may ask for, where nothing is built.
    pub(crate) fn for_repository(secret: &[String], ssh: &[String]) -> GivenOptions {
        GivenOptions { secret: secret.to_vec(), ssh: ssh.to_vec(), allow: Vec::new() }
    }

    /// Secrets and agents, each looked at.
    pub(crate) fn given(&self, limits: &Limits) -> Result<Given, Diagnostic> {
        let mut given = Given::default();
        for text in &self.secret {
            let (id, source) = secret(text, |name| std::env::var_os(name))?;
            if let SecretSource::File(path) = &source {
                look_at(&id, path, limits)?;
            }
            given.secrets.insert(id, source);
        }
        for text in &self.ssh {
            let (id, socket) = agent(text, |name| std::env::var_os(name))?;
            given.agents.insert(id, socket);
        }
        Ok(given)
    }

    pub(crate) fn insecure(&self) -> Insecure {
        if self.allow.contains(&Entitlement::Insecure) { Insecure::Allowed } else { Insecure::Refused }
    }
}

const FORM: &str = "a secret is written `id=NAME,src=FILE` or `id=NAME,env=VARIABLE`";

/// Reads `id=NAME[,src=FILE|,env=VARIABLE]`. Without a source it is the variable of that name, or else the file.
fn secret(text: &str, variable: impl Fn(&str) -> Option<OsString>) -> Result<(String, SecretSource), Diagnostic> {
    // The text may hold what was meant to be secret, so no message repeats it.
    let bad = |message: String| Diagnostic::error(format!("`--secret`: {message}")).hint(FORM);
    let fields = dockerfile::split_list(text).map_err(|_| bad("the list has an unmatched double quote".into()))?;
    let (mut id, mut file, mut env, mut is_env) = (None, None, None, false);
    for (number, field) in fields.iter().enumerate() {
        let (key, value) = field.split_once('=').ok_or_else(|| bad(format!("field {} has no `=`", number + 1)))?;
        let (key, value) = (key.to_lowercase(), value.to_owned());
        match key.as_str() {
            "id" => id = Some(value),
            "src" | "source" => file = Some(value),
            "env" => env = Some(value),
            "type" if value == "file" => is_env = false,
            "type" if value == "env" => is_env = true,
            "type" => return Err(bad("the type is neither `file` nor `env`".into())),
            _ => {
                let error = bad("there is no such key".into());
                let known = closest(&key, ["id", "src", "source", "env", "type"]);
                return Err(known.map_or(error.clone(), |known| error.hint(format!("did you mean `{known}`?"))));
            }
        }
    }
    let id = id.filter(|id| !id.is_empty()).ok_or_else(|| bad("it needs an `id`".into()))?;
    if is_env && env.is_none() {
        env = file.take();
    }
    let source = match (file, env) {
        (Some(_), Some(_)) => return Err(bad("`src` and `env` can't both say where it is".into())),
        (Some(path), None) => SecretSource::File(PathBuf::from(path)),
        (None, Some(name)) => match variable(&name) {
            Some(value) => SecretSource::Value(Hidden::new(value.into_vec())),
            None => return Err(bad(format!("the variable `{name}` of the environment is not set"))),
        },
        (None, None) => match variable(&id) {
            Some(value) => SecretSource::Value(Hidden::new(value.into_vec())),
            None => SecretSource::File(PathBuf::from(&id)),
        },
    };
    Ok((id, source))
}

/// Whether the file of a secret can be opened and is not too large. Nothing of it is read.
fn look_at(id: &str, path: &Path, limits: &Limits) -> Result<(), Diagnostic> {
    let looked = document::open(path, Links::Follow)
        .and_then(|(_, found)| document::check(path, found.len(), limits.bound(&SECRET)));
    looked.map_err(|error| {
        let diagnostic = Diagnostic::error(format!("`--secret id={id}`: {error}"));
        error.hint().into_iter().fold(diagnostic, Diagnostic::hint)
    })
}

/// Reads `ID[=SOCKET]`. Without a socket it is that of SSH_AUTH_SOCK.
fn agent(text: &str, variable: impl Fn(&str) -> Option<OsString>) -> Result<(String, PathBuf), Diagnostic> {
    let bad = |message: String| Diagnostic::error(format!("`--ssh {text}`: {message}"));
    let (id, path) = text.split_once('=').map_or((text, None), |(id, path)| (id, Some(path)));
    let id = if id.is_empty() { "default" } else { id };
    let path = match path {
        Some(path) => PathBuf::from(path),
        None => variable("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from).ok_or_else(|| {
            bad("SSH_AUTH_SOCK is not set".into()).hint("start an agent: `eval $(ssh-agent)`, and then `ssh-add`")
        })?,
    };
    let found = std::fs::metadata(&path)
        .map_err(|error| bad(format!("can't stat `{}`: {}", path.display(), errno::describe(&error))))?;
    if !found.file_type().is_socket() {
        return Err(bad(format!("`{}` is not the socket of an agent", path.display()))
            .hint("keys are not read: load them into an agent with `ssh-add FILE`, and give its socket"));
    }
    // A container has another working directory.
    let path = std::path::absolute(&path)
        .map_err(|error| bad(format!("can't find `{}`: {}", path.display(), errno::describe(&error))))?;
    Ok((id.to_owned(), path))
}

#[cfg(test)]
mod tests {
    use super::{Hidden, SecretSource, secret};

    #[test]
    fn a_secret_is_a_file_or_a_variable() {
        let read = |text: &str| {
            secret(text, |name| (name == "TOKEN").then(|| "swordfish".into())).map_err(|error| error.message)
        };
        let file = |id: &str, path: &str| Ok((id.to_owned(), SecretSource::File(path.into())));
        let value = |id: &str| Ok((id.to_owned(), SecretSource::Value(Hidden::new(b"swordfish".to_vec()))));
        assert_eq!(read("id=a,src=b"), file("a", "b"));
        assert_eq!(read("type=file,\"source=b,c\",id=a"), file("a", "b,c"));
        assert_eq!(read("id=a"), file("a", "a"));
        assert_eq!(read("id=TOKEN"), value("TOKEN"));
        assert_eq!(read("id=a,env=TOKEN"), value("a"));
        assert_eq!(read("id=a,type=env,src=TOKEN"), value("a"));
        for bad in ["", "src=swordfish", "id=,src=x", "swordfish", "id=a,env=NONE", "id=a,value=swordfish", "\"id=a"] {
            let message = read(bad).expect_err(bad);
            assert!(message.starts_with("`--secret`: ") && !message.contains("swordfish"), "{bad}: {message}");
        }
    }
}
