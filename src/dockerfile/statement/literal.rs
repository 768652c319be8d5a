//! The texts of JSON strings and of quoted flags.

/// The text of a JSON string, which the grammar has found to be valid. Half of a surrogate pair becomes U+FFFD.
pub(super) fn json_text(literal: &str) -> String {
    let mut units = Vec::with_capacity(literal.len());
    let mut characters = literal[1..literal.len() - 1].chars();
    let mut buffer = [0; 2];
    while let Some(character) = characters.next() {
        let character = match character {
            '\\' => match characters.next().unwrap_or('\\') {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits: String = characters.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).unwrap_or(0xfffd));
                    continue;
                }
                other => other,
            },
            other => other,
        };
        units.extend_from_slice(character.encode_utf16(&mut buffer));
    }
    String::from_utf16_lossy(&units)
}

/// Removes quotes and escape characters, inside quotes too.
pub(super) fn unquoted(text: &str, escape: char) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == escape {
            out.extend(characters.next());
        } else if quote == Some(character) {
            quote = None;
        } else if quote.is_none() && matches!(character, '\'' | '"') {
            quote = Some(character);
        } else {
            out.push(character);
        }
    }
    out
}
