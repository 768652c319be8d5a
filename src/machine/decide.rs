//! Decide: hit or miss, and why.
//!
//! A miss is explained by comparing with the latest earlier build of the same context and Dockerfile: with the ingredients that the
//! corresponding step had there. Cause and consequence are told apart: where only the parent's key differs, the step
//! follows, and the step that is the cause is named.

use super::Error;
use super::driver::Machine;
use crate::cache::{
    Build, BuildStep, Counterparts, Decision, Difference, Ingredients, Inputs, Listing, MissReason, Record, Roots,
    Sought, compare,
};

/// The outcome of a look-up.
#[derive(Debug)]
pub enum Lookup {
    Hit(Box<Record>, Decision),
    Miss(Decision),
}

/// What a step depends on, and what is known of its files. `listings` are those of this step, which may not be stored yet.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub ingredients: &'a Ingredients,
    pub roots: &'a [Roots],
    pub listings: &'a [Listing],
}

/// Looks a step's ingredients up.
pub fn look_up(machine: &Machine, index: usize, asked: Asked<'_>) -> Result<Lookup, Error> {
    let key = asked.ingredients.key();
    let stage = machine.stage_label(index).unwrap_or_default();
    if !machine.options.cache.asks_for(&stage) {
        return Ok(Lookup::Miss(Decision::Miss { key, reason: MissReason::NoCache }));
    }
    let reason = match machine.records.get(key)? {
        Some(record) => {
            let layer_is_there =
                record.result.layer.as_ref().is_none_or(|layer| machine.world.store.is_whole(&layer.descriptor));
            if layer_is_there {
                let decision = Decision::Hit {
                    key,
                    build: record.result.build,
                    created: record.result.created.clone(),
                    saved_milliseconds: record.result.milliseconds,
                };
                return Ok(Lookup::Hit(Box::new(record), decision));
            }
            MissReason::LayerGone
        }
        None => reason(machine, index, asked)?,
    };
    Ok(Lookup::Miss(Decision::Miss { key, reason }))
}

/// Why there is no record: by comparison with the latest comparable build.
fn reason(machine: &Machine, index: usize, asked: Asked<'_>) -> Result<MissReason, Error> {
    let mut builds = machine.earlier_builds()?.iter();
    let Some(build) = builds.find(|build| machine.counterpart(build, index).is_some()) else {
        return Ok(MissReason::FirstTime);
    };
    against(machine, index, asked, build)
}

/// Compares a step with its counterpart in one past build.
pub fn against(machine: &Machine, index: usize, asked: Asked<'_>, build: &Build) -> Result<MissReason, Error> {
    let counterpart = machine.counterpart(build, index);
    let Some((step, earlier_key)) = counterpart.and_then(|step| Some((step, step.key?))) else {
        return Ok(MissReason::FirstTime);
    };
    if earlier_key == asked.ingredients.key() {
        return Ok(MissReason::NeverFinished { build: build.number });
    }
    let Some(earlier) = machine.records.get(earlier_key)? else { return Ok(MissReason::FirstTime) };
    let before = Inputs { ingredients: &earlier.ingredients, roots: &step.roots };
    let after = Inputs { ingredients: asked.ingredients, roots: asked.roots };
    let differences =
        compare(before, after, &mut |digest| match asked.listings.iter().find(|listing| listing.digest() == digest) {
            Some(listing) => listing.entries().ok(),
            None => machine.records.listing(digest).ok().flatten(),
        });
    // ANCHOR: cause
    if differences.iter().all(Difference::is_parent) {
        return Ok(MissReason::Follows { build: build.number, step: machine.cause_before(index) });
    }
    Ok(MissReason::Cause { build: build.number, differences })
    // ANCHOR_END: cause
}

impl Machine {
    /// The step of a past build that a step of this one is compared with.
    pub fn counterpart<'b>(&self, build: &'b Build, index: usize) -> Option<&'b BuildStep> {
        let mut known = self.counterparts.borrow_mut();
        let counterparts = known.entry(build.number).or_insert_with(|| {
            let sought = |index| Sought {
                stage: self.stage_label(index).unwrap_or_default(),
                stage_index: self.steps[index].stage,
                instruction: self.instruction_text(index).unwrap_or_default(),
            };
            let steps: Vec<Sought<'_>> = (0..self.step_count()).map(sought).collect();
            Counterparts::find(&build.steps, &steps)
        });
        build.steps.get(counterparts.of(index)?)
    }
}
