//! What is sent back: a status, fields, and bytes that are in memory or in a file.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};

use super::connection::Connection;
use super::head::Method;
use super::range::Part;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(&'static str, String)>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    File(File, Part),
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The bytes of its content that the kernel has taken.
    pub(crate) bytes: u64,
    /// Whether that was all of it.
    pub(crate) is_whole: bool,
}

impl Answer {
    /// An answer without content.
    pub(crate) fn empty(status: u16) -> Answer {
        Answer { status, fields: Vec::new(), content: Content::Bytes(Vec::new()) }
    }

    /// An answer with bytes.
    pub(crate) fn bytes(status: u16, content_type: &str, bytes: Vec<u8>) -> Answer {
        let mut answer = Answer::empty(status).with("Content-Type", content_type);
        answer.content = Content::Bytes(bytes);
        answer
    }

    /// An answer with a part of a file.
    pub(crate) fn file(status: u16, content_type: &str, file: File, part: Part) -> Answer {
        let mut answer = Answer::empty(status).with("Content-Type", content_type);
        answer.content = Content::File(file, part);
        answer
    }

    /// The same with another field.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.fields.push((name, value.into()));
        self
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(_, part) => part.length,
        }
    }

    /// Sends the answer to a request of a method. `is_kept` says whether another request may follow.
    pub(super) fn send(self, connection: &Connection, method: &Method, is_kept: bool) -> Sent {
        let mut sent = Sent { bytes: 0, is_whole: false };
        // That it did not arrive is the client's affair: it knows.
        sent.is_whole = self.write(connection, method, is_kept, &mut sent.bytes).is_ok();
        sent
    }

    fn write(self, connection: &Connection, method: &Method, is_kept: bool, sent: &mut u64) -> io::Result<()> {
        let mut message = self.head(is_kept).into_bytes();
        let has_content = *method != Method::Head;
        match self.content {
            Content::Bytes(bytes) => {
                let bytes = if has_content { bytes } else { Vec::new() };
                message.extend_from_slice(&bytes);
                connection.send(&message)?;
                *sent = bytes.len() as u64;
            }
            Content::File(mut file, part) => {
                connection.send(&message)?;
                if has_content {
                    file.seek(SeekFrom::Start(part.from))?;
                    connection.send_file(&file, part.length, sent)?;
                }
            }
        }
        Ok(())
    }

    fn head(&self, is_kept: bool) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, phrase(self.status));
        let mut field = |name: &str, value: &str| {
            // Values come from documents, too; none of them ends a line.
            let value: String = value.chars().filter(|one| matches!(one, ' '..='~')).collect();
            head += &format!("{name}: {value}\r\n");
        };
        // A real clock: a server is for others, and nothing of it is replayed.
        field("Date", &jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        for (name, value) in &self.fields {
            field(name, value);
        }
        if !matches!(self.status, 204 | 304) {
            field("Content-Length", &self.length().to_string());
        }
        if !is_kept {
            field("Connection", "close");
        }
        head + "\r\n"
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "Status",
    }
}
