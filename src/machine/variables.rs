//! A stage's variables: ENV and ARG, with what each of them is to the image and to RUN.

use crate::oci::Environment;

/// All variables of a state. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    /// The image's configuration: a variable that is set again keeps its place.
    image: Environment,
    /// What RUN and later instructions see: a variable that is set again comes last, and RUN's key sees the order.
    run: Environment,
    /// The ARGs in the order of their declaration, with the values that they had then.
    arguments: Environment,
}

impl Variables {
    /// The variables of an image: entries `NAME=value`.
    pub(crate) fn of_image(entries: &[String]) -> Variables {
        let mut variables = Variables { image: Environment::of_entries(entries), ..Variables::default() };
        for entry in entries {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            variables.run.set(name, value);
        }
        variables
    }

    /// The value that RUN sees.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.run.get(name)
    }

    /// Whether an ARG of this name was declared.
    pub(crate) fn is_declared(&self, name: &str) -> bool {
        self.arguments.get(name).is_some()
    }

    /// The names of all that have a value.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.run.iter().map(|(name, _)| name)
    }

    /// Whether the image has a variable of this name.
    pub(crate) fn is_in_image(&self, name: &str) -> bool {
        self.image.get(name).is_some()
    }

    /// ENV: for the image and for RUN.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.image.set_in_place(name, value);
        self.run.set(name, value);
    }

    /// An ARG's value: for RUN, and not for the image.
    pub(crate) fn put_in_run(&mut self, name: &str, value: &str) {
        self.run.set(name, value);
    }

    /// ARG.
    pub(crate) fn declare(&mut self, name: &str, value: Option<&str>) {
        self.arguments.set_in_place(name, value.unwrap_or_default());
    }

    /// The environment of RUN, in its order.
    pub(crate) fn run_environment(&self) -> Vec<(&str, &str)> {
        self.run.iter().collect()
    }

    /// The entries of the image's configuration, in their order.
    pub(crate) fn image_entries(&self) -> Vec<String> {
        self.image.entries()
    }

    /// The ARGs in the order of their declaration, with the values that RUN sees.
    pub(crate) fn arguments(&self) -> Vec<(&str, &str)> {
        self.arguments.iter().map(|(name, declared)| (name, self.get(name).unwrap_or(declared))).collect()
    }

    /// The image's variables that differ in a later state: the name, the value before, the value after.
    pub(crate) fn changes<'v>(&'v self, after: &'v Variables) -> Vec<(&'v str, Option<&'v str>, Option<&'v str>)> {
        self.image.changes(&after.image)
    }
}
