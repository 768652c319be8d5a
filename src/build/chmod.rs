//! `--chmod`: an octal mode, or the symbolic form of chmod(1).
//!
//! Symbolic: clauses parted by commas; each is who (`u g o a`, none = `a`; no umask, as BuildKit has it), then one or more of an
//! operator (`+ - =`) with permissions (`r w x X s t`, or one of `u g o` to copy from). See POSIX chmod.

/// A parsed `--chmod`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chmod {
    Octal(u32),
    Symbolic(Vec<Clause>),
}

/// One operator with what it applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    who: u32,
    operator: char,
    permissions: Permissions,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Permissions {
    /// Bits for all of user, group and other at once (`r` = 0444), with the special bits; `search` is `X`.
    Bits { bits: u32, search: bool },
    /// Copied from user, group or other: the shift of that class.
    Copy(u32),
}

/// The text is no mode.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid chmod parameter `{0}`: it should be an octal number up to 07777, or symbolic like `u=rwX,go=rX`")]
pub struct BadMode(pub String);

impl Chmod {
    /// # Errors
    /// [`BadMode`] with the text as it was.
    pub fn parse(text: &str) -> Result<Chmod, BadMode> {
        let bad = || BadMode(text.to_owned());
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).map_err(|_| bad())?;
            return if mode <= 0o7777 { Ok(Chmod::Octal(mode)) } else { Err(bad()) };
        }
        let mut clauses = Vec::new();
        for part in text.split(',') {
            parse_clause(part, &mut clauses).ok_or_else(bad)?;
        }
        Ok(Chmod::Symbolic(clauses))
    }

    /// The mode (07777 bits) that a file of this mode gets.
    pub fn apply(&self, mode: u32, directory: bool) -> u32 {
        match self {
            Chmod::Octal(octal) => *octal,
            Chmod::Symbolic(clauses) => clauses.iter().fold(mode, |mode, clause| clause.apply(mode, directory)),
        }
    }

    /// The octal mode, which BuildKit also gives to the parent directories it has to make.
    pub fn octal(&self) -> Option<u32> {
        match self {
            Chmod::Octal(mode) => Some(*mode),
            Chmod::Symbolic(_) => None,
        }
    }
}

fn parse_clause(part: &str, clauses: &mut Vec<Clause>) -> Option<()> {
    let letters: Vec<char> = part.chars().collect();
    let mut at = 0;
    let mut who = 0;
    while let Some(letter) = letters.get(at) {
        who |= match letter {
            'u' => 0o4700,
            'g' => 0o2070,
            'o' => 0o1007,
            'a' => 0o7777,
            _ => break,
        };
        at += 1;
    }
    if who == 0 {
        who = 0o7777;
    }
    let before = clauses.len();
    while let Some(&operator @ ('+' | '-' | '=')) = letters.get(at) {
        at += 1;
        let permissions = match letters.get(at) {
            Some('u') => Permissions::Copy(6),
            Some('g') => Permissions::Copy(3),
            Some('o') => Permissions::Copy(0),
            _ => Permissions::Bits { bits: 0, search: false },
        };
        let permissions = match permissions {
            Permissions::Copy(shift) => {
                at += 1;
                Permissions::Copy(shift)
            }
            Permissions::Bits { .. } => {
                let (mut bits, mut search) = (0, false);
                while let Some(letter) = letters.get(at) {
                    match letter {
                        'r' => bits |= 0o444,
                        'w' => bits |= 0o222,
                        'x' => bits |= 0o111,
                        'X' => search = true,
                        's' => bits |= 0o6000,
                        't' => bits |= 0o1000,
                        _ => break,
                    }
                    at += 1;
                }
                Permissions::Bits { bits, search }
            }
        };
        clauses.push(Clause { who, operator, permissions });
    }
    (at == letters.len() && clauses.len() > before).then_some(())
}

impl Clause {
    fn apply(&self, mode: u32, directory: bool) -> u32 {
        let bits = match self.permissions {
            Permissions::Copy(shift) => {
                let class = (mode >> shift) & 0o7;
                class << 6 | class << 3 | class
            }
            Permissions::Bits { bits, search } if search && (directory || mode & 0o111 != 0) => bits | 0o111,
            Permissions::Bits { bits, .. } => bits,
        };
        match self.operator {
            '+' => mode | bits & self.who,
            '-' => mode & !(bits & self.who),
            // `=` leaves the set-id bits of a directory unless they are named, as GNU chmod does.
            _ => {
                let kept = if directory { 0o6000 } else { 0 };
                mode & !(self.who & !kept) | bits & self.who
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Chmod;

    #[test]
    fn symbolic_and_octal_modes() {
        let cases = [
            ("755", 0o644, false, Some(0o755)),
            ("0644", 0o777, false, Some(0o644)),
            ("07777", 0, false, Some(0o7777)),
            ("10000", 0, false, None),
            ("u+x", 0o644, false, Some(0o744)),
            ("+x", 0o644, false, Some(0o755)),
            ("a+rX", 0o600, false, Some(0o644)),
            ("a+rX", 0o700, true, Some(0o755)),
            ("u=rwX,go=rX", 0o600, false, Some(0o644)),
            ("u=rwX,go=rX", 0o000, true, Some(0o755)),
            ("g=u", 0o640, false, Some(0o660)),
            ("go-rwx", 0o777, false, Some(0o700)),
            ("u+s,+t", 0o755, false, Some(0o5755)),
            ("u+r-w", 0o200, false, Some(0o400)),
            ("", 0, false, None),
            ("u", 0, false, None),
            ("z+x", 0, false, None),
            ("u+x,", 0, false, None),
            ("99", 0, false, None),
        ];
        for (text, mode, directory, wanted) in cases {
            let got = Chmod::parse(text).ok().map(|chmod| chmod.apply(mode, directory));
            assert_eq!(got, wanted, "{text} on {mode:o}");
        }
    }
}
