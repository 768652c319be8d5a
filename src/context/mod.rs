//! The build context: the folder that COPY and ADD read from, after `.dockerignore`.

mod clean;
pub mod glob;
pub mod ignore;
pub mod patterns;
mod regexp;

pub use clean::clean;
pub use glob::{BadPattern, Glob, go_match};
pub use patterns::{Inherited, Pattern, PatternError, Patterns};
