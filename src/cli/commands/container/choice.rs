//! `ps --filter`: which containers are meant.

use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::context;
use crate::diagnostic::Diagnostic;
use crate::oci::{DiffId, Reference};
use crate::runtime::health::Health;
use crate::runtime::{self, Status, Stored};
use crate::store::Home;
use crate::world::World;

/// The filters that there are.
const KNOWN: &[&str] = &[
    "ancestor", "before", "exited", "expose", "health", "id", "label", "name", "network", "publish", "since", "status",
    "volume",
];
const HEALTH: &[&str] = &["none", "starting", "healthy", "unhealthy"];
const STATES: &[&str] = &["created", "restarting", "running", "removing", "paused", "exited", "dead"];

/// The containers that are meant, as filters say it.
pub(super) struct Choice {
    filters: Filters,
    home: Home,
    /// The layers of each image that is named as an ancestor, and its name.
    ancestors: Vec<(Option<Reference>, Option<Vec<DiffId>>)>,
    before: Option<String>,
    since: Option<String>,
    exited: Vec<i32>,
}

impl Choice {
    /// Reads filters.
    ///
    /// # Errors
    /// One is unknown, or its value is nothing that it could be; a container that one names is not there.
    pub(super) fn parse(world: &World, texts: &[String]) -> Result<Choice, Failure> {
        let filters = Filters::parse(texts, KNOWN)?;
        let wrong = |name: &str, value: &str, hint: String| {
            Failure::from(Diagnostic::error(format!("invalid filter `{name}={value}`")).hint(hint))
        };
        if let Some(state) = filters.values("status").find(|state| !STATES.contains(state)) {
            return Err(wrong("status", state, format!("the states are {}", STATES.join(", "))));
        }
        if let Some(health) = filters.values("health").find(|health| !HEALTH.contains(health)) {
            return Err(wrong("health", health, format!("there is {}", HEALTH.join(", "))));
        }
        for name in ["name", "id"] {
            for value in filters.values(name) {
                context::is_found(value, "").map_err(|error| wrong(name, value, error.reason.to_owned()))?;
            }
        }
        let exit = |value: &str| value.parse().map_err(|_| wrong("exited", value, "write an exit code".to_owned()));
        let created = |name: &str| Ok::<_, Failure>(runtime::find(world, name)?.record.created);
        Ok(Choice {
            exited: filters.values("exited").map(exit).collect::<Result<_, _>>()?,
            ancestors: filters.values("ancestor").map(|name| ancestor(world, name)).collect(),
            before: filters.values("before").last().map(created).transpose()?,
            since: filters.values("since").last().map(created).transpose()?,
            filters,
            home: world.home().clone(),
        })
    }

    /// Whether containers are meant that do not run: as Docker, when their states are named.
    pub(super) fn is_of_all(&self) -> bool {
        self.filters.has("status") || self.before.is_some() || self.since.is_some()
    }

    /// Whether a container is meant.
    pub(super) fn has(&self, stored: &Stored) -> bool {
        let record = &stored.record;
        let matches = |pattern: &str, text: &str| context::is_found(pattern, text).unwrap_or(false);
        self.any("status", |state| state == stored.status.name())
            && self.any("name", |name| matches(name, &record.name) || matches(name, &format!("/{}", record.name)))
            && self.any("id", |id| record.id.starts_with(id) || matches(id, &record.id))
            && self.any("network", |network| record.network.names().contains(&network))
            && self.any("volume", |volume| {
                record.volumes.iter().any(|own| own.name() == Some(volume) || own.target == volume)
            })
            && self.any("health", |wanted| {
                Health::of(&self.home, record).map_or("none", |health| health.status.name()) == wanted
            })
            && self.any("expose", |port| self::port(port).is_some_and(|port| exposes(stored, port)))
            && self.any("publish", |port| self::port(port).is_some_and(|port| publishes(stored, port)))
            && self.filters.fit_labels(&record.labels)
            && (self.exited.is_empty() || self.exited.iter().any(|status| ended_with(&stored.status, *status)))
            && (self.ancestors.is_empty() || self.ancestors.iter().any(|one| descends(stored, one)))
            && self.before.as_ref().is_none_or(|moment| record.created < *moment)
            && self.since.as_ref().is_none_or(|moment| record.created > *moment)
    }

    /// Of several of one name, one has to fit.
    fn any(&self, name: &str, fits: impl Fn(&str) -> bool) -> bool {
        !self.filters.has(name) || self.filters.values(name).any(fits)
    }
}

/// An image that containers come from: by its name, and by what lies in it.
fn ancestor(world: &World, name: &str) -> (Option<Reference>, Option<Vec<DiffId>>) {
    let found = world.store.find(name).ok();
    let layers = found.and_then(|image| world.store.load_image(&image.manifest).ok());
    let reference = Reference::parse_normalized(name).ok().map(|name| name.with_default_tag());
    (reference, layers.map(|(_, config)| config.rootfs.diff_ids))
}

fn descends(stored: &Stored, (name, layers): &(Option<Reference>, Option<Vec<DiffId>>)) -> bool {
    let own = &stored.record.layers;
    match layers {
        Some(layers) => layers.len() <= own.len() && layers.iter().zip(own).all(|(id, layer)| *id == layer.diff_id),
        // The image is gone, or was never there: its name is all there is.
        None => {
            let used = Reference::parse_normalized(&stored.record.image.name).ok().map(|name| name.with_default_tag());
            name.is_some() && used == *name
        }
    }
}

fn ended_with(status: &Status, code: i32) -> bool {
    matches!(status, Status::Exited(end) if end.status == code && end.error.is_none())
}

/// `80`, `80/udp`, `8000-8010/tcp`: from, to and the protocol.
fn port(text: &str) -> Option<(u16, u16, &str)> {
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    Some((from.parse().ok()?, to.parse().ok()?, protocol))
}

fn exposes(stored: &Stored, (from, to, protocol): (u16, u16, &str)) -> bool {
    let published = stored.record.ports.iter().map(|port| (port.container, port.protocol.name()));
    let exposed =
        stored.record.exposed.iter().filter_map(|text| port(text)).map(|(from, _, protocol)| (from, protocol));
    published.chain(exposed).any(|(port, own)| own == protocol && (from..=to).contains(&port))
}

fn publishes(stored: &Stored, (from, to, protocol): (u16, u16, &str)) -> bool {
    let fits = |port: u16, own: &str| own == protocol && (from..=to).contains(&port);
    stored.record.ports.iter().any(|port| {
        port.host.is_some_and(|(first, last)| (first..=last).any(|host| fits(host, port.protocol.name())))
            || fits(port.container, port.protocol.name())
    })
}
