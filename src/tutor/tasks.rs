//! Tasks: checked after each change, with hints and a solution on request.

use std::io::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::error::Error;
use super::lines::Asked;
use super::open::Tutor;
use super::paths::homely;
use crate::learning::{Kind, Stop, Watch};
use crate::lesson::{Mismatch, Task};
use crate::prompt::Next;
use crate::shown;
use crate::view::learning as text;
use crate::view::page;
use crate::view::palette::Role;
use crate::view::units;

/// What is said when a task is done.
const DONE: &str = "Done. Enter goes on; `solution` shows the lesson's way, to compare.";

/// Says how a task is done, and watches the learner's files from now on.
pub(super) fn begin(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    if !matches!(tutor.stop().kind, Kind::Task { .. }) {
        return Ok(());
    }
    if !tutor.has_prompt {
        return Ok(());
    }
    if tutor.is_passed() {
        return tutor.say(Role::Good, "✓", DONE);
    }
    let folder = homely(tutor.workspace().work());
    let text = format!(
        "Type commands here, or edit the files in {folder}. The lesson notices when the task is done. `hint` helps, `check` says what is missing."
    );
    tutor.note(&text)?;
    watch(tutor);
    Ok(())
}

/// Watches the files: when a saved file completes the task, that is said at once.
fn watch(tutor: &mut Tutor<'_>) {
    let Some(printer) = tutor.printer.clone() else { return };
    let (walk, workspace, progress) = (tutor.walk.clone(), tutor.workspace.clone(), tutor.progress.clone());
    let (is_idle, interrupt, at) = (tutor.is_idle.clone(), tutor.interrupt.clone(), tutor.at);
    let mark = tutor.palette.paint(Role::Good, "✓");
    let folder = tutor.workspace().work().to_owned();
    let look = move || {
        let stop = &walk.stops[at];
        let Kind::Task { task, .. } = &stop.kind else { return };
        if !is_idle.load(Ordering::SeqCst) || progress.look(|progress| progress.passed.contains(&stop.key)) {
            return;
        }
        let known = progress.look(|progress| progress.digests.clone());
        let mismatch = workspace.lock().unwrap_or_else(PoisonError::into_inner).check(task, &known, &interrupt);
        // What it lacks is told to who asks, with `check`.
        if let Ok(None) = mismatch
            && progress.change(|progress| progress.passed.insert(stop.key.clone())).is_ok()
        {
            (printer.lock().unwrap_or_else(PoisonError::into_inner))(format!("{mark} {DONE}\n"));
        }
    };
    // Without a watch, tasks are still checked after each command.
    tutor.watch = Watch::start(&folder, look).ok();
}

/// After a command: the task may be done by it.
pub(super) fn look(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let walk = tutor.walk.clone();
    let Kind::Task { task, .. } = &walk.stops[tutor.at].kind else { return Ok(()) };
    if tutor.session.is_some() || tutor.is_passed() {
        return Ok(());
    }
    if mismatch(tutor, task)?.is_none() {
        tutor.note_passed()?;
        tutor.say(Role::Good, "✓", DONE)?;
    }
    Ok(())
}

/// The first check of a task that does not pass.
pub(super) fn mismatch(tutor: &mut Tutor<'_>, task: &Task) -> Result<Option<Mismatch>, Error> {
    let known = tutor.progress.look(|progress| progress.digests.clone());
    let interrupt = tutor.interrupt.clone();
    // Checks are commands, and may take a while.
    show_for_now(tutor, "Looking whether the task is done…")?;
    let mismatch = tutor.workspace().check(task, &known, &interrupt);
    show_for_now(tutor, "")?;
    Ok(mismatch?)
}

/// Shows a person a text in the place of the last such text.
fn show_for_now(tutor: &mut Tutor<'_>, text: &str) -> Result<(), Error> {
    if tutor.is_interactive() {
        tutor.out.erase_line()?;
        write!(tutor.out, "{}", tutor.palette.paint(Role::Faint, text))?;
        tutor.out.flush()?;
    }
    Ok(())
}

/// `check`: what of the task is done, and what it still lacks. Returns whether it is done.
pub(super) fn check(tutor: &mut Tutor<'_>) -> Result<bool, Error> {
    let walk = tutor.walk.clone();
    let Kind::Task { task, .. } = &walk.stops[tutor.at].kind else { return no_task(tutor).map(|()| true) };
    let (palette, columns) = (tutor.palette, tutor.columns());
    match mismatch(tutor, task)? {
        None => {
            tutor.note_passed()?;
            tutor.show(&text::passed(&task.checks, palette, columns))?;
            tutor.say(Role::Good, "✓", DONE)?;
            Ok(true)
        }
        Some(mismatch) => {
            tutor.show(&text::lacking(&task.checks, &mismatch, palette, columns))?;
            Ok(false)
        }
    }
}

/// `hint`: one more.
pub(super) fn hint(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let walk = tutor.walk.clone();
    let stop = &walk.stops[tutor.at];
    let Kind::Task { task, .. } = &stop.kind else { return no_task(tutor) };
    let seen = tutor.progress.look(|progress| progress.hints.get(&stop.key).copied().unwrap_or(0));
    let Some((number, hint)) = task.hint_after(seen) else { return Ok(()) };
    tutor.progress.change(|progress| progress.hints.insert(stop.key.clone(), number))?;
    let (palette, columns) = (tutor.palette, tutor.columns());
    let mark = format!("Hint {number} of {}:", task.hints.len());
    let text = text::noted(Role::Strong, &mark, hint, palette, columns);
    tutor.show(&text)?;
    if number == task.hints.len() && !tutor.is_passed() {
        tutor.note("That was the last one; `solution` shows how it can be done.")?;
    }
    Ok(())
}

/// `solution`: after success, to compare; before it only once all hints were seen and the learner confirms.
pub(super) fn solution(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let walk = tutor.walk.clone();
    let stop = &walk.stops[tutor.at];
    let Kind::Task { task, .. } = &stop.kind else { return no_task(tutor) };
    if !tutor.is_passed() {
        let seen = tutor.progress.look(|progress| progress.hints.get(&stop.key).copied().unwrap_or(0));
        let left = task.hints.len().saturating_sub(seen);
        if left > 0 {
            let left = units::count(left as u64, "hint");
            return tutor.say(
                Role::Notice,
                "·",
                &format!("There is help before that: {left} left. `hint` shows the next."),
            );
        }
        if !confirms(tutor, "You learn more if you try once more. Show the solution? [y/N] ")? {
            return Ok(());
        }
        tutor.progress.change(|progress| progress.solutions.insert(stop.key.clone()))?;
    }
    let known = tutor.progress.look(|progress| progress.digests.clone());
    let text = page::page(&known.as_printed(&task.solution), tutor.palette, tutor.columns());
    tutor.show(&format!("\n{text}\n"))?;
    if !tutor.is_passed() {
        tutor.say(Role::Faint, "·", "It is yours to do now: the task is done when its state is right.")?;
    }
    Ok(())
}

/// Asks for confirmation, in one line: others may have chosen names in it.
pub(super) fn confirms(tutor: &mut Tutor<'_>, question: &str) -> Result<bool, Error> {
    let question = &*shown::line(question);
    // A script's lines show no prompt.
    if !tutor.lines.is_interactive() {
        tutor.show(question)?;
    }
    let answer = match tutor.ask(question, Asked::Answer).map_err(Error::Input)? {
        Next::Line(answer) => answer,
        Next::Interrupted | Next::End => String::new(),
    };
    tutor.note_typed();
    if !tutor.lines.is_interactive() {
        tutor.show(&format!("{}\n", shown::line(&answer)))?;
    }
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "" | "n" | "no" => Ok(false),
        // Something else was meant: it comes next.
        _ => {
            tutor.typed_early = Some(answer);
            Ok(false)
        }
    }
}

fn no_task(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let is_task = |stop: &Stop| matches!(stop.kind, Kind::Task { .. });
    let text = match (tutor.walk.stops[tutor.at..].iter().any(is_task), tutor.walk.stops.iter().any(is_task)) {
        (true, _) => "There is no task on this page: tasks come later on.",
        (false, true) => "There is no task on this page: those of this lesson come before it, and `back` goes there.",
        (false, false) => "There is no task in this lesson.",
    };
    tutor.say(Role::Notice, "·", text)
}
