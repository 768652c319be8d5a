//! Names of containers: given by the user, or made up of an adjective and a surname.
//!
//! ```text
//! names/<name>   holds the id of the container that has the name
//! ```
//!
//! Making the file is what gives a name, and the kernel lets only one do so. A name whose container is gone, because somebody was killed
//! between the two, can be had again.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::Error;
use super::id::{DIGITS, is_id};
use crate::document::{self, Links};
use crate::limits::Bound;
use crate::store::write::Temporary;
use crate::store::{Home, purpose};

const ADJECTIVES: [&str; 48] = [
    "amused",
    "ardent",
    "blissful",
    "bold",
    "brave",
    "bright",
    "calm",
    "candid",
    "careful",
    "cheerful",
    "clever",
    "curious",
    "daring",
    "dreamy",
    "eager",
    "earnest",
    "fair",
    "fervent",
    "gallant",
    "gentle",
    "happy",
    "hopeful",
    "humble",
    "jolly",
    "keen",
    "kind",
    "lively",
    "loyal",
    "lucid",
    "merry",
    "mindful",
    "modest",
    "nimble",
    "noble",
    "patient",
    "peaceful",
    "playful",
    "quick",
    "quiet",
    "serene",
    "sharp",
    "sincere",
    "steady",
    "sunny",
    "thoughtful",
    "tidy",
    "vivid",
    "witty",
];

/// People to whom computing and its mathematics owe much.
const SURNAMES: [&str; 64] = [
    "aiken",
    "allen",
    "babbage",
    "backus",
    "bartik",
    "bell",
    "boole",
    "borg",
    "brooks",
    "cerf",
    "church",
    "clarke",
    "codd",
    "conway",
    "cray",
    "curry",
    "dahl",
    "diffie",
    "dijkstra",
    "easley",
    "eckert",
    "engelbart",
    "erdos",
    "euler",
    "floyd",
    "gauss",
    "goldberg",
    "hamilton",
    "hamming",
    "hellman",
    "hoare",
    "holberton",
    "hopper",
    "huffman",
    "iverson",
    "johnson",
    "kahn",
    "kay",
    "kernighan",
    "kilburn",
    "knuth",
    "lamport",
    "leibniz",
    "liskov",
    "lovelace",
    "mccarthy",
    "milner",
    "minsky",
    "moore",
    "naur",
    "neumann",
    "noether",
    "nygaard",
    "perlis",
    "perlman",
    "rivest",
    "ritchie",
    "shannon",
    "thompson",
    "torvalds",
    "turing",
    "wilkes",
    "wirth",
    "zuse",
];

/// What says whose a name is has the digits of an id.
const OWNER: Bound = Bound { what: "owner of a name", variable: "", most: DIGITS as u64 };

/// Who renames has it; no container's name begins with a dot.
pub(super) const LOCK: &str = ".lock";

/// Names are tried with digits behind them when so many were taken.
const PLAIN_TRIES: usize = 8;

/// Gives a container a name, or one that is made up.
///
/// # Errors
/// The name is no name, or another container has it.
pub(super) fn give(home: &Home, wanted: Option<&str>, id: &str) -> Result<String, Error> {
    if let Some(name) = wanted {
        check(name)?;
        return match take(home, name, id)? {
            None => Ok(name.to_owned()),
            Some(owner) => Err(Error::NameTaken { name: name.to_owned(), owner }),
        };
    }
    for number in 0.. {
        let name = made_up(id, number);
        if take(home, &name, id)?.is_none() {
            return Ok(name);
        }
    }
    unreachable!("there are more names than containers")
}

/// Whether a name is like those that are made up.
pub(crate) fn is_made_up(name: &str) -> bool {
    let name = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    name.split_once('_')
        .is_some_and(|(adjective, surname)| ADJECTIVES.contains(&adjective) && SURNAMES.contains(&surname))
}

/// Lets go of a name, if this container has it.
pub(super) fn release(home: &Home, name: &str, id: &str) {
    let path = home.names_dir().join(name);
    if check(name).is_ok() && said(&path).is_some_and(|owner| owner == id) {
        purpose::note("remove", &path);
        // What stays is a name whose container is gone.
        let _ = fs::remove_file(path);
    }
}

/// The id of the container with a name.
pub(super) fn owner(home: &Home, name: &str) -> Option<String> {
    check(name).ok()?;
    said(&home.names_dir().join(name))
}

/// The id in a file. Nothing else in one counts, and nothing else is read: an id becomes a path, and a home may be somebody else's.
fn said(path: &Path) -> Option<String> {
    let text = document::read(path, OWNER, Links::Refuse).ok()?;
    String::from_utf8(text).ok().filter(|id| is_id(id, DIGITS))
}

/// Takes a name; gives the id of the container that has it already.
fn take(home: &Home, name: &str, id: &str) -> Result<Option<String>, Error> {
    let path = home.names_dir().join(name);
    // Whole before it has the name: a full disk, or who kills us, leaves no name without an owner.
    let mut written = Temporary::create(&home.names_dir())?;
    written.write(id.as_bytes())?;
    loop {
        match fs::hard_link(written.path(), &path) {
            Ok(()) => {
                purpose::note("write", &path);
                return Ok(None);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("create", &path)(error)),
        }
        match said(&path) {
            // Where time stands still, ids come again.
            Some(owner) if owner == id => return Ok(None),
            Some(owner) if home.containers_dir().join(&owner).exists() => return Ok(Some(owner)),
            // Its container is gone, or the name was let go of just now.
            Some(_) | None => match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("remove", &path)(error)),
                Ok(()) | Err(_) => {}
            },
        }
    }
}

/// `[a-zA-Z0-9][a-zA-Z0-9_.-]+`, as with Docker.
pub(super) fn check(name: &str) -> Result<(), Error> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric();
    let is_name = name.len() >= 2
        && name.len() <= 255
        && name.starts_with(is_plain)
        && name.chars().all(|letter| is_plain(letter) || "_.-".contains(letter));
    // An id would win over such a name wherever a container is looked for.
    let is_id = name.len() == 64 && name.chars().all(|letter| letter.is_ascii_hexdigit());
    if is_name && !is_id {
        return Ok(());
    }
    Err(Error::Argument {
        message: format!("`{}` is not a name", shortened(name)),
        hint: Some("use letters, digits, `_`, `.` and `-`, at least two of them, beginning with a letter or a digit"),
    })
}

/// As much of a name as a message shows.
fn shortened(name: &str) -> String {
    const MOST: usize = 80;
    match name.char_indices().nth(MOST) {
        None => name.to_owned(),
        Some((at, _)) => format!("{}…", &name[..at]),
    }
}

/// The name that an id leads to; another for each number.
fn made_up(id: &str, number: usize) -> String {
    let digit =
        |place: usize| id.get(place..place + 4).and_then(|part| usize::from_str_radix(part, 16).ok()).unwrap_or(0);
    let adjective = ADJECTIVES[(digit(0) + number) % ADJECTIVES.len()];
    let surname = SURNAMES[(digit(4) + number * 7) % SURNAMES.len()];
    match number {
        0..PLAIN_TRIES => format!("{adjective}_{surname}"),
        _ => format!("{adjective}_{surname}{}", number - PLAIN_TRIES),
    }
}

#[cfg(test)]
mod tests {
    use super::{check, is_made_up, made_up};

    #[test]
    fn names() {
        for good in ["web", "ebisong-nginx", "a1", "0_x.y-z"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "-web", "a b", "a/b", "ä1", "..", ".hidden", &"x".repeat(256), &"0a".repeat(32)] {
            assert!(check(bad).is_err(), "{bad}");
        }
        let names: std::collections::BTreeSet<String> = (0..100).map(|number| made_up("00ff12ab45", number)).collect();
        assert_eq!(names.len(), 100);
        assert!(names.iter().all(|name| is_made_up(name)) && !is_made_up("date_script"));
    }
}
