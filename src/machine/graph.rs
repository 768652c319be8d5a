//! The graph of a build: its stages, what each takes from which, and how far a step that misses reaches.
//!
//! An edge is FROM, COPY --from or RUN --mount=from=. Images are no nodes: the
//! instruction names them. Which steps a miss reaches follows from the edges and from what is decided: a step behind it that is in
//! the cache all the same is not reached.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::driver::Machine;
use super::event::StepLabel;
use super::{Decision, MissReason};
use crate::dockerfile::Instruction;
use crate::plan::{Base, CopySource};

/// The stages that are built, and what they take from one another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Graph {
    /// In the order in which they are built: an edge leads from an earlier one to a later one.
    pub(crate) stages: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) reaches: Vec<Reach>,
    /// The stages that the target does not need.
    pub(crate) left_out: Vec<String>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) steps: Vec<Outcome>,
}

/// A step, and what the cache has of it; `None` where that can't be foreseen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Outcome {
    pub(crate) step: StepLabel,
    pub(crate) decision: Option<Decision>,
    /// Whether it was taken before the last change, and kept: then the decision is an earlier build's.
    pub(crate) is_kept: bool,
    /// Whether the next step starts from the files that it leaves: FROM, and what has to do with files.
    pub(crate) is_link: bool,
}

/// A step that takes something from another stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Edge {
    /// The place of the stage that it takes from, in [`Graph::stages`].
    pub(crate) from: usize,
    /// The number of the step.
    pub(crate) step: usize,
    pub(crate) kind: EdgeKind,
}

/// How a step takes from another stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EdgeKind {
    From,
    Copy,
    Mount,
}

/// How far a step that misses by itself reaches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Reach {
    pub(crate) step: StepLabel,
    pub(crate) reason: MissReason,
    /// The numbers of the steps behind it that are not in the cache any more, or not known to be.
    pub(crate) reached: Vec<usize>,
}

impl Machine {
    /// The graph of the build, with what was decided or is foreseen for each step, by its index.
    pub(crate) fn graph(&self, decision: impl Fn(usize) -> Option<Decision>) -> Graph {
        let plan = self.plan();
        let built = self.built_stages();
        let decisions: Vec<Option<Decision>> = (0..self.step_count()).map(decision).collect();
        let stages = built.iter().map(|&stage| self.node(stage, &decisions)).collect();
        let place = |stage| built.iter().position(|&other| other == stage);
        let edges = |index: usize| {
            let sources = self.sources_of(index).into_iter();
            sources.filter_map(move |(stage, kind)| Some(Edge { from: place(stage)?, step: index + 1, kind }))
        };
        Graph {
            stages,
            edges: (0..self.step_count()).flat_map(edges).collect(),
            reaches: self.reaches(&decisions),
            left_out: plan
                .stages
                .iter()
                .filter(|stage| !built.contains(&stage.index))
                .map(|stage| stage.label())
                .collect(),
        }
    }

    fn node(&self, stage: usize, decisions: &[Option<Decision>]) -> Node {
        let own = (0..self.step_count()).filter(|&index| self.steps.stage(index) == stage);
        let outcome = |index: usize| {
            let (decision, is_kept) = (decisions[index].clone(), index < self.kept);
            let is_link = self.instruction(index).is_none_or(|instruction| instruction.with_files().is_some());
            Some(Outcome { step: self.label(index)?, decision, is_kept, is_link })
        };
        Node { name: self.plan().stages[stage].label(), steps: own.filter_map(outcome).collect() }
    }

    /// The stages that a step takes something from, each once, and how.
    fn sources_of(&self, index: usize) -> BTreeMap<usize, EdgeKind> {
        let stage = self.steps.stage(index);
        let Some(instruction) = self.instruction(index) else {
            return match self.plan().stages[stage].base {
                Base::Stage(base) => BTreeMap::from([(base, EdgeKind::From)]),
                Base::Scratch | Base::Image(_) | Base::Context(_) => BTreeMap::new(),
            };
        };
        let kind = if matches!(instruction, Instruction::Run(_)) { EdgeKind::Mount } else { EdgeKind::Copy };
        let sources = self.plan().sources(stage, instruction).unwrap_or_default().into_iter();
        let stages = sources.filter_map(|source| match source {
            CopySource::Stage(source) => Some((source, kind)),
            CopySource::Image(_) | CopySource::Scratch | CopySource::Context(_) => None,
        });
        stages.collect()
    }

    /// How far the steps reach that miss by themselves. A step without an earlier one to be compared with counts only where no other
    /// reaches it.
    fn reaches(&self, decisions: &[Option<Decision>]) -> Vec<Reach> {
        let mut reaches: Vec<Reach> = Vec::new();
        for index in self.kept..self.step_count() {
            let Some(reach) = self.reach(index, decisions) else { continue };
            let is_reached = || reaches.iter().any(|earlier| earlier.reached.contains(&(index + 1)));
            if reach.reason != MissReason::FirstTime || !is_reached() {
                reaches.push(reach);
            }
        }
        reaches
    }

    fn reach(&self, index: usize, decisions: &[Option<Decision>]) -> Option<Reach> {
        let reason = decisions[index].as_ref()?.miss()?;
        match reason {
            MissReason::Cause { .. }
            | MissReason::LayerGone
            | MissReason::NotImported { .. }
            | MissReason::NeverFinished { .. }
            | MissReason::FirstTime => {}
            MissReason::Follows { .. } | MissReason::NoCache => return None,
        }
        let is_lost =
            |&index: &usize| matches!(decisions[index], None | Some(Decision::Miss { .. } | Decision::Unknown { .. }));
        // What changes no file reaches nothing.
        let behind = self.instruction(index)?.with_files().map_or_else(Vec::new, |_| self.behind(index));
        let reached = behind.into_iter().filter(is_lost).map(|index| index + 1).collect();
        Some(Reach { step: self.label(index)?, reason: reason.clone(), reached })
    }

    /// The steps that start from what a step leaves, or read of it.
    fn behind(&self, first: usize) -> Vec<usize> {
        let mut changed = BTreeSet::from([self.steps.stage(first)]);
        let mut behind = Vec::new();
        for index in first + 1..self.step_count() {
            let stage = self.steps.stage(index);
            let reads = self.sources_of(index).keys().any(|source| changed.contains(source));
            let has_files = self.instruction(index).is_some_and(|instruction| instruction.with_files().is_some());
            if reads {
                changed.insert(stage);
            }
            if has_files && changed.contains(&stage) {
                behind.push(index);
            }
        }
        behind
    }
}
