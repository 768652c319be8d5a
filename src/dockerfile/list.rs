//! Lists in the value of a flag: one line of comma-separated values.

/// The list has a quote without its partner, or text beside a quoted field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnmatchedQuote;

/// Splits one line of comma-separated values. A field in double quotes may hold commas; `""` in it is a quote.
pub(crate) fn split(text: &str) -> Result<Vec<String>, UnmatchedQuote> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        if !rest.starts_with('"') && field.contains('"') {
            return Err(UnmatchedQuote);
        }
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err(UnmatchedQuote),
        }
    }
}

/// Reads a quoted field whose opening quote is already read; returns what comes after the closing one too.
fn quoted_field(text: &str) -> Result<(String, &str), UnmatchedQuote> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let quote = rest.find('"').ok_or(UnmatchedQuote)?;
        field.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Ok((field, rest)),
        }
    }
}
