//! What becomes of a wish to stop that a container does not follow.
//!
//! The kernel passes a signal to process 1 of a process id namespace only where that has a handler for it: any other process
//! would be ended by Ctrl-C, this one does not notice. So whoever starts a web server in a container finds Ctrl-C dead. The first
//! one is passed on as it is. A second later, if nothing came of it, the reason is told, and then Ctrl-C kills. A program that
//! handles Ctrl-C may go on on purpose: what kills it is three of them at once, which is told after the second. SIGTERM asks for
//! the end as well, and nobody may be there to ask twice: it kills after a grace time.
//!
//! This is pure: it is told what happened and when, and says what is to be done.

use std::time::{Duration, Instant};

use super::processes::Disposition;

/// How long a wish may go unheard before something is said of it.
const HEARING: Duration = Duration::from_secs(1);

/// How long a program may take to end when it is told to, as with `docker stop`.
const GRACE: Duration = Duration::from_secs(10);

/// So many presses within this time are a wish that nobody can misunderstand.
const INSISTENCE: (usize, Duration) = (3, Duration::from_secs(2));

/// What is told to whoever waits for a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Ctrl-C was dropped by the kernel, and the next one kills.
    NoHandler,
    /// Ctrl-C is ignored by the program, and the next one kills.
    Ignored,
    /// Ctrl-C came more than once, and the program, which handles it, goes on.
    GoesOn,
    /// The container was killed, as Ctrl-C came again and again.
    Insisted,
    /// The container was killed, as it did not end in time when it was told to.
    OutOfTime,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Notice::NoHandler => "process 1 has no handler for Ctrl-C, so the kernel drops it: Ctrl-C again kills it",
            Notice::Ignored => "process 1 ignores Ctrl-C: Ctrl-C again kills it",
            Notice::GoesOn => "process 1 handles Ctrl-C and goes on: three of them within two seconds kill it",
            Notice::Insisted => "process 1 has not ended after Ctrl-C three times: it is killed",
            Notice::OutOfTime => "process 1 has not ended in time: it is killed",
        })
    }
}

/// How a wish came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// As a signal that a key of our terminal made, or somebody in its place.
    Interrupt,
    /// As a key that went to the container's own terminal.
    Key,
    /// As an order to end.
    Terminate,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing but what is always done: it is passed on.
    Pass,
    Tell(Notice),
    Kill(Option<Notice>),
}

/// What was wished for and has not happened yet.
#[derive(Debug, Default)]
pub(super) struct Patience {
    state: State,
    presses: Vec<Instant>,
    /// How often a program that goes on was interrupted; by a key of its own terminal does not count.
    unheard: usize,
}

#[derive(Debug, Default, PartialEq)]
enum State {
    #[default]
    Calm,
    /// It is looked at then whether the wish was heard.
    Asked { wish: Wish, look: Instant },
    /// It was told that the next Ctrl-C kills.
    Told,
    /// The program is at its end, and has until then.
    Ending { until: Instant },
}

impl Patience {
    /// A wish has come, and is being passed on.
    pub(crate) fn wish(&mut self, wish: Wish, now: Instant) -> Act {
        if wish == Wish::Terminate {
            if !matches!(self.state, State::Ending { .. }) {
                self.state = State::Asked { wish, look: now + HEARING };
            }
            return Act::Pass;
        }
        if self.state == State::Told {
            return Act::Kill(None);
        }
        let (many, span) = INSISTENCE;
        self.presses.retain(|press| now.duration_since(*press) < span);
        self.presses.push(now);
        // In a terminal of its own a program may want the key as often as it likes.
        if wish == Wish::Interrupt && self.presses.len() >= many {
            return Act::Kill(Some(Notice::Insisted));
        }
        if self.state == State::Calm {
            self.state = State::Asked { wish, look: now + HEARING };
        }
        Act::Pass
    }

    /// When [`Patience::look`] wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Calm | State::Told => None,
            State::Asked { look, .. } => Some(look),
            State::Ending { until } => Some(until),
        }
    }

    /// The wish that was made and is looked at next.
    pub(crate) fn asked(&self) -> Option<Wish> {
        match self.state {
            State::Asked { wish, .. } => Some(wish),
            State::Calm | State::Told | State::Ending { .. } => None,
        }
    }

    /// The container is still there. `disposition` is what process 1 does with the signal of the wish; `None` where the signal
    /// was not for it.
    pub(crate) fn look(&mut self, now: Instant, disposition: Option<Disposition>) -> Act {
        match self.state {
            State::Asked { wish, look } if look <= now => {
                let act;
                (self.state, act) = match (wish, disposition) {
                    (Wish::Terminate, Some(Disposition::Default) | None) => {
                        (State::Calm, Act::Kill(Some(Notice::OutOfTime)))
                    }
                    (Wish::Terminate, Some(Disposition::Handled | Disposition::Ignored)) => {
                        (State::Ending { until: now + GRACE - HEARING }, Act::Pass)
                    }
                    (Wish::Interrupt, Some(Disposition::Handled)) => {
                        self.unheard += 1;
                        // The first may be a wish to end that takes its time. Who asks again learns once how it is meant.
                        (State::Calm, if self.unheard == 2 { Act::Tell(Notice::GoesOn) } else { Act::Pass })
                    }
                    (Wish::Key, Some(Disposition::Handled)) | (Wish::Interrupt | Wish::Key, None) => {
                        (State::Calm, Act::Pass)
                    }
                    (_, Some(Disposition::Default)) => (State::Told, Act::Tell(Notice::NoHandler)),
                    (_, Some(Disposition::Ignored)) => (State::Told, Act::Tell(Notice::Ignored)),
                };
                act
            }
            State::Ending { until } if until <= now => {
                self.state = State::Calm;
                Act::Kill(Some(Notice::OutOfTime))
            }
            State::Calm | State::Told | State::Asked { .. } | State::Ending { .. } => Act::Pass,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is done when these wishes come at these milliseconds, and it is looked at whenever that is wanted.
    fn acts(disposition: Option<Disposition>, wishes: &[(u64, Wish)]) -> Vec<(u64, Act)> {
        let begin = Instant::now();
        let (mut patience, mut done) = (Patience::default(), Vec::new());
        let mut note = |at: u64, act: Act| {
            if act != Act::Pass {
                done.push((at, act));
            }
        };
        let end = (60_000, None);
        for (at, wish) in wishes.iter().map(|(at, wish)| (*at, Some(*wish))).chain([end]) {
            while let Some(deadline) =
                patience.deadline().filter(|deadline| *deadline <= begin + Duration::from_millis(at))
            {
                let when = deadline.duration_since(begin).as_millis() as u64;
                note(when, patience.look(deadline, disposition));
            }
            if let Some(wish) = wish {
                note(at, patience.wish(wish, begin + Duration::from_millis(at)));
            }
        }
        done
    }

    #[test]
    fn ctrl_c_that_is_dropped_is_told_and_then_kills() {
        for wish in [Wish::Interrupt, Wish::Key] {
            let done = acts(Some(Disposition::Default), &[(0, wish), (300, wish), (5000, wish)]);
            assert_eq!(done, [(1000, Act::Tell(Notice::NoHandler)), (5000, Act::Kill(None))], "{wish:?}");
            let done = acts(Some(Disposition::Ignored), &[(0, wish), (1500, wish)]);
            assert_eq!(done, [(1000, Act::Tell(Notice::Ignored)), (1500, Act::Kill(None))], "{wish:?}");
        }
    }

    #[test]
    fn ctrl_c_that_is_handled_is_passed_on_unless_it_comes_again_and_again() {
        let slowly = [0, 1500, 3000, 4500, 6000].map(|at| (at, Wish::Interrupt));
        assert_eq!(acts(Some(Disposition::Handled), &slowly), [(2500, Act::Tell(Notice::GoesOn))]);
        assert_eq!(acts(Some(Disposition::Handled), &slowly[..1]), []);
        assert_eq!(acts(None, &slowly), []);
        let quickly = [0, 100, 200].map(|at| (at, Wish::Interrupt));
        assert_eq!(acts(Some(Disposition::Handled), &quickly), [(200, Act::Kill(Some(Notice::Insisted)))]);
        let keys = [0, 1500, 3000].map(|at| (at, Wish::Key));
        assert_eq!(acts(Some(Disposition::Handled), &keys), []);
        // A shell in a terminal of its own takes any number of them; so does what it has started.
        let keys = [0, 100, 200, 300].map(|at| (at, Wish::Key));
        assert_eq!(acts(Some(Disposition::Handled), &keys), []);
        assert_eq!(acts(None, &keys), []);
    }

    #[test]
    fn an_order_to_end_has_a_grace_time() {
        let order = [(0, Wish::Terminate)];
        assert_eq!(acts(Some(Disposition::Default), &order), [(1000, Act::Kill(Some(Notice::OutOfTime)))]);
        assert_eq!(acts(Some(Disposition::Handled), &order), [(10_000, Act::Kill(Some(Notice::OutOfTime)))]);
        let twice = [(0, Wish::Terminate), (5000, Wish::Terminate)];
        assert_eq!(acts(Some(Disposition::Ignored), &twice), [(10_000, Act::Kill(Some(Notice::OutOfTime)))]);
    }
}
