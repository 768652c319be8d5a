//! The classic transcript: `Step 2/4 : …`, ` ---> Using cache`, ` ---> 33beb1ebcb3c`.
//!
//! The form is that of Docker's retired builder, because it is the one that tutorials show. Every id is real: after
//! `--->` comes the id of the image that the state is. Metadata instructions run in no container, so no line says so.

use std::io::{self, Write};

use super::{View, units};
use crate::build::{Decision, Event};

/// Writes the classic transcript.
#[derive(Clone, Debug, Default)]
pub struct Classic {
    /// The container of the RUN under way.
    container: Option<String>,
}

impl View for Classic {
    fn event(&mut self, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        match event {
            Event::BuildStarted { .. } | Event::Expanded { .. } => Ok(()),
            Event::ContextLoaded { bytes, .. } => {
                writeln!(out, "Sending build context to Layerlab  {}", units::size(*bytes))
            }
            Event::StepStarted { step } => {
                if step.trigger {
                    writeln!(out, "# Executing a build trigger")?;
                }
                writeln!(out, "Step {}/{} : {}", step.number, step.total, step.instruction)
            }
            Event::Resolved { stands_in_for: Some(name), image, .. } => {
                writeln!(out, "{name} can't be reached: {image} stands in")
            }
            Event::Resolved { stands_in_for: None, .. } => Ok(()),
            Event::Decided { decision: Decision::Hit { .. } } => writeln!(out, " ---> Using cache"),
            Event::Decided { decision: Decision::NotCached | Decision::Miss { .. } | Decision::Unknown { .. } } => {
                Ok(())
            }
            Event::ContainerStarted { id, .. } => {
                self.container = Some(id.chars().take(12).collect());
                writeln!(out, " ---> Running in {}", &id[..12.min(id.len())])
            }
            Event::Output { bytes, .. } => out.write_all(bytes),
            Event::ContainerEnded { .. } => Ok(()),
            Event::Changed { .. } => Ok(()),
            Event::Committed { state, .. } => {
                if let Some(container) = self.container.take() {
                    writeln!(out, "Removing intermediate container {container}")?;
                }
                writeln!(out, " ---> {}", state.short())
            }
            Event::StepFailed { .. } => {
                if let Some(container) = self.container.take() {
                    writeln!(out, "Removing intermediate container {container}")?;
                }
                Ok(())
            }
            Event::Warning { message } => writeln!(out, "[Warning] {message}"),
            Event::BuildFinished { image, .. } => writeln!(out, "Successfully built {}", image.short()),
            Event::Tagged { reference } => writeln!(out, "Successfully tagged {reference}"),
        }
    }
}
