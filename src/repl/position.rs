//! Where the session is: the lines at its beginning, and the line with the ▶ before a prompt.

use std::io::Write as _;

use super::Error;
use super::session::Session;
use crate::machine::Phase;
use crate::shown;
use crate::view::palette::Role;
use crate::view::units;

/// The most characters of an instruction that the line with the ▶ shows.
const INSTRUCTION_WIDTH: usize = 100;

impl Session<'_> {
    pub(super) fn header(&mut self) -> Result<(), Error> {
        let Some(machine) = &self.machine else {
            writeln!(self.out, "An empty Dockerfile. Context: `{}`.", shown::line(&self.folder.display().to_string()))?;
            writeln!(self.out, "Type an instruction, such as `FROM alpine`, or `help`.")?;
            return Ok(());
        };
        let steps = units::count(machine.step_count() as u64, "step");
        let stages = units::count(machine.plan().order.len() as u64, "stage");
        let name = shown::line(&self.file.name).into_owned();
        match machine.context() {
            Ok(context) => {
                let summary = context.snapshot.summary();
                let files = units::count(summary.files as u64, "file");
                writeln!(
                    self.out,
                    "{name}: {steps} in {stages}. Context: {files}, {}.",
                    units::spaced_size(summary.bytes)
                )?;
            }
            Err(error) => {
                writeln!(self.out, "{name}: {steps} in {stages}.")?;
                self.show_error(&error.into())?;
            }
        }
        Ok(())
    }

    /// ` 2/4 ▶ LABEL …`, when it is not the same as before.
    pub(super) fn position_line(&mut self) -> Result<(), Error> {
        let Some(machine) = &self.machine else { return Ok(()) };
        let position = machine.position();
        let line = match machine.label(position) {
            Some(label) => {
                let mut line = format!(
                    "{:>2}/{} {} {}",
                    label.number,
                    label.total,
                    self.palette.paint(Role::Strong, "▶"),
                    one_line(&label.instruction)
                );
                if machine.plan().order.len() > 1 {
                    line.push_str(
                        &self.palette.paint(Role::Faint, &format!("   (stage {})", shown::line(&label.stage))),
                    );
                }
                if label.trigger {
                    line.push_str(&self.palette.paint(Role::Faint, "   (ONBUILD of the base image)"));
                }
                if machine.phase() == Phase::Execute {
                    line.push_str(&self.palette.paint(Role::Notice, "   (a miss, not executed yet)"));
                }
                line
            }
            None => {
                let total = machine.step_count();
                let what = match (&self.finished, self.path.is_some()) {
                    (Some(_), _) => "the image is written: `tag NAME` names it, `launch` runs it",
                    (None, true) => "every step is taken: `continue` writes the image, `launch` runs it",
                    (None, false) => "every step is taken: type the next instruction, or `launch`",
                };
                format!("{total:>2}/{total} ■ {what}")
            }
        };
        let now = (position, machine.phase(), line);
        if self.shown.as_ref() == Some(&now) {
            return Ok(());
        }
        writeln!(self.out, "{}", now.2)?;
        self.shown = Some(now);
        Ok(())
    }
}

/// An instruction on one line of bounded length.
fn one_line(text: &str) -> String {
    let text = shown::line(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned();
    if text.chars().count() <= INSTRUCTION_WIDTH {
        return text;
    }
    text.chars().take(INSTRUCTION_WIDTH - 1).chain(['…']).collect()
}
