//! `layerlab network rm` and `prune`: networks that are not needed any more.

use std::io::{IsTerminal as _, Write as _};

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime;
use crate::runtime::network::{self, Network};
use crate::world::World;

/// Remove networks.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Say nothing of networks that are not there
    #[arg(short, long)]
    force: bool,
    /// The networks
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
}

impl Remove {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let mut diagnostics = Vec::new();
        for name in &self.networks {
            match self.remove(world, name) {
                Ok(()) => writeln!(ui.plain(), "{}", crate::shown::line(name))?,
                Err(failure) => diagnostics.extend(failure.diagnostics),
            }
        }
        if diagnostics.is_empty() { Ok(()) } else { Err(Failure::messages(diagnostics)) }
    }

    fn remove(&self, world: &World, name: &str) -> Result<(), Failure> {
        if network::PREDEFINED.contains(&name) {
            return Err(Diagnostic::error(format!("the network `{name}` is always there and can't be removed")).into());
        }
        let network = match network::find(world, name) {
            Err(runtime::Error::NoNetwork(_)) if self.force => return Ok(()),
            found => found?,
        };
        let members = network::members(world).into_iter().filter(|(_, wire)| wire.network == network.name);
        let users: Vec<String> = members.map(|(member, _)| member.name).collect();
        match users.first() {
            None => Ok(network::remove(world.home(), &network)?),
            Some(first) => Err(Diagnostic::error(format!("the network `{name}` is in use by {}", users.join(", ")))
                .hint(format!("stop or disconnect its containers first: `network disconnect {name} {first}`"))
                .into()),
        }
    }
}

/// Remove all networks that no container uses.
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Ask nothing
    #[arg(short, long)]
    force: bool,
}

impl Prune {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        if !self.force && !confirmed(ui)? {
            return Ok(());
        }
        let used = runtime::used_networks(world)?;
        let mut unused = network::list(world.home())?;
        unused.retain(|network| !network.is_predefined() && !used.contains(&network.name));
        let removed: Vec<&Network> =
            unused.iter().filter(|network| network::remove(world.home(), network).is_ok()).collect();
        if removed.is_empty() {
            return Ok(());
        }
        let mut out = ui.plain();
        writeln!(out, "Deleted Networks:")?;
        for network in removed {
            writeln!(out, "{}", network.name)?;
        }
        Ok(())
    }
}

/// Whether somebody says yes.
fn confirmed(ui: &Ui) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Diagnostic::error("nobody is there to be asked")
            .hint("`network prune --force` asks nothing")
            .into());
    }
    let mut errors = ui.errors();
    write!(
        errors,
        "WARNING! This will remove all networks that no container uses.\nAre you sure you want to continue? [y/N] "
    )?;
    errors.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
