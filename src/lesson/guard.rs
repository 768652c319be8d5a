//! Who tidies up where we are killed: a shell that waits for our word or our end.
//!
//! ```text
//! we ── hold the other end of a pipe ──▶ sh: read
//!         a word: all is tidied, and it ends
//!         the end of the pipe, without a word: we were killed. It removes the containers, ends the processes, and removes the folder
//! ```

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::processes::Mark;

/// The program, the home, the folder, the mark, and the file with the containers that are somebody's. It knows the processes as
/// [`super::processes`] does.
const SCRIPT: &str = r#"
trap '' INT HUP TERM QUIT
read -r word && exit
# What is made meanwhile is found the next time.
for round in 1 2 3 4 5; do
    ids=$("$1" --home "$2" ps -a -q --no-trunc | if [ -n "$5" ]; then grep -vxF -f "$5"; else cat; fi)
    [ -z "$ids" ] || "$1" --home "$2" rm -f -v $ids
    for process in /proc/[0-9]*; do
        grep -qzxF "$4" "$process/environ" && kill -9 "${process#/proc/}"
    done
done
[ -n "$5" ] || "$1" --home "$2" system prune --all --volumes --force
rm -rf "$3"
"#;

/// What somebody is to look after.
#[derive(Debug)]
pub(super) struct Charge<'c> {
    pub(super) home: &'c Path,
    /// Where the home is somebody else's: the file with the ids of that one's containers, a line for each. They stay, and so does all that no
    /// container needs.
    pub(super) theirs: Option<&'c Path>,
    /// What is to end has it.
    pub(super) mark: Mark,
}

/// The shell. With the value our word is given.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    /// Has somebody look after a page's home, and a folder that goes with it.
    ///
    /// # Errors
    /// As [`Guard::over`].
    pub(crate) fn over_page(home: &Path, folder: &Path) -> io::Result<Guard> {
        Guard::over(&Charge { home, theirs: None, mark: Mark::of_home(home) }, folder)
    }

    /// Has somebody look after something, with this program, and a folder that goes with it.
    ///
    /// # Errors
    /// No process can be made; a name with a line break, which grep(1) would take for two.
    pub(super) fn over(charge: &Charge<'_>, folder: &Path) -> io::Result<Guard> {
        let program = std::env::current_exe()?;
        let mark = OsStr::from_bytes(charge.mark.bytes());
        if charge.mark.bytes().contains(&b'\n') {
            return Err(io::Error::other("its name has a line break"));
        }
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "sh"]).args([program.as_path(), charge.home, folder]).arg(mark);
        command.arg(charge.theirs.unwrap_or(Path::new(""))).current_dir("/");
        // Ctrl-C is for the command of the page, and a killed terminal's SIGHUP for us.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Guard(command.spawn()?))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            // It can't be told only where somebody has ended it.
            let _ = pipe.write_all(b"tidied\n");
        }
        let _ = self.0.wait();
    }
}
