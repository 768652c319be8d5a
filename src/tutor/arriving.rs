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

/// Back to the first thing to do on the page before; on the first page, to its own.
pub(super) fn back(tutor: &mut Tutor<'_>) -> Result<(), Error> {
    match tutor.walk.page_before(tutor.at) {
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
            tutor.gap()?;
            tutor.show_page(&format!("{prose}\n"))?;
        }
        match &walk.stops[number].kind {
            Kind::File(edit) if number < tutor.at => show_file(tutor, edit)?,
            Kind::Command(line) | Kind::Input(line) if number < tutor.at => {
                let sign = if matches!(walk.stops[number].kind, Kind::Command(_)) { "$" } else { ">" };
                let code = page::code(&format!("{sign} {}", known.as_printed(&line.typed)));
                let mark = if tutor.has_done(number) { palette.paint(Role::Good, "✓") } else { " ".to_owned() };
                tutor.show_page(&text::marked(&mark, &code))?;
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
            let enter = if begin < tutor.at { "Enter runs the last one." } else { "Enter runs it." };
            show_line(tutor, &format!("$ {}", known.as_printed(&line.typed)), enter, begin < tutor.at)?;
            if !tutor.is_interactive() || !line.is_interrupted() {
                return Ok(());
            }
            let text = tutor.palette.paint(Role::Faint, "It goes on until you press Ctrl-C.");
            tutor.show(&format!("{text}\n"))
        }
        Kind::Input(line) => {
            let prompt = tutor.session.clone().unwrap_or_else(|| "(layerlab) ".to_owned());
            show_line(tutor, &format!("{prompt}{}", known.as_printed(&line.typed)), "Enter types it.", false)
        }
        Kind::File(edit) => show_file(tutor, edit),
        Kind::Question(question) => show_question(tutor, question),
        Kind::Task { task, is_challenge, .. } => {
            let name = if *is_challenge { "Challenge" } else { "Exercise" };
            let name = palette.paint(Role::Strong, name);
            tutor.gap()?;
            let task = page::page(&task.description, palette, columns);
            tutor.show_page(&format!("{name}\n\n{task}\n"))
        }
        Kind::Proof { question, asked, commands } => show_proof(tutor, question, asked, commands),
        Kind::End => show_end(tutor),
    }
}

/// A question; where it has an answer, that, and it is not asked again.
fn show_question(tutor: &mut Tutor<'_>, question: &Question) -> Result<(), Error> {
    let text = text::question(question, tutor.palette, tutor.columns());
    tutor.gap()?;
    tutor.show_page(&format!("{text}\n"))?;
    if !tutor.is_done() || !tutor.has_prompt {
        return Ok(());
    }
    let key = &tutor.stop().key;
    let answered = tutor.progress.look(|progress| progress.answers.get(key).copied());
    let said = answered.map(|number| format!("You said {number}. ")).unwrap_or_default();
    tutor.note(&format!("{said}Enter goes on."))
}

/// A line to type, and what Enter does as long as that is new, or where other lines stand before it.
fn show_line(tutor: &mut Tutor<'_>, line: &str, enter: &str, is_among: bool) -> Result<(), Error> {
    tutor.show_page(&format!("{}\n", page::code(line)))?;
    if !tutor.has_prompt {
        return Ok(());
    }
    if tutor.is_done() {
        let again = if tutor.session.is_some() { ":again" } else { "again" };
        let text = format!("Done already: Enter goes on, `{again}` runs it again.");
        let text = tutor.palette.paint(Role::Faint, &text);
        tutor.show(&format!("{text}\n"))?;
    } else if is_among || tutor.progress.look(|progress| progress.passed.len()) < BEGINNING {
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
    tutor.gap()?;
    tutor.show_page(&format!("{caption}\n\n{}\n", page::code(&edit.lines.join("\n"))))?;
    if !is_there && tutor.has_prompt {
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
    let more = if was_finished { " `reset` starts the lesson over." } else { "" };
    if tutor.has_prompt { tutor.show(&format!("\nEnter leaves.{more}\n")) } else { Ok(()) }
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
