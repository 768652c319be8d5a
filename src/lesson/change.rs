//! A block `diff`: how it changes a file.

/// A text after a change: the lines with `-` and those with a space before them stand in it once, and give way to those with `+` or a
/// space.
pub(crate) fn changed(before: &str, change: &[String]) -> Option<String> {
    let side = |sign: char| -> String {
        let of_side = change.iter().filter(|line| line.starts_with([' ', sign]) || line.is_empty());
        of_side.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect()
    };
    let (old, new) = (side('-'), side('+'));
    // Whole lines: what they begin with stands at the beginning of one.
    let places: Vec<usize> =
        before.match_indices(&old).map(|(at, _)| at).filter(|at| *at == 0 || before[..*at].ends_with('\n')).collect();
    let [at] = places[..] else { return None };
    Some(format!("{}{new}{}", &before[..at], &before[at + old.len()..]))
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
}
