//! A block `diff`: how it changes a file.

/// A text after a change: the lines with `-` and those with a space before them stand in it once, and give way to those with `+` or a
/// space.
pub(crate) fn changed(before: &str, change: &[String]) -> Option<String> {
    let (old, new) = (side(change, '-'), side(change, '+'));
    let [at] = places(before, &old)[..] else { return None };
    Some(format!("{}{new}{}", &before[..at], &before[at + old.len()..]))
}

/// Whether a text is as a change leaves one: it does not fit, and what it brings is there. Where it only takes lines away, what it leaves was
/// there before as well: then what it takes is not.
pub(crate) fn is_changed(text: &str, change: &[String]) -> bool {
    let (old, new) = (side(change, '-'), side(change, '+'));
    let has = |text: &str, lines: &str| !places(text, lines).is_empty();
    changed(text, change).is_none() && has(text, &new) && !(has(&old, &new) && has(text, &old))
}

/// The lines of a change with this sign, and those around them.
fn side(change: &[String], sign: char) -> String {
    let of_side = change.iter().filter(|line| line.starts_with([' ', sign]) || line.is_empty());
    of_side.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect()
}

/// Where these lines stand in a text, as whole ones.
fn places(text: &str, lines: &str) -> Vec<usize> {
    text.match_indices(lines).map(|(at, _)| at).filter(|at| *at == 0 || text[..*at].ends_with('\n')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn a_change_stands_in_the_file_once() {
        assert_eq!(changed("a\nb\n", &lines("-a|+c")), Some("c\nb\n".to_owned()));
        assert_eq!(changed("a\nb\n", &lines(" a|+c| b")), Some("a\nc\nb\n".to_owned()));
        assert_eq!(changed("xa\na\n", &lines("-a|+c")), Some("xa\nc\n".to_owned()));
        assert_eq!(changed("a\na\n", &lines("-a|+c")), None);
        assert_eq!(changed("b\n", &lines("-a|+c")), None);
    }

    #[test]
    fn a_change_that_was_made_is_told_from_one_that_does_not_fit() {
        assert!(is_changed("c\nb\n", &lines("-a|+c")) && is_changed("b\n", &lines("-a")));
        assert!(is_changed("a\nc\nb\n", &lines(" a|+c| b")));
        assert!(!is_changed("a\nb\n", &lines("-a")) && !is_changed("a\nb\na\n", &lines("-a")), "taken away");
        assert!(!is_changed("a\nb\na\nb\n", &lines("-a| b")) && is_changed("b\n", &lines("-a| b")));
        assert!(is_changed("c\n", &lines("+c")) && !is_changed("b\n", &lines("+c")));
        assert!(!is_changed("a\nb\n", &lines("-a|+c")) && !is_changed("x\n", &lines("-a|+c")));
    }
}
