//! `why`: the decision about a step, its reason, and what follows from it for the steps after it.
//!
//! Of a step that is taken it tells what was decided; of a step to come, what would be. Both come from the machine.

use std::io::Write as _;

use super::Error;
use super::compare::count_lines;
use super::session::Session;
use crate::cache::{AttributeChange, Build, Builds, Difference, Ingredient, Ingredients, Listing, Origin, Roots};
use crate::dockerfile::Instruction;
use crate::machine::decide::{self, Asked};
use crate::machine::{Decision, MissReason, Prediction, Taken};
use crate::oci::Digest;
use crate::shown;
use crate::view::debugger::shorten;
use crate::view::units;

/// The most lines of one list.
const MOST_LINES: usize = 12;

/// The step that is asked about.
struct Subject {
    index: usize,
    ingredients: Ingredients,
    roots: Vec<Roots>,
    /// Those that may not be stored yet.
    listings: Vec<Listing>,
}

impl Subject {
    fn taken(index: usize, taken: &Taken) -> Subject {
        let ingredients = taken.ingredients.clone().unwrap_or_default();
        Subject { index, ingredients, roots: taken.roots.clone(), listings: Vec::new() }
    }

    fn foreseen(index: usize, prediction: &Prediction) -> Subject {
        let ingredients = prediction.ingredients.clone().unwrap_or_default();
        let roots = prediction.listings.iter().map(|listing| listing.roots.clone()).collect();
        Subject { index, ingredients, roots, listings: prediction.listings.clone() }
    }

    fn asked(&self) -> Asked<'_> {
        Asked { ingredients: &self.ingredients, roots: &self.roots, listings: &self.listings }
    }
}

impl Session<'_> {
    pub(super) fn why(&mut self, step: Option<usize>, against: Option<u64>) -> Result<(), Error> {
        let machine = self.machine()?;
        let total = machine.step_count();
        let position = machine.position();
        let index = match step {
            Some(number) if number == 0 || number > total => {
                return Err(crate::machine::Error::NoStep { number, total }.into());
            }
            Some(number) => number - 1,
            None if machine.is_done() => return Err(Error::usage("every step is taken", "`why N` asks about step N")),
            None => position,
        };
        if let Some(taken) = machine.taken().get(index).cloned() {
            let subject = Subject::taken(index, &taken);
            return match against {
                Some(build) => self.against(&subject, build),
                None => self.tell(&subject, &taken.decision, &[], false),
            };
        }
        // A later step that can't be foreseen is no reason not to tell of this one.
        let predictions = match machine.predict(position) {
            Ok(predictions) => predictions,
            Err(_) => machine
                .predict_until(position, index + 1)
                .map_err(|error| Error::Dockerfile(error.diagnostics(machine.span(index)), self.file.clone()))?,
        };
        let Some(place) = predictions.iter().position(|prediction| prediction.label.number == index + 1) else {
            return self.row("", "not known yet: a step before it has to run first");
        };
        let prediction = &predictions[place];
        let subject = Subject::foreseen(index, prediction);
        match against {
            Some(build) => self.against(&subject, build),
            None => self.tell(&subject, &prediction.decision, &predictions[place + 1..], true),
        }
    }

    fn line(&mut self, text: &str) -> Result<(), Error> {
        Ok(writeln!(self.out, "      {}", shown::line(text))?)
    }

    fn tell(
        &mut self,
        subject: &Subject,
        decision: &Decision,
        after: &[Prediction],
        future: bool,
    ) -> Result<(), Error> {
        // Painted, and harmless by itself.
        let verdict = self.view.verdict(decision, self.world.clock.seconds(), future);
        writeln!(self.out, "      {verdict}")?;
        match decision {
            Decision::Hit { .. } => self.key(subject),
            Decision::Miss { reason, .. } => {
                match reason {
                    MissReason::Cause { build, differences } => {
                        let build = Builds::open(self.world.home()).get(*build)?;
                        self.differences(subject, build.as_ref(), differences)?;
                    }
                    MissReason::FirstTime
                    | MissReason::Follows { .. }
                    | MissReason::NoCache
                    | MissReason::LayerGone
                    | MissReason::NeverFinished { .. } => self.key(subject)?,
                }
                self.steps_after(after)
            }
            Decision::NotCached | Decision::Unknown { .. } => Ok(()),
        }
    }

    /// The comparison with one past build, whatever the cache says.
    fn against(&mut self, subject: &Subject, number: u64) -> Result<(), Error> {
        let builds = Builds::open(self.world.home());
        let Some(build) = builds.get(number)? else {
            let known: Vec<String> = builds.numbers()?.iter().map(u64::to_string).collect();
            let hint = if known.is_empty() {
                "there are no past builds".into()
            } else {
                format!("there are {}", known.join(", "))
            };
            return Err(Error::usage(format!("there is no build {number}"), hint));
        };
        let counterpart = self.machine()?.counterpart(&build, subject.index);
        let Some(key) = counterpart.and_then(|step| step.key) else {
            return self.line(&format!("build {number} has no step like this one"));
        };
        if key == subject.ingredients.key() {
            return self.line(&format!("the same inputs as in build {number}"));
        }
        match decide::against(self.machine()?, subject.index, subject.asked(), &build)? {
            MissReason::Cause { differences, .. } => {
                let names: Vec<&str> = differences.iter().map(|difference| difference.ingredient.as_str()).collect();
                self.line(&format!("other inputs than in build {number}: {}", names.join(", ")))?;
                self.differences(subject, Some(&build), &differences)
            }
            MissReason::Follows { .. } => {
                self.line(&format!("the same inputs as in build {number}, but for the state that it starts from"))
            }
            MissReason::FirstTime | MissReason::NoCache | MissReason::LayerGone | MissReason::NeverFinished { .. } => {
                self.line(&format!("the record of build {number} is gone"))
            }
        }
    }

    /// `key       9c11…  from  parent state · COPY … · 1 file`.
    fn key(&mut self, subject: &Subject) -> Result<(), Error> {
        let ingredients = &subject.ingredients;
        if ingredients.0.is_empty() {
            return Ok(());
        }
        let text = self.machine()?.instruction_text(subject.index).unwrap_or_default().to_owned();
        let text = format!("{}…  from  {}", ingredients.key().short(), summary(ingredients, &text).join(" · "));
        self.row("key", &text)
    }

    /// The rows of what differs from a step of an earlier build.
    fn differences(
        &mut self,
        subject: &Subject,
        build: Option<&Build>,
        differences: &[Difference],
    ) -> Result<(), Error> {
        let mut lines = Vec::new();
        for difference in differences.iter().filter(|difference| !difference.parent) {
            if difference.files.is_empty() {
                let value = |value: &Option<String>| value.as_deref().map_or("(none)".to_owned(), shorten);
                lines.push(format!(
                    "{}  {} → {}",
                    difference.ingredient,
                    value(&difference.before),
                    value(&difference.after)
                ));
            }
            let is_alone = difference.files.iter().all(|change| change.path == difference.files[0].path);
            for change in &difference.files {
                let values = match (&change.before, &change.after) {
                    (Some(before), Some(after)) => format!("{} → {}", shorten(before), shorten(after)),
                    (Some(value), None) | (None, Some(value)) => shorten(value),
                    (None, None) => String::new(),
                };
                let name = if is_alone {
                    format!("{:<8}", change.attribute)
                } else {
                    format!("{} {}", change.path, change.attribute)
                };
                let counts = match (&difference.origin, build) {
                    (Some(Origin::Context), Some(build)) => self.count_of(subject.index, build, change)?,
                    _ => None,
                };
                lines.push(format!("{name}  {values}{}", counts.unwrap_or_default()));
            }
        }
        let more = lines.len().saturating_sub(MOST_LINES);
        for line in lines.iter().take(MOST_LINES) {
            self.line(&format!("  {line}"))?;
        }
        if more > 0 {
            self.line(&format!("  and {more} more"))?;
        }
        Ok(())
    }

    /// `   (+1 −1 lines; …)` for a file of the context whose content is at hand both as that build had it and as it is in the
    /// step.
    fn count_of(&self, index: usize, build: &Build, change: &AttributeChange) -> Result<Option<String>, Error> {
        let digest = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<Digest>().ok());
        let (Some(old), Some(new)) = (digest(&change.before), digest(&change.after)) else { return Ok(None) };
        let before = self.content_in_build(index, build, old)?;
        let after = self.content_in_step(index, &change.path, new)?;
        let (Some(before), Some(after)) = (before, after) else { return Ok(None) };
        let Some((added, removed)) = count_lines(&before, &after) else { return Ok(None) };
        let versions = self.context_versions(&change.path)?;
        let is_shown = versions.is_some_and(|one| one.before.as_ref() == Some(&before) && one.after == Some(after));
        let command = if is_shown { format!("; `diff {}` shows them", change.path) } else { String::new() };
        Ok(Some(format!("   (+{added} −{removed} lines{command})")))
    }

    fn steps_after(&mut self, after: &[Prediction]) -> Result<(), Error> {
        let mut lines = Vec::new();
        for prediction in after {
            let label = &prediction.label;
            let instruction = self.machine()?.instruction(label.number - 1);
            let keyword = instruction.map_or("FROM", Instruction::name);
            let has_files = matches!(
                instruction,
                Some(Instruction::Run(_) | Instruction::Copy(_) | Instruction::Add(_) | Instruction::Workdir(_))
            );
            let fate = match &prediction.decision {
                Decision::NotCached => continue,
                Decision::Hit { .. } if !has_files => {
                    "would hit (it has no layer and no input but the state)".to_owned()
                }
                Decision::Hit { .. } => "would hit".to_owned(),
                Decision::Unknown { because } => format!("is not known yet ({because})"),
                Decision::Miss { reason, .. } => match reason {
                    MissReason::Follows { .. } => "would miss (it only follows)".to_owned(),
                    MissReason::Cause { .. } => "would miss (its own inputs changed too)".to_owned(),
                    MissReason::FirstTime => "would miss (no earlier step had these inputs)".to_owned(),
                    MissReason::NoCache => "would run (--no-cache)".to_owned(),
                    MissReason::LayerGone => "would miss (its layer was removed)".to_owned(),
                    MissReason::NeverFinished { build } => format!("would miss (it did not finish in build {build})"),
                },
            };
            lines.push(format!("{}/{} {keyword} {fate}", label.number, label.total));
        }
        let more = lines.len().saturating_sub(MOST_LINES);
        for (number, line) in lines.iter().take(MOST_LINES).enumerate() {
            let name = if number == 0 { "steps after it: " } else { "                " };
            self.line(&format!("{name}{line}"))?;
        }
        if more > 0 {
            self.line(&format!("                and {more} more"))?;
        }
        Ok(())
    }
}

/// The ingredients in few words: what a person would say the step depends on.
fn summary(ingredients: &Ingredients, instruction: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut variables = 0;
    let mut settings = Vec::new();
    let mut command = false;
    let mut text = None;
    let mut files = (0, 0, false);
    for ingredient in ingredients.iter() {
        match ingredient {
            Ingredient::Parent { .. } => parts.push("parent state".to_owned()),
            Ingredient::Instruction { text: value } => text = Some(value.clone()),
            Ingredient::Argument { .. } => command = true,
            Ingredient::Environment { .. } => variables += 1,
            Ingredient::Setting { name, .. } => match name.as_str() {
                "base image" => parts.push(name.clone()),
                // The instruction itself says these.
                "instruction" | "destination" => {}
                _ => settings.push(name.clone()),
            },
            Ingredient::Files { files: count, bytes, .. } => files = (files.0 + count, files.1 + bytes, true),
        }
    }
    let short: String = instruction.split_whitespace().collect::<Vec<_>>().join(" ");
    let short = if short.chars().count() > 60 { short.chars().take(59).chain(['…']).collect() } else { short };
    match text {
        Some(text) if !command && !files.2 => parts.push(text),
        _ => parts.push(short),
    }
    if files.2 {
        parts.push(format!("{}, {}", units::count(files.0, "file"), units::spaced_size(files.1)));
    }
    if variables > 0 {
        parts.push(units::count(variables, "variable"));
    }
    parts.extend(settings);
    parts
}
