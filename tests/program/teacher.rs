//! A registry that runs, for tests that ask it something: `serve` in a place of its own.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use layerlab::oci::Digest;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{Place, Role};

pub const PATIENCE: Duration = Duration::from_secs(60);

/// An image of two layers that does not depend on the machine, under two names, and another one.
const FILES: &str = "//- Dockerfile\nFROM scratch\nCOPY hello /\nCOPY Dockerfile /\nCMD [\"/hello\"]\n//- hello\nhello\n\
                     //- other/Dockerfile\nFROM scratch\nCOPY secret /\n//- other/secret\nsecret\n";

pub fn place(role: Role) -> Place {
    let place = Place::of(role, FILES);
    place.run("build -q -t hello -t ghcr.io/team/app:1 .");
    place.run("build -q -t other other");
    place
}

/// A registry that runs.
pub struct Teacher {
    pub place: Place,
    pub child: Child,
    pub address: String,
    log: Arc<Mutex<String>>,
}

impl Teacher {
    pub fn new(place: Place, options: &str) -> Teacher {
        Teacher::with(place, options, &[])
    }

    pub fn with(place: Place, options: &str, variables: &[(&str, &str)]) -> Teacher {
        let mut command = place.command(&format!("serve --addr 127.0.0.1:0 {options}"));
        command.envs(variables.iter().copied());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.split(" at ").last().unwrap().split(',').next().unwrap().to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{first}");
        let log = Arc::new(Mutex::new(first + "\n"));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *kept.lock().unwrap() += &(line + "\n");
            }
        });
        Teacher { place, child, address, log }
    }

    pub fn connect(&self) -> TcpStream {
        self.connect_from(1)
    }

    /// Connects from one of the machine's addresses, 127.0.0.LAST.
    pub fn connect_from(&self, last: u8) -> TcpStream {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, last, 0)).unwrap();
        let address: SocketAddrV4 = self.address.parse().unwrap();
        connect(socket.as_raw_fd(), &SockaddrIn::from(address)).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Asks on a connection of its own.
    pub fn ask(&self, request: &str) -> Answer {
        self.send(request, b"")
    }

    pub fn send(&self, request: &str, body: &[u8]) -> Answer {
        self.send_on(self.connect(), request, body)
    }

    pub fn send_on(&self, mut stream: TcpStream, request: &str, body: &[u8]) -> Answer {
        let (line, fields) = request.split_once('\n').unwrap_or((request, ""));
        let fields: String = fields.lines().map(|field| format!("{field}\r\n")).collect();
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let host = if fields.contains("Host: ") { "" } else { "Host: localhost\r\n" };
        let head = format!("{line} HTTP/1.1\r\n{host}Connection: close\r\n{fields}{length}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        Answer::read(stream)
    }

    /// Pushes a blob in one go.
    pub fn push_blob(&self, repository: &str, bytes: &[u8]) -> Answer {
        self.send(&format!("POST /v2/{repository}/blobs/uploads/?digest={}", Digest::of(bytes)), bytes)
    }

    /// What it has written, with the address made the same everywhere.
    pub fn log(&self) -> String {
        let port = self.address.split_once(':').unwrap().1;
        self.log.lock().unwrap().replace(&self.address, "ADDRESS").replace(port, "PORT")
    }

    pub fn wait_for_log(&self, text: &str, times: usize) {
        let end = Instant::now() + PATIENCE;
        while self.log().matches(text).count() < times {
            assert!(Instant::now() < end, "{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Ends it, and gives its place back.
    pub fn end(mut self) -> Place {
        self.signal(Signal::SIGTERM);
        assert!(self.child.wait().unwrap().success());
        let temporary = fs::read_dir(self.place.home().join("tmp")).unwrap().count();
        assert_eq!(temporary, 0, "files are left");
        self.place.assert_whole();
        std::mem::replace(&mut self.place, Place::new(""))
    }
}

impl Drop for Teacher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer of HTTP.
pub struct Answer {
    pub status: u16,
    fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn read(mut stream: TcpStream) -> Answer {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields = lines.map(|line| line.split_once(": ").unwrap());
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Answer { status, fields, body: bytes[end + 4..].to_vec() }
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status, and the code of the refusal.
    pub fn refusal(&self) -> String {
        format!("{} {}", self.status, self.json()["errors"][0]["code"].as_str().unwrap())
    }

    pub fn text(&self) -> String {
        let always = ["Date", "Connection", "Docker-Distribution-Api-Version"];
        let fields = self.fields.iter().filter(|(name, _)| !always.contains(&name.as_str()));
        let fields: String = fields.map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{}\n{fields}{}", self.status, String::from_utf8_lossy(&self.body))
    }
}
