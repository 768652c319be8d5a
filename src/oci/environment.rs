//! Environments: variables in an order, as an image's configuration and a process have them.
//!
//! Specification: OCI image specification, config.md, `Env`: entries `NAME=VALUE`.
//!
//! Setting a variable again has two meanings. A configuration keeps the variable's place; for a command it comes last, as if it were
//! new. Both are here, and everybody has to say which one is meant. The map is persistent, so that a state of a build shares with the
//! one before it what its instruction did not set.

use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

/// Variables in an order. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    by_name: OrdMap<Arc<str>, Placed>,
    /// The place that comes next.
    next: u64,
}

/// An entry with its place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Placed {
    place: u64,
    /// `NAME=VALUE`; what an image has without a `=` stays as it is.
    entry: Arc<str>,
}

impl Placed {
    fn value(&self) -> &str {
        value_of(&self.entry)
    }
}

fn value_of(entry: &str) -> &str {
    entry.split_once('=').map_or("", |(_, value)| value)
}

impl Environment {
    /// Reads entries. Of two with the same name the first has the place and the last the value.
    pub(crate) fn of_entries(entries: &[String]) -> Environment {
        let mut environment = Environment::default();
        for entry in entries {
            environment.put_in_place(entry);
        }
        environment
    }

    /// The value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(Placed::value)
    }

    /// Sets a variable, which comes last then.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.next += 1;
        self.by_name.insert(name.into(), Placed { place: self.next, entry: format!("{name}={value}").into() });
    }

    /// Sets a variable, which stays where it is if it is there.
    pub(crate) fn set_in_place(&mut self, name: &str, value: &str) {
        self.put_in_place(&format!("{name}={value}"));
    }

    /// Takes an entry over as it is, in the place that its name has.
    pub(crate) fn put_in_place(&mut self, entry: &str) {
        let name = entry.split_once('=').map_or(entry, |(name, _)| name);
        match self.by_name.get_mut(name) {
            Some(placed) => placed.entry = entry.into(),
            None => {
                self.next += 1;
                self.by_name.insert(name.into(), Placed { place: self.next, entry: entry.into() });
            }
        }
    }

    /// Names and values, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.in_order().map(|(name, placed)| (name, placed.value()))
    }

    /// The entries, in their order.
    pub(crate) fn entries(&self) -> Vec<String> {
        self.in_order().map(|(_, placed)| placed.entry.to_string()).collect()
    }

    fn in_order(&self) -> impl Iterator<Item = (&str, &Placed)> {
        let mut all: Vec<(&str, &Placed)> = self.by_name.iter().map(|(name, placed)| (&**name, placed)).collect();
        all.sort_by_key(|(_, placed)| placed.place);
        all.into_iter()
    }

    /// The variables that have another value in a later one: the name, the value before, the value after.
    pub(crate) fn changes<'e>(&'e self, after: &'e Environment) -> Vec<(&'e str, Option<&'e str>, Option<&'e str>)> {
        let differences = self.by_name.diff(&after.by_name).map(|difference| match difference {
            DiffItem::Add(name, new) => (&**name, None, Some(new.value())),
            DiffItem::Update { old: (name, old), new: (_, new) } => (&**name, Some(old.value()), Some(new.value())),
            DiffItem::Remove(name, old) => (&**name, Some(old.value()), None),
        });
        differences.filter(|(_, before, after)| before != after).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn setting_again_has_two_meanings() {
        let entries = ["A=1", "B=2", "C", "A=3"].map(str::to_owned);
        let first = Environment::of_entries(&entries);
        assert_eq!(first.entries(), ["A=3", "B=2", "C"]);
        assert_eq!((first.get("C"), first.get("D")), (Some(""), None));
        let mut next = first.clone();
        next.set_in_place("A", "x=y");
        assert_eq!(next.entries(), ["A=x=y", "B=2", "C"]);
        next.set("A", "4");
        assert_eq!(next.entries(), ["B=2", "C", "A=4"]);
        assert_eq!(first.changes(&next), [("A", Some("3"), Some("4"))]);
    }
}
