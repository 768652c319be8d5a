//! What the shell of a lesson leaves to the next one: the folder where it is, and the variables that the lesson's commands set. Variables of the
//! learner's own may be secrets, and are not kept.
//!
//! ```text
//! control/keep       printf … >| left                                                   carried out by the shell after each command
//! control/left       PWD=/home/me/layerlab-lessons/03-layers⟨NUL⟩layer=sha256/…⟨NUL⟩    what that writes
//! control/restore    cd '…'; layer='…'                                                  carried out by the next shell
//! ```

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::quoted::quoted;
use super::shell_word::end_of_word;
use crate::lesson::is_process_of;

/// The file that a shell writes.
const LEFT: &str = "left";
/// The most of it that is read, in bytes: values are digests and names.
const MOST: u64 = 1 << 20;
/// How the shell's folder is called there.
const FOLDER: &str = "PWD";

/// A variable that a command of the lesson sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// Whether programs have it, too.
    pub(crate) is_exported: bool,
    /// Whether it is the number of a process, `NAME=$!`. Later that may be another one: only of a process of the lesson it is kept.
    pub(crate) is_process: bool,
}

impl Variable {
    /// The variable that a command sets: `NAME=…`, `export NAME=…`. Not one for a single command, `NAME=… command`: what the shell has by that
    /// name is the learner's.
    pub(super) fn set_by(command: &str) -> Option<Variable> {
        let exported = command.strip_prefix("export ");
        let (name, rest) = exported.unwrap_or(command).split_once('=')?;
        let is_name = !name.is_empty()
            && !name.starts_with(|letter: char| letter.is_ascii_digit())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        let (value, behind) = rest.split_at(end_of_word(rest));
        let behind = behind.trim_start_matches([' ', '\t']);
        let is_alone = behind.is_empty() || [";", "&&", "\n"].iter().any(|end| behind.starts_with(end));
        (is_name && is_alone && !value.is_empty()).then(|| Variable {
            name: name.to_owned(),
            is_exported: exported.is_some(),
            is_process: value.contains("$!"),
        })
    }
}

/// What of a shell is for the next one, beside its folder.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(super) variables: Vec<Variable>,
    /// Their definitions.
    pub(super) functions: Vec<String>,
}

impl Kept {
    /// What writes down where a shell is, and its variables. It changes nothing of the shell, whatever was set there.
    fn writing(&self) -> String {
        let value = |Variable { name, .. }: &Variable| format!(" {name} \"${{{name}-}}\"");
        let values: String = self.variables.iter().map(value).collect();
        format!("printf '%s=%s\\0' {FOLDER} \"$PWD\"{values} >| \"$layerlab_control/{LEFT}\" 2> /dev/null\n")
    }
}

/// What a shell has left.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Where it was.
    pub(crate) folder: Option<PathBuf>,
    values: Vec<(String, String)>,
}

impl Left {
    /// Reads what the last shell has left. Its folder counts where it is still there, and is one of these or below it.
    pub(crate) fn read(control: &Path, within: &[&Path]) -> Left {
        let mut text = Vec::new();
        // One that can't be read is none: a shell begins in the lesson's folder then.
        let read = File::open(control.join(LEFT)).and_then(|file| file.take(MOST).read_to_end(&mut text));
        if read.is_err() {
            return Left::default();
        }
        let text = String::from_utf8_lossy(&text);
        let mut left = Left::default();
        for (name, value) in text.split_terminator('\0').filter_map(|entry| entry.split_once('=')) {
            match name {
                FOLDER => left.folder = Some(PathBuf::from(value)).filter(|folder| is_within(folder, within)),
                name if value.is_empty() || name.is_empty() => {}
                name => left.values.push((name.to_owned(), value.to_owned())),
            }
        }
        left
    }

    /// Writes what the next shell carries out first, and what it carries out after each command.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn write(&self, control: &Path, kept: &Kept) -> io::Result<()> {
        let home = control.with_file_name("home");
        std::fs::write(control.join("restore"), self.script(kept, |process| is_process_of(&home, process)))?;
        std::fs::write(control.join("keep"), kept.writing())
    }

    /// What brings a shell there. Other variables than these are not set.
    fn script(&self, kept: &Kept, is_own: impl Fn(&str) -> bool) -> String {
        let mut script: String = kept.functions.iter().map(|function| format!("{function}\n")).collect();
        if let Some(folder) = &self.folder {
            script.push_str(&format!("cd {}\n", quoted(&folder.display().to_string())));
        }
        for (name, value) in &self.values {
            if let Some(variable) = kept.variables.iter().find(|variable| variable.name == *name)
                && (!variable.is_process || is_own(value))
            {
                let export = if variable.is_exported { "export " } else { "" };
                script.push_str(&format!("{export}{name}={}\n", quoted(value)));
            }
        }
        script
    }
}

fn is_within(folder: &Path, within: &[&Path]) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    folder.is_dir() && within.iter().filter_map(|one| one.canonicalize().ok()).any(|one| folder.starts_with(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_begins_where_the_last_one_was() {
        let place = tempfile::tempdir().unwrap();
        let inside = place.path().join("it's");
        std::fs::create_dir(&inside).unwrap();
        let write = |folder: &Path| {
            let text = format!("PWD={}\0layer=a'b\0other=1\0empty=\0", folder.display());
            std::fs::write(place.path().join(LEFT), text).unwrap();
            Left::read(place.path(), &[place.path()])
        };
        let variables = vec![Variable::set_by("export layer=$(x)").unwrap()];
        let kept = Kept { variables, functions: vec!["f() { x; }".to_owned()] };
        let script = write(&inside).script(&kept, |_| false);
        let quoted = inside.display().to_string().replace('\'', r"'\''");
        assert_eq!(script, format!("f() {{ x; }}\ncd '{quoted}'\nexport layer='a'\\''b'\n"));
        assert_eq!(write(&place.path().join("gone")).folder, None);
        assert_eq!(write(Path::new("/")).folder, None);
    }

    #[test]
    fn what_is_left_is_written_by_one_command() {
        let variables = vec![Variable::set_by("layer=x").unwrap()];
        let command = "printf '%s=%s\\0' PWD \"$PWD\" layer \"${layer-}\" >| \"$layerlab_control/left\" 2> /dev/null\n";
        assert_eq!(Kept { variables, functions: Vec::new() }.writing(), command);
    }

    #[test]
    fn variables_are_those_that_a_command_sets() {
        let name = |command: &str| Variable::set_by(command).map(|variable| variable.name);
        assert_eq!(name("layer=$(put layer.tar)"), Some("layer".to_owned()));
        assert_eq!(name("export SOURCE_DATE_EPOCH=1"), Some("SOURCE_DATE_EPOCH".to_owned()));
        assert_eq!(name("new=$(sum < a | cut -c 1-64) && mv a $new"), Some("new".to_owned()));
        for other in ["docker run --name=x y", "http_proxy=x curl y"] {
            assert_eq!(name(other), None, "{other}");
        }
        assert!(Variable::set_by("hub=$!").unwrap().is_process);
        assert_eq!(name("echo"), None);
    }
}
