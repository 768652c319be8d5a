//! Where a word of a shell's command ends: enough of the shell's grammar to know what only sets a variable or defines a function
//! (POSIX.1-2024, XCU 2.2 and 2.9). What is not understood, such as `case` in a substitution, counts as longer than it is.

/// What a word begins with ends here: before a blank or an operator that is in no quotes, substitution or group `{ …; }`.
pub(super) fn end_of_word(text: &str) -> usize {
    let mut open: Vec<char> = Vec::new();
    let mut before = ' ';
    let mut letters = text.char_indices().peekable();
    while let Some((place, letter)) = letters.next() {
        let is_word = |before: char| before.is_whitespace() || before == ';';
        match (open.last(), letter) {
            (Some('\''), '\'') => drop(open.pop()),
            (Some('\''), _) => {}
            (_, '\\') => drop(letters.next()),
            (Some('"'), '"') | (Some('`'), '`') | (Some('('), ')') => drop(open.pop()),
            (Some('{'), '}') if is_word(before) => drop(open.pop()),
            (_, '(') if before == '$' || open.last().is_some_and(|open| *open == '(') => open.push('('),
            (Some('"'), '\'') => {}
            (_, '\'' | '"' | '`') => open.push(letter),
            (None | Some('{' | '('), '{')
                if is_word(before) && letters.peek().is_some_and(|(_, next)| next.is_whitespace()) =>
            {
                open.push('{');
            }
            (None, ';' | '&' | '|' | '<' | '>') => return place,
            (None, letter) if letter.is_whitespace() => return place,
            (_, _) => {}
        }
        before = letter;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_outside_of_quotes_and_groups() {
        let word = |text: &'static str| &text[..end_of_word(text)];
        assert_eq!(word("a b"), "a");
        assert_eq!(word("$(put 'a b' | tr : /) && mv x"), "$(put 'a b' | tr : /)");
        assert_eq!(word("\"a $(b \"c d\") e\";f"), "\"a $(b \"c d\") e\"");
        assert_eq!(word("'{ a' b"), "'{ a'");
        assert_eq!(word("{ a; '}'; { b; }; } c"), "{ a; '}'; { b; }; }");
        assert_eq!(word("{ :; }; rm x; { :; }"), "{ :; }");
    }
}
