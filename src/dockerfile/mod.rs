//! The Dockerfile language: text → syntax tree, and the expansion of words.

pub mod glob;
pub mod words;
