//! The loop: a line is asked for, and done.

use super::arriving::{self, Extent};
use super::error::Error;
use super::open::Tutor;
use super::paths::homely;
use super::words::{self, Word, name_of};
use super::{doing, tasks, telling};
use crate::learning::{Kind, Making, Progress, clear_the_way, is_debugger};
use crate::lesson::Question;
use crate::prompt::Next;
use crate::repl;
use crate::shown;
use crate::view::learning as text;
use crate::view::palette::Role;

/// Whether the lesson goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    On,
    Quit,
}

/// Goes through a lesson, from where the learner is, until `quit` or the end of input.
///
/// # Errors
/// Only where lines can't be read or nothing can be written any more, and what the file system says of the learner's place.
pub(crate) fn run(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    telling::welcome(tutor)?;
    match arriving::arrive_with(tutor, tutor.at, Extent::Whole) {
        Err(error) if error.is_interrupt() && !tutor.interrupt.is_for_good() => {}
        arrived => drop(arrived?),
    }
    while !is_stopped(tutor) {
        let prompt = tutor.prompt();
        tutor.set_idle(true);
        tutor.take_typed_ahead();
        let is_early = tutor.typed_early.is_some();
        let next = tutor.next_line(&prompt);
        tutor.note_typed();
        tutor.set_idle(false);
        let (line, is_seen) = match next.map_err(Error::Input)? {
            (Next::Line(line), is_seen) => (line, is_seen),
            (Next::Interrupted, _) => continue,
            (Next::End, _) => {
                if tutor.is_interactive() {
                    tutor.show("\n")?;
                }
                break;
            }
        };
        if !tutor.is_interactive() || is_early {
            let typed = if is_seen { shown::text(&line) } else { "".into() };
            tutor.show(&format!("{prompt}{typed}\n"))?;
        }
        match take(tutor, &line) {
            Ok(Flow::On) => {}
            Ok(Flow::Quit) => break,
            Err(error) if error.is_interrupt() && !tutor.interrupt.is_for_good() => {
                tutor.forget_typed_ahead();
                tutor.say(Role::Notice, "·", "stopped")?
            }
            Err(error) => return Err(error),
        }
        // A person is asked again. A script goes on for nobody.
        if tutor.is_interactive() {
            tutor.interrupt.take();
        }
    }
    leave(tutor)?;
    match is_stopped(tutor) {
        true => Err(Error::Input(std::io::Error::from(std::io::ErrorKind::Interrupted))),
        false => Ok(()),
    }
}

/// Whether everything should stop. Ctrl-C ends a script; a person is only back at the prompt.
fn is_stopped(tutor: &Tutor<'_>) -> bool {
    tutor.interrupt.is_for_good() || !tutor.is_interactive() && tutor.interrupt.is_requested()
}

/// Makes the learner's folder again where it is gone, and says so.
fn restore(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    if !tutor.workspace().work().is_dir() {
        make(tutor, Making::Files)?;
        telling::tell_restored(tutor)?;
        telling::tell_aside(tutor)?;
    }
    Ok(())
}

/// Makes something of the learner's place.
fn make(tutor: &mut Tutor<'_>, making: Making) -> Result<(), Error> {
    // The shell is in a folder that nobody finds any more.
    (tutor.watch, tutor.session, tutor.console) = (None, None, None);
    let folder = tutor.workspace().work().to_owned();
    clear_the_way(tutor.lesson, &folder, making, &tutor.progress)?;
    tutor.workspace().make(tutor.lesson, making)?;
    tutor.aside.extend(tutor.progress.change(Progress::note_made)?);
    // It is another one of the same name.
    let _ = std::env::set_current_dir(&folder);
    Ok(())
}

/// Takes one word, for a script; gives whether it went well.
///
/// # Errors
/// As [`run`].
pub(crate) fn once(tutor: &mut Tutor<'_>, word: Word) -> Result<bool, Error> {
    tutor.has_prompt = false;
    if tutor.is_restored {
        telling::tell_restored(tutor)?;
    }
    telling::tell_aside(tutor)?;
    match word {
        Word::Check => tasks::check(tutor),
        Word::Reset => {
            if confirms_reset(tutor)? {
                reset(tutor)?;
            }
            Ok(true)
        }
        other => say(tutor, other).map(|_| true),
    }
}

pub(super) fn take(tutor: &mut Tutor<'_>, line: &str) -> Result<Flow, Error> {
    restore(tutor)?;
    // What the debugger knows is the debugger's, and the lesson's with a colon before it.
    let is_free = tutor.session.as_deref().is_some_and(|prompt| is_debugger(prompt) && !repl::knows(line));
    if let Some(word) = words::parse(line, tutor.session.is_some() && !is_free) {
        return say(tutor, word);
    }
    if line.trim().is_empty() {
        return enter(tutor);
    }
    let walk = tutor.walk.clone();
    if let Kind::Question(question) = &walk.stops[tutor.at].kind {
        // `2)` is what the page has.
        let Ok(number) = line.trim().trim_end_matches([')', '.']).parse::<usize>() else {
            // A single word is hardly a command here.
            let is_word = !line.trim().contains(char::is_whitespace);
            let is_known = tutor.session.is_some() && repl::knows(line);
            if is_word && !is_known && !tutor.is_done() {
                return ask(tutor, question).map(|()| Flow::On);
            }
            return do_typed(tutor, line);
        };
        let Some(answer) = question.answer(number) else {
            tutor.say(Role::Notice, "·", &format!("There are answers from 1 to {}.", question.answers.len()))?;
            return Ok(Flow::On);
        };
        let key = walk.stops[tutor.at].key.clone();
        // What counts is what was thought first.
        let first = tutor.progress.change(|progress| *progress.answers.entry(key).or_insert(number))?;
        let (palette, columns) = (tutor.palette, tutor.columns());
        let (role, mark, verdict) =
            if answer.is_right { (Role::Good, "✓", "Right.") } else { (Role::Bad, "✗", "Not quite.") };
        let why = match (answer.is_right, answer.explanation.as_str()) {
            (true, "") => "Now see it happen.",
            (false, "") => "See what happens.",
            (true | false, explanation) => explanation,
        };
        let counts = if first == number { String::new() } else { format!(" (Your first answer counts: {first}.)") };
        let said = text::noted(role, mark, &format!("{verdict} {why}{counts}"), palette, columns);
        tutor.show(&said)?;
        arriving::pass(tutor)?;
        return Ok(Flow::On);
    }
    do_typed(tutor, line)
}

/// Asks for an answer, where something else was typed.
fn ask(tutor: &mut Tutor<'_>, question: &Question) -> Result<(), Error> {
    let text = format!("Type a number from 1 to {}: what do you think? `next` skips it.", question.answers.len());
    tutor.say(Role::Notice, "·", &text)
}

/// A command of the learner's, or a line for the program that waits.
fn do_typed(tutor: &mut Tutor<'_>, line: &str) -> Result<Flow, Error> {
    match doing::take(tutor, line)? {
        true => arriving::pass(tutor)?,
        false => tasks::look(tutor)?,
    }
    Ok(Flow::On)
}

/// Enter alone: does what the page shows, or goes on where that is done.
fn enter(tutor: &mut Tutor<'_>) -> Result<Flow, Error> {
    let walk = tutor.walk.clone();
    match &walk.stops[tutor.at].kind {
        Kind::End => return Ok(Flow::Quit),
        Kind::Question(_) if tutor.is_done() => arriving::pass(tutor)?,
        Kind::Question(question) => ask(tutor, question)?,
        Kind::Task { .. } if tutor.is_passed() => arriving::pass(tutor)?,
        Kind::Task { .. } => {
            let text = "This is for you to do. `hint` helps, `check` says what is missing, `next` skips it.";
            tutor.say(Role::Notice, "·", text)?;
        }
        Kind::Command(_) | Kind::Input(_) if tutor.is_done() => arriving::pass(tutor)?,
        Kind::Command(_) | Kind::Input(_) | Kind::File(_) | Kind::Proof { .. } => {
            if doing::enter(tutor)? {
                arriving::pass(tutor)?;
            }
        }
    }
    Ok(Flow::On)
}

fn say(tutor: &mut Tutor<'_>, word: Word) -> Result<Flow, Error> {
    match word {
        Word::Quit => return Ok(Flow::Quit),
        Word::Next if matches!(tutor.stop().kind, Kind::End) => return Ok(Flow::Quit),
        // A task is done when its state is right, and only then.
        Word::Next if matches!(tutor.stop().kind, Kind::Task { .. }) => arriving::arrive(tutor, tutor.at + 1)?,
        Word::Next => {
            tutor.note_left_out()?;
            arriving::arrive(tutor, tutor.at + 1)?;
        }
        Word::Back => arriving::back(tutor)?,
        Word::Again => {
            if doing::enter(tutor)? {
                arriving::pass(tutor)?;
            }
        }
        Word::Page => arriving::show(tutor, Extent::Whole)?,
        Word::Hint => tasks::hint(tutor)?,
        Word::Check => drop(tasks::check(tutor)?),
        Word::Solution => tasks::solution(tutor)?,
        Word::List => {
            let text = telling::list(tutor.catalogue, &tutor.records, tutor.palette, tutor.columns())?;
            tutor.show_page(&text)?;
        }
        Word::Reset => {
            if confirms_reset(tutor)? {
                renew(tutor)?;
                arriving::arrive(tutor, 0)?;
            }
        }
        Word::Help => telling::help(tutor)?,
    }
    Ok(Flow::On)
}

fn confirms_reset(tutor: &mut Tutor<'_>) -> Result<bool, Error> {
    let question = format!("Start {} over, with fresh files and an empty store? [y/N] ", tutor.lesson.name);
    tasks::confirms(tutor, &question)
}

/// Makes the lesson as it was in the beginning, and says how it is begun.
///
/// # Errors
/// What the file system says.
pub(crate) fn reset(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    renew(tutor)?;
    let command = tutor.records.command(name_of(tutor.lesson));
    tutor.say(Role::Faint, "·", &format!("`{command}` begins it."))
}

fn renew(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    make(tutor, Making::All)?;
    let name = shown::line(&tutor.lesson.name).into_owned();
    tutor.say(Role::Good, "✓", &format!("{name} is as it was in the beginning."))?;
    for aside in std::mem::take(&mut tutor.aside) {
        tutor.say(Role::Faint, "·", &format!("Your files are kept in {}.", homely(&aside)))?;
    }
    Ok(())
}

/// What is said last.
fn leave(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    tutor.watch = None;
    if !is_stopped(tutor) {
        doing::leave_session(tutor)?;
    }
    tutor.console = None;
    telling::farewell(tutor)
}
