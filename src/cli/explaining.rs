//! `--explain`: which operations a command has performed, told behind what it prints.
//!
//! The command does what it does, while somebody [listens](crate::deeds). So the rule is another one than that of `run --explain`, which
//! draws a container and runs nothing; the help of each says which. The list goes to standard error: a script still gets what the command prints.

use clap::{ArgAction, ArgMatches, Args, FromArgMatches};

use super::failure::Failure;
use super::ui::Ui;
use crate::deeds;
use crate::view;

/// A command that can say what it has done.
#[derive(Debug)]
pub(super) struct Explainable<C> {
    command: C,
    explain: bool,
}

/// The option.
const EXPLAIN: &str = "explain";

impl<C> Explainable<C> {
    /// Carries the command out, and says then what was done where that is asked for.
    ///
    /// # Errors
    /// What the command says.
    pub(super) fn tell(&self, ui: &Ui, run: impl FnOnce(&C) -> Result<(), Failure>) -> Result<(), Failure> {
        if !self.explain {
            return run(&self.command);
        }
        let (done, deeds) = deeds::listen(|| run(&self.command));
        ui.told(&view::deeds::listed(&deeds));
        done
    }
}

fn with_option(command: clap::Command) -> clap::Command {
    let help = "Do it, and then print every operation that it took and why, on standard error";
    command.arg(clap::Arg::new(EXPLAIN).long(EXPLAIN).action(ArgAction::SetTrue).help(help))
}

impl<C: Args> Args for Explainable<C> {
    fn augment_args(command: clap::Command) -> clap::Command {
        with_option(C::augment_args(command))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        with_option(C::augment_args_for_update(command))
    }
}

impl<C: FromArgMatches> FromArgMatches for Explainable<C> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Explainable<C>, clap::Error> {
        Ok(Explainable { command: C::from_arg_matches(matches)?, explain: matches.get_flag(EXPLAIN) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.explain = matches.get_flag(EXPLAIN);
        self.command.update_from_arg_matches(matches)
    }
}
