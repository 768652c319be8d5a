//! What of a build is kept from those who were not there: values of variables that are taken for credentials, wherever the build has them. They
//! are on the command line, in the Dockerfile, in a base image, and in the builds that this one is compared with.

use std::collections::{BTreeMap, BTreeSet};

use crate::cache::{Kind, Subject};
use crate::dockerfile::{Instruction, words};
use crate::hidden::{Hidden, is_credential};
use crate::machine::{Decision, Machine, MissReason};

/// Values, each once.
#[derive(Default)]
struct Found(BTreeSet<String>);

/// The values of all credentials of a build.
pub(super) fn credentials(machine: &Machine) -> Vec<Hidden> {
    let mut found = Found::default();
    let (plan, request) = (machine.plan(), &machine.options().request);
    request.build_args.iter().chain(&plan.global_args).for_each(|(name, value)| found.variable(name, value));
    for taken in machine.taken() {
        found.decided(&taken.decision);
        let variables = &taken.state.settings.variables;
        let all = variables.run_environment().into_iter().chain(variables.arguments());
        all.for_each(|(name, value)| found.variable(name, value));
    }
    for instruction in plan.stages.iter().flat_map(|stage| &stage.source.instructions) {
        found.written(&instruction.value, plan.escape);
    }
    found.into_hidden()
}

/// The credentials of the build that a step was compared with.
pub(crate) fn credentials_of_decision(decision: &Decision) -> Vec<Hidden> {
    let mut found = Found::default();
    found.decided(decision);
    found.into_hidden()
}

impl Found {
    fn variable(&mut self, name: &str, value: &str) {
        if is_credential(name, value) {
            self.0.insert(value.to_owned());
        }
    }

    /// What an instruction gives its variables, without those of which only a state knows it.
    fn written(&mut self, instruction: &Instruction, escape: char) {
        let values =
            instruction.variables().into_iter().filter_map(|(name, _, value)| Some((name, value?.raw.as_str())));
        for (name, raw) in values.filter(|(_, raw)| !raw.contains('$')) {
            // With its quotes and escapes, as the Dockerfile has it, and without them.
            self.variable(name, raw);
            let without = words::expand(raw, escape, &BTreeMap::new());
            without.into_iter().for_each(|value| self.variable(name, &value.text));
        }
    }

    fn decided(&mut self, decision: &Decision) {
        let Decision::Miss { reason: MissReason::Cause { differences, .. }, .. } = decision else { return };
        for difference in differences {
            let values = [difference.values.before(), difference.values.after()].into_iter().flatten();
            match &difference.subject {
                Subject::Ingredient(Kind::Environment(name)) => values.for_each(|value| self.variable(name, value)),
                // `ENV NAME=value` as it was.
                Subject::Ingredient(Kind::Instruction) => values.for_each(|text| self.pairs(text)),
                Subject::Ingredient(
                    Kind::Parent
                    | Kind::Argument(_)
                    | Kind::Setting(_)
                    | Kind::Document(_)
                    | Kind::Files(_)
                    | Kind::Commit(_)
                    | Kind::Mount(_)
                    | Kind::SecretVariable(_)
                    | Kind::HardLinks(_),
                )
                | Subject::Files { .. }
                | Subject::Order => {}
            }
        }
    }

    fn pairs(&mut self, text: &str) {
        for (name, value) in text.split_whitespace().filter_map(|word| word.split_once('=')) {
            self.variable(name, value.trim_matches(['"', '\'']));
        }
    }

    fn into_hidden(self) -> Vec<Hidden> {
        self.0.into_iter().map(|value| Hidden::new(value.into_bytes())).collect()
    }
}
