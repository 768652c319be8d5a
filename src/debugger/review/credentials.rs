//! What of a build is kept from those who were not there: values of variables that are taken for credentials, wherever the build has them. They
//! are on the command line, in the Dockerfile, in a base image, and in the builds that this one is compared with.

use std::collections::{BTreeMap, BTreeSet};

use crate::cache::{Kind, Subject};
use crate::dockerfile::{self, Instruction, Node, words};
use crate::hidden::{Hidden, credentials_in, credentials_in_expanded};
use crate::machine::{Decision, Machine, MissReason};

/// Values, each once.
#[derive(Default)]
struct Found(BTreeSet<String>);

/// The values of all credentials of a build.
pub(crate) fn credentials(machine: &Machine) -> Vec<Hidden> {
    let mut found = Found::default();
    let (plan, request) = (machine.plan(), &machine.options().request);
    request.build_args.iter().chain(&plan.global_args).for_each(|(name, value)| found.variable(name, value));
    // What a later step would make of them is no secret only because it was not reached.
    let given = request.build_args.iter().chain(&plan.global_args);
    let mut known: BTreeMap<&str, &str> = given.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for taken in machine.taken() {
        found.decided(&taken.decision);
        let variables = &taken.state.settings.variables;
        let all: BTreeMap<&str, &str> = variables.run_environment().into_iter().chain(variables.arguments()).collect();
        all.iter().for_each(|(name, value)| found.variable(name, value));
        // As it was written and as it became: what a shell makes of a RUN nobody tells.
        for text in [Some(&taken.label.instruction), taken.label.expanded.as_ref()].into_iter().flatten() {
            found.addresses(text, &all);
        }
        known.extend(all);
    }
    found.addresses(&machine.source().text, &known);
    // The whole text is shown, also defaults that are not used and stages that the plan leaves out.
    let tree = dockerfile::parse_within(machine.source(), &request.limits).tree;
    for node in &tree.nodes {
        match node {
            Node::Instruction(instruction) => found.written(&instruction.value, plan.escape),
            Node::From(_) | Node::Unreadable(_) => {}
        }
    }
    // With triggers of base images.
    let steps = (0..machine.step_count()).filter_map(|index| machine.instruction(index));
    steps.for_each(|instruction| found.written(instruction, plan.escape));
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
        let credentials = credentials_in(name, value).into_iter().filter(|one| !is_reference(one));
        self.0.extend(credentials.map(str::to_owned));
    }

    /// What an instruction gives its variables, as far as it is written there. What variables in it stand for, a state knows.
    fn written(&mut self, instruction: &Instruction, escape: char) {
        if let Instruction::Onbuild(onbuild) = instruction {
            onbuild.instruction.iter().for_each(|later| self.written(&later.value, escape));
        }
        let values =
            instruction.variables().into_iter().filter_map(|(name, _, value)| Some((name, value?.raw.as_str())));
        for (name, raw) in values {
            // With its quotes and escapes, as the Dockerfile has it, and without them.
            self.variable(name, raw);
            let without = words::expand(raw, escape, &BTreeMap::new());
            without.into_iter().for_each(|value| self.variable(name, &value.text));
        }
    }

    /// The credentials in the addresses of a text, with these variables put in.
    fn addresses(&mut self, text: &str, variables: &BTreeMap<&str, &str>) {
        let credentials = credentials_in_expanded(text, |name| variables.get(name).copied());
        self.0.extend(credentials.into_iter().filter(|one| !is_reference(one)));
    }

    fn decided(&mut self, decision: &Decision) {
        let Decision::Miss { reason: MissReason::Cause { differences, .. }, .. } = decision else { return };
        for difference in differences {
            let values = [difference.values.before(), difference.values.after()].into_iter().flatten();
            match &difference.subject {
                Subject::Ingredient(Kind::Environment(name)) => values.for_each(|value| self.variable(name, value)),
                Subject::Ingredient(Kind::Instruction) => {
                    let (before, after) = (difference.values.before(), difference.values.after());
                    let text = |side: Option<&String>| side.cloned().unwrap_or_default();
                    values.for_each(|text| self.addresses(text, &BTreeMap::new()));
                    self.recorded(&text(before), &text(after));
                    self.recorded(&text(after), &text(before));
                }
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

    /// The variables of an instruction as it is recorded: expanded, so there are no quotes to say where a value ends. It goes on to the next name that the
    /// instruction has beside this one as well.
    fn recorded(&mut self, text: &str, beside: &str) {
        let (names, known) = (names(text), names(beside));
        for (place, (at, name)) in names.iter().enumerate() {
            let next = names[place + 1..].iter().find(|(_, next)| known.iter().any(|(_, known)| known == next));
            let end = next.map_or(text.len(), |(end, _)| *end);
            self.variable(name, text[at + name.len() + 1..end].trim_end());
        }
    }

    fn into_hidden(self) -> Vec<Hidden> {
        self.0.into_iter().map(|value| Hidden::new(value.into_bytes())).collect()
    }
}

/// What may be the names of variables in an ENV or ARG as it is recorded, with their places.
fn names(text: &str) -> Vec<(usize, &str)> {
    let instruction = text.strip_prefix("ONBUILD ").unwrap_or(text);
    if !["ENV ", "ARG "].iter().any(|keyword| instruction.starts_with(keyword)) {
        return Vec::new();
    }
    let blanks = text.match_indices(' ').map(|(blank, _)| blank + 1);
    blanks
        .filter_map(|at| Some((at, text[at..].split(' ').next()?.split_once('=')?.0)))
        .filter(|(_, name)| !name.is_empty())
        .collect()
}

/// Whether a value is nothing but a variable, which tells nothing: `$NAME` or `${NAME}`.
fn is_reference(value: &str) -> bool {
    let Some(rest) = value.trim_matches('"').strip_prefix('$') else { return false };
    let name = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(rest);
    name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
