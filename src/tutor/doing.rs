//! Commands are run, lines typed, files written.

use super::error::Error;
use super::open::{Tutor, homely};
use crate::learning::{Edit, Kind, Line, Seen, Stage, Streams, WaitFor};
use crate::lesson::{CTRL_C, Cause, Mismatch, align, arranged, fits};
use crate::view::learning as text;
use crate::view::palette::Role;

/// Does what this stop shows; gives whether that is done.
pub(super) fn enter(tutor: &mut Tutor<'_>) -> Result<bool, Error> {
    let walk = tutor.walk.clone();
    match &walk.stops[tutor.at].kind {
        Kind::Command(line) => {
            let streams = match (line.is_session, tutor.is_interactive()) {
                (true, _) => Streams::Terminal,
                (false, true) => Streams::Piped,
                (false, false) => Streams::Alone,
            };
            run_shown(tutor, line, streams)
        }
        Kind::Input(line) => type_shown(tutor, line),
        Kind::File(edit) => write(tutor, edit),
        Kind::Question(_) | Kind::Task { .. } | Kind::Proof { .. } | Kind::End => Ok(false),
    }
}

/// Takes a command of the learner's own, or a line for the program that waits; gives whether it is what this stop shows, and done.
pub(super) fn take(tutor: &mut Tutor<'_>, typed: &str) -> Result<bool, Error> {
    let walk = tutor.walk.clone();
    let known = tutor.progress.look(|progress| progress.digests.clone());
    let is_shown = |line: &Line| known.as_printed(&line.typed).trim() == typed.trim();
    match &walk.stops[tutor.at].kind {
        Kind::Command(line) if tutor.session.is_none() && is_shown(line) => {
            let is_terminal = line.is_session || tutor.is_interactive();
            run_shown(tutor, line, if is_terminal { Streams::Terminal } else { Streams::Alone })
        }
        Kind::Input(line)
            if tutor.session.is_some() && is_shown(line) && (line.edit.is_none() || !tutor.is_interactive()) =>
        {
            type_shown(tutor, line)
        }
        _ if tutor.session.is_some() => {
            let seen = tutor.console(true, |console, user| console.type_line(typed, user))?;
            arrived(tutor, &seen, Streams::Terminal).map(|()| false)
        }
        _ => {
            let streams = if tutor.is_interactive() { Streams::Terminal } else { Streams::Alone };
            run_own(tutor, typed, streams, WaitFor::End).map(|()| false)
        }
    }
}

/// Runs a command that is not the one of this stop.
pub(super) fn run_own(tutor: &mut Tutor<'_>, typed: &str, streams: Streams, wait_for: WaitFor) -> Result<(), Error> {
    let seen = tutor.console(true, |console, user| console.run(typed, streams, wait_for, user))?;
    arrived(tutor, &seen, streams)?;
    match seen.stage {
        Stage::Ended(code @ 1..) => tell_status(tutor, code),
        Stage::Ended(_) | Stage::Waits(_) | Stage::Gone(_) => Ok(()),
    }
}

/// Runs the command of this stop; gives whether it went as it should.
fn run_shown(tutor: &mut Tutor<'_>, line: &Line, streams: Streams) -> Result<bool, Error> {
    let command = tutor.progress.look(|progress| progress.digests.as_printed(&line.typed));
    let wait_for = WaitFor::of(&line.expected, line.is_session);
    let seen = tutor.console(true, |console, user| console.run(&command, streams, wait_for, user))?;
    arrived(tutor, &seen, streams)?;
    let is_as_shown = judge(tutor, line, &seen, streams)?;
    if let Stage::Ended(code) | Stage::Gone(code) = seen.stage
        && (code != line.status.unwrap_or(0) && !is_as_shown && !matches!(wait_for, WaitFor::Lines(_))
            || line.is_session)
    {
        let text = match line.is_session {
            true => "The program did not come to its prompt.".to_owned(),
            false => {
                format!("The command ended with exit code {code}, but the lesson expects {}.", line.status.unwrap_or(0))
            }
        };
        tutor.say(Role::Bad, "✗", &format!("{text} Enter tries again, `next` goes on."))?;
        return Ok(false);
    }
    if let (Stage::Ended(code @ 1..), true) = (&seen.stage, is_as_shown) {
        tell_status(tutor, *code)?;
    }
    Ok(true)
}

fn tell_status(tutor: &mut Tutor<'_>, code: i32) -> Result<(), Error> {
    let meaning = match code {
        127 => ": there is no such command",
        130 => ": ended by Ctrl-C",
        _ => "",
    };
    tutor.note(&format!("(exit code {code}{meaning})"))
}

/// Types the line of this stop at the prompt of the program, which is started where it does not wait any more.
pub(super) fn type_shown(tutor: &mut Tutor<'_>, line: &Line) -> Result<bool, Error> {
    if tutor.session.is_none() && !begin_again(tutor)? {
        tutor.say(Role::Bad, "✗", "The program did not come to its prompt. Enter tries again, `next` goes on.")?;
        return Ok(false);
    }
    if let Some((change, file)) = &line.edit {
        let workspace = tutor.workspace();
        let text = workspace.changed(file.as_ref(), change);
        // One that does not fit was made already.
        let text = text.or_else(|| std::fs::read_to_string(workspace.work().join(file)).ok());
        // Where there is none, the editor opens for the learner.
        if let Some(text) = text {
            workspace.room.prepare_editor(&text).map_err(Error::Console)?;
        }
    }
    let typed = tutor.progress.look(|progress| progress.digests.as_printed(&line.typed));
    let seen = tutor.console(true, |console, user| console.type_line(&typed, user));
    // An `edit` that never came to the editor must not change the file of the next one.
    tutor.workspace().room.forget_edit();
    let seen = seen?;
    arrived(tutor, &seen, Streams::Terminal)?;
    judge(tutor, line, &seen, Streams::Terminal)?;
    Ok(true)
}

/// Starts the program of this stop, and types what was typed there before. Gives whether it waits.
fn begin_again(tutor: &mut Tutor<'_>) -> Result<bool, Error> {
    let walk = tutor.walk.clone();
    let before = &walk.stops[..tutor.at];
    let Some(first) = before.iter().rposition(|stop| matches!(stop.kind, Kind::Command(_))) else { return Ok(false) };
    tutor.say(Role::Notice, "·", "The program is started again, and brought to where it was.")?;
    for stop in &before[first..] {
        let seen = match &stop.kind {
            Kind::Command(line) => {
                let command = tutor.progress.look(|progress| progress.digests.as_printed(&line.typed));
                tutor.console(false, |console, user| console.run(&command, Streams::Terminal, WaitFor::Prompt, user))?
            }
            // What was edited is edited.
            Kind::Input(line) if line.edit.is_none() => {
                tutor.console(false, |console, user| console.type_line(&line.typed, user))?
            }
            Kind::Input(_) | Kind::File(_) | Kind::Question(_) | Kind::Proof { .. } | Kind::Task { .. } | Kind::End => {
                continue;
            }
        };
        let Stage::Waits(prompt) = seen.stage else { return Ok(false) };
        tutor.session = Some(prompt);
    }
    Ok(tutor.session.is_some())
}

/// Notes how far a command has come. What its terminal would have shown is shown here where nobody is at one.
fn arrived(tutor: &mut Tutor<'_>, seen: &Seen, streams: Streams) -> Result<(), Error> {
    let output = seen.output.trim_end_matches('\n');
    if streams == Streams::Terminal && !tutor.is_interactive() && !output.is_empty() {
        tutor.show(&format!("{output}\n"))?;
    }
    tutor.session = match &seen.stage {
        Stage::Waits(prompt) => Some(prompt.clone()),
        Stage::Ended(_) => None,
        Stage::Gone(_) => {
            tutor.console = None;
            tutor.say(Role::Notice, "·", "The shell has ended. The next command gets a new one.")?;
            None
        }
    };
    Ok(())
}

/// Says it where something else was printed than the page has; gives whether it was as shown. Digests are noted as they are here.
fn judge(tutor: &mut Tutor<'_>, line: &Line, seen: &Seen, streams: Streams) -> Result<bool, Error> {
    // Ctrl-C is seen on the terminal, wherever the command prints.
    let printed: Vec<String> = seen.output.replace(CTRL_C, "").trim_end().lines().map(str::to_owned).collect();
    let expected: Vec<String> = line.expected.iter().filter(|line| *line != CTRL_C).cloned().collect();
    let expected = trimmed(&expected);
    let known = tutor.progress.look(|progress| progress.digests.clone());
    let printed = arranged(expected, &printed, |line| known.as_printed(line));
    if let Some(pairs) = align(expected, &printed) {
        return Ok(tutor
            .progress
            .change(|progress| {
                pairs.into_iter().for_each(|(at, to)| progress.digests.note(&expected[at], &printed[to]));
            })
            .map(|()| true)?);
    }
    let is_as_shown = agrees(expected, &printed.join("\n"));
    // A terminal has other columns and lines than a page.
    if !is_as_shown && streams != Streams::Terminal {
        let (palette, columns) = (tutor.palette, tutor.columns());
        tutor.say(Role::Notice, "·", "The page shows something else here:")?;
        let shown = tutor
            .progress
            .look(|progress| expected.iter().map(|line| progress.digests.as_printed(line)).collect::<Vec<_>>());
        let nothing = ["(nothing)".to_owned()];
        tutor.show(&text::expected(if shown.is_empty() { &nothing } else { &shown }, palette, columns))?;
        tutor.mismatches.push(otherwise(line, shown, printed));
    }
    Ok(is_as_shown)
}

/// A line that has printed something else than is shown.
pub(super) fn otherwise(line: &Line, expected: Vec<String>, seen: Vec<String>) -> Mismatch {
    Mismatch { line: line.number, command: line.typed.clone(), expected, seen, cause: Cause::Output }
}

/// Whether what is shown fits what was printed, however both are broken into lines.
pub(super) fn agrees(expected: &[String], output: &str) -> bool {
    let printed: Vec<String> = output.trim_end().lines().map(str::to_owned).collect();
    align(trimmed(expected), &printed).is_some() || fits(&expected.join(" "), &printed.join(" "))
}

/// Lines without the empty ones at the end.
fn trimmed(lines: &[String]) -> &[String] {
    let end = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    &lines[..end]
}

/// Runs a command that only looks, and gives what it prints.
pub(super) fn quietly(tutor: &mut Tutor<'_>, command: &str) -> Result<String, Error> {
    let seen = tutor.console(false, |console, user| console.run(command, Streams::Alone, WaitFor::End, user))?;
    Ok(seen.output)
}

/// Ends the program that waits at its prompt: the lesson is done with it.
pub(super) fn leave_session(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    if tutor.session.take().is_none() {
        return Ok(());
    }
    if let Stage::Gone(_) = tutor.console(false, |console, user| console.leave(user))? {
        tutor.console = None;
    }
    Ok(())
}

/// Whether a file is as a stop has it.
pub(super) fn is_written(tutor: &Tutor<'_>, edit: &Edit) -> bool {
    let workspace = tutor.workspace();
    match edit.is_change {
        true => workspace.is_changed(edit.file.path(), &edit.lines),
        false => workspace.has(&edit.file, &whole(edit)),
    }
}

/// Writes or changes the file of this stop.
pub(super) fn write(tutor: &mut Tutor<'_>, edit: &Edit) -> Result<bool, Error> {
    if is_written(tutor, edit) {
        return Ok(true);
    }
    let text = match edit.is_change {
        true => tutor.workspace().changed(edit.file.path(), &edit.lines),
        false => Some(whole(edit)),
    };
    let Some(text) = text else {
        let name = crate::shown::line(&edit.file.path().display().to_string()).into_owned();
        let said = format!("{name} is not as this page expects it. Change it yourself, and type `next`.");
        tutor.say(Role::Bad, "✗", &said)?;
        return Ok(false);
    };
    let kept = tutor.workspace().write(&edit.file, &text, !edit.is_change)?;
    let name = crate::shown::line(&edit.file.path().display().to_string()).into_owned();
    let kept = kept.map(|path| format!(" What you had there is kept in {}.", homely(&path)));
    tutor.say(Role::Good, "✓", &format!("{name} is written.{}", kept.unwrap_or_default()))?;
    Ok(true)
}

fn whole(edit: &Edit) -> String {
    edit.lines.iter().map(|line| format!("{line}\n")).collect()
}
