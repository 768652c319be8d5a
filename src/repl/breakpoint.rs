//! Breakpoints: where `continue` and `next` stop.

use std::fmt;

use super::command::Place;

/// One breakpoint.
#[derive(Clone, Debug)]
pub(super) struct Breakpoint {
    /// From 1; never used again in a session.
    pub id: usize,
    pub place: Place,
}

/// What a step has that a breakpoint can ask for.
pub(super) struct Here<'h> {
    pub number: usize,
    pub stage: &'h str,
    pub instruction: &'h str,
    /// Whether it is the FROM of its stage.
    pub begins_stage: bool,
    /// Whether it failed in the latest build that has it.
    pub failed_before: bool,
}

impl Breakpoint {
    /// Whether to stop before a step. A breakpoint at misses stops later, when the cache was asked.
    pub fn stops_before(&self, here: &Here<'_>) -> bool {
        match &self.place {
            Place::Step(number) => *number == here.number,
            Place::Stage(name) => here.begins_stage && name.eq_ignore_ascii_case(here.stage),
            Place::Text(text) => here.instruction.to_lowercase().contains(&text.to_lowercase()),
            Place::Failure => here.failed_before,
            Place::Miss => false,
        }
    }
}

impl fmt::Display for Breakpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Step(number) => write!(formatter, "before step {number}"),
            Place::Stage(name) => write!(formatter, "before stage `{name}`"),
            Place::Text(text) => write!(formatter, "before an instruction with `{text}`"),
            Place::Miss => write!(formatter, "at a miss"),
            Place::Failure => write!(formatter, "before a step that failed in an earlier build"),
        }
    }
}
