//! `--chmod`: an octal mode, or the symbolic form of chmod(1).
//!
//! Symbolic: clauses separated by commas; each is who (`u g o a`, none = everybody; no umask, as BuildKit has it), then one or more
//! of an operator (`+ - =`) with permissions (`r w x X s t`, and `u g o` to copy from). Where chmod programs differ, the BSD one is
//! followed, as BuildKit does: `=` clears the set-id bits of a directory too, `X` looks at the mode the file had at first, and `t`
//! is nothing to `o` alone.

use crate::tree::Kind;

/// A parsed `--chmod`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chmod {
    Octal(u32),
    Symbolic(Vec<Change>),
}

/// One change to a mode; a symbolic mode is a list of them, done one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Set(u32),
    Clear(u32),
    /// `X`: set for a directory, and for a file that anybody could execute.
    SetIfSearchable(u32),
    /// The permissions of one class (the shift of `u`, `g` or `o`) taken over by those of `who`.
    Copy {
        from: u32,
        who: u32,
        operator: char,
    },
}

/// Every bit that a class has but the sticky one.
const EVERYBODY: u32 = 0o6777;
const STICKY: u32 = 0o1000;

/// The text is not a mode.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid chmod parameter `{0}`: it should be an octal number up to 07777, or symbolic like `u=rwX,go=rX`")]
pub struct BadMode(pub(crate) String);

impl Chmod {
    /// # Errors
    /// [`BadMode`] with the text as it was.
    pub(crate) fn parse(text: &str) -> Result<Chmod, BadMode> {
        let bad = || BadMode(text.to_owned());
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).map_err(|_| bad())?;
            return if mode <= 0o7777 { Ok(Chmod::Octal(mode)) } else { Err(bad()) };
        }
        let mut changes = Vec::new();
        for clause in text.split(',') {
            parse_clause(clause, &mut changes).ok_or_else(bad)?;
        }
        Ok(Chmod::Symbolic(changes))
    }

    /// The mode (07777 bits) that a file of this mode gets.
    pub(crate) fn apply(&self, mode: u32, kind: &Kind) -> u32 {
        match self {
            Chmod::Octal(octal) => *octal,
            Chmod::Symbolic(changes) => {
                let searchable = *kind == Kind::Directory || mode & 0o111 != 0;
                changes.iter().fold(mode, |mode, change| change.apply(mode, searchable))
            }
        }
    }

    /// The octal mode, which BuildKit also gives to the parent directories it has to make.
    pub(crate) fn octal(&self) -> Option<u32> {
        match self {
            Chmod::Octal(mode) => Some(*mode),
            Chmod::Symbolic(_) => None,
        }
    }
}

fn parse_clause(clause: &str, changes: &mut Vec<Change>) -> Option<()> {
    let operators = clause.find(|letter| !"ugoa".contains(letter))?;
    let (classes, mut rest) = clause.split_at(operators);
    let who = classes.chars().fold(0, |who, class| who | class_bits(class));
    while !rest.is_empty() {
        let operator = rest.chars().next().filter(|letter| "+-=".contains(*letter))?;
        let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |at| at + 1);
        parse_permissions(&rest[1..end], who, operator, changes)?;
        rest = &rest[end..];
    }
    Some(())
}

/// What follows one operator. `who` is 0 where no class is named.
fn parse_permissions(letters: &str, mut who: u32, operator: char, changes: &mut Vec<Change>) -> Option<()> {
    let (mut bits, mut search) = (0, 0);
    // `=` clears what the classes have, once; a copy clears by itself.
    let mut cleared = operator != '=';
    let only_others = who != 0 && who & !0o7 == 0;
    for letter in letters.chars() {
        match letter {
            'r' => bits |= 0o444,
            'w' => bits |= 0o222,
            'x' => bits |= 0o111,
            'X' if operator == '-' => bits |= 0o111,
            'X' => search = 0o111,
            's' if !only_others => bits |= 0o6000,
            't' if !only_others => {
                who |= STICKY;
                bits |= STICKY;
            }
            's' | 't' => {}
            'u' | 'g' | 'o' => {
                flush(std::mem::take(&mut bits), std::mem::take(&mut search), who, operator, changes);
                cleared = true;
                changes.push(Change::Copy { from: shift(letter), who, operator });
            }
            _ => return None,
        }
    }
    if bits == 0 && !cleared {
        changes.push(Change::Clear(if who == 0 { EVERYBODY } else { who }));
    }
    flush(bits, search, who, operator, changes);
    Some(())
}

/// Turns the permissions collected so far into changes.
fn flush(bits: u32, search: u32, who: u32, operator: char, changes: &mut Vec<Change>) {
    let within = |bits: u32| if who == 0 { bits } else { bits & who };
    if bits != 0 {
        match operator {
            '+' => changes.push(Change::Set(within(bits))),
            '-' => changes.push(Change::Clear(within(bits))),
            _ => changes.extend([Change::Clear(if who == 0 { EVERYBODY } else { who }), Change::Set(within(bits))]),
        }
    }
    if search != 0 {
        changes.push(Change::SetIfSearchable(within(search)));
    }
}

/// The bits that belong to a class.
fn class_bits(class: char) -> u32 {
    match class {
        'u' => 0o4700,
        'g' => 0o2070,
        'o' => 0o0007,
        _ => EVERYBODY,
    }
}

/// Where the permissions of a class lie.
fn shift(class: char) -> u32 {
    match class {
        'u' => 6,
        'g' => 3,
        _ => 0,
    }
}

impl Change {
    /// `searchable`: the file is a directory, or could be executed before the first change.
    fn apply(self, mode: u32, searchable: bool) -> u32 {
        match self {
            Change::Set(bits) => mode | bits,
            Change::Clear(bits) => mode & !bits,
            Change::SetIfSearchable(bits) if searchable => mode | bits,
            Change::SetIfSearchable(_) => mode,
            Change::Copy { from, who, operator } => {
                let copied = (mode >> from) & 0o7;
                let spread = copied << 6 | copied << 3 | copied;
                // Whoever may read is a class that is meant: the set-id and sticky bits are never copied.
                let classes = [0o700, 0o070, 0o007].into_iter().filter(|class| who == 0 || who & class != 0);
                let mask = classes.fold(0, |mask, class| mask | class);
                match operator {
                    '+' => mode | spread & mask,
                    '-' => mode & !(spread & mask),
                    _ => mode & !mask | spread & mask,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Chmod, Kind};

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
            ("u=", 0o6755, true, Some(0o2055)),
            ("=rX", 0o7700, true, Some(0o1555)),
            ("a-x,a+X", 0o755, false, Some(0o755)),
            ("a-X", 0o644, false, Some(0o644)),
            ("a-X", 0o744, false, Some(0o644)),
            ("u+t", 0o755, true, Some(0o1755)),
            ("o+t", 0o755, true, Some(0o755)),
            ("o+s", 0o755, true, Some(0o755)),
            ("go=u-w", 0o700, false, Some(0o755)),
            ("g+xo", 0o704, false, Some(0o754)),
            ("u+", 0o644, false, Some(0o644)),
            ("", 0, false, None),
            ("u", 0, false, None),
            ("z+x", 0, false, None),
            ("u+x,", 0, false, None),
            ("99", 0, false, None),
        ];
        for (text, mode, directory, wanted) in cases {
            let kind = if directory { &Kind::Directory } else { &Kind::Fifo };
            let got = Chmod::parse(text).ok().map(|chmod| chmod.apply(mode, kind));
            assert_eq!(got, wanted, "{text} on {mode:o}");
        }
    }
}
