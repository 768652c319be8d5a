//! Commands are run, lines typed, files written.

use std::path::{Path, PathBuf};

use super::comparing::{Where, judge, otherwise};
use super::error::Error;
use super::open::Tutor;
use super::paths::{homely, typeable};
use super::telling;
use super::words::WORDS;
use crate::diagnostic::closest;
use crate::learning::{Edit, Kind, Line, Seen, Stage, Streams, WaitFor, is_debugger, is_question, quoted};
use crate::repl;
use crate::view::page;
use crate::view::palette::Role;

/// The exit code of a command that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

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
        Kind::Input(line) => {
            let typed = typed_here(tutor, line);
            type_shown(tutor, line, &typed)
        }
        Kind::File(edit) => write(tutor, edit),
        Kind::Question(_) | Kind::Task { .. } | Kind::Proof { .. } | Kind::End => Ok(false),
    }
}

/// What is typed for a line of the lesson: digests are those of this machine.
pub(super) fn typed_here(tutor: &Tutor<'_>, line: &Line) -> String {
    tutor.progress.look(|progress| progress.digests.as_printed(&line.typed))
}

/// Takes a command of the learner's own, or a line for the program that waits; gives whether it is what this stop shows, and done.
pub(super) fn take(tutor: &mut Tutor<'_>, typed: &str) -> Result<bool, Error> {
    let walk = tutor.walk.clone();
    let known = tutor.progress.look(|progress| progress.digests.clone());
    let session = tutor.session.clone().unwrap_or_default();
    let is_shown = |line: &Line| {
        let shown = known.as_printed(&line.typed);
        shown.trim() == typed.trim() || is_debugger(&session) && repl::is_same(&shown, typed)
    };
    match &walk.stops[tutor.at].kind {
        Kind::Command(line) if tutor.session.is_none() && is_shown(line) => {
            let is_terminal = line.is_session || tutor.is_interactive();
            run_shown(tutor, line, if is_terminal { Streams::Terminal } else { Streams::Alone })
        }
        // Whoever is asked for a name says their own.
        Kind::Input(line) if is_question(&session) => type_shown(tutor, line, typed),
        Kind::Input(line)
            if tutor.session.is_some() && is_shown(line) && (line.edit.is_none() || !tutor.is_interactive()) =>
        {
            type_shown(tutor, line, typed)
        }
        _ if tutor.session.is_some() => {
            let seen = tutor.console(true, |console, user| console.type_line(typed, user))?;
            arrived(tutor, &seen, Streams::Terminal)?;
            if tutor.session.is_none() && matches!(tutor.stop().kind, Kind::Input(_)) {
                let text = "The program has ended. Enter starts it again and goes on here, `next` skips this line.";
                tutor.say(Role::Notice, "·", text)?;
            } else if is_debugger(&session) && typed.trim() == "help" {
                tutor.note("These are the debugger's words. `:help` lists those of the lesson.")?;
            }
            Ok(false)
        }
        _ => {
            let streams = if tutor.is_interactive() { Streams::Terminal } else { Streams::Alone };
            telling::tell_way_back(tutor, typed)?;
            run_own(tutor, typed, streams, WaitFor::End).map(|()| false)
        }
    }
}

/// Runs a command that is not the one of this stop.
pub(super) fn run_own(tutor: &mut Tutor<'_>, typed: &str, streams: Streams, wait_for: WaitFor) -> Result<(), Error> {
    let seen = tutor.console(true, |console, user| console.run(typed, streams, wait_for, user))?;
    arrived(tutor, &seen, streams)?;
    match seen.stage {
        Stage::Ended(code @ 1..) => tell_status(tutor, typed, code),
        Stage::Ended(_) | Stage::Waits(_) | Stage::Gone(_) => Ok(()),
    }
}

/// Runs the command of this stop; gives whether it went as it should.
fn run_shown(tutor: &mut Tutor<'_>, line: &Line, streams: Streams) -> Result<bool, Error> {
    let command = typed_here(tutor, line);
    let wait_for = WaitFor::of(&line.expected, line.is_session);
    tutor.is_begun_again = false;
    let seen = tutor.console(true, |console, user| console.run(&command, streams, wait_for, user))?;
    arrived(tutor, &seen, streams)?;
    let place = if streams == Streams::Terminal { Where::Terminal } else { Where::Piped };
    let is_as_shown = judge(tutor, line, &seen, place)?;
    if let (Stage::Ended(0), true) = (&seen.stage, line.is_session) {
        let printed = seen.output.lines().map(str::to_owned).collect();
        tutor.mismatches.push(otherwise(line, line.expected.clone(), printed));
        leave_inputs(tutor)?;
        return Ok(true);
    }
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
        tell_folder(tutor)?;
        return Ok(false);
    }
    if !is_as_shown && place == Where::Piped {
        tell_folder(tutor)?;
    }
    if let (Stage::Ended(code @ 1..), true) = (&seen.stage, is_as_shown) {
        tell_status(tutor, &command, *code)?;
    }
    Ok(true)
}

fn tell_status(tutor: &mut Tutor<'_>, typed: &str, code: i32) -> Result<(), Error> {
    let meaning = match code {
        // A program that is there may end with the code of one in it that is not.
        127 if is_program(tutor, typed) => String::new(),
        127 => match likely(tutor, typed) {
            Some(likely) => format!(": there is no such command; did you mean `{likely}`?"),
            None => ": there is no such command".to_owned(),
        },
        INTERRUPTED => ": ended by Ctrl-C".to_owned(),
        148 => ": stopped by Ctrl-Z; `fg` goes on with it".to_owned(),
        _ => String::new(),
    };
    tutor.note(&format!("(exit code {code}{meaning})"))
}

/// Whether a line begins with the name of a program.
fn is_program(tutor: &Tutor<'_>, typed: &str) -> bool {
    let Some(name) = typed.split_whitespace().next() else { return false };
    let variables = tutor.workspace().room.variables();
    let path = variables.into_iter().find(|(name, _)| *name == "PATH").map(|(_, value)| value).unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// The command of the lesson that was meant by one that is not there.
fn likely(tutor: &Tutor<'_>, typed: &str) -> Option<String> {
    let written = typed.split_whitespace().next()?;
    let words = WORDS.iter().map(|(word, ..)| *word);
    let shown = tutor.walk.commands().filter_map(|line| line.typed.split_whitespace().next());
    closest(written, ["docker", "layerlab"].into_iter().chain(words).chain(shown)).map(str::to_owned)
}

/// Where the lesson has the shell, if that is elsewhere: what has failed may have failed for that.
fn tell_folder(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let work = tutor.workspace().work().to_owned();
    let Some(below) = tutor.walk.folder_at(tutor.at) else { return Ok(()) };
    let Ok(wanted) = work.join(&below).canonicalize() else { return Ok(()) };
    let here = tutor.folder();
    let here = here.canonicalize().unwrap_or(here);
    if here == wanted {
        return Ok(());
    }
    let relative = |way: PathBuf| quoted(&way.display().to_string()).into_owned();
    let way = match (wanted.strip_prefix(&here), here.strip_prefix(&wanted)) {
        (Ok(down), _) if here != Path::new("/") => relative(down.to_owned()),
        (_, Ok(up)) => relative(up.components().map(|_| "..").collect()),
        (Ok(_) | Err(_), Err(_)) => typeable(&wanted),
    };
    let name = if below.as_os_str().is_empty() { tutor.lesson.name.clone() } else { below.display().to_string() };
    tutor.say(Role::Notice, "·", &format!("This page expects you in `{name}`:"))?;
    // It is there to be copied, and no line of it is broken.
    tutor.show(&page::code(&format!("$ cd {way}")))
}

/// The program has ended well, and asks nothing any more: what would be typed there is done.
fn leave_inputs(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let walk = tutor.walk.clone();
    let is_input = |number: usize| walk.stops.get(number).is_some_and(|stop| matches!(stop.kind, Kind::Input(_)));
    if is_input(tutor.at) || is_input(tutor.at + 1) {
        tutor.say(Role::Notice, "·", "The program has ended, and asks for nothing more.")?;
    }
    while is_input(tutor.at + 1) {
        tutor.note_passed()?;
        tutor.at += 1;
    }
    Ok(())
}

/// Types a line, that of this stop or one like it, at the prompt of the program, which is started where it does not wait any more.
pub(super) fn type_shown(tutor: &mut Tutor<'_>, line: &Line, typed: &str) -> Result<bool, Error> {
    if tutor.session.is_none() {
        match begin_again(tutor)? {
            Stage::Waits(_) => {}
            Stage::Ended(0) => return leave_inputs(tutor).map(|()| true),
            Stage::Ended(_) | Stage::Gone(_) => {
                let text = "The program did not come to its prompt. Enter tries again, `next` goes on.";
                tutor.say(Role::Bad, "✗", text)?;
                return Ok(false);
            }
        }
    }
    let prompt = tutor.session.clone().unwrap_or_default();
    if let Some((change, file)) = &line.edit {
        let workspace = tutor.workspace();
        let text = workspace.changed(file.as_ref(), change);
        // One that does not fit was made already.
        let text = text.or_else(|| workspace.text(file.as_ref()));
        // Where there is none, the editor opens for the learner.
        if let Some(text) = text {
            workspace.room.prepare_editor(&text).map_err(Error::Console)?;
        }
    }
    let seen = tutor.console(true, |console, user| console.type_line(typed, user));
    // An `edit` that never came to the editor must not change the file of the next one.
    tutor.workspace().room.forget_edit();
    let seen = seen?;
    arrived(tutor, &seen, Streams::Terminal)?;
    let place = if is_debugger(&prompt) { Where::Debugger } else { Where::Terminal };
    judge(tutor, line, &seen, place)?;
    if let (Stage::Ended(code @ 1..), true) = (&seen.stage, is_question(&prompt)) {
        tell_status(tutor, &line.typed, *code)?;
        // Begun again, it would be answered as the page does, and not as the learner did.
        let command = tutor.walk.stops[..tutor.at].iter().rposition(|stop| matches!(stop.kind, Kind::Command(_)));
        tutor.at = command.unwrap_or(tutor.at);
        tutor.say(Role::Notice, "·", "Enter runs the command again.")?;
        return Ok(false);
    }
    Ok(true)
}

/// Starts the program of this stop, and types what was typed there before. Gives how far it came.
fn begin_again(tutor: &mut Tutor<'_>) -> Result<Stage, Error> {
    let walk = tutor.walk.clone();
    let before = &walk.stops[..tutor.at];
    let first = before.iter().rposition(|stop| matches!(stop.kind, Kind::Command(_))).unwrap_or(0);
    let mut stage = Stage::Ended(1);
    tutor.say(Role::Notice, "·", "The program is started again, and brought to where it was.")?;
    for stop in &before[first..] {
        let seen = match &stop.kind {
            Kind::Command(line) => {
                let command = typed_here(tutor, line);
                tutor.console(false, |console, user| console.run(&command, Streams::Terminal, WaitFor::Prompt, user))?
            }
            // What was edited is edited.
            Kind::Input(line) if line.edit.is_none() => {
                let typed = typed_here(tutor, line);
                tutor.console(false, |console, user| console.type_line(&typed, user))?
            }
            Kind::Input(_) | Kind::File(_) | Kind::Question(_) | Kind::Proof { .. } | Kind::Task { .. } | Kind::End => {
                continue;
            }
        };
        stage = seen.stage;
        let Stage::Waits(prompt) = &stage else {
            tutor.session = None;
            break;
        };
        tutor.session = Some(prompt.clone());
    }
    if let Stage::Gone(_) = stage {
        tutor.console = None;
    }
    tutor.is_begun_again = true;
    Ok(stage)
}

/// Notes how far a command has come. What its terminal would have shown is shown here where nobody is at one.
fn arrived(tutor: &mut Tutor<'_>, seen: &Seen, streams: Streams) -> Result<(), Error> {
    let output = seen.output.trim_end_matches('\n');
    if streams == Streams::Terminal && !tutor.is_interactive() && !output.is_empty() {
        tutor.show(&format!("{output}\n"))?;
    }
    if let Stage::Ended(INTERRUPTED) = seen.stage {
        tutor.forget_typed_ahead();
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
        false => workspace.has(&edit.file, &edit.text()),
    }
}

/// Writes or changes the file of this stop.
pub(super) fn write(tutor: &mut Tutor<'_>, edit: &Edit) -> Result<bool, Error> {
    if is_written(tutor, edit) {
        return Ok(true);
    }
    let text = match edit.is_change {
        true => tutor.workspace().changed(edit.file.path(), &edit.lines),
        false => Some(edit.text()),
    };
    let Some(text) = text else {
        let name = crate::shown::line(&edit.file.path().display().to_string()).into_owned();
        let said = format!("{name} is not as this page expects it. Change it yourself, and type `next`.");
        tutor.say(Role::Bad, "✗", &said)?;
        return Ok(false);
    };
    let written = tutor.workspace().write(&edit.file, &text, !edit.is_change);
    let kept = match written {
        Ok(kept) => kept,
        // What stands there is the learner's, who can move it.
        Err(error) => {
            let said = format!("{error}. Enter tries again, `next` goes on.");
            tutor.say(Role::Bad, "✗", &said)?;
            return Ok(false);
        }
    };
    let name = crate::shown::line(&edit.file.path().display().to_string()).into_owned();
    let kept = kept.map(|path| format!(" What you had there is kept in {}.", homely(&path)));
    tutor.say(Role::Good, "✓", &format!("{name} is written.{}", kept.unwrap_or_default()))?;
    Ok(true)
}
