//! What is told beside the pages of a lesson: where it happens, what goes on, the words, the lessons.

use std::path::Path;

use super::error::Error;
use super::open::Tutor;
use super::paths::{homely, typeable};
use super::words::WORDS;
use crate::learning::{Catalogue, Error as LearningError, Records, Walk, is_debugger};
use crate::shown;
use crate::view::learning as text;
use crate::view::palette::{Palette, Role};
use crate::view::{page, table, units};

/// So many commands that go on in the background are told.
const MOST_TOLD: usize = 5;

/// What is said first.
pub(super) fn welcome(tutor: &mut Tutor<'_>) -> Result<(), Error> {
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
            true => "You have finished this lesson: `reset` starts it over.",
            false => "You go on where you left off.",
        };
        let text = format!("{begun} Your files for this lesson are in `{folder}`.");
        shown.push_str(&page::page(&text, palette, columns));
    }
    for aside in std::mem::take(&mut tutor.aside) {
        shown.push_str(&page::page(&was_there(&aside), palette, columns));
    }
    if let Some(taken) = tutor.taken.take() {
        let text = format!("`{}` is there already, and this home has not made it. It stays as it is.", homely(&taken));
        shown.push_str(&page::page(&text, palette, columns));
    }
    if let Some(usual) = tutor.records.usual_home() {
        let home = homely(tutor.records.home());
        let text = format!(
            "How far you are is kept in the home `{home}`, as LAYERLAB_HOME or `--home` says. You have lessons in `{}` as well, which are not touched.",
            homely(&usual)
        );
        shown.push_str(&page::page(&text, palette, columns));
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

/// What is said last: what goes on.
pub(super) fn farewell(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let running = tutor.workspace().room.layerlab(&["ps", "--format", "{{.Names}}"]);
    let names = running.map(|(names, _)| names.lines().map(str::to_owned).collect::<Vec<_>>()).unwrap_or_default();
    if !names.is_empty() {
        let home = typeable(&tutor.workspace().room.path("home"));
        let count = units::count(names.len() as u64, "container");
        let (verb, object) = if names.len() == 1 { ("goes", "it") } else { ("go", "them") };
        let names = names.join(" ");
        let text =
            format!("{count} of this lesson {verb} on running. `layerlab --home {home} stop {names}` stops {object}.");
        tutor.say(Role::Notice, "·", &text)?;
    }
    let background = tutor.workspace().in_background();
    for (number, command) in background.iter().take(MOST_TOLD) {
        let command = shown::line(command);
        let text = format!("`{command}` of this lesson goes on in the background. `kill {number}` ends it.");
        tutor.say(Role::Notice, "·", &text)?;
    }
    if !tutor.progress.look(|progress| progress.is_finished) {
        tutor.say(Role::Faint, "·", "`layerlab learn resume` goes on here.")?;
    }
    Ok(())
}

pub(super) fn help(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let columns = tutor.columns();
    let is_debugger = tutor.session.as_deref().is_some_and(is_debugger);
    let rest = match (is_debugger, tutor.session.is_some()) {
        (true, _) => "goes to the debugger, whose own words `help` lists",
        (false, true) => "goes to the program that waits",
        (false, false) => "is a command for the shell, in your folder",
    };
    let text =
        format!("Enter does what the page shows. Whatever else you type {rest}. These words are the lesson's:\n\n");
    let mut text = table::fill(&text, columns);
    for (name, _, what) in WORDS {
        let name = tutor.palette.paint(Role::Strong, &format!("{name:<10}"));
        text.push_str(&table::hang(&format!("  {name}"), what, columns));
    }
    let more = "\nWhere Enter has started a program that waits at its own prompt, such as the debugger, put a colon before them: `:next`. A program that you have started yourself has all that you type, until it ends.\n";
    text.push_str(&table::fill(more, columns));
    tutor.show(&text)
}

/// The lessons, with how far the learner has come in each, and those that can't be read.
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
    for unread in &catalogue.unread {
        list.push_str(&text::unread(unread, palette, columns));
    }
    Ok(list)
}

pub(super) fn tell_restored(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let folder = homely(tutor.workspace().work());
    let text = format!(
        "Your folder {folder} was gone. It is there again, with the files that the lesson begins with; `reset` starts all of the lesson over."
    );
    tutor.say(Role::Notice, "·", &text)
}

pub(super) fn tell_aside(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    for aside in std::mem::take(&mut tutor.aside) {
        tutor.say(Role::Notice, "·", &was_there(&aside))?;
    }
    Ok(())
}

fn was_there(aside: &Path) -> String {
    format!("Something of this name was there already. It is kept as `{}`.", homely(aside))
}

/// Says how to come back to the lesson, once, before a container of the learner's own has the terminal: there the lesson's words are commands like
/// any other.
pub(super) fn tell_way_back(tutor: &mut Tutor<'_>, typed: &str) -> Result<(), Error> {
    if !tutor.is_interactive() || tutor.knows_way_back || !takes_terminal(typed) {
        return Ok(());
    }
    tutor.knows_way_back = true;
    tutor.note("`exit` leaves the container. Until then what you type goes there, and not to the lesson: `hint` and its other words as well.")
}

/// Whether a line has a container take over the terminal: `docker run -it IMAGE`, `docker exec --interactive --tty NAME sh`.
fn takes_terminal(typed: &str) -> bool {
    let mut words = typed.split_whitespace();
    let is_ours = words.next().is_some_and(|word| ["docker", "layerlab"].contains(&word));
    let verb = words.find(|word| *word != "container").unwrap_or_default();
    let mut letters = String::new();
    for word in words {
        match word.strip_prefix('-') {
            Some("-interactive") => letters.push('i'),
            Some("-tty") => letters.push('t'),
            Some("-detach") => letters.push('d'),
            Some(some) if some.chars().all(|letter| ['d', 'i', 't'].contains(&letter)) => letters.push_str(some),
            Some(_) | None => {}
        }
    }
    is_ours
        && ["run", "exec"].contains(&verb)
        && letters.contains('i')
        && letters.contains('t')
        && !letters.contains('d')
}

#[cfg(test)]
mod tests {
    use super::takes_terminal;

    #[test]
    fn a_container_with_a_terminal_is_known_by_its_options() {
        for line in [
            "docker run -it layerlab/base sh",
            "layerlab exec -ti web sh",
            "docker run -i --tty x",
            "docker run -i -t x",
        ] {
            assert!(takes_terminal(line), "{line}");
        }
        for line in ["docker build -t x .", "docker run -dit x", "docker run -t x", "git -it", "docker stop -t 3 x"] {
            assert!(!takes_terminal(line), "{line}");
        }
    }
}
