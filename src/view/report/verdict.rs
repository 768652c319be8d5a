//! What became of a step: a symbol, a word that says the same, and a sentence with the reason.

use super::Notes;
use super::badges::Look;
use crate::debugger::{Review, Reviewed};
use crate::machine::{Decision, MissReason};
use crate::view::debugger;
use crate::view::units;

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// FROM, which has no key.
    Base,
    Hit,
    Miss,
    Failed,
    NotReached,
}

impl Kind {
    pub(super) const ALL: [Kind; 5] = [Kind::Base, Kind::Hit, Kind::Miss, Kind::Failed, Kind::NotReached];

    pub(super) fn look(self) -> Look {
        let (symbol, word, class) = match self {
            Kind::Base => ("◆", "base", "base"),
            Kind::Hit => ("✓", "hit", "hit"),
            Kind::Miss => ("✗", "miss", "miss"),
            Kind::Failed => ("‼", "failed", "failed"),
            Kind::NotReached => ("·", "not reached", "ahead"),
        };
        Look { symbol, word, class }
    }

    /// What the word means.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Kind::Base => "where a stage begins",
            Kind::Hit => "taken from the cache",
            Kind::Miss => "carried out",
            Kind::Failed => "it ended the build",
            Kind::NotReached => "the build did not come to it",
        }
    }
}

/// What became of a step, and why.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    /// One line, harmless.
    pub(super) reason: String,
}

impl Verdict {
    pub(super) fn of(step: &Reviewed, review: &Review, notes: &Notes) -> Verdict {
        let noted = notes.of(&step.step);
        match (&step.taken, noted) {
            (Some(taken), _) => Verdict { kind: kind(&taken.decision), reason: reason(&taken.decision, review) },
            (None, Some(noted)) if noted.failure.is_some() => {
                let decision = noted.decision.as_ref();
                let missed = |decision| format!("not in the cache: {}", reason(decision, review));
                let reason = decision.map_or_else(|| "it failed before the cache was asked".to_owned(), missed);
                Verdict { kind: Kind::Failed, reason }
            }
            (None, _) => {
                let kind = Kind::NotReached;
                Verdict { kind, reason: kind.meaning().to_owned() }
            }
        }
    }
}

fn kind(decision: &Decision) -> Kind {
    match decision {
        Decision::NotCached { .. } => Kind::Base,
        Decision::Hit { .. } => Kind::Hit,
        Decision::Miss { .. } => Kind::Miss,
        Decision::Unknown { .. } => Kind::NotReached,
    }
}

fn reason(decision: &Decision, review: &Review) -> String {
    match decision {
        Decision::NotCached { moved: Some(moved), .. } => debugger::moved(moved),
        Decision::NotCached { moved: None, .. } => "FROM is looked up each time and has no key of its own".to_owned(),
        Decision::Hit { build, created, .. } => {
            let ago = match (created.parse::<jiff::Timestamp>(), review.time.parse::<jiff::Timestamp>()) {
                (Ok(created), Ok(now)) => {
                    units::duration(now.as_second() - created.as_second()).to_lowercase() + " before"
                }
                (Err(_), _) | (_, Err(_)) => "at an unknown time".to_owned(),
            };
            format!("{}, {ago}", debugger::source(build))
        }
        Decision::Miss { reason: reason @ MissReason::Cause { .. }, .. } => {
            format!("its own inputs changed: {}", debugger::reason(reason))
        }
        Decision::Miss { reason, .. } => debugger::reason(reason),
        Decision::Unknown { because } => because.clone(),
    }
}
