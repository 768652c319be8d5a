//! Registries for tests: Debian's `docker-registry`, a real one, and servers that say what a test wants them to say.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::harness::missing;

/// A real registry on this machine's loopback. Dropped, it is gone.
pub struct Registry {
    /// Its settings and, unless it was given another folder for that, its data.
    folder: tempfile::TempDir,
    pub port: u16,
    child: Child,
}

/// The line of the user `teacher` with the password `chalk`, as htpasswd(1) writes it.
const TEACHER: &str = "teacher:$2y$05$WuznXzuladXzpC5veQvm/eMU4oSwMfqpZ4t3FjkevLbGDiahyKvTa\n";

/// Who may use it, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doors {
    #[default]
    Open,
    /// Only `teacher` with the password `chalk`.
    Password,
    /// Over TLS, with a certificate of an authority of its own: `ca.crt` in its folder.
    Tls,
    /// Both: over TLS, and only `teacher`.
    TlsAndPassword,
    /// It takes nothing.
    ReadOnly,
}

impl Registry {
    /// Starts one; `None` where the program is not installed, which is said.
    pub fn start(doors: Doors) -> Option<Registry> {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Registry::start_in(folder, &data, doors)
    }

    /// Starts an open one with what another had in a folder, and leaves all of it there.
    pub fn over(data: &Path) -> Option<Registry> {
        Registry::start_in(tempfile::tempdir().unwrap(), data, Doors::Open)
    }

    fn start_in(folder: tempfile::TempDir, data: &Path, doors: Doors) -> Option<Registry> {
        let port = free_port();
        let mut config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n",
            data.display()
        );
        if doors == Doors::ReadOnly {
            config = config.replace("storage: {", "storage: {maintenance: {readonly: {enabled: true}}, ");
        }
        let mut http = format!("http: {{addr: '127.0.0.1:{port}'");
        if matches!(doors, Doors::Password | Doors::TlsAndPassword) {
            let file = folder.path().join("htpasswd");
            std::fs::write(&file, TEACHER).unwrap();
            config.push_str(&format!("auth: {{htpasswd: {{realm: school, path: {}}}}}\n", file.display()));
        }
        if matches!(doors, Doors::Tls | Doors::TlsAndPassword) {
            certificate(folder.path());
            let file = |name: &str| folder.path().join(name).display().to_string();
            http.push_str(&format!(", tls: {{certificate: {}, key: {}}}", file("server.crt"), file("server.key")));
        }
        std::fs::write(folder.path().join("config.yml"), format!("{config}{http}}}\n")).unwrap();
        let child = serve(folder.path(), port)?;
        Some(Registry { folder, port, child })
    }

    /// What names on it begin with.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Kills it, as a machine that fails.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again after [`Registry::kill`], with what it had.
    pub fn start_again(&mut self) {
        self.child = serve(self.folder.path(), self.port).unwrap();
    }

    /// The file of a blob in it.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        self.path(&format!("data/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A slow line to a server, which breaks once.
pub struct Line {
    pub port: u16,
    /// How many bytes have come from the server so far.
    came: Arc<AtomicUsize>,
}

/// Which bytes a line counts before it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    FromServer,
}

impl Line {
    /// A line that breaks after so many bytes of one connection go a way; then it does something.
    pub fn new(to: u16, way: Way, breaks_after: usize, then: impl Fn() + Send + Sync + 'static) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let came = Arc::new(AtomicUsize::new(0));
        let line = Line { port, came: Arc::clone(&came) };
        let (is_broken, then) = (Arc::new(AtomicBool::new(false)), Arc::new(then));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                for other in [Way::ToServer, Way::FromServer] {
                    let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                    let (is_broken, then, came) = (Arc::clone(&is_broken), Arc::clone(&then), Arc::clone(&came));
                    let breaks = move |passed: usize| {
                        let breaks = other == way && passed > breaks_after && !is_broken.swap(true, Ordering::SeqCst);
                        if breaks {
                            then();
                        }
                        breaks
                    };
                    std::thread::spawn(move || match other {
                        Way::ToServer => carry(client, server, breaks, &AtomicUsize::new(0)),
                        Way::FromServer => carry(server, client, breaks, &came),
                    });
                }
            }
        });
        line
    }

    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// How many bytes have come from the server so far.
    pub fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}

/// Carries what one side says to the other, until it breaks.
fn carry(mut from: TcpStream, mut to: TcpStream, breaks: impl Fn(usize) -> bool, count: &AtomicUsize) {
    let (mut buffer, mut passed) = (vec![0; 16 << 10], 0);
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        passed += read;
        count.fetch_add(read, Ordering::SeqCst);
        // Not faster than this, so that what breaks does so in the middle.
        std::thread::sleep(Duration::from_millis(1));
        if to.write_all(&buffer[..read]).is_err() || breaks(passed) {
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// A port that nobody listens at.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn serve(folder: &Path, port: u16) -> Option<Child> {
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(folder.join("config.yml")).stdin(Stdio::null()).stdout(Stdio::null());
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let Ok(mut child) = command.stderr(log).spawn() else {
        missing("`docker-registry` is not installed");
        return None;
    };
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "{}", std::fs::read_to_string(folder.join("log")).unwrap());
        assert!(begun.elapsed() < Duration::from_secs(60), "docker-registry does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(child)
}

/// An authority, a certificate of `localhost` by it, and another authority.
fn certificate(folder: &Path) {
    let openssl = |arguments: &str| {
        let done = Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
    std::fs::write(folder.join("names"), names).unwrap();
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=school -days 2");
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.crt -subj /CN=elsewhere -days 2");
    openssl("req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost");
    openssl("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile names");
}

/// What a [`Fake`] was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub path: String,
    /// In lower case, each with its value.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// A server that says what a test wants: whole answers, byte for byte. It ends with the process.
pub struct Fake {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Starts one; `answer` gives the bytes of the answer to a request, after which the connection is closed.
    pub fn start(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Fake {
        // Who asked may have gone.
        Fake::talking(move |asked, mut stream| drop(stream.write_all(&answer(asked))))
    }

    /// Starts one that writes its answers as it likes.
    pub fn talking(talk: impl Fn(&Asked, &TcpStream) + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (talk, all) = (Arc::new(talk), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (talk, all) = (Arc::clone(&talk), Arc::clone(&all));
                std::thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    all.lock().unwrap().push(request.clone());
                    talk(&request, &stream);
                });
            }
        });
        Fake { port, asked }
    }

    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// All that it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked { method, path, headers, body: Vec::new() };
    if asked.header("expect").is_some() {
        let _ = (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_end(&mut asked.body).ok()?;
    Some(asked)
}

/// An answer with a body.
pub fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut bytes = format!("{head}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
