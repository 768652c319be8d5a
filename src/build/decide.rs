//! Decide: hit or miss, and why.
//!
//! A miss is explained by comparing with the latest earlier build of the same context and Dockerfile: with the ingredients that the
//! corresponding step had there. Cause and consequence are told apart: where only the parent's key differs, the step
//! follows, and the step that is the cause is named.

use super::event::{Decision, MissReason};
use super::machine::Machine;
use super::{Error, StepLabel};
use crate::cache::{Build, BuildStep, Ingredients, Listing, Record, compare};

/// The outcome of a look-up.
#[derive(Debug)]
pub enum Lookup {
    Hit(Box<Record>, Decision),
    Miss(Decision),
}

/// Looks a step's ingredients up. `listings` are those of this step, which may not be stored yet.
pub fn look_up(
    machine: &Machine<'_>,
    index: usize,
    ingredients: &Ingredients,
    listings: &[Listing],
) -> Result<Lookup, Error> {
    let key = ingredients.key();
    let stage = machine.label(index).map(|label| label.stage).unwrap_or_default();
    if !machine.options.cache.asks_for(&stage) {
        return Ok(Lookup::Miss(Decision::Miss { key, reason: MissReason::NoCache }));
    }
    let reason = match machine.records.get(key)? {
        Some(record) => {
            let layer_is_there =
                record.result.layer.as_ref().is_none_or(|layer| machine.world.store.has(&layer.descriptor.digest));
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
        None => {
            let label = machine.label(index).expect("the step exists");
            reason(machine, index, &label, ingredients, listings)?
        }
    };
    Ok(Lookup::Miss(Decision::Miss { key, reason }))
}

/// Why there is no record: by comparison with the latest comparable build.
fn reason(
    machine: &Machine<'_>,
    index: usize,
    label: &StepLabel,
    ingredients: &Ingredients,
    listings: &[Listing],
) -> Result<MissReason, Error> {
    let mut builds = machine.earlier_builds()?.iter();
    let Some(build) = builds.find(|build| counterpart(machine, build, label).is_some()) else {
        return Ok(MissReason::FirstTime);
    };
    against(machine, index, label, ingredients, listings, build)
}

/// The step of a past build that a step of this one is compared with.
pub fn counterpart<'b>(machine: &Machine<'_>, build: &'b Build, label: &StepLabel) -> Option<&'b BuildStep> {
    let is_other = |text: &str| {
        let mut others = (0..machine.step_count()).filter(|index| index + 1 != label.number);
        others.any(|index| {
            machine.instruction_text(index) == Some(text)
                && machine.stage_label(index).is_some_and(|stage| stage == label.stage)
        })
    };
    build.counterpart(&label.stage, label.number, &label.instruction, is_other)
}

/// Compares a step with its counterpart in one past build.
pub fn against(
    machine: &Machine<'_>,
    index: usize,
    label: &StepLabel,
    ingredients: &Ingredients,
    listings: &[Listing],
    build: &Build,
) -> Result<MissReason, Error> {
    let key = ingredients.key();
    let Some(earlier_key) = counterpart(machine, build, label).and_then(|step| step.key) else {
        return Ok(MissReason::FirstTime);
    };
    if earlier_key == key {
        return Ok(MissReason::NeverFinished { build: build.number });
    }
    let Some(earlier) = machine.records.get(earlier_key)? else { return Ok(MissReason::FirstTime) };
    let differences = compare(&earlier.ingredients, ingredients, &mut |digest| match listings
        .iter()
        .find(|listing| listing.digest() == digest)
    {
        Some(listing) => Listing::parse(&listing.text).ok(),
        None => machine.records.listing(digest).ok().flatten(),
    });
    // ANCHOR: cause
    if differences.iter().all(|difference| difference.parent) {
        return Ok(MissReason::Follows { build: build.number, step: machine.cause_before(index) });
    }
    Ok(MissReason::Cause { build: build.number, differences })
    // ANCHOR_END: cause
}
