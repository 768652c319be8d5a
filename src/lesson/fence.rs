//! The lines of a fenced block: what its fence names, which line closes it, and what stands before each line within a list or a quotation.

/// A margin as it stands before the lines after the first: the mark of a list is blank there.
pub(super) fn below(margin: &str) -> String {
    margin.chars().map(|letter| if letter == '>' { '>' } else { ' ' }).collect()
}

/// A line without as much of the margin as it has.
pub(super) fn without<'l>(margin: &str, line: &'l str) -> &'l str {
    let mut rest = line;
    for letter in margin.chars() {
        match rest.chars().next() {
            Some(first) if first == letter || first == ' ' => rest = &rest[first.len_utf8()..],
            Some(_) | None => break,
        }
    }
    rest
}

/// Whether a line closes the block that another one opens.
pub(super) fn closes(opening: &str, line: &str) -> bool {
    let mark = opening.trim_start().chars().next().unwrap_or('`');
    let length = |line: &str| line.trim_start().chars().take_while(|letter| *letter == mark).count();
    line.trim().chars().all(|letter| letter == mark) && length(line) >= length(opening).max(3)
}

/// The language and the file that a fence names.
pub(super) fn read_info(info: &str) -> (String, Option<String>) {
    let info = info.trim();
    let end = info.find([' ', ',', '{', '\t']).unwrap_or(info.len());
    let (language, rest) = info.split_at(end);
    let rest = rest.trim_matches(['{', '}', ',', ' ', '\t']);
    let named = |key: &str| {
        let (_, value) = rest.split_once(key)?;
        match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => value.split_whitespace().next(),
        }
    };
    let bare = || (!rest.is_empty() && !rest.contains([' ', '=', ','])).then_some(rest);
    let file = named("title=").or_else(|| named("file=")).or_else(bare);
    (language.to_owned(), file.map(str::to_owned))
}

/// A line of a block as it stands on the page, behind its margin. A blank line has nothing behind it that is not seen.
pub(super) fn placed(margin: &str, line: &str) -> String {
    if line.is_empty() { margin.trim_end().to_owned() } else { format!("{margin}{line}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_name_languages_and_files() {
        let read = |info: &str| {
            let (language, file) = read_info(info);
            format!("{language} {}", file.unwrap_or_default())
        };
        assert_eq!(read("sh date.sh"), "sh date.sh");
        assert_eq!(read("dockerfile {title=\"Dockerfile\"}"), "dockerfile Dockerfile");
        assert_eq!(read("yaml title=\"a b.yaml\" linenums=1"), "yaml a b.yaml");
        assert_eq!(read("rust,ignore"), "rust ignore");
        assert_eq!(read("console"), "console ");
    }
}
