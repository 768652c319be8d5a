//! The loop: a line is asked for, and done.

use std::path::Path;

use super::arriving::{self, Extent};
use super::error::Error;
use super::open::Tutor;
use super::paths::homely;
use super::words::{self, WORDS, Word, name_of};
use super::{doing, tasks};
use crate::learning::{
    Catalogue, Error as LearningError, Kind, Making, Progress, Records, Walk, clear_the_way, is_debugger, quoted,
};
use crate::prompt::Next;
use crate::repl;
use crate::shown;
use crate::view::learning as text;
use crate::view::palette::{Palette, Role};
use crate::view::{page, table, units};

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
    welcome(tutor)?;
    match arriving::arrive_with(tutor, tutor.at, Extent::Whole) {
        Err(error) if error.is_interrupt() && !tutor.interrupt.is_for_good() => {}
        arrived => drop(arrived?),
    }
    while !is_stopped(tutor) {
        let prompt = tutor.prompt();
        let interrupt = tutor.interrupt.clone();
        let idle = interrupt.idle();
        tutor.set_idle(true);
        tutor.take_typed_ahead();
        let is_early = tutor.typed_early.is_some();
        let next = tutor.next_line(&prompt);
        tutor.note_typed();
        tutor.set_idle(false);
        drop(idle);
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
        tell_restored(tutor)?;
        tell_aside(tutor)?;
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

fn tell_restored(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let folder = homely(tutor.workspace().work());
    let text = format!(
        "Your folder {folder} was gone. It is there again, with the files that the lesson begins with; `reset` begins all of the lesson anew."
    );
    tutor.say(Role::Notice, "·", &text)
}

fn tell_aside(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    for aside in std::mem::take(&mut tutor.aside) {
        tutor.say(Role::Notice, "·", &was_there(&aside))?;
    }
    Ok(())
}

fn was_there(aside: &Path) -> String {
    format!("Something of this name was there already. It is kept as `{}`.", homely(aside))
}

/// Takes one word, for a script; gives whether it went well.
///
/// # Errors
/// As [`run`].
pub(crate) fn once(tutor: &mut Tutor<'_>, word: Word) -> Result<bool, Error> {
    if tutor.is_restored {
        tell_restored(tutor)?;
    }
    tell_aside(tutor)?;
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
    if let (Kind::Question(question), Ok(number)) = (&walk.stops[tutor.at].kind, line.trim().parse::<usize>()) {
        let Some(answer) = question.answer(number) else {
            tutor.say(Role::Notice, "·", &format!("There are answers from 1 to {}.", question.answers.len()))?;
            return Ok(Flow::On);
        };
        let key = walk.stops[tutor.at].key.clone();
        // What counts is what was thought first.
        tutor.progress.change(|progress| *progress.answers.entry(key).or_insert(number))?;
        let (palette, columns) = (tutor.palette, tutor.columns());
        let (role, mark, verdict) =
            if answer.is_right { (Role::Good, "✓", "Right.") } else { (Role::Bad, "✗", "Not so.") };
        let why = match (answer.is_right, answer.explanation.as_str()) {
            (true, "") => "Now see it happen.",
            (false, "") => "See what happens.",
            (true | false, explanation) => explanation,
        };
        let said = text::noted(role, mark, &format!("{verdict} {why}"), palette, columns);
        tutor.show(&said)?;
        arriving::pass(tutor)?;
        return Ok(Flow::On);
    }
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
        Kind::Question(question) => {
            let text = format!(
                "Type a number from 1 to {}: what do you think? `next` goes on without an answer.",
                question.answers.len()
            );
            tutor.say(Role::Notice, "·", &text)?;
        }
        Kind::Task { .. } if tutor.is_passed() => arriving::pass(tutor)?,
        Kind::Task { .. } => {
            let text = "This is for you to do. `hint` helps, `check` says what is missing, `next` leaves it out.";
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
            let text = list(tutor.catalogue, &tutor.records, tutor.palette, tutor.columns())?;
            tutor.show(&text)?;
        }
        Word::Reset => {
            if confirms_reset(tutor)? {
                renew(tutor)?;
                arriving::arrive(tutor, 0)?;
            }
        }
        Word::Help => help(tutor)?,
    }
    Ok(Flow::On)
}

fn confirms_reset(tutor: &mut Tutor<'_>) -> Result<bool, Error> {
    let question = format!("Begin {} anew, with fresh files and an empty store? [y/N] ", tutor.lesson.name);
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

fn help(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let columns = tutor.columns();
    let mut text = "Enter does what the page shows. Whatever else you type is a command for the shell, in your folder. These words are the lesson's:\n\n".to_owned();
    text = table::fill(&text, columns);
    for (name, _, what) in WORDS {
        let name = tutor.palette.paint(Role::Strong, &format!("{name:<10}"));
        text.push_str(&table::hang(&format!("  {name}"), what, columns));
    }
    let more = "\nWhere a program waits at its own prompt, such as the debugger, put a colon before them: `:next`.\n";
    text.push_str(&table::fill(more, columns));
    tutor.show(&text)
}

/// What is said first.
fn welcome(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let folder = homely(tutor.workspace().work());
    let (palette, columns) = (tutor.palette, tutor.columns());
    let number = tutor.lesson.number().map(|number| format!("Lesson {number}: ")).unwrap_or_default();
    let title = format!("{number}{}", shown::line(&tutor.lesson.title));
    let minutes =
        tutor.lesson.about.as_ref().map(|about| format!(" · about {} minutes", about.minutes)).unwrap_or_default();
    let title = table::hang("", &format!("{}{minutes}", palette.paint(Role::Strong, &title)), columns);
    let mut shown = format!("{title}\n");
    if tutor.at == 0 {
        let text = format!(
            "Your files for this lesson are in `{folder}`. Its images and containers are its own: yours are not touched. Enter does what the page shows, `help` lists what else you can type, `quit` leaves at any time."
        );
        shown.push_str(&page::page(&text, palette, columns));
    } else {
        let begun = match tutor.progress.look(|progress| progress.is_finished) {
            true => "You have finished this lesson: `reset` begins it anew.",
            false => "You go on where you left off.",
        };
        let text = format!("{begun} Your files for this lesson are in `{folder}`.");
        shown.push_str(&page::page(&text, palette, columns));
    }
    for aside in std::mem::take(&mut tutor.aside) {
        shown.push_str(&page::page(&was_there(&aside), palette, columns));
    }
    tutor.show(&shown)?;
    let left_out = std::mem::take(&mut tutor.workspace().left_out);
    if !left_out.is_empty() {
        let names: Vec<String> = left_out.iter().map(|link| format!("`{}`", homely(link))).collect();
        let text = format!("Links that lead out of the lesson are left out: {}", names.join(", "));
        tutor.say(Role::Notice, "·", &text)?;
    }
    if tutor.is_restored { tell_restored(tutor) } else { Ok(()) }
}

/// What is said last.
fn leave(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    tutor.watch = None;
    if !is_stopped(tutor) {
        doing::leave_session(tutor)?;
    }
    tutor.console = None;
    let running = tutor.workspace().room.layerlab(&["ps", "--format", "{{.Names}}"]);
    let names = running.map(|(names, _)| names.lines().map(str::to_owned).collect::<Vec<_>>()).unwrap_or_default();
    if !names.is_empty() {
        let home = homely(&tutor.workspace().room.path("home"));
        // In quotes, `~` would be a name.
        let home = match home.strip_prefix("~/") {
            Some(below) => format!("~/{}", quoted(below)),
            None => quoted(&home).into_owned(),
        };
        let count = units::count(names.len() as u64, "container");
        let (verb, object) = if names.len() == 1 { ("goes", "it") } else { ("go", "them") };
        let names = names.join(" ");
        let text =
            format!("{count} of this lesson {verb} on running. `layerlab --home {home} stop {names}` stops {object}.");
        tutor.say(Role::Notice, "·", &text)?;
    }
    if !tutor.progress.look(|progress| progress.is_finished) {
        tutor.say(Role::Faint, "·", "`layerlab learn resume` goes on here.")?;
    }
    Ok(())
}

/// The lessons, with how far the learner has come in each.
///
/// # Errors
/// A lesson with a mistake in it.
pub(crate) fn list(
    catalogue: &Catalogue,
    records: &Records,
    palette: Palette,
    columns: usize,
) -> Result<String, Error> {
    let mut list = String::new();
    for lesson in &catalogue.lessons {
        let walk = Walk::of(&lesson.page).map_err(LearningError::from)?;
        // What is wrong with one lesson hides no other.
        list.push_str(&text::row(lesson, &walk, records.progress(&lesson.name), palette, columns));
    }
    Ok(list)
}
