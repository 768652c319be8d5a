//! The classic transcript: `Step 2/4 : …`, ` ---> Using cache`, ` ---> 33beb1ebcb3c`.
//!
//! The form is that of Docker's retired builder, because it is the one that tutorials show. Every id is real: after
//! `--->` comes the id of the image that the state is. Metadata instructions run in no container, so no line says so.

use std::io::{self, Write};

use super::program::Program;
use super::screen::Screen;
use super::{View, units, warning};
use crate::machine::{Decision, Event};
use crate::shown::line;

/// Writes the classic transcript.
#[derive(Clone, Debug, Default)]
pub struct Classic {
    /// The container of the RUN under way.
    container: Option<String>,
    program: Program,
}

impl Classic {
    fn remove_container(&mut self, out: &mut Screen<'_>) -> io::Result<()> {
        match self.container.take() {
            Some(container) => writeln!(out, "Removing intermediate container {container}"),
            None => Ok(()),
        }
    }
}

impl View for Classic {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        match event {
            Event::BuildStarted { .. } | Event::Expanded { .. } => Ok(()),
            Event::ContextLoaded { bytes, .. } => {
                writeln!(out, "Sending build context to Layerlab  {}", units::size(*bytes))
            }
            Event::StepStarted { step } => {
                if step.trigger {
                    writeln!(out, "# Executing a build trigger")?;
                }
                writeln!(out, "Step {}/{} : {}", step.number, step.total, line(&step.instruction))
            }
            Event::Resolved { stands_in_for: Some(name), image, .. } => {
                writeln!(out, "{} can't be reached: {} stands in", line(name), line(image))
            }
            Event::Resolved { stands_in_for: None, .. } => Ok(()),
            Event::Decided { decision: Decision::Hit { .. } } => writeln!(out, " ---> Using cache"),
            Event::Decided { decision: Decision::NotCached | Decision::Miss { .. } | Decision::Unknown { .. } } => {
                Ok(())
            }
            Event::ContainerStarted { id, .. } => {
                let id: String = line(id).chars().take(12).collect();
                writeln!(out, " ---> Running in {id}")?;
                self.container = Some(id);
                Ok(())
            }
            Event::Output { stream, bytes } => {
                out.write_all(self.program.text(*stream, bytes, out.colours()).as_bytes())
            }
            Event::ContainerEnded { .. } => out.write_all(self.program.end().as_bytes()),
            Event::Changed { .. } => Ok(()),
            Event::Committed { state, .. } => {
                self.remove_container(out)?;
                writeln!(out, " ---> {}", state.short())
            }
            Event::StepFailed { .. } => {
                out.write_all(self.program.end().as_bytes())?;
                self.remove_container(out)
            }
            Event::Warning { message, hint, place } => {
                writeln!(out, "[Warning] {}", warning(message, hint.as_deref(), place.as_ref()))
            }
            Event::BuildFinished { image, .. } => writeln!(out, "Successfully built {}", image.short()),
            Event::Tagged { reference } => writeln!(out, "Successfully tagged {}", line(reference)),
        }
    }
}
