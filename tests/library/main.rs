//! The library, room by room, without the program around it: each file is one area, and has one helper that checks.

mod checks;
mod context;
mod debugger;
mod habits;
mod hostile;
mod layer;
mod printing;
mod repl;
mod repl_edits;
mod store;
mod store_shared;
mod store_support;
mod syntax_errors;
mod syntax_tree;
mod tarballs;
mod tree;
mod userland;

/// What the test runner calls a test of a module.
fn test_name(module: &str, function: &str) -> String {
    let (_, module) = module.split_once("::").expect("every area is a module");
    format!("{module}::{function}")
}
