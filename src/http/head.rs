//! The head of a request: RFC 9112, sections 3 and 5. `httparse` knows the grammar; here is what of it is accepted.

/// The longest head.
pub(super) const LONGEST: usize = 16 << 10;
/// The most fields in one.
const MOST_FIELDS: usize = 64;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    /// Any other, as it was written.
    Other(String),
}

impl Method {
    fn of(text: &str) -> Method {
        match text {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            other => Method::Other(other.to_owned()),
        }
    }

    /// As it is written.
    pub(crate) fn name(&self) -> &str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Other(name) => name,
        }
    }
}

/// How long a body is, as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Nothing,
    Exactly(u64),
    Chunks,
}

/// The head of a request.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    /// The target as it was written: path and query.
    pub(crate) target: String,
    /// The minor version of HTTP/1.
    pub(crate) minor: u8,
    fields: Vec<(String, String)>,
    /// How long the body is.
    pub(super) length: Length,
}

/// Why a head is not answered as it wishes: the status, and the reason in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Misunderstood {
    pub(super) status: u16,
    pub(super) reason: &'static str,
}

const fn bad(reason: &'static str) -> Misunderstood {
    Misunderstood { status: 400, reason }
}

impl Head {
    /// Reads a head from the beginning of these bytes, and how many of them it has. `None`: not all of it is there.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<(Head, usize)>, Misunderstood> {
        let mut room = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut parsed = httparse::Request::new(&mut room);
        let length = match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Misunderstood { status: 431, reason: "too many header fields" });
            }
            Err(httparse::Error::Version) => {
                return Err(Misunderstood { status: 505, reason: "not HTTP/1.1" });
            }
            Err(_) => return Err(bad("not a request of HTTP/1.1")),
        };
        let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(bad("not a request of HTTP/1.1"));
        };
        if !target.starts_with('/') {
            return Err(bad("the target is not a path"));
        }
        // What is not UTF-8 is in fields that nobody here asks for.
        let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
        let fields: Vec<(String, String)> =
            parsed.headers.iter().map(|field| (field.name.to_ascii_lowercase(), text(field.value))).collect();
        let mut head =
            Head { method: Method::of(method), target: target.to_owned(), minor, fields, length: Length::Nothing };
        head.length = head.length_of_body()?;
        Ok(Some((head, length)))
    }

    /// The value of a field, by its name in small letters.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The path, without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    /// The value of a name in the query, decoded. `None` also for one that can't be decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let query = self.target.split('#').next()?.split_once('?')?.1;
        query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).find_map(|(own, value)| {
            (decode(own, Plus::IsSpace).as_deref() == Some(name)).then(|| decode(value, Plus::IsSpace)).flatten()
        })
    }

    /// Whether the connection is to be kept for another request.
    pub(super) fn is_kept(&self) -> bool {
        let says = |word: &str| {
            self.field("connection")
                .is_some_and(|value| value.split(',').any(|own| own.trim().eq_ignore_ascii_case(word)))
        };
        if self.minor == 0 { says("keep-alive") } else { !says("close") }
    }

    /// Whether the client waits for a word before it sends the body.
    pub(super) fn waits(&self) -> bool {
        self.minor > 0 && self.field("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
    }

    /// Two lengths would let two readers of one connection see two requests (RFC 9112, 11.2), so there is one or none.
    fn length_of_body(&self) -> Result<Length, Misunderstood> {
        let all =
            |name: &str| self.fields.iter().filter(|(own, _)| own == name).map(|(_, value)| value).collect::<Vec<_>>();
        match (all("content-length").as_slice(), all("transfer-encoding").as_slice()) {
            ([], []) => Ok(Length::Nothing),
            ([length], []) => {
                let is_number = length.bytes().all(|byte| byte.is_ascii_digit());
                let length = length.parse().ok().filter(|_| is_number);
                length.map(Length::Exactly).ok_or(bad("the length of the body is not a number"))
            }
            ([], [coding]) if self.minor > 0 && coding.eq_ignore_ascii_case("chunked") => Ok(Length::Chunks),
            ([], [_]) => Err(Misunderstood { status: 501, reason: "a transfer coding other than `chunked`" }),
            _ => Err(bad("the body has more than one length")),
        }
    }
}

/// What a plus sign means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plus {
    /// Itself, as in a path.
    IsPlus,
    /// A space, as in a query.
    IsSpace,
}

/// Undoes `%41`. `None` for what is not text: broken escapes, NUL, bytes that are not UTF-8.
pub(crate) fn decode(text: &str, plus: Plus) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'+' if plus == Plus::IsSpace => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    if bytes.contains(&0) { None } else { String::from_utf8(bytes).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<(Head, usize)>, u16> {
        Head::read(text.as_bytes()).map_err(|misunderstood| misunderstood.status)
    }

    #[test]
    fn a_head_is_read() {
        let text = "PUT /v2/a%3Ab?digest=sha256%3Aab&n=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
        let (head, length) = read(text).expect("it is right").expect("it is whole");
        assert_eq!((head.method.name(), head.path(), head.length), ("PUT", "/v2/a%3Ab", Length::Exactly(3)));
        assert_eq!((head.query("digest").as_deref(), head.query("last")), (Some("sha256:ab"), None));
        assert_eq!((&text[length..], head.is_kept()), ("abc", true));
        assert!(read(&text[..40]).is_ok_and(|head| head.is_none()));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let of = |fields: &str| read(&format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n")).map(|_| ());
        assert_eq!(of("Content-Length: 1\r\nContent-Length: 2"), Err(400));
        assert_eq!(of("Content-Length: 1\r\nTransfer-Encoding: chunked"), Err(400));
        assert_eq!(of("Content-Length: +1"), Err(400));
        assert_eq!(of("Content-Length: 99999999999999999999"), Err(400));
        assert_eq!(of("Transfer-Encoding: gzip, chunked"), Err(501));
        assert_eq!(of(&"A: b\r\n".repeat(65)), Err(431));
        assert_eq!(read("GET http://x/ HTTP/1.1\r\n\r\n").map(|_| ()), Err(400));
        assert_eq!(read("GET / HTTP/2.0\r\n\r\n").map(|_| ()), Err(505));
    }
}
