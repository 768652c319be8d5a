//! `mdbook`: the book that mdBook gives, with the questions and tasks of its lessons.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::Place;

/// What is given back for a book; an error with its message.
fn converted(given: &str) -> Result<Value, String> {
    let place = Place::new("");
    let mut command = place.command("mdbook");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

fn chapter(content: &str, below: &[Value]) -> Value {
    json!({"Chapter": {"name": "A page", "content": content, "number": [1], "sub_items": below, "path": "lessons/a.md"}})
}

fn book(chapters: &[Value]) -> Value {
    json!({"items": [{"PartTitle": "Lessons"}, chapters, "Separator"], "__non_exhaustive": null})
}

const QUESTION: &str = "```predict\nWhat?\n( ) 1\n(x) 2\n    One each.\n\n$ echo 2\n2\n```\n";

#[test]
fn every_form_of_a_book_is_supported() {
    assert_eq!(Place::new("").run("mdbook supports html"), "");
}

#[test]
fn chapters_are_converted_at_every_depth_and_nothing_else() {
    let given = json!([{"root": "/book"}, book(&[chapter("# A\n", &[chapter(QUESTION, &[])])])]);
    let mut found = converted(&given.to_string()).unwrap();
    let inner = found.pointer_mut("/items/1/0/Chapter/sub_items/0/Chapter/content").unwrap();
    let text = inner.as_str().unwrap().to_owned();
    assert!(text.contains("<details class=\"answer is-right\" name=\"lessons-a-md-0\">"), "{text}");
    assert!(text.contains("<b>Right.</b> One each.\n"), "{text}");
    assert!(text.contains("<b>Not quite.</b>"), "{text}");
    *inner = QUESTION.into();
    assert_eq!(found, given[1]);
}

#[test]
fn what_is_no_book_is_an_error() {
    insta::assert_snapshot!(["", "{}", "[1]", "[1, 2, 3]"].map(|given| converted(given).unwrap_err()).concat());
}

#[test]
fn a_question_that_is_not_whole_is_an_error() {
    let given = json!([null, book(&[chapter("# A\n\n```predict\nWhat?\n```\n", &[])])]);
    insta::assert_snapshot!(converted(&given.to_string()).unwrap_err());
}
