//! Text that was meant as a JSON array, and is not one.
//!
//! `CMD ['a']` is a valid instruction: what is not JSON is a command line for the shell, or a list of words. It is hardly
//! ever what was meant. A `[` may also begin a test of the shell (`RUN [ -f /x ] && …`) or a wildcard (`COPY [a-z]* /`), so
//! what follows it decides.

/// Whether text begins as an array does, and not as a test of the shell or a wildcard.
pub(super) fn is_meant(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('[') else { return false };
    let item = inside.trim_start();
    let Some(first) = item.chars().next() else { return false };
    let is_spaced = item.len() < inside.len();
    match (is_quote(first), is_spaced) {
        (true, false) => true,
        // `[ "$a" ] && b` and `[ "$a" = b ]` are tests; `[ "a", "b" ]` and `[ "a" "b" ]` are not.
        (true, true) => {
            let after = item[first.len_utf8()..].split_once(closing(first)).map_or("", |(_, after)| after.trim_start());
            after.starts_with(',') || after.starts_with(is_quote) || (after == "]" && first != '"')
        }
        (false, false) => first != '[' && text.ends_with(']') && (text.contains(',') || first == '/'),
        (false, true) => item.split_whitespace().next().is_some_and(|word| word.len() > 1 && word.ends_with(',')),
    }
}

/// What keeps the text from being a JSON array of strings, as advice.
pub(super) fn advice(text: &str) -> &'static str {
    if text.contains(['“', '”', '‘', '’', '„', '«', '»']) {
        return "these are typographic quotes: JSON needs plain double quotes";
    }
    let Some(end) = text.rfind(']') else { return "the closing `]` is missing" };
    match text[end + 1..].trim_start() {
        "" => element_advice(text.get(1..end).unwrap_or("")),
        comment if comment.starts_with('#') => "a comment needs a line of its own",
        _ => "nothing may follow the closing `]`",
    }
}

fn element_advice(elements: &str) -> &'static str {
    let mut rest = elements.trim_start();
    while let Some(string) = rest.strip_prefix('"') {
        let Some(after) = after_string(string) else { return "a double quote is not closed" };
        rest = after.trim_start();
        if rest.is_empty() {
            return "a backslash is written `\\\\` in JSON";
        }
        let Some(next) = rest.strip_prefix(',') else { return "put a comma between the elements" };
        rest = next.trim_start();
        if rest.is_empty() {
            return "remove the comma before the `]`";
        }
    }
    match rest.starts_with('\'') {
        true => "JSON has no single quotes: put double quotes around every element",
        false => "put double quotes around every element",
    }
}

/// What follows a string whose opening quote is read.
fn after_string(text: &str) -> Option<&str> {
    let mut is_escaped = false;
    let end = text.char_indices().find(|(_, character)| {
        let ends = *character == '"' && !is_escaped;
        is_escaped = *character == '\\' && !is_escaped;
        ends
    })?;
    Some(&text[end.0 + 1..])
}

fn is_quote(character: char) -> bool {
    matches!(character, '"' | '\'' | '“' | '”' | '‘' | '’' | '„' | '«')
}

fn closing(quote: char) -> char {
    match quote {
        '“' | '„' => '”',
        '‘' => '’',
        '«' => '»',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_with_a_mistake_are_told_from_tests_and_wildcards() {
        for text in [
            "['a']",
            "[\"a\", 'b']",
            "[ \"ls\" \"-l\" ]",
            "[ \"a\", b ]",
            "[\"a\"",
            "[\"a\"] # c",
            "[“a”]",
            "[ “a” ]",
            "[a, b]",
            "[ a, b ]",
            "[/data]",
            "[ 'a' ]",
            "[\"a\",]",
        ] {
            assert!(is_meant(text), "{text}");
        }
        for text in [
            "[ -f /x ] && y",
            "[ \"$a\" = b ]",
            "[ \"$a\" ]",
            "[ \"$a\" ] || exit 1",
            "[[ -f x ]]",
            "[a-z]*.c /src/",
            "[ab] /",
            "[",
            "[]",
            "[ ]",
            "ls",
            "",
        ] {
            assert!(!is_meant(text), "{text}");
        }
    }

    #[test]
    fn the_advice_names_the_mistake() {
        for (text, words) in [
            ("['a']", "single quotes"),
            ("[\"a\", 'b']", "single quotes"),
            ("[\"a\" \"b\"]", "comma between"),
            ("[\"a\",]", "remove the comma"),
            ("[\"a\"", "closing `]`"),
            ("[\"a\"] # c", "line of its own"),
            ("[\"a\"] b", "nothing may follow"),
            ("[“a”]", "typographic"),
            ("[a, b]", "double quotes around"),
            ("[\"C:\\x\"]", "backslash"),
            ("[\"a]", "not closed"),
        ] {
            assert!(advice(text).contains(words), "{text}: {}", advice(text));
        }
    }
}
