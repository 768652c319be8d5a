//! What the commands have in common that pull images or push them: options, `--pull`, and a line for each layer.

use std::cell::RefCell;
use std::io::Write as _;

use clap::Args;

use super::failure::Failure;
use super::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::images::{self, Fetch, Found, Policy, Pulling, Told};
use crate::machine::Pull;
use crate::oci::{Digest, Platform, Reference};
use crate::registry::{self, Pulled, Watcher, When};
use crate::shown;
use crate::view::{Sink, Transfers};
use crate::world::World;

/// The options that `pull` and `push` share.
#[derive(Debug, Args)]
pub(super) struct Transfer {
    /// All tags of the repository
    #[arg(short, long)]
    pub(super) all_tags: bool,
    /// Of an image for several platforms, that for this one, such as `linux/arm64`
    #[arg(long, value_name = "PLATFORM")]
    pub(super) platform: Option<Platform>,
    /// Print only the full name of the image
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Accepted and without effect: Docker's content trust is not supported
    #[arg(long, hide = true, num_args = 0..=1, value_name = "BOOL")]
    disable_content_trust: Option<Option<bool>>,
}

impl Transfer {
    /// Refuses a name of one image where all tags are asked for.
    ///
    /// # Errors
    /// Docker's words.
    pub(super) fn check(&self, name: &Reference) -> Result<(), Diagnostic> {
        if self.all_tags && (name.tag().is_some() || name.has_digest()) {
            return Err(Diagnostic::error("tag can't be used with --all-tags/-a"));
        }
        Ok(())
    }
}

/// What `--pull` says. Docker's of `build` has no word, or that of a Boolean.
pub(super) fn rule(text: Option<&str>) -> Result<Pull, Diagnostic> {
    let when = match text {
        None | Some("false") => return Ok(Pull::AsSet),
        Some("true") => When::Always,
        Some(text) => text.parse().map_err(|reason| Diagnostic::error(format!("invalid pull option: {reason}")))?,
    };
    Ok(Pull::When(when))
}

/// Does something with a registry while a line for each layer is shown on standard output.
pub(super) fn shown<T>(
    ui: &Ui,
    world: &World,
    work: impl FnOnce(Watcher<'_>) -> Result<T, registry::Error>,
) -> Result<T, Failure> {
    let mut out = ui.plain().with_live(world.meter());
    let transfers = Transfers::begin(&mut out, Sink::Output);
    let result = work(&|digest, stage| transfers.show(digest, stage));
    transfers.end(&mut out)?;
    Ok(result?)
}

/// Finds the image of a container. It is pulled where the store has none, or where `--pull` says so; standard error tells of it, since the output is the
/// container's.
pub(super) fn find(
    world: &World,
    text: &str,
    pull: Option<&str>,
    platform: &Platform,
    ui: &Ui,
) -> Result<Found, Failure> {
    let when = rule(pull)?.when();
    let mut out = ui.errors().with_live(world.meter());
    let transfers = Transfers::begin(&mut out, Sink::Errors);
    let end = RefCell::new(None);
    let is_here = world.store.find(text).is_ok();
    let told = |told: Told<'_>| match told {
        Told::Asked(name) if !is_here => {
            transfers.say(&format!("Unable to find image '{}' locally", name.familiar()));
        }
        Told::Asked(_) => {}
        Told::Found(name) => transfers.say(&begun(name)),
        Told::Pulled(name, pulled) => drop(end.replace(Some(status(name, pulled, is_here && pulled.was_there)))),
    };
    let watcher = |layer: &Digest, stage| transfers.show(layer, stage);
    let pulling = Pulling { when, platform, told: &told, watcher: &watcher };
    let policy = Policy { fetch: Fetch::Pulled(pulling), ..Policy::default() };
    let found = images::by_text(&world.store, text, policy);
    transfers.end(&mut out)?;
    if let Some(end) = end.take() {
        writeln!(out, "{end}")?;
    }
    Ok(found?)
}

/// What Docker says of a pulled image behind its layers.
pub(super) fn status(name: &Reference, pulled: &Pulled, is_same: bool) -> String {
    let status = if is_same { "Image is up to date for" } else { "Downloaded newer image for" };
    format!("Digest: {}\nStatus: {status} {}", pulled.root.digest, name.familiar())
}

/// What Docker says before the layers.
pub(super) fn begun(name: &Reference) -> String {
    let digest = || name.digest().map(|digest| digest.to_string()).unwrap_or_default();
    let which = name.tag().map_or_else(digest, str::to_owned);
    format!("{which}: Pulling from {}", shown::line(name.path()))
}
