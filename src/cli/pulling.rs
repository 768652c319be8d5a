//! What the commands have in common that pull images or push them: `--pull`, and a line for each layer.

use std::cell::RefCell;
use std::io::Write as _;

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
