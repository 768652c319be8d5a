//! `layerlab images`: what the store has, with a name and without.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::rc::Rc;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::cli::format::{self, FormatOption, Table};
use crate::cli::ui::Ui;
use crate::context::go_match;
use crate::diagnostic::Diagnostic;
use crate::oci::{Digest, Reference};
use crate::shown;
use crate::store::{Catalogue, Error as StoreError, Image, RepositoryDigests, Summary};
use crate::view::table::TooWide;
use crate::view::units;
use crate::world::World;

/// List images.
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Print ids only
    #[arg(short, long)]
    quiet: bool,
    /// Print whole ids
    #[arg(long)]
    no_trunc: bool,
    /// Show the digests by which registries have them; of an image that none has, that of its manifest
    #[arg(long)]
    digests: bool,
    /// Accepted and without effect: the states between two steps are the cache's, and no images
    #[arg(short, long)]
    all: bool,
    /// Only list some: `dangling=true`, `reference=PATTERN`, `before=IMAGE`, `since=IMAGE`, `label=NAME[=VALUE]`
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,
    #[command(flatten)]
    format: FormatOption,
    /// Only list images with this name, or with one like this pattern
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<String>,
}

impl Images {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let is_quiet = self.format.is_quiet(self.quiet, ui);
        let format = self.format.read()?;
        let Catalogue { mut images, in_registries, .. } = world.store.catalogue()?;
        if let Some(name) = &self.name {
            let wanted = Wanted::parse(name)?;
            images.retain(|image| image.reference.as_ref().is_some_and(|reference| wanted.is(reference)));
        }
        let filters = Filters::parse(&self.filter, &["dangling", "reference", "before", "since", "label"])?;
        let mut rows = self.described(world, images);
        keep(&mut rows, &filters, world)?;
        // Newest first, as Docker lists them; what is damaged has no time and comes last.
        let name = |row: &Row| row.image.reference.as_ref().map(Reference::familiar);
        rows.sort_by_cached_key(|row| (Reverse(row.created().map(str::to_owned)), name(row)));
        if is_quiet {
            let mut out = ui.plain();
            let mut seen = HashSet::new();
            for id in rows.iter().map(Row::id).filter(|id| seen.insert(*id)) {
                writeln!(out, "{}", self.shown(id))?;
            }
            return Ok(());
        }
        let now = world.clock.seconds();
        let lines: Vec<Line> = rows.iter().map(|row| self.line(row, &in_registries, now)).collect();
        format.show(ui, if self.digests { &WITH_DIGESTS } else { &TABLE }, &lines)
    }

    /// Looks at each image, once however many names it has. Images for other machines are left out.
    fn described(&self, world: &World, images: Vec<Image>) -> Vec<Row> {
        let mut known: HashMap<Digest, Option<Rc<Result<Summary, StoreError>>>> = HashMap::new();
        let mut describe = |image: Image| {
            let summary =
                known.entry(image.manifest.digest).or_insert_with(|| match world.store.summary(&image.manifest) {
                    Err(StoreError::Platform { .. }) => None,
                    summary => Some(Rc::new(summary)),
                });
            Some(Row { image, summary: summary.clone()? })
        };
        images.into_iter().filter_map(&mut describe).collect()
    }

    fn shown(&self, id: Digest) -> String {
        if self.no_trunc { id.to_string() } else { id.short() }
    }

    fn line(&self, row: &Row, in_registries: &RepositoryDigests, now: i64) -> Line {
        let none = || "<none>".to_owned();
        let here = row.image.manifest.digest;
        // An image without a tag may have come from a repository, or have had a tag of it.
        let mut named = in_registries.names(&here);
        let reference = row.image.reference.as_ref().or_else(|| named.next());
        let is_of_it = |name: &&Reference| reference.is_some_and(|reference| reference.name() == name.name());
        let there = in_registries.names(&here).find(is_of_it).and_then(Reference::digest);
        let (created, created_since, size) = match &*row.summary {
            Ok(summary) => {
                let created = summary.created.as_deref();
                let moment = created.map_or_else(|| "N/A".to_owned(), units::moment);
                let since = if summary.is_cache { "<build cache>".to_owned() } else { units::ago(now, created) };
                (moment, since, units::docker_size(summary.size, 3))
            }
            Err(error) => (String::new(), "<damaged>".to_owned(), shown::line(&error.to_string()).into_owned()),
        };
        let is_known = self.digests || self.format.asks_for("Digest");
        Line {
            containers: "N/A",
            created_at: created,
            created_since,
            digest: if is_known { there.unwrap_or(here).to_string() } else { none() },
            id: self.shown(row.id()),
            repository: reference.map_or_else(none, Reference::familiar_name),
            shared_size: "N/A",
            size,
            tag: reference.and_then(|reference| reference.tag().map(str::to_owned)).unwrap_or_else(none),
            unique_size: "N/A",
        }
    }
}

/// The columns.
const TABLE: Table =
    Table { shown: &["Repository", "Tag", "ID", "CreatedSince", "Size"], titles: TITLES, too_wide: TooWide::Whole };
const WITH_DIGESTS: Table = Table {
    shown: &["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"],
    titles: TITLES,
    too_wide: TooWide::Whole,
};
const TITLES: &[(&str, &str)] = &[
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("ID", "IMAGE ID"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
    ("Containers", "CONTAINERS"),
    ("SharedSize", "SHARED SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
];

/// One line of the list, as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    containers: &'static str,
    created_at: String,
    created_since: String,
    digest: String,
    #[serde(rename = "ID")]
    id: String,
    repository: String,
    shared_size: &'static str,
    size: String,
    tag: String,
    unique_size: &'static str,
}

impl format::Row for Line {}

/// Leaves the rows that the filters let through.
fn keep(rows: &mut Vec<Row>, filters: &Filters, world: &World) -> Result<(), Failure> {
    if let Some(dangling) = filters.truth("dangling")? {
        rows.retain(|row| row.image.reference.is_none() == dangling);
    }
    let patterns: Vec<&str> = filters.values("reference").collect();
    if !patterns.is_empty() {
        rows.retain(|row| {
            let name = row.image.reference.as_ref();
            name.is_some_and(|name| patterns.iter().any(|pattern| is_like(name, pattern)))
        });
    }
    for name in filters.values("before") {
        let moment = created(world, name)?;
        rows.retain(|row| row.created() < moment.as_deref());
    }
    for name in filters.values("since") {
        let moment = created(world, name)?;
        rows.retain(|row| row.created() > moment.as_deref());
    }
    if filters.has("label") {
        rows.retain(|row| {
            world
                .store
                .load_image(&row.image.manifest)
                .is_ok_and(|(_, config)| filters.fit_labels(&config.config.labels))
        });
    }
    Ok(())
}

/// The names that are asked for.
enum Wanted<'t> {
    Name(Reference),
    Pattern(&'t str),
}

impl Wanted<'_> {
    fn parse(text: &str) -> Result<Wanted<'_>, Diagnostic> {
        if text.contains(['*', '?', '[']) {
            return Ok(Wanted::Pattern(text));
        }
        let name = Reference::parse_normalized(text)
            .map_err(|error| Diagnostic::error(format!("`{text}` is not an image name: {error}")))?;
        Ok(Wanted::Name(name))
    }

    fn is(&self, reference: &Reference) -> bool {
        match self {
            Wanted::Pattern(pattern) => is_like(reference, pattern),
            Wanted::Name(wanted) => {
                reference.familiar_name() == wanted.familiar_name()
                    && wanted.tag().is_none_or(|tag| reference.tag() == Some(tag))
            }
        }
    }
}

/// Whether a name, with its tag or without, is like a pattern.
fn is_like(name: &Reference, pattern: &str) -> bool {
    let fits = |text: String| go_match(pattern, text).unwrap_or(false);
    fits(name.familiar()) || fits(name.familiar_name())
}

/// When an image was made.
fn created(world: &World, name: &str) -> Result<Option<String>, Failure> {
    Ok(world.store.summary(&world.store.find(name)?.manifest)?.created)
}

/// One line of the list.
struct Row {
    image: Image,
    summary: Rc<Result<Summary, StoreError>>,
}

impl Row {
    /// The image id. Where it can't be read, the manifest's digest, by which the image is found too.
    fn id(&self) -> Digest {
        self.summary.as_ref().as_ref().map_or(self.image.manifest.digest, |summary| summary.id)
    }

    fn created(&self) -> Option<&str> {
        self.summary.as_ref().as_ref().ok()?.created.as_deref()
    }
}
