//! Looking at the Dockerfile and at the state's configuration: list, plan, layers, config, env, history, explain, tag.

use std::io::Write as _;

use super::command::Place;
use super::session::Session;
use super::{Error, teach};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::KEYWORDS;
use crate::machine::Decision;
use crate::oci::Reference;
use crate::shown;
use crate::view::palette::Role;
use crate::view::{json, table, units};

impl Session<'_> {
    /// The Dockerfile with its line numbers, and a mark at the first line of each step.
    pub(super) fn list(&mut self) -> Result<(), Error> {
        if self.file.text.is_empty() {
            return self.machine().map(|_| ());
        }
        let mut marks = std::collections::BTreeMap::new();
        if let Some(machine) = &self.machine {
            for index in 0..machine.step_count() {
                let Some(label) = machine.label(index) else { break };
                let state = match () {
                    () if index == machine.position() => '▶',
                    () if index < machine.position() => '✓',
                    () => ' ',
                };
                let is_stop = self.breakpoints.iter().any(|breakpoint| match &breakpoint.place {
                    Place::Step(number) => *number == label.number,
                    Place::Stage(name) => machine.is_stage_start(index) && name.eq_ignore_ascii_case(&label.stage),
                    Place::Text(text) => label.instruction.to_lowercase().contains(&text.to_lowercase()),
                    Place::Miss | Place::Failure => false,
                });
                // A trigger stands where its FROM does: the mark that matters more stays.
                let entry = marks.entry(label.lines.0).or_insert((state, false));
                if state == '▶' {
                    entry.0 = state;
                }
                entry.1 |= is_stop;
            }
        }
        let mut text = String::new();
        for (index, line) in self.file.text.lines().enumerate() {
            let (state, is_stop) = marks.get(&(index + 1)).copied().unwrap_or((' ', false));
            let stop = if is_stop { "●" } else { " " };
            let role = if state == '▶' { Role::Strong } else { Role::Good };
            let state = self.palette.paint(role, &state.to_string());
            text.push_str(format!("{:>4} {stop}{state} {}", index + 1, shown::line(line)).trim_end());
            text.push('\n');
        }
        Ok(self.out.write_all(text.as_bytes())?)
    }

    pub(super) fn plan(&mut self) -> Result<(), Error> {
        let predictions = self.predictions()?;
        if predictions.is_empty() {
            return self.row("", "every step is taken");
        }
        let now = self.world.clock.seconds();
        let mut counts = (0, 0, 0);
        for prediction in &predictions {
            match prediction.decision {
                Decision::Hit { .. } => counts.0 += 1,
                Decision::Miss { .. } => counts.1 += 1,
                Decision::Unknown { .. } => counts.2 += 1,
                Decision::NotCached => {}
            }
            let label = &prediction.label;
            writeln!(self.out, "{:>2}/{} {}", label.number, label.total, shown::line(&label.instruction))?;
            if prediction.decision != Decision::NotCached {
                for row in self.view.decision(&prediction.decision, now, true) {
                    writeln!(self.out, "{row}")?;
                }
            }
        }
        let (hits, misses, unknown) = counts;
        writeln!(self.out, "{hits} would hit, {misses} would run, {unknown} not known yet")?;
        Ok(())
    }

    pub(super) fn layers(&mut self) -> Result<(), Error> {
        let state = self.current()?;
        if state.stack().is_empty() {
            return self.row("", "no layers: the file system is empty");
        }
        let mut created_by = state.history().filter(|entry| !entry.empty_layer);
        let mut rows = Vec::new();
        for (index, layer) in state.layers().iter().enumerate() {
            let text = created_by.next().and_then(|entry| entry.created_by.clone()).unwrap_or_default();
            rows.push(vec![
                (index + 1).to_string(),
                layer.diff_id.0.short(),
                units::spaced_size(layer.descriptor.size),
                shortened(&text),
            ]);
        }
        Ok(write!(self.out, "{}", table::render(&["LAYER", "DIFF ID", "SIZE", "CREATED BY"], &rows))?)
    }

    pub(super) fn config(&mut self) -> Result<(), Error> {
        let state = self.current()?;
        Ok(writeln!(self.out, "{}", json::pretty(&state.image())?)?)
    }

    pub(super) fn env(&mut self) -> Result<(), Error> {
        let state = self.current()?;
        let variables = &state.settings.variables;
        for (name, value) in variables.run_environment() {
            let note = if variables.is_in_image(name) { "" } else { "   (ARG: not in the image)" };
            let variable = format!("{name}={value}");
            writeln!(self.out, "{}{}", shown::line(&variable), self.palette.paint(Role::Faint, note))?;
        }
        Ok(())
    }

    pub(super) fn history(&mut self) -> Result<(), Error> {
        let state = self.current()?;
        let now = self.world.clock.seconds();
        let mut sizes = state.stack().iter().map(|stacked| stacked.layer.descriptor.size);
        let mut rows: Vec<Vec<String>> = Vec::new();
        for entry in state.history() {
            let size = if entry.empty_layer { 0 } else { sizes.next().unwrap_or(0) };
            let created = entry.created.as_deref().map_or_else(|| "N/A".into(), |time| units::ago(now, time));
            rows.push(vec![created, shortened(entry.created_by.as_deref().unwrap_or_default()), units::size(size)]);
        }
        rows.reverse();
        Ok(write!(self.out, "{}", table::render(&["CREATED", "CREATED BY", "SIZE"], &rows))?)
    }

    pub(super) fn explain(&mut self, instruction: Option<&str>) -> Result<(), Error> {
        let machine = self.machine.as_ref();
        let next = machine
            .and_then(|machine| Some((machine.label(machine.position())?, machine.instruction(machine.position()))));
        let (keyword, special) = match (instruction, next) {
            (Some(text), _) => (text.split_whitespace().next().unwrap_or_default().to_uppercase(), Vec::new()),
            (None, Some((label, instruction))) => {
                let keyword = label.instruction.split_whitespace().next().unwrap_or_default().to_uppercase();
                (keyword, teach::special(&label, instruction))
            }
            (None, None) => {
                return Err(Error::usage(
                    "there is no step to explain",
                    "`explain INSTRUCTION` explains any, such as `explain COPY`",
                ));
            }
        };
        let Some(text) = teach::explain(&keyword) else {
            let diagnostic = Diagnostic::error(format!("there is no instruction `{keyword}`"));
            let diagnostic = match crate::diagnostic::closest(&keyword, KEYWORDS) {
                Some(candidate) => diagnostic.hint(format!("did you mean `{candidate}`?")),
                None => diagnostic.hint(format!("the instructions are {}", KEYWORDS.join(", "))),
            };
            return Err(Error::Command(diagnostic));
        };
        write!(self.out, "{}", table::fill(&text, self.view.columns()))?;
        if !special.is_empty() {
            writeln!(self.out, "\nIn this step:")?;
            for line in special {
                writeln!(self.out, "  - {}", shown::line(&line))?;
            }
        }
        Ok(())
    }

    /// Gives the state a name. The last state is the build's image; any other becomes one as it is.
    pub(super) fn tag(&mut self, name: &str) -> Result<(), Error> {
        let reference = Reference::parse_normalized(name).map_err(|error| {
            Error::usage(
                format!("`{name}` is not an image name: {error}"),
                "an image is named like `first_image` or `team/app:1.0`",
            )
        })?;
        if reference.has_digest() {
            return Err(Error::usage(format!("`{name}` has a digest"), "an image can't be given one by name"));
        }
        let reference = reference.with_default_tag();
        let state = self.current()?;
        let manifest = if self.machine()?.is_done() {
            self.finish()?.manifest
        } else {
            self.world.store.put_image(&state.image(), &state.layers())?
        };
        self.world.store.tag(&reference, &manifest)?;
        let number = self.machine()?.position();
        let what = if self.machine()?.is_done() { String::new() } else { format!("  (the state after step {number})") };
        self.row("tagged", &format!("{}{what}", reference.familiar()))
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(59).chain(['…']).collect() }
}
