//! A prediction: what the learner is asked before something happens.
//!
//! A line `( ) TEXT` is an answer to choose and `(x) TEXT` the right one; lines below it are what is said to who chooses it.

use super::page::{Mistake, Page};

/// Checks the question that a block is.
///
/// # Errors
/// Fewer than two answers; not exactly one that is right.
pub(super) fn check(page: &Page, number: usize) -> Result<(), Mistake> {
    let block = &page.blocks[number];
    let lines = || block.lines.iter().take_while(|line| !line.starts_with("$ "));
    let wrong = lines().filter(|line| line.starts_with("( ) ")).count();
    let right = lines().filter(|line| line.starts_with("(x) ")).count();
    if wrong == 0 || right != 1 {
        let hint = "two answers or more, each after `( ) `, and the right one after `(x) `";
        return Err(page.mistake(block.line - 1, "this prediction has not exactly one right answer", hint));
    }
    Ok(())
}
