//! Who tidies up where we are killed: a shell that waits for our word or our end.
//!
//! ```text
//! we ── hold the other end of a pipe ──▶ sh: read
//!         a word: all is tidied, and it ends
//!         the end of the pipe, without a word: we were killed. It removes the containers, ends the processes, and removes the folder
//! ```

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// It knows the processes as [`super::processes`] does.
const SCRIPT: &str = r#"
trap '' INT HUP TERM QUIT
read -r word && exit
# What is made meanwhile is found the next time.
for round in 1 2 3 4 5; do
    ids=$("$1" --home "$2" ps -a -q --no-trunc) && [ -n "$ids" ] && "$1" --home "$2" rm -f -v $ids
    for process in /proc/[0-9]*; do
        grep -qzxF "LAYERLAB_HOME=$2" "$process/environ" && kill -9 "${process#/proc/}"
    done
done
"$1" --home "$2" system prune --all --volumes --force
rm -rf "$3"
"#;

/// The shell. With the value our word is given.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    /// Has somebody look after a home, with this program, and a folder that goes with it.
    ///
    /// # Errors
    /// No process can be made.
    pub(crate) fn over(home: &Path, folder: &Path) -> io::Result<Guard> {
        let program = std::env::current_exe()?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "sh"]).args([program.as_path(), home, folder]).current_dir("/");
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
