//! What is built: folders with Dockerfiles, made anew in a temporary folder, the same bytes each time.

use std::fs;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const FOLDERS: usize = 200;
const FILES_IN_A_FOLDER: usize = 100;
const LARGEST_SMALL_FILE: u64 = 1000;
const BIG_FILE: usize = 512 << 20;
pub const LABELS: u32 = 200;
pub const RUNS: u32 = 20;

/// The folders. They are removed when this is dropped.
pub struct Inputs {
    folder: tempfile::TempDir,
    /// The program that is measured, where every user can start it.
    pub program: PathBuf,
}

impl Inputs {
    pub fn create() -> io::Result<Inputs> {
        let folder = tempfile::Builder::new().prefix("layerlab-bench-").tempdir()?;
        let root = folder.path();
        // Another user is to come in.
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        let program = root.join("layerlab");
        fs::copy(env!("CARGO_BIN_EXE_layerlab"), &program)?;
        let mut random = Random(1);
        for directory in 0..FOLDERS {
            let directory = root.join(format!("small/files/folder{directory:03}"));
            fs::create_dir_all(&directory)?;
            for file in 0..FILES_IN_A_FOLDER {
                let size = random.next() % (LARGEST_SMALL_FILE + 1);
                fs::write(directory.join(format!("file{file:03}")), random.bytes(size as usize))?;
            }
        }
        fs::write(root.join("small/Dockerfile"), "FROM scratch\nCOPY files /files\n")?;
        fs::create_dir(root.join("big"))?;
        let mut big = fs::File::create(root.join("big/file"))?;
        for _ in 0..BIG_FILE >> 20 {
            big.write_all(&random.bytes(1 << 20))?;
        }
        // Written back now, so that it does not happen while something is measured. It stays in the page cache.
        big.sync_all()?;
        fs::write(root.join("big/Dockerfile"), "FROM scratch\nCOPY file /file\n")?;
        let labels: String = (0..LABELS).map(|number| format!("LABEL number{number}=value\n")).collect();
        dockerfile(&root.join("labels"), &format!("FROM scratch\n{labels}"))?;
        dockerfile(&root.join("run"), &format!("FROM layerlab/base\n{}", "RUN true\n".repeat(RUNS as usize)))?;
        Ok(Inputs { folder, program })
    }

    /// A path in the temporary folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// So many bytes that nothing compresses.
pub fn noise(count: usize) -> Vec<u8> {
    Random(2).bytes(count)
}

impl Drop for Inputs {
    fn drop(&mut self) {
        // Other builders leave their store mounted on itself, and what is mounted can't be removed.
        let _ = nix::mount::umount2(&self.path("peer-store/overlay"), nix::mount::MntFlags::MNT_DETACH);
    }
}

fn dockerfile(folder: &Path, text: &str) -> io::Result<()> {
    fs::create_dir(folder)?;
    fs::write(folder.join("Dockerfile"), text)
}

/// A generator of numbers that look random (xorshift64, Marsaglia 2003): bytes that no tool can take a short cut on.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(count);
        bytes
    }
}
