//! Processes that keep their capabilities when they become another user: prctl(2), PR_SET_KEEPCAPS.
//!
//! setpriv(1) does so, and changes the groups afterwards. Until it executes the program that it is for, it may still do that. What it has
//! given up meanwhile by capset(2) the kernel knows.

use super::target::Program;

/// As many are remembered: one that was forgotten is refused what it could have done.
const MOST: usize = 64;

/// The programs that have asked for it, the latest last.
#[derive(Default)]
pub(super) struct Keeping(Vec<Program>);

impl Keeping {
    /// Notes what a process has asked for.
    pub(crate) fn note(&mut self, program: Program, keeps: bool) {
        self.0.retain(|noted| *noted != program);
        if keeps {
            let surplus = (self.0.len() + 1).saturating_sub(MOST);
            self.0.drain(..surplus);
            self.0.push(program);
        }
    }

    /// Whether it has asked for it.
    pub(crate) fn keeps(&self, program: Program) -> bool {
        self.0.contains(&program)
    }
}
