//! A stage's variables: ENV and ARG, with what each of them is to the image and to RUN.
//!
//! One persistent map by name, so that a state shares with the one before it all that did not change, and setting a variable costs the
//! same after ten thousand others. The orders that matter (the image's list, RUN's environment, the ARGs as they
//! were declared) are numbers beside the values, and lists are made from them when somebody asks.

use std::sync::Arc;

use imbl::OrdMap;

/// A value with its place in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Placed<T> {
    place: u64,
    value: T,
}

/// What is known under one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Variable {
    /// The entry of the image's configuration, `NAME=value`. It keeps its place when it is set again.
    image: Option<Placed<Arc<str>>>,
    /// The value that RUN and later instructions see. When it is set again it comes last: RUN's key sees the order.
    run: Option<Placed<Arc<str>>>,
    /// The ARG of this name, with its value when it was declared.
    argument: Option<Placed<Option<Arc<str>>>>,
}

/// All variables of a state.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    by_name: OrdMap<Arc<str>, Variable>,
    /// The place that comes next.
    next: u64,
}

impl Variables {
    /// The variables of an image: entries `NAME=value`.
    pub fn of_image(entries: &[String]) -> Variables {
        let mut variables = Variables::default();
        for entry in entries {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            variables.put_in_image(name, entry);
            variables.put_in_run(name, value);
        }
        variables
    }

    /// The value that RUN sees.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.by_name.get(name)?.run.as_ref().map(|placed| &*placed.value)
    }

    /// Whether an ARG of this name was declared.
    pub fn is_declared(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|variable| variable.argument.is_some())
    }

    /// Whether the image has a variable of this name.
    pub fn is_in_image(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|variable| variable.image.is_some())
    }

    /// ENV: for the image and for RUN.
    pub fn set(&mut self, name: &str, value: &str) {
        self.put_in_image(name, &format!("{name}={value}"));
        self.put_in_run(name, value);
    }

    /// An ARG's value: for RUN, and not for the image.
    pub fn put_in_run(&mut self, name: &str, value: &str) {
        let placed = Placed { place: self.take_place(), value: value.into() };
        self.change(name, |variable| variable.run = Some(placed));
    }

    /// ARG.
    pub fn declare(&mut self, name: &str, value: Option<&str>) {
        let place = self.take_place();
        self.change(name, |variable| {
            let place = variable.argument.as_ref().map_or(place, |argument| argument.place);
            variable.argument = Some(Placed { place, value: value.map(Arc::from) });
        });
    }

    fn put_in_image(&mut self, name: &str, entry: &str) {
        let place = self.take_place();
        self.change(name, |variable| {
            let place = variable.image.as_ref().map_or(place, |image| image.place);
            variable.image = Some(Placed { place, value: entry.into() });
        });
    }

    fn take_place(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Variable)) {
        match self.by_name.get_mut(name) {
            Some(variable) => change(variable),
            None => {
                let mut variable = Variable::default();
                change(&mut variable);
                self.by_name.insert(name.into(), variable);
            }
        }
    }

    /// The environment of RUN, in its order.
    pub fn run_environment(&self) -> Vec<(&str, &str)> {
        self.in_order(|variable| variable.run.as_ref()).map(|(name, value)| (name, &**value)).collect()
    }

    /// The entries of the image's configuration, in their order.
    pub fn image_entries(&self) -> Vec<String> {
        self.in_order(|variable| variable.image.as_ref()).map(|(_, entry)| entry.to_string()).collect()
    }

    /// The ARGs in the order of their declaration, with the values that RUN sees.
    pub fn arguments(&self) -> Vec<(&str, &str)> {
        self.in_order(|variable| variable.argument.as_ref())
            .map(|(name, declared)| (name, self.get(name).or(declared.as_deref()).unwrap_or_default()))
            .collect()
    }

    fn in_order<'v, T: 'v>(
        &'v self,
        part: impl Fn(&'v Variable) -> Option<&'v Placed<T>>,
    ) -> impl Iterator<Item = (&'v str, &'v T)> {
        let mut found: Vec<(&str, &Placed<T>)> =
            self.by_name.iter().filter_map(|(name, variable)| Some((&**name, part(variable)?))).collect();
        found.sort_by_key(|(_, placed)| placed.place);
        found.into_iter().map(|(name, placed)| (name, &placed.value))
    }

    /// The image's variables that differ in a later state: the name, the value before, the value after.
    pub fn changes<'v>(&'v self, after: &'v Variables) -> Vec<(&'v str, Option<&'v str>, Option<&'v str>)> {
        use imbl::ordmap::DiffItem;
        let value = |variable: &'v Variable| {
            let entry: &'v str = &variable.image.as_ref()?.value;
            Some(entry.split_once('=').map_or("", |(_, value)| value))
        };
        self.by_name
            .diff(&after.by_name)
            .map(|change| match change {
                DiffItem::Add(name, new) => (&**name, None, value(new)),
                DiffItem::Update { old: (name, old), new: (_, new) } => (&**name, value(old), value(new)),
                DiffItem::Remove(name, old) => (&**name, value(old), None),
            })
            .filter(|(_, before, after)| before != after)
            .collect()
    }
}
