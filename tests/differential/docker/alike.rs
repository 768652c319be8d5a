//! What two answers have in common: ids, moments, sizes and names that are made up become words that say only what they are.

use super::place;

/// The form of an output. How far columns are apart is no part of it.
pub fn form(output: &str) -> String {
    output.lines().map(|line| words(line).join(" ") + "\n").collect()
}

fn words(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut forms = Vec::new();
    let mut rest = words.as_slice();
    while let [word, ..] = rest {
        let span = span(rest);
        if span > 0 {
            forms.push("SPAN".to_owned());
        } else {
            forms.push(form_of(word));
        }
        rest = &rest[span.max(1)..];
    }
    forms
}

/// How many words say how long something has taken, such as `Less than a second ago`.
fn span(words: &[&str]) -> usize {
    let number = match words {
        ["Less", "than", "a", ..] => 3,
        ["About", "a" | "an", ..] => 2,
        [number, ..] if number.parse::<u32>().is_ok() => 1,
        _ => return 0,
    };
    let is_unit = words.get(number).is_some_and(|unit| {
        ["second", "minute", "hour", "day", "week", "month", "year"].contains(&unit.trim_end_matches('s'))
    });
    match is_unit {
        true => number + 1,
        false => 0,
    }
}

fn form_of(word: &str) -> String {
    let ends_as_moment = word.trim_matches('"').trim_end_matches([',', '"']);
    if ends_as_moment.len() >= 20 && ends_as_moment.ends_with('Z') && ends_as_moment.contains('T') {
        return "MOMENT".to_owned();
    }
    if is_size(word) {
        return "SIZE".to_owned();
    }
    if is_made_up(word) {
        return "NAME".to_owned();
    }
    place::filter(word)
}

/// `5.52MB`
fn is_size(word: &str) -> bool {
    let number = word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = &word[number.len()..];
    number.parse::<f64>().is_ok() && matches!(unit, "B" | "kB" | "MB" | "GB")
}

/// `wise_turing`
fn is_made_up(word: &str) -> bool {
    word.split_once('_').is_some_and(|(adjective, surname)| {
        let is_name = |part: &str| part.len() > 2 && part.chars().all(|letter| letter.is_ascii_lowercase());
        is_name(adjective) && is_name(surname.trim_end_matches(|letter: char| letter.is_ascii_digit()))
    })
}
