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
use std::io::{self, Read, Write};
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

use crate::diagnostic::Explained;
use crate::document::{self, Links};
use crate::errno;
use crate::shown;

/// How many requests are answered at the same time.
const THREADS: usize = 4;

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
    #[error("listen at port {port}: {reason}")]
    Listen {
        /// The port.
        port: u16,
        /// The reason, in the library's or the kernel's words.
        reason: String,
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
    let mut signals = catch_ending_signals().map_err(|source| ServeError::Signals { source })?;
    let server =
        Server::http(("0.0.0.0", port)).map_err(|error| ServeError::Listen { port, reason: error.to_string() })?;
    let server = Arc::new(server);
    eprintln!("serving {} at {}", shown::line(&folder.display().to_string()), server.server_addr());
    let ended = Arc::new(AtomicBool::new(false));
    {
        let (server, ended) = (Arc::clone(&server), Arc::clone(&ended));
        std::thread::spawn(move || {
            // Whatever this ends with, there is a reason to stop.
            let _ = signals.read(&mut [0]);
            ended.store(true, Ordering::SeqCst);
            for _ in 0..THREADS {
                server.unblock();
            }
        });
    }
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !ended.load(Ordering::SeqCst) {
                    // An error is a connection that broke, or the call to end.
                    if let Ok(request) = server.recv() {
                        answer(request, &folder);
                    }
                }
            });
        }
    });
    Ok(())
}

/// What a request is answered with.
enum Answer {
    File { file: File, size: u64, content_type: &'static str },
    Page { status: u16, title: &'static str },
    Moved { to: String },
}

fn answer(request: Request, folder: &Path) {
    let answer = match request.method() {
        Method::Get | Method::Head => find(request.url(), folder),
        _ => Answer::Page { status: 405, title: "Method Not Allowed" },
    };
    let line = |status: u16, size: u64| log_line(&request, status, size);
    // A client that went away is nothing to report.
    let _ = match answer {
        Answer::File { file, size, content_type } => {
            line(200, size);
            let headers = vec![header("Content-Type", content_type), header("Server", "layerlab")];
            let length = usize::try_from(size).ok();
            request.respond(Response::new(StatusCode(200), headers, file, length, None))
        }
        Answer::Page { status, title } => {
            let page = format!(
                "<!DOCTYPE html>\n<html lang=\"en\"><head><title>{status} {title}</title></head>\n\
                 <body><h1>{status} {title}</h1><hr>layerlab</body></html>\n"
            );
            line(status, page.len() as u64);
            let mut response = Response::from_string(page)
                .with_status_code(status)
                .with_header(header("Content-Type", "text/html"))
                .with_header(header("Server", "layerlab"));
            if status == 405 {
                response.add_header(header("Allow", "GET, HEAD"));
            }
            request.respond(response)
        }
        Answer::Moved { to } => {
            line(301, 0);
            let response = Response::empty(301)
                .with_header(Header::from_bytes("Location", to).unwrap_or_else(|()| header("Location", "/")))
                .with_header(header("Server", "layerlab"));
            request.respond(response)
        }
    };
}

/// Finds the file that a request is for.
///
/// The path is resolved on the disk and has to end below `folder` then, so neither `..`, however it is written, nor a
/// symbolic link leads out.
fn find(url: &str, folder: &Path) -> Answer {
    const NOT_FOUND: Answer = Answer::Page { status: 404, title: "Not Found" };
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let Some(decoded) = decode(path) else {
        return Answer::Page { status: 400, title: "Bad Request" };
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
        return Answer::Moved { to: format!("{path}/") };
    }
    let real = if real.is_dir() {
        match real.join("index.html").canonicalize() {
            Ok(index) if index.starts_with(folder) => index,
            _ => {
                return Answer::Page { status: 403, title: "Forbidden" };
            }
        }
    } else {
        real
    };
    // Neither a link that came since then nor a pipe, which would keep the thread waiting.
    match document::open(&real, Links::RefuseOnTheWay) {
        Ok((file, metadata)) => Answer::File { file, size: metadata.len(), content_type: content_type(&real) },
        Err(document::Error::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            Answer::Page { status: 403, title: "Forbidden" }
        }
        _ => NOT_FOUND,
    }
}

/// Undoes `%41`. `None` for what is not a path: broken escapes, NUL, text that is not UTF-8.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    if bytes.contains(&0) { None } else { String::from_utf8(bytes).ok() }
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

fn header(name: &'static str, value: &'static str) -> Header {
    Header::from_bytes(name, value).expect("the headers written here are plain ASCII")
}

fn log_line(request: &Request, status: u16, size: u64) {
    let address = request.remote_addr().map_or_else(|| "-".to_owned(), |address| address.ip().to_string());
    // A real clock: the server runs in a container, where nothing is replayed.
    let time = jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000");
    let field = |name: &'static str| {
        let header = request.headers().iter().find(|header| header.field.equiv(name));
        header.map_or_else(|| "-".to_owned(), |header| escape(header.value.as_str()))
    };
    let request_line = format!("{} {} HTTP/{}", request.method(), escape(request.url()), request.http_version());
    let line = format!(
        "{address} - - [{time}] \"{request_line}\" {status} {size} \"{}\" \"{}\"\n",
        field("Referer"),
        field("User-Agent")
    );
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
