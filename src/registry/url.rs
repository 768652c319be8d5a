//! Addresses of documents on servers, as far as registries use them: `https://host:port/path?query`.
//!
//! RFC 3986. Left out: user names in an address, which would put a secret into messages, and fragments, which no server sees.

use std::fmt;

use ureq::http::Uri;

/// An absolute address over HTTP or HTTPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    text: String,
    /// Where the host begins and ends in the text, its port included.
    authority: std::ops::Range<usize>,
}

impl Url {
    /// The most bytes of an address that an answer may name: those of object stores carry a long signature.
    const LONGEST: usize = 16 << 10;

    /// Reads an absolute address.
    pub(super) fn parse(text: &str) -> Option<Url> {
        let text = text.split('#').next().unwrap_or_default();
        let start = text.find("://")? + 3;
        let is_known = ["http://", "https://"].iter().any(|scheme| text[..start].eq_ignore_ascii_case(scheme));
        let end = text[start..].find(['/', '?']).map_or(text.len(), |length| start + length);
        let is_plain = text.len() <= Url::LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        let authority = &text[start..end];
        if !is_known || !is_plain || authority.is_empty() || authority.contains('@') || text.parse::<Uri>().is_err() {
            return None;
        }
        let text = format!("{}{}", text[..start].to_ascii_lowercase(), &text[start..]);
        Some(Url { text, authority: start..end })
    }

    /// What a `Location` or a path means beside this address.
    pub(super) fn join(&self, location: &str) -> Option<Url> {
        let scheme = location.split("://").next().unwrap_or_default();
        let is_absolute = scheme.len() < location.len() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_absolute {
            return Url::parse(location);
        }
        let scheme = &self.text[..self.authority.start];
        let root = &self.text[..self.authority.end];
        if let Some(rest) = location.strip_prefix("//") {
            return Url::parse(&format!("{scheme}{rest}"));
        }
        if location.starts_with('/') {
            return Url::parse(&format!("{root}{location}"));
        }
        let path = self.text[self.authority.end..].split('?').next().unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Url::parse(&format!("{root}{folder}/{location}"))
    }

    /// The same address with one more parameter. The value must need no escapes but `:`, `/` and `+`.
    pub(super) fn with(&self, name: &str, value: &str) -> Option<Url> {
        let separator = if self.text.contains('?') { '&' } else { '?' };
        Url::parse(&format!("{}{separator}{name}={}", self.text, escaped(value)))
    }

    /// The whole address.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port.
    pub(super) fn authority(&self) -> &str {
        &self.text[self.authority.clone()]
    }

    /// The host without its port.
    pub(super) fn host(&self) -> &str {
        let authority = self.authority();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            Some(_) | None => authority,
        }
    }

    /// Whether nobody on the way can read along.
    pub(super) fn is_secure(&self) -> bool {
        self.text.starts_with("https://")
    }

    /// Whether what may be shown to the one may be shown to the other: same scheme, same host, same port.
    pub(super) fn is_same_server(&self, other: &Url) -> bool {
        self.is_secure() == other.is_secure() && self.authority().eq_ignore_ascii_case(other.authority())
    }
}

/// Without the query: it may hold a signature that is as good as a password.
impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text.split('?').next().unwrap_or_default())
    }
}

/// Percent-encodes what may not stand in the value of a parameter.
pub(super) fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Percent-decodes a text. What is no escape stays.
pub(crate) fn unescaped(text: &str) -> Vec<u8> {
    let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) if *byte == b'%' => {
                decoded.push(escaped);
                at += 3;
            }
            Some(_) | None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn locations_are_read_beside_an_address() {
        let base = Url::parse("https://Registry.example:5000/v2/a/blobs/uploads/?x=1").expect("valid");
        let join = |location| base.join(location).map(|url| url.as_str().to_owned());
        for (location, expected) in [
            ("/v2/b", Some("https://Registry.example:5000/v2/b")),
            ("u1?_state=a%3D", Some("https://Registry.example:5000/v2/a/blobs/uploads/u1?_state=a%3D")),
            ("HTTPS://cdn.example/x#y", Some("https://cdn.example/x")),
            ("//cdn.example/x", Some("https://cdn.example/x")),
            ("ftp://cdn.example/x", None),
            ("https://user:secret@cdn.example/", None),
            ("https://", None),
            ("latest?x=http://a/", Some("https://Registry.example:5000/v2/a/blobs/uploads/latest?x=http://a/")),
            ("/a b", None),
            ("/a\r\nHost: b", None),
        ] {
            assert_eq!(join(location).as_deref(), expected, "{location}");
        }
        assert_eq!(base.to_string(), "https://Registry.example:5000/v2/a/blobs/uploads/");
        assert_eq!(base.authority(), "Registry.example:5000");
        let with = base.with("digest", "sha256:ab").map(|url| url.as_str().to_owned());
        assert_eq!(with.as_deref(), Some("https://Registry.example:5000/v2/a/blobs/uploads/?x=1&digest=sha256%3Aab"));
    }

    #[test]
    fn servers_are_told_apart() {
        let same =
            |one: &str, other: &str| Url::parse(one).expect(one).is_same_server(&Url::parse(other).expect(other));
        assert!(same("https://a:1/x", "https://A:1/y"));
        for other in ["http://a:1/", "https://a:2/", "https://b:1/", "https://a/"] {
            assert!(!same("https://a:1/x", other), "{other}");
        }
    }
}
