//! A block `diff`: how it changes a file.

/// A text after a change: the lines with `-` and those with a space before them stand in it once, and give way to those with `+` or a
/// space.
pub(super) fn changed(before: &str, change: &[String]) -> Option<String> {
    let side = |sign: char| -> String {
        let of_side = change.iter().filter(|line| line.starts_with([' ', sign]) || line.is_empty());
        of_side.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect()
    };
    let (old, new) = (side('-'), side('+'));
    (before.matches(&old).count() == 1).then(|| before.replacen(&old, &new, 1))
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
        assert_eq!(changed("a\na\n", &lines("-a|+c")), None);
        assert_eq!(changed("b\n", &lines("-a|+c")), None);
    }
}
