//! A container that starts again.
//!
//! Threads of the monitor may still serve somebody who came for the run that has ended, and a process with threads can't go on as a copy
//! of itself. So it executes our own program again, with a hidden command: threads, connections and memory of the ended run are gone at
//! once; its number, its session, the lock of the container's folder and the doors to its published ports stay.

use std::os::fd::RawFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::container;
use crate::runtime::Error;
use crate::runtime::care::Again;
use crate::runtime::folder::Folder;
use crate::runtime::ports::Kept;
use crate::world::World;

/// The program that we are, even when its file has another name by now, or none.
const OURSELVES: &str = "/proc/self/exe";

/// The command that goes on with a container.
const COMMAND: &str = "monitor";

/// Executes our program again, to go on with the container. It comes back only where that is not possible.
pub(super) fn begin_anew(world: &World, folder: &Folder, again: Again, doors: &[Kept]) -> Error {
    let Some(lock) = folder.descriptors().first().copied() else {
        return Error::Refused("the lock of the container's folder is lost".to_owned());
    };
    let kept: Vec<RawFd> = std::iter::once(lock).chain(doors.iter().map(|door| door.descriptor)).collect();
    if let Err(errno) = container::keep_only_over_execve(&kept) {
        return Error::Call { call: "close_range", errno };
    }
    let id = folder.path().file_name().unwrap_or_default();
    let mut command = Command::new(OURSELVES);
    command.arg0("layerlab").arg("--home").arg(world.home().root()).arg(COMMAND).arg(id);
    let pause = again.pause.unwrap_or_default().as_millis();
    command.args([lock.to_string(), again.restarts.to_string(), pause.to_string()]);
    command.args(doors.iter().map(ToString::to_string));
    Error::io("execute", OURSELVES)(command.exec())
}
