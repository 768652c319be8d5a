//! Whether what a proof prints is what the right answer says.
//!
//! An answer is a sentence and an output is not, so this is no proof: words are compared that only one of the answers has. Where the output is
//! a wrong answer, word by word, the wrong one is marked as right.

use super::question::{Answer, Question};

/// What an output has of the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// A word of the right one.
    Right(String),
    /// A word of a wrong one, by its number, and none of the right one.
    Wrong(String, usize),
    /// A wrong one as it is.
    IsWrong(usize),
    Nothing,
}

/// Compares an output with the answers.
pub(super) fn likeness(question: &Question, output: &[String]) -> Likeness {
    let printed: Vec<String> = output.iter().flat_map(|line| words(line)).collect();
    let own = |number: usize| {
        let others: Vec<String> = others(question, number).flat_map(|other| words(&other.text)).collect();
        let is_own = |word: &String| !others.contains(word) && (word.len() > 2 || word.parse::<u64>().is_ok());
        words(head(&question.answers[number])).into_iter().filter(is_own).find(|word| printed.contains(word))
    };
    let is_whole = |number: usize| {
        let head = words(head(&question.answers[number]));
        let is_line = |line: &String| {
            let words = words(line);
            words == head || (head.len() == 1 && words.last() == head.last())
        };
        !head.is_empty() && output.iter().any(is_line)
    };
    let right = question.answers.iter().position(|answer| answer.is_right).unwrap_or(0);
    if is_whole(right) {
        return Likeness::Right(words(head(&question.answers[right])).join(" "));
    }
    if let Some(word) = own(right) {
        return Likeness::Right(word);
    }
    let mut wrong = (0..question.answers.len()).filter(|number| *number != right);
    if let Some(number) = wrong.clone().find(|number| is_whole(*number)) {
        return Likeness::IsWrong(number);
    }
    wrong.find_map(|number| Some(Likeness::Wrong(own(number)?, number))).unwrap_or(Likeness::Nothing)
}

fn others(question: &Question, number: usize) -> impl Iterator<Item = &Answer> {
    question.answers.iter().enumerate().filter(move |(other, _)| *other != number).map(|(_, answer)| answer)
}

/// What an answer says before it says why: `one: that was stable`.
fn head(answer: &Answer) -> &str {
    answer.text.split([':', ',', ';']).next().unwrap_or_default()
}

fn words(text: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.split(|letter| !is_part(letter)).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(answers: &str, output: &str) -> Likeness {
        let answer = |text: &str| {
            let is_right = text.starts_with('*');
            Answer { text: text.trim_start_matches('*').to_owned(), is_right, explanation: String::new() }
        };
        let question = Question { text: String::new(), answers: answers.split('|').map(answer).collect() };
        likeness(&question, &output.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn an_output_that_is_a_wrong_answer_is_found() {
        assert_eq!(compared("*hit|miss", "3 miss"), Likeness::IsWrong(1));
        assert_eq!(compared("hit|*miss", "3 miss"), Likeness::Right("miss".to_owned()));
        assert_eq!(compared("one: that was stable|*two", "one"), Likeness::IsWrong(0));
        assert_eq!(compared("*a `file`|no such file", "cat: no such file"), Likeness::Wrong("such".to_owned(), 1));
    }

    #[test]
    fn words_that_all_answers_have_say_nothing() {
        assert_eq!(compared("both|*none|the top one", "2"), Likeness::Nothing);
        assert_eq!(compared("COPY and RUN|*none|COPY only", "3 hits, 0 misses"), Likeness::Nothing);
        assert_eq!(compared("*it stays 5 MB|it grows by 2 MB", "now 2 and more"), Likeness::Wrong("2".to_owned(), 1));
    }
}
