//! Scripts: a heredoc of RUN that begins with `#!` is a file of the container, executed by its own name.
//!
//! The file lies in `/dev/pipes/` of the container and is called what the Dockerfile says. That name means something only
//! there, inside a file system in memory: on the machine every script has the same name.

use crate::diagnostic::Diagnostic;
use crate::dockerfile::rules;
use crate::machine::Error;
use crate::runtime;
use crate::tree::TreePath;

/// Where scripts lie in a container.
const FOLDER: &str = "/dev/pipes";

/// The longest file name that Linux takes, in bytes.
const LONGEST_NAME: usize = 255;

/// A heredoc that is executed as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    /// An absolute path in the container: one name in [`FOLDER`].
    path: String,
    pub(crate) text: String,
}

impl Script {
    /// Makes a script of a heredoc's name and document.
    ///
    /// As in BuildKit, `./x` and `/x` are `x`, and a name that leads to another folder is an error: nobody makes that folder.
    ///
    /// # Errors
    /// The name is not the name of one file.
    pub(crate) fn new(name: &str, text: String) -> Result<Script, Error> {
        let cleaned = TreePath::new(name);
        let path = TreePath::new(FOLDER).join(cleaned.as_bytes());
        let is_one_name = cleaned.components().count() == 1 && TreePath::new(FOLDER).join(name) == path;
        let fits = cleaned.relative().len() <= LONGEST_NAME && !name.contains('\0');
        match String::from_utf8(path.as_bytes().to_vec()) {
            Ok(path) if is_one_name && fits => Ok(Script { path, text }),
            Ok(_) | Err(_) => Err(Diagnostic::new(
                &rules::INVALID_SCRIPT_NAME,
                format!("a script can't be called `{}`", shown(name)),
            )
            .hint(format!(
                "a heredoc that begins with `#!` becomes a file in `{FOLDER}`: give it a plain name such as `EOF`"
            ))
            .into()),
        }
    }

    /// The file for the container.
    pub(super) fn for_container(&self) -> runtime::Script {
        runtime::Script { text: self.text.clone(), target: self.path.clone() }
    }

    /// Where it lies in the container.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

/// A name as a message shows it: readable in any terminal, and not longer than a line.
fn shown(name: &str) -> String {
    const MOST: usize = 60;
    let escaped: String = name.chars().take(MOST).flat_map(char::escape_debug).collect();
    if name.chars().count() > MOST { escaped + "…" } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::Script;

    #[test]
    fn a_script_has_one_name_in_its_folder() {
        let path = |name: &str| Script::new(name, String::new()).ok().map(|script| script.path().to_owned());
        for (name, expected) in [
            ("EOF", "/dev/pipes/EOF"),
            ("./EOF", "/dev/pipes/EOF"),
            ("/EOF", "/dev/pipes/EOF"),
            ("a/../EOF", "/dev/pipes/EOF"),
            ("...", "/dev/pipes/..."),
            ("~", "/dev/pipes/~"),
            ("größe", "/dev/pipes/größe"),
        ] {
            assert_eq!(path(name).as_deref(), Some(expected), "{name}");
        }
        let long = "x".repeat(256);
        for name in ["", ".", "..", "/", "a/b", "/tmp/x", "../x", "../../../x", "../pipes/x", "a\0b", long.as_str()] {
            assert_eq!(path(name), None, "{name:?}");
        }
    }
}
