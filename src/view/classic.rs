//! The classic transcript: `Step 2/4 : …`, ` ---> Using cache`, ` ---> 33beb1ebcb3c`.
//!
//! The form is that of Docker's retired builder, because it is the one that tutorials show. After `--->` comes what tells the
//! state from every other; after the last step that is the id of the image. Metadata instructions run in no container, so no line says so.

use std::io::{self, Write};

use super::program::Program;
use super::screen::Screen;
use super::showing::View;
use super::transcript::put;
use super::{debugger, layers, origin, sharing, units, warning};
use crate::machine::{Decision, Event, EventKind};
use crate::oci::Digest;
use crate::registry::Stage;
use crate::shown::line;

/// Writes the classic transcript.
#[derive(Clone, Debug, Default)]
pub(crate) struct Classic {
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

/// That the file of a URL came, or is what it was.
fn downloaded(url: &str, bytes: u64, is_new: bool) -> String {
    let what = if is_new { "Downloading" } else { "Not changed:" };
    format!("{what} {}  {}", line(url), units::size(bytes))
}

/// What came of an image.
fn pulled(out: &mut Screen<'_>, image: &str, repository: &str, layers: &[(Digest, Stage)]) -> io::Result<()> {
    let tag = image.rsplit([':', '@']).next().unwrap_or_default();
    put(out, "", &line(&format!("{tag}: Pulling from {repository}")))?;
    layers.iter().try_for_each(|(layer, stage)| writeln!(out, "{}: {}", layer.short(), layers::words(stage)))
}

impl View for Classic {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        match &event.kind {
            EventKind::BuildStarted { .. } | EventKind::Expanded { .. } => Ok(()),
            EventKind::ContextLoaded { bytes, .. } => {
                writeln!(out, "Sending build context to Layerlab  {}", units::size(*bytes))
            }
            EventKind::CacheImported { from, steps } => put(out, "Importing ", &sharing::imported(from, *steps)),
            EventKind::StepStarted => {
                let Some(step) = &event.step else { return Ok(()) };
                if step.trigger {
                    writeln!(out, "# Executing a build trigger")?;
                }
                put(out, &format!("Step {}/{} : ", step.number, step.total), &line(&step.instruction))
            }
            EventKind::Pulled { image, repository, digest, layers } => {
                pulled(out, image, repository, layers)?;
                put(out, "", &line(&format!("Digest: {digest}")))?;
                put(out, "", &line(&format!("Status: Downloaded newer image for {image}")))
            }
            EventKind::NamedContext { name, stands_for } => put(out, "", &origin::named(name, stands_for)),
            EventKind::Downloaded { url, bytes, is_new, .. } => put(out, "", &downloaded(url, *bytes, *is_new)),
            EventKind::RepositoryFetched { repository, commit, bytes, is_new } => {
                let what = if *is_new { "Fetching" } else { "Not changed:" };
                put(out, "", &format!("{what} {}", origin::repository(repository, commit, *bytes)))
            }
            EventKind::Resolved { stands_in_for: Some(name), image, .. } => {
                put(out, "", &origin::stood_in(name, image))
            }
            EventKind::Resolved { stands_in_for: None, .. } => Ok(()),
            EventKind::Decided { decision: Decision::Hit { build, .. } } => match &build.imported_from {
                None => writeln!(out, " ---> Using cache"),
                Some(place) => put(out, " ---> ", &format!("Using cache imported from {}", line(place))),
            },
            EventKind::Decided { decision: Decision::NotCached { moved: Some(moved), .. } } => {
                writeln!(out, "{}", debugger::moved(moved))
            }
            EventKind::Decided {
                decision: Decision::NotCached { moved: None, .. } | Decision::Miss { .. } | Decision::Unknown { .. },
            } => Ok(()),
            EventKind::LayerFetched { from, layer, bytes } => {
                let label = if event.step.is_some() { " ---> Fetched " } else { "Fetched " };
                put(out, label, &sharing::fetched(from, layer, *bytes))
            }
            EventKind::ContainerStarted { id, .. } => {
                let id: String = line(id).chars().take(12).collect();
                writeln!(out, " ---> Running in {id}")?;
                self.container = Some(id);
                Ok(())
            }
            EventKind::Output { stream, bytes } => {
                out.write_all(self.program.text(*stream, bytes, out.colours()).as_bytes())
            }
            EventKind::ContainerEnded { .. } => out.write_all(self.program.end().as_bytes()),
            EventKind::Changed { .. } => Ok(()),
            EventKind::Committed { state, .. } => {
                self.remove_container(out)?;
                writeln!(out, " ---> {}", state.short())
            }
            EventKind::StepFailed { .. } | EventKind::StepStopped => {
                out.write_all(self.program.end().as_bytes())?;
                self.remove_container(out)
            }
            EventKind::Warning(told) => put(out, "[Warning] ", &warning::text(told)),
            EventKind::BuildFinished { image, .. } => writeln!(out, "Successfully built {}", image.short()),
            EventKind::Tagged { reference } => put(out, "Successfully tagged ", &line(reference)),
            EventKind::CacheExported { to, exported } => put(out, "Exported ", &sharing::exported(to, exported)),
        }
    }
}
