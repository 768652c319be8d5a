//! Files and directories of the machine that a container's set-up makes and removes.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use super::error::{Failure, errno};

/// Sets how soon the kernel ends this process when memory runs out.
pub(super) fn set_oom_score(score: i32) -> Result<(), Failure> {
    let path = Path::new("/proc/self/oom_score_adj");
    std::fs::write(path, score.to_string()).map_err(|error| Failure::refused("write", path, errno(&error)))
}

/// Makes a directory, with those above it.
pub(super) fn create_directories(path: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(|error| Failure::refused("mkdir", path, errno(&error)))
}

/// Writes a file that everybody may read.
pub(super) fn write_file(path: &Path, content: &str) -> Result<(), Failure> {
    let written =
        std::fs::write(path, content).and_then(|()| std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)));
    written.map_err(|error| Failure::refused("write", path, errno(&error)))
}

/// Removes a directory with everything in it.
pub(super) fn remove_directory(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::io("remove", path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
