//! `layerlab serve`: the images of the store for others, as a registry.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::os::fd::AsFd as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::errno;
use crate::http::{Crew, Server};
use crate::runtime::events::{self, Kind};
use crate::runtime::{self, occupant};
use crate::serving::{self, Access, Hosts, Named, Registry, Visit};
use crate::shown;
use crate::view::visits;
use crate::world::World;

/// The port that registries have.
const PORT: u16 = 5000;
/// Thirty students at once, each with a few layers: who waits for a worker has to wait for the network anyway.
const CREW: Crew = Crew { workers: 32, share: 8 };
/// So many addresses are shown of a machine that has more.
const MOST_SHOWN: usize = 4;

/// Be a registry: others pull the images of the store from this machine, until Ctrl-C.
///
/// Example: `layerlab serve --addr 0.0.0.0:5000`, and on another machine `docker pull ADDRESS:5000/IMAGE`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen: `0.0.0.0:5000` for other machines
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000")]
    addr: String,
    /// Let others push images, too, in place of those with the same names
    #[arg(long)]
    writable: bool,
}

impl Serve {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let address = address(&self.addr)?;
        let server = Server::listen(address, CREW).map_err(|error| not_listening(world, address, error))?;
        let address = server.address()?;
        interrupts::catch(world.interrupt());
        let watcher = |visit: &Visit| {
            if let Some(Named { name, digest }) = &visit.named {
                let (id, name) = (digest.to_string(), name.familiar());
                events::of_named(world.home(), &world.clock, Kind::Image, "push", &id, &name);
            }
            // Nobody is left to be told when standard error is closed; the others are served all the same.
            let _ = writeln!(ui.errors(), "{}", visits::line(visit, &world.clock.rfc3339()));
        };
        let access = if self.writable { Access::Write } else { Access::Read };
        let registry = Registry::new(world, Hosts::of(address.ip()), access, &watcher)?;
        ui.note(&introduction(address, access, &registry.names()?));
        server.run(&registry, world.interrupt().as_fd())?;
        ui.note("the registry has ended");
        Ok(())
    }
}

/// What is said at the beginning: what there is, and what others type.
fn introduction(listening: SocketAddr, access: Access, names: &[String]) -> String {
    let what = match names {
        [] => "no image yet".to_owned(),
        [one] => shown::line(one).into_owned(),
        names => format!("the images of {} repositories", names.len()),
    };
    let mut text = format!("serving {what} at {listening}, until Ctrl-C\n");
    let image = names.first().map_or("IMAGE", String::as_str);
    let addresses = serving::addresses(listening);
    if let Some((first, others)) = addresses.split_first() {
        text += &format!("  layerlab pull {first}/{image}\n  docker pull {first}/{image}\n");
        for other in others.iter().take(MOST_SHOWN - 1) {
            text += &format!("  docker pull {other}/{image}\n");
        }
    }
    if let (Access::Write, Some(address)) = (access, addresses.first()) {
        text += &format!(
            "  docker push {address}/NAME\nWhoever reaches this address can push, and replace what is there.\n"
        );
    }
    if let Some(first) = addresses.first().filter(|first| !first.ip().is_loopback()) {
        text += &format!(
            "There is no TLS: Docker wants \"insecure-registries\": [\"{first}\"] in its daemon.json, Podman and skopeo \
             want --tls-verify=false, Layerlab wants `insecure = true` below [registry.\"{first}\"] in its registries.toml.\n"
        );
    } else {
        text += &format!(
            "Only this machine reaches it: for others, `layerlab serve --addr 0.0.0.0:{}`.\n",
            listening.port()
        );
    }
    text
}

/// Reads an address: with a port, or without.
fn address(text: &str) -> Result<SocketAddr, Failure> {
    let with_host = match text.strip_prefix(':') {
        Some(_) => format!("{}{text}", Ipv4Addr::UNSPECIFIED),
        None => text.to_owned(),
    };
    if let Ok(address) = with_host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, PORT));
    }
    let mut found = with_host.to_socket_addrs().into_iter().flatten();
    found.next().ok_or_else(|| {
        Diagnostic::error(format!("`{text}` is not an address to listen at"))
            .hint("write an address of this machine and a port, such as 0.0.0.0:5000")
            .into()
    })
}

fn not_listening(world: &World, address: SocketAddr, source: std::io::Error) -> Diagnostic {
    let another = format!("choose another port, such as `--addr {}:{}`", address.ip(), address.port().wrapping_add(1));
    let code = source.raw_os_error();
    let reason = errno::describe(&source).to_string();
    let (who, hint) = match occupant::explained(world, runtime::Error::Port { address, source }, &[]) {
        runtime::Error::PortOfContainer { container, .. } => {
            (format!("the container {container} has the port"), format!("{another}, or `layerlab stop {container}`"))
        }
        runtime::Error::PortOfProcess { process, name, .. } => {
            (format!("process {process} ({name}) has the port"), format!("{another}, or end that process first"))
        }
        _ => (
            reason,
            match code {
                Some(libc::EACCES) => format!("ports below 1024 are for root: `--addr {}:{PORT}`", address.ip()),
                Some(libc::EADDRNOTAVAIL) => {
                    "this machine does not have that address: `--addr 0.0.0.0:5000` is for all that it has".to_owned()
                }
                _ => another,
            },
        ),
    };
    Diagnostic::error(format!("can't listen at {address}: {who}")).hint(hint)
}
