//! Registries on this machine's loopback: half a gigabyte of this machine's own programs, libraries and texts in six layers, pulled and pushed.
//!
//! There are two registries: one has the image, compressed by skopeo; the other is emptied before each push. What is pushed was loaded from an
//! archive, so everybody has to compress it. What only copies (`skopeo copy` to a folder) has a line without a target: it neither expands a layer nor
//! compares what is in it with the image's configuration.

use std::cell::OnceCell;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::cases::{Case, Limit, Peer, ours, peer};
use super::inputs::{Inputs, noise};
use super::measure::{Sample, run};

/// The layers: a folder of this machine, and how many MiB of its files.
const LAYERS: [(&str, u64); 5] =
    [("/usr/lib", 240), ("/usr/bin", 110), ("/usr/share", 80), ("/usr/include", 60), ("/usr/sbin", 30)];
/// One more of bytes that nothing compresses.
const NOISE: usize = 30 << 20;
/// A file that is larger would be most of its layer.
const LARGEST: u64 = 40 << 20;

/// The images' names behind the registry's.
const IMAGE: &str = "bench/image:1";

/// The cases.
pub fn all(inputs: &Inputs) -> Vec<Case<'_>> {
    let shelf = Rc::new(Shelf { inputs, open: OnceCell::new() });
    vec![pull(&shelf), push(&shelf)]
}

fn pull<'i>(shelf: &Rc<Shelf<'i>>) -> Case<'i> {
    let own = Rc::clone(shelf);
    let ours = Box::new(move || {
        let open = own.open()?;
        let home = own.inputs.path("home-pulled");
        let _ = fs::remove_dir_all(&home);
        run(ours(own.inputs, &home, None).args(["pull", "-q"]).arg(open.full.image()))
    });
    let expand = with(shelf, "zcat | sha256sum, 3 at once", Limit::Ratio(1.2), |_, open| {
        let each = "gzip -dc < \"$0\" | sha256sum";
        let find = format!("find '{}' -name data -size +64k", open.full.data().display());
        run(Command::new("sh").args(["-c", &format!("{find} | xargs -n 1 -P 3 sh -c '{each}'")]))
    });
    let podman = with(shelf, "podman pull", Limit::Ratio(0.5), |shelf, open| {
        let _ = run(shelf.podman().args(["rmi", "-f"]).arg(open.full.image()));
        run(shelf.podman().args(["pull", "-q", "--tls-verify=false"]).arg(open.full.image()))
    });
    let docker = with(shelf, "docker pull", Limit::Ratio(0.5), |_, open| {
        let _ = run(Command::new("docker").args(["rmi", "-f"]).arg(open.full.image()));
        run(Command::new("docker").args(["pull", "-q"]).arg(open.full.image()))
    });
    let copy = with(shelf, "skopeo copy, unexpanded", Limit::None, |shelf, open| {
        let folder = shelf.inputs.path("copied");
        let _ = fs::remove_dir_all(&folder);
        let (from, to) = (format!("docker://{}", open.full.image()), format!("oci:{}:x", folder.display()));
        run(skopeo().args(["--src-tls-verify=false", &from, &to]))
    });
    Case { name: "pull 550 MB in 6 layers".to_owned(), steps: 1, ours, peers: vec![expand, podman, docker, copy] }
}

fn push<'i>(shelf: &Rc<Shelf<'i>>) -> Case<'i> {
    let own = Rc::clone(shelf);
    let ours = Box::new(move || {
        let open = own.open()?;
        // It has forgotten what it has compressed.
        let _ = fs::remove_dir_all(own.home().join("distribution"));
        open.empty.clear()?;
        run(ours(own.inputs, &own.home(), None).args(["push", "-q"]).arg(open.empty.image()))
    });
    let podman = with(shelf, "podman push", Limit::Ratio(0.5), |shelf, open| {
        once(&open.by_podman, || shelf.load(shelf.podman()))?;
        open.empty.clear()?;
        run(shelf.podman().args(["push", "-q", "--tls-verify=false"]).arg(open.empty.image()))
    });
    let docker = with(shelf, "docker push", Limit::Ratio(0.5), |shelf, open| {
        once(&open.by_docker, || shelf.load(Command::new("docker")))?;
        open.empty.clear()?;
        run(Command::new("docker").args(["push", "-q"]).arg(open.empty.image()))
    });
    // The archive is all that it has: it looks nothing up and proves nothing.
    let copy = with(shelf, "skopeo copy of an archive", Limit::Ratio(0.6), |shelf, open| {
        open.empty.clear()?;
        let from = format!("docker-archive:{}", shelf.archive().display());
        run(skopeo().args(["--dest-tls-verify=false", &from, &format!("docker://{}", open.empty.image())]))
    });
    Case { name: "push 550 MB in 6 layers".to_owned(), steps: 1, ours, peers: vec![podman, docker, copy] }
}

/// A peer that needs what is on the shelf.
fn with<'i>(
    shelf: &Rc<Shelf<'i>>,
    name: &'static str,
    limit: Limit,
    work: impl Fn(&Shelf<'i>, &Open) -> Result<Sample, String> + 'i,
) -> Peer<'i> {
    let shelf = Rc::clone(shelf);
    peer(name, limit, move || work(&shelf, shelf.open()?))
}

fn skopeo() -> Command {
    let mut command = Command::new("skopeo");
    command.args(["--insecure-policy", "copy", "-q"]);
    command
}

/// The image, made when it is first asked for.
struct Shelf<'i> {
    inputs: &'i Inputs,
    open: OnceCell<Result<Open, String>>,
}

/// What the cases ask.
struct Open {
    full: Registry,
    empty: Registry,
    /// Whether they have the image.
    by_podman: OnceCell<Result<(), String>>,
    by_docker: OnceCell<Result<(), String>>,
}

/// Does something the first time; gives what came of it.
fn once(done: &OnceCell<Result<(), String>>, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    done.get_or_init(work).clone()
}

impl Shelf<'_> {
    fn open(&self) -> Result<&Open, String> {
        self.open.get_or_init(|| self.make()).as_ref().map_err(Clone::clone)
    }

    /// Where the image is that is pushed.
    fn home(&self) -> PathBuf {
        self.inputs.path("home-pushed")
    }

    fn archive(&self) -> PathBuf {
        self.inputs.path("image.tar")
    }

    fn podman(&self) -> Command {
        let mut command = Command::new("podman");
        command.arg("--root").arg(self.inputs.path("peer-store")).arg("--runroot").arg(self.inputs.path("peer-state"));
        command.args(["--storage-driver", "overlay"]);
        command
    }

    /// Builds the image, and puts it into the registry that others pull from.
    fn make(&self) -> Result<Open, String> {
        let (full, empty) = (Registry::start(self.inputs, "full")?, Registry::start(self.inputs, "empty")?);
        let context = self.inputs.path("image");
        fs::create_dir(&context).map_err(|error| error.to_string())?;
        let mut dockerfile = "FROM scratch\n".to_owned();
        for (number, (folder, size)) in LAYERS.into_iter().enumerate() {
            let list = self.inputs.path("list");
            fs::write(&list, files(Path::new(folder), size << 20).join("\n")).map_err(|error| error.to_string())?;
            let archive = context.join(format!("{number}.tar"));
            run(Command::new("tar").arg("-cPf").arg(archive).arg("-T").arg(list))?;
            dockerfile.push_str(&format!("ADD {number}.tar /\n"));
        }
        fs::write(context.join("noise"), noise(NOISE)).map_err(|error| error.to_string())?;
        dockerfile.push_str("COPY noise /\n");
        fs::write(context.join("Dockerfile"), dockerfile).map_err(|error| error.to_string())?;
        let own = || ours(self.inputs, &self.home(), None);
        run(own().args(["build", "-q", "-t", &empty.image()]).arg(&context))?;
        run(own().args(["save", "-o"]).arg(self.archive()).arg(empty.image()))?;
        let from = format!("docker-archive:{}", self.archive().display());
        run(skopeo().args(["--dest-tls-verify=false", &from, &format!("docker://{}", full.image())]))?;
        Ok(Open { full, empty, by_podman: OnceCell::new(), by_docker: OnceCell::new() })
    }

    /// Gives a peer the image that it pushes.
    fn load(&self, mut peer: Command) -> Result<(), String> {
        run(peer.args(["load", "-q", "-i"]).arg(self.archive())).map(|_| ())
    }
}

/// The first files of a folder, so many bytes together.
fn files(folder: &Path, most: u64) -> Vec<String> {
    let (mut found, mut size) = (Vec::new(), 0);
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, Ok(metadata)) = (entry.path(), entry.metadata()) else { continue };
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_file() && metadata.len() <= LARGEST.min(most - size) {
                size += metadata.len();
                found.extend(path.to_str().map(str::to_owned));
            }
        }
    }
    found
}

/// Debian's registry.
struct Registry {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Registry {
    fn start(inputs: &Inputs, name: &str) -> Result<Registry, String> {
        let text = |error: std::io::Error| error.to_string();
        let folder = inputs.path(&format!("registry-{name}"));
        fs::create_dir(&folder).map_err(text)?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(text)?.port();
        let settings = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
            folder.join("data").display()
        );
        fs::write(folder.join("config.yml"), settings).map_err(text)?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(folder.join("config.yml"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(text)?;
        let registry = Registry { child, folder, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("docker-registry does not listen".to_owned());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }

    fn image(&self) -> String {
        format!("localhost:{}/{IMAGE}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Takes away all that it has.
    fn clear(&self) -> Result<(), String> {
        match fs::remove_dir_all(self.data()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(()),
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
