//! Reading a document of a bundle: with a bound, and with the place of what is wrong in it.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::error::Error;
use crate::document::{self, Links};
use crate::limits::{Bound, Limit};

/// How large a document may be. Those of managers have some 30 KiB, most of it the system call filter.
pub(crate) const LARGEST: Limit = Limit::bytes("document of a bundle", "LAYERLAB_MAX_BUNDLE_DOCUMENT", 4 << 20);

/// Reads a document.
///
/// # Errors
/// It can't be read, is too large, or is not what it should be.
pub(crate) fn document<T: DeserializeOwned>(path: &Path, bound: Bound) -> Result<T, Error> {
    understand(path, &document::read(path, bound, Links::Follow)?)
}

/// As [`document()`], of what comes from standard input.
///
/// # Errors
/// As [`document()`].
pub(crate) fn standard_input<T: DeserializeOwned>(bound: Bound) -> Result<T, Error> {
    let name = Path::new("standard input");
    understand(name, &document::read_to_end(std::io::stdin().lock(), name, bound)?)
}

fn understand<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(bytes);
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        let (line, column) = (error.line(), error.column());
        // Of a field that is not known the name was read, and what it names was not.
        let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        let place = place(&text, line, column, unknown);
        let place = if place.is_empty() { format!("{line}:{column}") } else { format!("{place} ({line}:{column})") };
        Error::Form { path: path.to_owned(), place, message }
    })
}

/// What a value is in: a list, or an object.
enum Level {
    List(usize),
    Object(String),
}

/// The place in a JSON text that a line and a column lead to: `linux.namespaces[2].type`. What comes before it has the form of JSON; `last` is
/// the name there, where it is known.
fn place(text: &str, line: usize, column: usize, last: Option<&str>) -> String {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let end = (before + column).min(text.len());
    let mut levels: Vec<Level> = Vec::new();
    let (mut word, mut in_word, mut escaped) = (String::new(), false, false);
    for byte in text.bytes().take(end) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_word => escaped = true,
            b'"' => {
                in_word = !in_word;
                if in_word {
                    word.clear();
                }
            }
            _ if in_word => word.push(char::from(byte)),
            b'{' => levels.push(Level::Object(String::new())),
            b'[' => levels.push(Level::List(0)),
            b'}' | b']' => drop(levels.pop()),
            b':' => {
                if let Some(Level::Object(name)) = levels.last_mut() {
                    *name = std::mem::take(&mut word);
                }
            }
            b',' => {
                if let Some(Level::List(index)) = levels.last_mut() {
                    *index += 1;
                }
            }
            // Numbers, `true`, `null`, spaces: no place begins or ends with them.
            _ => {}
        }
    }
    if let (Some(last), Some(Level::Object(name))) = (last, levels.last_mut()) {
        *name = last.to_owned();
    }
    let mut place = String::new();
    for level in &levels {
        match level {
            Level::List(index) => place.push_str(&format!("[{index}]")),
            Level::Object(name) if name.is_empty() => {}
            Level::Object(name) if place.is_empty() => place.push_str(name),
            Level::Object(name) => place.push_str(&format!(".{name}")),
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_place_is_named_by_its_way() {
        let text = "{\n \"a\": [1, {\"b\\\"c\": 2, \"d\": {\"e\": x}}]\n}";
        assert_eq!(place(text, 2, 34, None), "a[1].d.e");
        assert_eq!(place(text, 2, 8, None), "a[0]");
        assert_eq!(place("{\"a\": {\"b\": 1}, \"c\": 2", 1, 22, None), "c");
        assert_eq!(place("{\"a\": {\"b\"", 1, 10, Some("b")), "a.b");
    }
}
