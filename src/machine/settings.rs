//! Settings: a state's configuration while it grows.
//!
//! [`ContainerConfig`] is the document; copying it for every state would make each step cost as much as all steps before it.
//! Here the collections are persistent and the single values are one shared piece, so that a state costs what its instruction
//! adds. The document is made when the image is written, or when somebody asks for it.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet, Vector};
use serde_json::Value as Json;

use super::event::{ConfigChange, Value};
use super::variables::Variables;
use crate::cache::Change;
use crate::oci::ContainerConfig;

/// The configuration of a state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// What an instruction replaces as a whole. The collections of it are empty: they are here.
    single: Arc<ContainerConfig>,
    pub(crate) variables: Variables,
    pub(crate) labels: OrdMap<Arc<str>, Arc<str>>,
    pub(crate) exposed_ports: OrdSet<Arc<str>>,
    pub(crate) volumes: OrdSet<Arc<str>>,
    pub(crate) on_build: Vector<Arc<str>>,
}

impl Settings {
    /// Takes a document apart.
    pub(crate) fn of(mut config: ContainerConfig) -> Settings {
        let labels = std::mem::take(&mut config.labels);
        Settings {
            variables: Variables::of_image(&std::mem::take(&mut config.env)),
            labels: labels.into_iter().map(|(name, value)| (Arc::from(name), Arc::from(value))).collect(),
            exposed_ports: std::mem::take(&mut config.exposed_ports).into_keys().map(Arc::from).collect(),
            volumes: std::mem::take(&mut config.volumes).into_keys().map(Arc::from).collect(),
            on_build: std::mem::take(&mut config.on_build).into_iter().map(Arc::from).collect(),
            single: Arc::new(config),
        }
    }

    /// The document.
    pub(crate) fn document(&self) -> ContainerConfig {
        let set = |set: &OrdSet<Arc<str>>| set.iter().map(|name| (name.to_string(), Default::default())).collect();
        ContainerConfig {
            env: self.variables.image_entries(),
            labels: self.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            exposed_ports: set(&self.exposed_ports),
            volumes: set(&self.volumes),
            on_build: self.on_build.iter().map(|trigger| trigger.to_string()).collect(),
            ..(*self.single).clone()
        }
    }

    /// The values that are replaced as a whole: user, command, working directory …
    pub(crate) fn single(&self) -> &ContainerConfig {
        &self.single
    }

    /// The same, to be changed.
    pub(crate) fn single_mut(&mut self) -> &mut ContainerConfig {
        Arc::make_mut(&mut self.single)
    }

    /// What differs in a later state, field by field. It costs what has changed, not what there is.
    pub(crate) fn changes(&self, after: &Settings) -> Vec<ConfigChange> {
        let mut changes = Vec::new();
        if !Arc::ptr_eq(&self.single, &after.single) {
            single_changes(&self.single, &after.single, &mut changes);
        }
        for (name, before, after) in self.variables.changes(&after.variables) {
            let text = |value: &str| Value::Text(value.to_owned());
            changes.extend(change(format!("Env.{name}"), before.map(text), after.map(text)));
        }
        for difference in self.labels.diff(&after.labels) {
            use imbl::ordmap::DiffItem;
            let (name, before, after) = match difference {
                DiffItem::Add(name, new) => (name, None, Some(new)),
                DiffItem::Update { old: (name, old), new: (_, new) } => (name, Some(old), Some(new)),
                DiffItem::Remove(name, old) => (name, Some(old), None),
            };
            let text = |value: &Arc<str>| Value::Text(value.to_string());
            changes.extend(change(format!("Labels.{name}"), before.map(text), after.map(text)));
        }
        set_changes("ExposedPorts", &self.exposed_ports, &after.exposed_ports, &mut changes);
        set_changes("Volumes", &self.volumes, &after.volumes, &mut changes);
        if after.on_build.len() > self.on_build.len() {
            let added: Vec<&str> = after.on_build.iter().skip(self.on_build.len()).map(|one| &**one).collect();
            changes.extend(change("OnBuild".into(), None, Some(Value::Json(added.into()))));
        }
        // What was there first, then what is new; each by its name.
        let place = |one: &ConfigChange| (one.values.before().is_none(), one.field.clone());
        changes.sort_by_cached_key(place);
        changes
    }
}

fn change(field: String, before: Option<Value>, after: Option<Value>) -> Option<ConfigChange> {
    Some(ConfigChange { field, values: Change::between(before, after)? })
}

fn set_changes(field: &str, before: &OrdSet<Arc<str>>, after: &OrdSet<Arc<str>>, changes: &mut Vec<ConfigChange>) {
    use imbl::ordset::DiffItem;
    // As the document has them.
    let empty = Value::Json(Json::Object(Default::default()));
    changes.extend(before.diff(after).map(|difference| {
        let (name, values) = match difference {
            DiffItem::Add(name) => (name, Change::Added(empty.clone())),
            DiffItem::Remove(name) => (name, Change::Removed(empty.clone())),
        };
        ConfigChange { field: format!("{field}.{name}"), values }
    }));
}

fn single_changes(before: &ContainerConfig, after: &ContainerConfig, changes: &mut Vec<ConfigChange>) {
    let (old, new) = (fields(before), fields(after));
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        changes.extend(change(name.clone(), old.get(name).map(value), new.get(name).map(value)));
    }
}

/// The fields of a document by their names; those of `Healthcheck` each by itself.
fn fields(config: &ContainerConfig) -> serde_json::Map<String, Json> {
    let mut fields = match serde_json::to_value(config) {
        Ok(Json::Object(object)) => object,
        _ => serde_json::Map::new(),
    };
    if let Some(Json::Object(parts)) = fields.remove("Healthcheck") {
        fields.extend(parts.into_iter().map(|(name, value)| (format!("Healthcheck.{name}"), value)));
    }
    fields
}

fn value(value: &Json) -> Value {
    match value {
        Json::String(text) => Value::Text(text.clone()),
        other => Value::Json(other.clone()),
    }
}
