//! A stop is shown, and passed.

use super::error::Error;
use super::open::Tutor;
use super::words::name_of;
use super::{comparing, doing, tasks};
use crate::learning::{Edit, Kind, Line};
use crate::lesson::Question;
use crate::shown;
use crate::view::learning as text;
use crate::view::page;
use crate::view::palette::Role;

/// So many things done, and nobody has to be told what Enter does.
const BEGINNING: usize = 4;

/// Goes to a stop and shows it; what asks nothing of the learner is passed at once.
pub(super) fn arrive(tutor: &mut Tutor<'_>, number: usize) -> Result<(), Error> {
    arrive_with(tutor, number, Extent::New)
}

/// How much of a page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What comes after what was read last.
    New,
    /// All of it, from its first sentence.
    Whole,
}

/// As [`arrive`], with as much of the page as is said.
pub(super) fn arrive_with(tutor: &mut Tutor<'_>, number: usize, mut extent: Extent) -> Result<(), Error> {
    tutor.watch = None;
    tutor.at = number.min(tutor.walk.stops.len() - 1);
    loop {
        let key = tutor.stop().key.clone();
        tutor.progress.change(|progress| progress.at = Some(key))?;
        if matches!(tutor.stop().kind, Kind::Command(_) | Kind::Proof { .. } | Kind::Task { .. } | Kind::End) {
            doing::leave_session(tutor)?;
        }
        show(tutor, extent)?;
        extent = Extent::New;
        if !passes_by_itself(tutor)? {
            break;
        }
        tutor.note_passed()?;
        tutor.at += 1;
    }
    tasks::begin(tutor)
}

/// This stop is done: on to the next.
pub(super) fn pass(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    tutor.note_passed()?;
    arrive(tutor, tutor.at + 1)
}

/// Back to the last stop at which there was something to do.
pub(super) fn back(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let before = tutor.walk.stops[..tutor.at].iter().rposition(|stop| stop.kind.is_asked());
    match before {
        Some(before) => arrive_with(tutor, before, Extent::Whole),
        None => tutor.say(Role::Notice, "·", "This is the first page."),
    }
}

/// Shows the page of this stop.
pub(super) fn show(tutor: &mut Tutor<'_>, extent: Extent) -> Result<(), Error> {
    let (walk, palette, columns) = (tutor.walk.clone(), tutor.palette, tutor.columns());
    let stop = &walk.stops[tutor.at];
    let known = tutor.progress.look(|progress| progress.digests.clone());
    let (begin, is_whole) = match extent {
        Extent::New => (tutor.at, false),
        Extent::Whole => (walk.page_begin(tutor.at), true),
    };
    let (place, total) = walk.page_of(tutor.at);
    let is_new = !tutor.shown.has_header && (is_whole || stop.is_read() && place != tutor.shown.page);
    if is_new {
        (tutor.shown.has_header, tutor.shown.page) = (true, place);
        let title = tutor.lesson.title.clone();
        tutor.gap()?;
        tutor.show(&text::header(&title, (place, total), palette, columns))?;
    }
    tutor.gap()?;
    for number in begin..=tutor.at {
        let prose = page::page(&known.as_printed(&walk.stops[number].text), palette, columns);
        if !prose.is_empty() {
            tutor.show_page(&format!("{prose}\n"))?;
        }
        match &walk.stops[number].kind {
            Kind::File(edit) if number < tutor.at => show_file(tutor, edit)?,
            Kind::Command(line) | Kind::Input(line) if number < tutor.at => {
                let mark = if matches!(walk.stops[number].kind, Kind::Command(_)) { "$" } else { ">" };
                tutor.show(&format!("{}\n", page::code(&format!("{mark} {}", known.as_printed(&line.typed)))))?;
            }
            Kind::Command(_)
            | Kind::Input(_)
            | Kind::File(_)
            | Kind::Question(_)
            | Kind::Proof { .. }
            | Kind::Task { .. }
            | Kind::End => {}
        }
    }
    match &stop.kind {
        Kind::Command(line) => {
            show_line(tutor, &format!("$ {}", known.as_printed(&line.typed)), "Enter runs it.")?;
            if !tutor.is_interactive() || !line.is_interrupted() {
                return Ok(());
            }
            let text = tutor.palette.paint(Role::Faint, "It goes on until you press Ctrl-C.");
            tutor.show(&format!("{text}\n"))
        }
        Kind::Input(line) => {
            let prompt = tutor.session.clone().unwrap_or_else(|| "(layerlab) ".to_owned());
            show_line(tutor, &format!("{prompt}{}", known.as_printed(&line.typed)), "Enter types it.")
        }
        Kind::File(edit) => show_file(tutor, edit),
        Kind::Question(question) => {
            let question = text::question(question, palette, columns);
            tutor.show_page(&format!("{question}\n"))
        }
        Kind::Task { task, is_challenge, .. } => {
            let name = if *is_challenge { "Challenge" } else { "Exercise" };
            let name = palette.paint(Role::Strong, name);
            let task = page::page(&task.description, palette, columns);
            tutor.show_page(&format!("{name}\n\n{task}\n"))
        }
        Kind::Proof { question, asked, commands } => show_proof(tutor, question, asked, commands),
        Kind::End => show_end(tutor),
    }
}

/// A line to type, and what Enter does as long as that is new.
fn show_line(tutor: &mut Tutor<'_>, line: &str, enter: &str) -> Result<(), Error> {
    tutor.show(&format!("{}\n", page::code(line)))?;
    if tutor.is_done() {
        let again = if tutor.session.is_some() { ":again" } else { "again" };
        let text = format!("Done already: Enter goes on, `{again}` does it once more.");
        let text = tutor.palette.paint(Role::Faint, &text);
        tutor.show(&format!("{text}\n"))?;
    } else if tutor.progress.look(|progress| progress.passed.len()) < BEGINNING {
        let more = if tutor.session.is_some() { "" } else { " You can type any other command as well." };
        tutor.note(&format!("{enter}{more}"))?;
    }
    Ok(())
}

fn show_file(tutor: &mut Tutor<'_>, edit: &Edit) -> Result<(), Error> {
    let name = shown::line(&edit.file.path().display().to_string()).into_owned();
    let is_there = doing::is_written(tutor, edit);
    let caption = match (is_there, edit.is_change) {
        (true, false) => format!("{name}, which is in your folder:"),
        (false, false) => format!("{name}:"),
        (_, true) => format!("A change of {name}:"),
    };
    let caption = tutor.palette.paint(Role::Faint, &caption);
    tutor.show_page(&format!("{caption}\n\n{}\n", page::code(&edit.lines.join("\n"))))?;
    if !is_there {
        let what = if edit.is_change { "makes it" } else { "writes it" };
        tutor.note(&format!("Enter {what} for you. Or edit the file yourself, and press Enter then."))?;
    }
    Ok(())
}

/// What was predicted, and what happened.
fn show_proof(tutor: &mut Tutor<'_>, question: &Question, asked: &str, commands: &[Line]) -> Result<(), Error> {
    let known = tutor.progress.look(|progress| progress.digests.clone());
    for line in commands {
        let command = known.as_printed(&line.typed);
        tutor.show(&page::code(&format!("$ {command}")))?;
        let output = doing::quietly(tutor, &command)?;
        tutor.show(&page::code(&output))?;
        if !comparing::agrees(tutor, &line.expected, &output) {
            let text = "The lesson expects something else here. Perhaps an earlier command was skipped, or had another result.";
            tutor.say(Role::Notice, "·", text)?;
            let seen = output.lines().map(str::to_owned).collect();
            tutor.mismatches.push(comparing::otherwise(line, line.expected.clone(), seen));
        }
    }
    let right = &question.answers[question.right() - 1];
    let answered = tutor.progress.look(|progress| progress.answers.get(asked).copied());
    let chosen = answered.and_then(|number| question.answer(number));
    let (palette, columns) = (tutor.palette, tutor.columns());
    let (role, mark, text) = match chosen {
        Some(chosen) if chosen.is_right => (Role::Good, "✓", format!("As you said: {}", chosen.text)),
        Some(chosen) => (Role::Notice, "·", format!("The answer is: {} (You said: {})", right.text, chosen.text)),
        None => (Role::Notice, "·", format!("The answer is: {}", right.text)),
    };
    // Who chose it has read why.
    let is_known = chosen.is_some_and(|chosen| chosen.is_right) || right.explanation.is_empty();
    let text = if is_known { text } else { format!("{text}\n\n{}", right.explanation) };
    tutor.gap()?;
    tutor.show(&text::noted(role, mark, &text, palette, columns))
}

/// The lesson is over.
fn show_end(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    let was_finished = tutor.progress.look(|progress| progress.is_finished);
    tutor.progress.change(|progress| progress.is_finished = true)?;
    tutor.say(Role::Good, "✓", "That was the lesson.")?;
    let questions: Vec<_> = tutor
        .walk
        .stops
        .iter()
        .filter_map(|stop| {
            if let Kind::Question(question) = &stop.kind { Some((stop.key.clone(), question.right())) } else { None }
        })
        .collect();
    if !questions.is_empty() {
        let right = tutor
            .progress
            .look(|progress| questions.iter().filter(|(key, right)| progress.answers.get(key) == Some(right)).count());
        tutor.say(Role::Faint, " ", &format!("{right} of {} predictions were right.", questions.len()))?;
    }
    if let Some(next) = tutor.catalogue.after(&tutor.lesson.name) {
        let command = tutor.records.command(name_of(next));
        let text = format!("Next: `{}`, {}", shown::line(&command), shown::line(&next.title));
        tutor.say(Role::Faint, " ", &text)?;
    }
    let more = if was_finished { " `reset` begins the lesson anew." } else { "" };
    tutor.show(&format!("\nEnter leaves.{more}\n"))
}

/// Whether there is nothing to do at this stop.
fn passes_by_itself(tutor: &mut Tutor<'_>) -> Result<bool, Error> {
    let walk = tutor.walk.clone();
    Ok(match &walk.stops[tutor.at].kind {
        Kind::Proof { .. } => true,
        // A change that was made once may have given way to a later one.
        Kind::File(edit) => doing::is_written(tutor, edit) || edit.is_change && tutor.is_passed(),
        Kind::Command(_) | Kind::Input(_) | Kind::Question(_) | Kind::Task { .. } | Kind::End => false,
    })
}
