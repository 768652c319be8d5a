//! A small server of files, for `layerlab/web`.
//!
//! `GET` and `HEAD` of the files below one folder, by HTTP/1.1: content types by name, `index.html` for a folder, a page for
//! what is not found. Each request is a line on standard output in the combined form that web servers share:
//!
//! ```text
//! 127.0.0.1 - - [24/Nov/2026:15:04:49 +0000] "GET / HTTP/1.1" 200 512 "-" "curl/7.88.1"
//! ```
//!
//! SIGTERM, SIGQUIT and SIGINT end it. As the first process of a container it has to take them itself: the kernel gives such
//! a process no signal that it hasn't asked for. Left out: ranges, compression, caching headers, TLS, lists of folders.

use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd as _, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};

use crate::diagnostic::Explained;
use crate::document::{self, Links};
use crate::errno;
use crate::http::{Answer, Crew, Head, Method, Part, Plus, Request, Sent, Server, Site, decode};
use crate::shown;

/// Who answers. Whoever comes through a published port has the same address, so nobody has a share.
const CREW: Crew = Crew { workers: 4, share: 4 };

/// Why files can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The folder isn't there.
    #[error("serve `{}`: {}", folder.display(), errno::describe(source))]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The signals that end it can't be caught.
    #[error("catch signals: {}", errno::describe(source))]
    Signals {
        /// The kernel's answer.
        source: io::Error,
    },
    /// The port is not available.
    #[error("listen at port {port}: {}", errno::describe(source))]
    Listen {
        /// The port.
        port: u16,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The server has lost what it listens with.
    #[error("serve: {}", errno::describe(source))]
    Run {
        /// The kernel's answer.
        source: io::Error,
    },
}

impl Explained for ServeError {
    fn hint(&self) -> Option<String> {
        None
    }
}

/// Serves the files below `folder` at `port` of every address, until a signal ends it. Port 0 takes any free port; which
/// one is said on standard error.
///
/// # Errors
/// [`ServeError`] if it can't begin.
pub fn serve(folder: &Path, port: u16) -> Result<(), ServeError> {
    let folder = folder.canonicalize().map_err(|source| ServeError::Folder { folder: folder.to_owned(), source })?;
    let signals = catch_ending_signals().map_err(|source| ServeError::Signals { source })?;
    let listen = |source| ServeError::Listen { port, source };
    let server = Server::listen(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port), CREW).map_err(listen)?;
    let address = server.address().map_err(listen)?;
    eprintln!("serving {} at {address}", shown::line(&folder.display().to_string()));
    server.run(&Files { folder }, signals.as_fd()).map_err(|source| ServeError::Run { source })
}

/// What a request is answered with.
enum Found {
    File { file: File, size: u64, content_type: &'static str },
    Page { status: u16, title: &'static str },
    Moved { to: String },
}

/// The files below a folder.
struct Files {
    folder: PathBuf,
}

impl Site for Files {
    /// The line of the log.
    type Note = String;

    fn answer(&self, request: &mut Request<'_>) -> (Answer, String) {
        let found = match request.head.method {
            Method::Get | Method::Head => find(request.head, &self.folder),
            _ => Found::Page { status: 405, title: "Method Not Allowed" },
        };
        let answer = match found {
            Found::File { file, size, content_type } => {
                Answer::file(200, content_type, file, Part { from: 0, length: size })
            }
            Found::Page { status, title } => {
                let page = format!(
                    "<!DOCTYPE html>\n<html lang=\"en\"><head><title>{status} {title}</title></head>\n\
                     <body><h1>{status} {title}</h1><hr>layerlab</body></html>\n"
                );
                let answer = Answer::bytes(status, "text/html", page.into_bytes());
                if status == 405 { answer.with("Allow", "GET, HEAD") } else { answer }
            }
            Found::Moved { to } => Answer::empty(301).with("Location", to),
        };
        let line = log_line(request.peer, Some(request.head), answer.status, answer.length());
        (answer.with("Server", "layerlab"), line)
    }

    fn answered(&self, line: String, _: &Sent) {
        write(&line);
    }

    fn misunderstood(&self, peer: IpAddr, status: u16, _: &'static str) {
        write(&log_line(peer, None, status, 0));
    }
}

/// Finds the file that a request is for.
///
/// The path is resolved on the disk and has to end below `folder` then, so neither `..`, however it is written, nor a
/// symbolic link leads out.
fn find(head: &Head, folder: &Path) -> Found {
    const NOT_FOUND: Found = Found::Page { status: 404, title: "Not Found" };
    let path = head.path();
    let Some(decoded) = decode(path, Plus::IsPlus) else {
        return Found::Page { status: 400, title: "Bad Request" };
    };
    if decoded.split('/').any(|component| component == "..") {
        return NOT_FOUND;
    }
    let wanted = folder.join(decoded.trim_start_matches('/'));
    let Ok(real) = wanted.canonicalize() else {
        return NOT_FOUND;
    };
    if !real.starts_with(folder) {
        return NOT_FOUND;
    }
    if real.is_dir() && !decoded.ends_with('/') {
        return Found::Moved { to: format!("{path}/") };
    }
    let real = if real.is_dir() {
        match real.join("index.html").canonicalize() {
            Ok(index) if index.starts_with(folder) => index,
            _ => {
                return Found::Page { status: 403, title: "Forbidden" };
            }
        }
    } else {
        real
    };
    // Neither a link that came since then nor a pipe, which would keep the thread waiting.
    match document::open(&real, Links::RefuseOnTheWay) {
        Ok((file, metadata)) => Found::File { file, size: metadata.len(), content_type: content_type(&real) },
        Err(document::Error::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            Found::Page { status: 403, title: "Forbidden" }
        }
        _ => NOT_FOUND,
    }
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "json" => "application/json",
        "txt" | "md" => "text/plain",
        "xml" => "text/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        _ => "application/octet-stream",
    }
}

fn log_line(peer: IpAddr, head: Option<&Head>, status: u16, size: u64) -> String {
    // A real clock: the server runs in a container, where nothing is replayed.
    let time = jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000");
    let field = |name: &str| head.and_then(|head| head.field(name)).map_or_else(|| "-".to_owned(), escape);
    let request = head.map_or_else(String::new, |head| {
        format!("{} {} HTTP/1.{}", escape(head.method.name()), escape(&head.target), head.minor)
    });
    format!("{peer} - - [{time}] \"{request}\" {status} {size} \"{}\" \"{}\"\n", field("referer"), field("user-agent"))
}

fn write(line: &str) {
    // Nobody may be reading; that must not end the server.
    let _ = io::stdout().write_all(line.as_bytes());
    let _ = io::stdout().flush();
}

/// Keeps a client from writing into the log more than its own field.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => escaped.push_str(&format!("\\x{:02X}", u32::from(character))),
            control if control.is_control() || shown::is_harmful(control) => {
                escaped.push_str(&format!("\\x{:02X}", u32::from(control)))
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// Where the handler writes; the other end is read by the thread that ends the server.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// Has the signals that end the server write a byte to a socket, whose other end is returned.
fn catch_ending_signals() -> io::Result<UnixStream> {
    extern "C" fn wake(_signal: libc::c_int) {
        let byte = 0_u8;
        // SAFETY: write(2) is allowed in a handler (signal-safety(7)) and reads one byte that lives.
        unsafe { libc::write(WAKE.load(Ordering::SeqCst), (&raw const byte).cast(), 1) };
    }
    let (reader, writer) = UnixStream::pair()?;
    // The handler stays for as long as the process lives, so its end is never closed.
    WAKE.store(writer.into_raw_fd(), Ordering::SeqCst);
    for signal in [libc::SIGTERM, libc::SIGQUIT, libc::SIGINT] {
        // SAFETY: sigaction(2) with a zeroed structure (no flags, empty mask) and a handler that only calls write(2).
        let result = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = wake as extern "C" fn(libc::c_int) as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &action, std::ptr::null_mut())
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(reader)
}
