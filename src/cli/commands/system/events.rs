//! `layerlab events`: what happens to containers, images and volumes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime::events::{Event, Follower, Kind};
use crate::shown;
use crate::view::template::Template;
use crate::view::{json, units};
use crate::world::World;

/// Show what happens to containers, images and volumes, until Ctrl-C.
///
/// Example: `docker events --since 10m --until 0s --filter type=container`
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only show some: `type=KIND`, `event=ACTION`, `container=NAME`, `image=NAME`, `volume=NAME`, `label=NAME[=VALUE]`
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,
    /// The form: `json`, or a Go template such as '{{.Type}} {{.Action}}'
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Begin with those since a moment, such as `2026-11-28T12:00:00Z`, or so long ago, such as `10m`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// End at a moment, or with those from so long ago
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// How events are shown.
enum Form {
    Words,
    Json,
    Template(Box<Template>),
}

impl Events {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let names = ["type", "event", "container", "image", "volume", "network", "label"];
        let filters = Filters::parse(&self.filter, &names)?;
        let form = match self.format.as_deref().map(str::trim).filter(|format| !format.is_empty()) {
            None => Form::Words,
            Some("json") => Form::Json,
            Some(format) => Form::Template(Box::new(Template::parse(format)?)),
        };
        let now = world.clock.seconds();
        let moment = |text: &String| units::parse_moment(now, text).ok_or_else(|| no_time(text));
        let until = self.until.as_ref().map(moment).transpose()?;
        let mut follower = Follower::open(world.home())?;
        let since = match &self.since {
            Some(since) => moment(since)?.as_nanosecond(),
            None => {
                // What is known already is not shown.
                while follower.next().is_some() {}
                i128::MIN
            }
        };
        loop {
            while let Some(event) = follower.next() {
                let at = i128::from(event.nanoseconds);
                // A moment is a whole second: what happened within it belongs to it.
                if until.is_some_and(|until| at.div_euclid(1_000_000_000) > i128::from(until.as_second())) {
                    return Ok(());
                }
                if at >= since && fits(&event, &filters) {
                    form.show(&event, ui)?;
                }
            }
            let left = match until {
                None => None,
                Some(until) => match until.as_second() - world.clock.seconds() {
                    ..=0 => return Ok(()),
                    seconds => Some(Duration::from_secs(seconds.unsigned_abs())),
                },
            };
            follower.wait(left)?;
        }
    }
}

fn no_time(text: &str) -> Diagnostic {
    Diagnostic::error(format!("`{text}` is not a time"))
        .hint("write a time as 2026-11-28T12:00:00Z, or how long ago it is as 10m")
}

fn fits(event: &Event, filters: &Filters) -> bool {
    let any = |name: &str, fits: &dyn Fn(&str) -> bool| !filters.has(name) || filters.values(name).any(fits);
    let is = |kind: Kind, text: &str| {
        let named = |name: &str| event.actor.attributes.get(name).is_some_and(|own| own == text);
        event.kind == kind
            && (event.actor.id == text || (text.len() > 3 && event.actor.id.starts_with(text)) || named("name"))
    };
    any("type", &|kind| kind == word(event.kind))
        && any("event", &|action| action == event.action)
        && any("container", &|text| is(Kind::Container, text))
        && any("image", &|text| {
            is(Kind::Image, text) || event.actor.attributes.get("image").is_some_and(|image| image == text)
        })
        && any("volume", &|text| is(Kind::Volume, text))
        && any("network", &|text| is(Kind::Network, text))
        && filters.fit_labels(&event.actor.attributes)
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Container => "container",
        Kind::Image => "image",
        Kind::Volume => "volume",
        Kind::Network => "network",
    }
}

impl Form {
    fn show(&self, event: &Event, ui: &Ui) -> Result<(), Failure> {
        let mut out = ui.plain();
        match self {
            Form::Words => {
                let attributes: Vec<String> =
                    event.actor.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let time = jiff::Timestamp::from_nanosecond(event.nanoseconds.into()).unwrap_or_default();
                let (kind, id) = (word(event.kind), &event.actor.id);
                let line = format!("{time:.9} {kind} {} {id} ({})", event.action, attributes.join(", "));
                writeln!(out, "{}", shown::line(&line))?;
            }
            Form::Json => writeln!(out, "{}", json::compact(&document(event)?)?)?,
            Form::Template(template) => {
                writeln!(out, "{}", template.render(&document(event)?, &BTreeMap::new())?)?;
            }
        }
        Ok(out.flush()?)
    }
}

/// An event with the fields that old scripts ask for, too.
fn document(event: &Event) -> Result<serde_json::Value, Failure> {
    let mut document = serde_json::to_value(event).map_err(std::io::Error::from)?;
    document["status"] = event.action.clone().into();
    document["id"] = event.actor.id.clone().into();
    document["from"] = event.actor.attributes.get("image").cloned().unwrap_or_default().into();
    Ok(document)
}
