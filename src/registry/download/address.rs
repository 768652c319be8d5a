//! The URL of a file, and the name that the file gets by it.

use super::error::Error;
use crate::registry::url::{Url, unescaped};

/// The URL of a file, as a Dockerfile has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    written: String,
    pub(super) url: Url,
}

impl Address {
    /// Reads the URL of a file. Spaces and letters beyond ASCII are escaped, as browsers do.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn parse(written: &str) -> Result<Address, Error> {
        let mut text = String::with_capacity(written.len());
        for byte in written.bytes() {
            match byte {
                b' ' | 0x80.. => text.push_str(&format!("%{byte:02X}")),
                _ => text.push(char::from(byte)),
            }
        }
        let invalid = |reason| {
            let (before, after) = written.rsplit_once('@').map_or(("", written), |(before, after)| (before, after));
            let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://…@")).unwrap_or_default();
            Error::Invalid { written: format!("{scheme}{after}"), reason }
        };
        let host = text.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?', '#']).next();
        if host.is_some_and(|host| host.contains('@')) {
            return Err(invalid("it has a user name or a password, which would be written down"));
        }
        let url =
            Url::parse(&text).ok_or_else(|| invalid("it has to begin with `http://` or `https://` and a host"))?;
        Ok(Address { written: written.to_owned(), url })
    }

    /// The whole address, as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.written
    }

    /// The address without its query, which may be a secret.
    pub(crate) fn shown(&self) -> String {
        self.url.to_string()
    }

    /// The name of the file: the last one of the path, unescaped. As in BuildKit it does not depend on what the server says.
    pub(crate) fn file_name(&self) -> Vec<u8> {
        let shown = self.url.to_string();
        let (_, rest) = shown.split_once("://").unwrap_or_default();
        let path = unescaped(rest.split_once('/').map_or("", |(_, path)| path));
        let name = path.split(|byte| *byte == b'/').rfind(|name| !name.is_empty()).unwrap_or_default();
        let is_name = !name.is_empty() && name != b"." && name != b".." && !name.contains(&0);
        if is_name { name.to_vec() } else { b"__unnamed__".to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn a_file_is_named_by_its_url() {
        for (url, name) in [
            ("http://a/b/c.tar.gz", "c.tar.gz"),
            ("https://a:1/c?d=/e", "c"),
            ("http://a/b%20c%2Fd", "d"),
            ("http://a/b/", "b"),
            ("http://a/ü", "ü"),
            ("http://a/b#c/d", "b"),
            ("http://a/100%", "100%"),
            ("http://a", "__unnamed__"),
            ("http://a/", "__unnamed__"),
            ("http://a/b/..", "__unnamed__"),
            ("http://a/%00", "__unnamed__"),
        ] {
            let address = Address::parse(url).expect(url);
            assert_eq!(String::from_utf8(address.file_name()).expect(url), name, "{url}");
        }
        for url in ["http://", "http://user:secret@a/b", "ftp://a/b", "http:///b", "http://a/\u{1}"] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }
}
