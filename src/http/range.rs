//! Which part of a file was asked for: `Range`, RFC 9110, section 14.

/// What a request wants of so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// All of them.
    Whole,
    /// Some of them.
    Part(Part),
    /// Some that are not there.
    Nowhere,
}

/// Bytes of a file: the first one, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) from: u64,
    pub(crate) length: u64,
}

impl Range {
    /// Reads the field. One that can't be understood, or wants several parts, asks for nothing: the whole is a right answer to it.
    pub(crate) fn of(field: Option<&str>, size: u64) -> Range {
        let Some((first, last)) =
            field.and_then(|field| field.strip_prefix("bytes=")).and_then(|range| range.split_once('-'))
        else {
            return Range::Whole;
        };
        let number = |text: &str| match text.trim() {
            "" => Some(None),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().map(Some),
            _ => None,
        };
        match (number(first), number(last)) {
            (Some(Some(first)), Some(last)) => {
                if last.is_some_and(|last: u64| last < first) {
                    return Range::Whole;
                }
                let end = last.map_or(size, |last| last.saturating_add(1).min(size));
                if first >= size { Range::Nowhere } else { Range::Part(Part { from: first, length: end - first }) }
            }
            (Some(None), Some(Some(count))) => match count.min(size) {
                0 => Range::Nowhere,
                length => Range::Part(Part { from: size - length, length }),
            },
            _ => Range::Whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let part = |from, length| Range::Part(Part { from, length });
        for (field, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-", part(2, 8)),
            ("bytes=2-99", part(2, 8)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-99", part(0, 10)),
            ("bytes=10-", Range::Nowhere),
            ("bytes=-0", Range::Nowhere),
            ("bytes=3-2", Range::Whole),
            ("bytes=0-1,3-4", Range::Whole),
            ("bytes=-", Range::Whole),
            ("bytes=+1-2", Range::Whole),
            ("lines=1-2", Range::Whole),
        ] {
            assert_eq!(Range::of(Some(field), 10), expected, "{field}");
        }
        assert_eq!(Range::of(None, 10), Range::Whole);
        assert_eq!(Range::of(Some("bytes=0-"), 0), Range::Nowhere);
    }
}
