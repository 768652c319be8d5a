//! The built-in base images: what they are made of, that they start, and that they are made once.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use layerlab::images::StandIns;
use layerlab::layer;
use layerlab::limits::Limits;
use layerlab::oci::Reference;
use layerlab::store::Store;
use layerlab::store::{Home, Preferences};
use layerlab::tree::{Follow, Kind, Tree, TreePath};
use layerlab::upkeep::verify;
use layerlab::userland::libraries::{Found, Libraries};
use layerlab::userland::{BASE, Source, WEB, base, ensure, ensure_as, programs};

struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        let store = Store::open(&home).unwrap();
        Fixture { folder, store }
    }

    /// Puts the files of a tree into a folder, as far as a test needs it.
    fn unpack(&self, tree: &Tree) -> std::path::PathBuf {
        let root = self.folder.path().join("root");
        for (path, node) in tree.walk(&TreePath::root()) {
            let place = root.join(std::str::from_utf8(path.relative()).unwrap());
            match &node.kind {
                Kind::Directory => {
                    fs::create_dir_all(&place).unwrap();
                    fs::set_permissions(&place, fs::Permissions::from_mode(node.metadata.mode)).unwrap();
                }
                Kind::Symlink(target) => symlink(std::str::from_utf8(target).unwrap(), &place).unwrap(),
                Kind::File(content) => {
                    let mut bytes = Vec::new();
                    layer::open(&self.store, content).unwrap().read_to_end(&mut bytes).unwrap();
                    fs::write(&place, bytes).unwrap();
                    fs::set_permissions(&place, fs::Permissions::from_mode(node.metadata.mode)).unwrap();
                }
                Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => {
                    panic!("a device at {path}")
                }
            }
        }
        root
    }
}

/// Runs a script in a root file system; `None` if this machine lets us change the root in no way.
fn run_in(root: &Path, script: &str) -> Option<(String, bool)> {
    for prefix in [&["chroot"][..], &["unshare", "--user", "--map-root-user", "chroot"][..]] {
        let output = Command::new(prefix[0])
            .args(&prefix[1..])
            .arg(root)
            .args(["/bin/sh", "-c", script])
            .env_clear()
            .env("PATH", programs::PATH)
            .output();
        let Ok(output) = output else { continue };
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if errors.contains("cannot change root") || errors.contains("unshare failed") {
            continue;
        }
        return Some((String::from_utf8_lossy(&output.stdout).into_owned() + &errors, output.status.success()));
    }
    eprintln!("skipped: neither root nor user namespaces here");
    None
}

/// Starts every program once. What it says doesn't matter, but that it could be loaded does: 126 and 127 are the
/// shell's and the loader's codes for a program that doesn't start.
const START_ALL: &str = r#"
failed=
for file in "$@"; do
    "$file" --help >/tmp/out 2>&1 </dev/null
    code=$?
    if [ $code -ge 126 ] || grep -q "error while loading" /tmp/out; then failed="$failed $file:$code"; fi
done
echo "failed:$failed"
"#;

#[test]
fn every_program_of_the_machine_starts_in_the_image() {
    let fixture = Fixture::new();
    let rootfs = base::from_host(&Limits::default()).unwrap();
    let root = fixture.unpack(&rootfs.tree);
    let names: Vec<&str> =
        programs::WANTED.iter().copied().filter(|name| !rootfs.missing.iter().any(|other| other == name)).collect();
    assert!(names.len() > 40, "only {names:?}");
    let script = format!("set -- {}\n{START_ALL}", names.join(" ").replace('[', "'['"));
    if let Some((output, ok)) = run_in(&root, &script) {
        assert!(ok, "{output}");
        assert_eq!(output, "failed:\n");
    }
}

#[test]
fn the_usual_things_can_be_done_in_both_kinds_of_image() {
    let script = "set -e; cd /tmp; echo one > a; cp a b; sed s/one/two/ b | tee c | tr a-z A-Z; cat a c | sort | wc -l; \
                  id -u; whoami; tar -cf x.tar a b; gzip x.tar; ls x.tar.gz; find . -name 'x*'; ls -ld /tmp | cut -c1-10; \
                  awk 'BEGIN { print 6 * 7 }'; sha256sum < a | cut -c1-8; printf '%s\\n' \"$(basename /a/b)\"; /usr/bin/env true";
    let mut kinds = vec![base::from_host(&Limits::default()).unwrap()];
    match programs::find("busybox") {
        Some(busybox) => kinds.push(base::from_busybox(&busybox, &Limits::default()).unwrap()),
        None => eprintln!("skipped in part: no busybox here"),
    }
    for rootfs in kinds {
        let fixture = Fixture::new();
        let root = fixture.unpack(&rootfs.tree);
        let Some((output, ok)) = run_in(&root, script) else {
            return;
        };
        assert!(ok, "{output}");
        assert_eq!(output, "TWO\n2\n0\nroot\nx.tar.gz\n./x.tar.gz\ndrwxrwxrwt\n42\n2c8b08da\nb\n");
    }
}

#[test]
fn paths_of_the_machine_lead_to_the_same_files_in_the_image() {
    let rootfs = base::from_host(&Limits::default()).unwrap();
    assert!(rootfs.taken.len() > 40);
    for taken in &rootfs.taken {
        let path = TreePath::new(taken.path.to_str().unwrap());
        let real = rootfs.tree.resolve(&path, Follow::Last).unwrap();
        assert_eq!(real, TreePath::new(taken.real.canonicalize().unwrap().to_str().unwrap()));
    }
    for path in ["/bin/sh", "/usr/bin/env", "/etc/passwd", "/tmp"] {
        rootfs.tree.resolve(&TreePath::new(path), Follow::Last).unwrap();
    }
    let mode = |path: &str| rootfs.tree.get(&TreePath::new(path)).unwrap().metadata.mode;
    assert_eq!((mode("/tmp"), mode("/root"), mode("/etc")), (0o1777, 0o700, 0o755));
    assert!(
        rootfs
            .tree
            .walk(&TreePath::root())
            .all(|(_, node)| { (node.metadata.uid, node.metadata.gid, node.metadata.mtime) == (0, 0, 0) })
    );
}

#[test]
fn an_image_is_made_once_and_is_the_same_in_every_store() {
    for source in [None, Some(OsStr::new("host"))] {
        let (one, other) = (Fixture::new(), Fixture::new());
        let started = std::time::Instant::now();
        let made = ensure_as(&one.store, BASE, source).unwrap();
        let first = started.elapsed();
        assert_eq!(ensure_as(&other.store, BASE, source).unwrap().digest, made.digest);
        let started = std::time::Instant::now();
        for _ in 0..20 {
            assert_eq!(ensure_as(&one.store, BASE, source).unwrap(), made);
        }
        println!("base from {source:?}: {first:?}, then {:?} each", started.elapsed() / 20);
        let (_, config) = one.store.load_image(&made).unwrap();
        assert_eq!(config.config.cmd.as_deref(), Some(&["/bin/sh".to_owned()][..]));
        assert_eq!(config.config.labels["org.opencontainers.image.title"], BASE);
        assert!(one.store.find(BASE).is_ok());
        let report = verify(&one.store);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
}

#[test]
fn an_archive_can_be_the_base_and_the_web_server_goes_on_top() {
    let fixture = Fixture::new();
    // A root in which `lib64` is a folder and not a link, as on some systems.
    let root = fixture.folder.path().join("mine");
    fs::create_dir_all(root.join("lib64")).unwrap();
    fs::write(root.join("lib64/mine"), "mine").unwrap();
    let file = fixture.folder.path().join("base.tar");
    let status = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&file).arg(".").status().unwrap();
    assert!(status.success());
    let base = ensure_as(&fixture.store, BASE, Some(file.as_os_str())).unwrap();
    let web = ensure_as(&fixture.store, WEB, Some(file.as_os_str())).unwrap();
    let tree_of = |image| {
        let (manifest, config) = fixture.store.load_image(image).unwrap();
        layer::tree_of(&fixture.store, &fixture.store.layers(&manifest, &config)).unwrap()
    };
    assert!(tree_of(&base).get(&TreePath::new("/lib64/mine")).is_some());
    let tree = tree_of(&web);
    assert!(tree.get(&TreePath::new("/lib64/mine")).is_some());
    let root = fixture.unpack(&tree);
    let program = Command::new("chroot").arg(&root).args(["/usr/sbin/layerlab", "--list"]).output().unwrap();
    if String::from_utf8_lossy(&program.stderr).contains("cannot change root") {
        eprintln!("skipped in part: only root can change the root");
        return;
    }
    assert!(program.status.success(), "{program:?}");
}

#[test]
fn a_wish_that_cannot_be_fulfilled_is_an_error() {
    assert_eq!(Source::choose(Some(OsStr::new("host")), &Limits::default()).unwrap(), Source::Host);
    let error = Source::choose(Some(OsStr::new("/nowhere.tar")), &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "`LAYERLAB_BASE` is neither `host` nor `busybox` nor a file: `/nowhere.tar`");
    let fixture = Fixture::new();
    assert!(ensure(&fixture.store, "layerlab/other").is_err());
}

/// Compiles C with the machine's compiler; `false` if there is none.
fn compile(folder: &Path, source: &str, arguments: &[&str]) -> bool {
    fs::write(folder.join("source.c"), source).unwrap();
    match Command::new("cc").current_dir(folder).arg("source.c").args(arguments).status() {
        Ok(status) => {
            assert!(status.success(), "{arguments:?}");
            true
        }
        Err(_) => {
            eprintln!("skipped: no C compiler here");
            false
        }
    }
}

#[test]
fn libraries_are_found_where_a_program_says() {
    // The kind of the path decides whether it counts for what the library needs in turn.
    for (flag, inherited) in [("-Wl,--disable-new-dtags", true), ("-Wl,--enable-new-dtags", false)] {
        let fixture = Fixture::new();
        let folder = fixture.folder.path().canonicalize().unwrap();
        for name in ["bin", "lib"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let inner = "int inner(void) { return 42; }";
        if !compile(&folder, inner, &["-shared", "-fPIC", "-o", "lib/libinner.so"]) {
            return;
        }
        let outer = "int inner(void); int outer(void) { return inner(); }";
        compile(&folder, outer, &["-shared", "-fPIC", "-o", "lib/libouter.so", "-Llib", "-linner"]);
        let program = "#include <stdio.h>\nint outer(void); int main(void) { printf(\"%d\\n\", outer()); }";
        let link = ["-o", "bin/program", "-Llib", "-louter", "-Wl,-rpath-link,lib", "-Wl,-rpath,$ORIGIN/../lib", flag];
        compile(&folder, program, &link);

        let libraries = Libraries::of_this_machine(&Limits::default());
        let program = folder.join("bin/program");
        let closure = libraries.closure(&program);
        if !inherited {
            let message = closure.unwrap_err().to_string();
            assert!(message.starts_with("the library `libinner.so`, which `"), "{message}");
            continue;
        }
        let closure = closure.unwrap();
        let named = |name: &str| {
            let needed = closure.iter().find(|needed| needed.path.ends_with(name)).unwrap();
            (needed.found, needed.needed_by.file_name().unwrap().to_str().unwrap().to_owned())
        };
        assert_eq!(named("libouter.so"), (Found::AsNamed, "program".to_owned()));
        assert_eq!(named("libinner.so"), (Found::AsNamed, "libouter.so".to_owned()));
        assert_eq!(named("libc.so.6").0, Found::InLibraryFolder);

        let mut rootfs = base::from_host(&Limits::default()).unwrap();
        rootfs.program(&program, &libraries).unwrap();
        let root = fixture.unpack(&rootfs.tree);
        // The loader asks /proc for the program's folder, and there is none in this bare root.
        let script = format!("LD_ORIGIN_PATH={} {}", folder.join("bin").display(), program.display());
        if let Some((output, ok)) = run_in(&root, &script) {
            assert!(ok, "{output}");
            assert_eq!(output, "42\n");
        }
    }
}

#[test]
fn a_damaged_program_is_an_error_and_a_text_needs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(programs::find("true").unwrap()).unwrap();
    let file = folder.path().join("program");
    let libraries = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        Libraries::of_this_machine(&Limits::default()).closure(&file)
    };
    assert!(!libraries(&whole).unwrap().is_empty());
    // Wherever it is cut off, the answer is an answer and not a panic.
    for length in (0..whole.len()).step_by(97) {
        let _ = libraries(&whole[..length]);
    }
    assert!(libraries(&whole[..40]).unwrap_err().to_string().contains("is not a proper ELF file"));
    assert!(libraries(b"only text").unwrap().is_empty());
}

#[test]
fn the_web_image_adds_a_server_to_the_base() {
    let fixture = Fixture::new();
    let image = ensure(&fixture.store, WEB).unwrap();
    assert_eq!(ensure(&fixture.store, WEB).unwrap(), image);
    let (manifest, config) = fixture.store.load_image(&image).unwrap();
    let tree = layer::tree_of(&fixture.store, &fixture.store.layers(&manifest, &config)).unwrap();
    assert_eq!(manifest.layers.len(), 2);
    let command = config.config.cmd.unwrap();
    assert_eq!(command, ["/usr/sbin/layerlab", "serve-files", "/usr/share/nginx/html", "80"]);
    assert!(config.config.exposed_ports.contains_key("80/tcp"));
    assert_eq!(config.config.stop_signal.as_deref(), Some("SIGQUIT"));
    tree.resolve(&TreePath::new("/usr/share/nginx/html/index.html"), Follow::Last).unwrap();
    let root = fixture.unpack(&tree);
    // The running program is this test, which says so when it is asked for its list.
    if let Some((output, ok)) = run_in(&root, "/usr/sbin/layerlab --list") {
        assert!(ok, "{output}");
        assert!(output.contains("the_web_image_adds_a_server_to_the_base: test"), "{output}");
    }
}

#[test]
fn explain_says_where_everything_comes_from() {
    let text = layerlab::userland::explain(&Preferences::default(), 100).unwrap();
    assert!(text.starts_with("layerlab/base is made of "), "{text}");
    assert!(text.contains("/etc/passwd"));
}

#[test]
fn stand_ins_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let get = |table: &StandIns, name: &str| table.get(&Reference::parse_normalized(name).unwrap()).map(str::to_owned);
    let home = Home::open(folder.path()).unwrap();
    let table = StandIns::load(&home).unwrap();
    assert_eq!(get(&table, "alpine:3.20").as_deref(), Some(BASE));
    assert_eq!(get(&table, "docker.io/library/nginx").as_deref(), Some(WEB));
    assert_eq!(get(&table, "python"), None);
    assert_eq!(get(&table, "ghcr.io/library/alpine"), None);

    let file = folder.path().join("stand-ins.toml");
    fs::write(&file, "# mine\nfedora = \"layerlab/base\" # too\n\"ghcr.io/me/site\"=\"layerlab/web\"\nnginx = \"\"\n")
        .unwrap();
    let table = StandIns::load(&home).unwrap();
    assert_eq!(get(&table, "fedora").as_deref(), Some(BASE));
    assert_eq!(get(&table, "ghcr.io/me/site:1").as_deref(), Some(WEB));
    assert_eq!(get(&table, "nginx"), None);
    assert_eq!(get(&table, "alpine").as_deref(), Some(BASE));

    fs::write(&file, "\nfedora: layerlab/base\n").unwrap();
    let message = StandIns::load(&home).unwrap_err().to_string();
    let message = message.replace(&folder.path().display().to_string(), "HOME");
    assert_eq!(message, "HOME/stand-ins.toml:2: expected `image = \"stand-in\"`, found `fedora: layerlab/base`");
}

/// Not a test: the process that the next one starts and stops.
#[test]
#[ignore = "runs as a child of another test"]
fn server_process() {
    let Some(folder) = std::env::var_os("SERVED_FOLDER") else {
        return;
    };
    layerlab::userland::serve(Path::new(&folder), 0).unwrap();
    println!("ended");
}

#[test]
fn signals_end_the_server() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["TERM", "QUIT", "INT"] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                &crate::test_name(module_path!(), "server_process"),
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env("SERVED_FOLDER", folder.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0; 8];
        child.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"serving ");
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{signal}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("ended"));
    }
}

/// Sends one request and returns the whole answer.
fn request(port: u16, text: &str) -> String {
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    connection.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn files_are_served_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("html");
    fs::create_dir_all(root.join("sub/empty")).unwrap();
    fs::write(root.join("index.html"), "home").unwrap();
    fs::write(root.join("a b.css"), "body {}").unwrap();
    fs::write(root.join("sub/index.html"), "sub").unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    symlink("../secret", root.join("way-out")).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let served = root.clone();
    // It ends with the process: signals are for the whole process and are tested with the program itself.
    std::thread::spawn(move || layerlab::userland::serve(&served, port).unwrap());
    for _ in 0..200 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let get = |path: &str| request(port, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    let status = |answer: &str| answer.split(' ').nth(1).unwrap().to_owned();
    let home = get("/");
    assert!(home.starts_with("HTTP/1.1 200") && home.ends_with("\r\n\r\nhome"), "{home}");
    assert!(home.contains("Content-Type: text/html"), "{home}");
    assert!(get("/a%20b.css?v=1").contains("Content-Type: text/css"));
    assert!(get("/sub").contains("Location: /sub/"));
    assert!(get("/sub/").ends_with("sub"));
    let head = request(port, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(head.contains("Content-Length: 4") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(status(&request(port, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), "405");
    for (path, expected) in [
        ("/missing", "404"),
        ("/sub/empty/", "403"),
        ("/way-out", "404"),
        ("/../secret", "404"),
        ("/%2e%2e/secret", "404"),
        ("/sub/..%2f..%2fsecret", "404"),
        ("/%00", "400"),
        ("/%zz", "400"),
    ] {
        let answer = get(path);
        assert_eq!(status(&answer), expected, "{path}: {answer}");
        assert!(!answer.ends_with("secret"), "{path}");
    }
}
