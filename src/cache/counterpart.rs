//! Counterparts: which step of an earlier build a step is compared with.
//!
//! Nothing in a Dockerfile says which line was which before an edit, so it has to be found: first the stages are paired, then the steps within
//! each pair. A stage is found by its name, else by what it does, so that one that was renamed is still known. All
//! steps are paired at once, in little more than one pass.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::BuildStep;

/// A step of the build under way, as far as it can be told from others.
#[derive(Clone, Debug)]
pub(crate) struct Sought<'a> {
    pub(crate) stage: String,
    pub(crate) stage_index: usize,
    pub(crate) instruction: &'a str,
}

/// For each step of a build, its counterpart in an earlier one.
#[derive(Clone, Debug)]
pub(crate) struct Counterparts {
    /// For each step its counterpart.
    places: Vec<Option<usize>>,
    /// For each step of the earlier build the first whose counterpart it is.
    partners: HashMap<usize, usize>,
}

impl Counterparts {
    pub(crate) fn find(earlier: &[BuildStep], steps: &[Sought<'_>]) -> Counterparts {
        let old = stages(earlier.iter().map(|step| (step.stage_index, step.stage.as_str(), step.instruction.as_str())));
        let new = stages(steps.iter().map(|step| (step.stage_index, step.stage.as_str(), step.instruction)));
        let mut found = vec![None; steps.len()];
        for (stage, partner) in new.iter().zip(pair_stages(&old, &new)) {
            if let Some(partner) = partner {
                pair_steps(&old[partner], stage, earlier, &mut found);
            }
        }
        let mut partners = HashMap::new();
        for (index, place) in found.iter().enumerate() {
            if let Some(place) = place {
                partners.entry(*place).or_insert(index);
            }
        }
        Counterparts { places: found, partners }
    }

    /// The place of the counterpart of step `index` among the earlier build's steps.
    pub(crate) fn of(&self, index: usize) -> Option<usize> {
        self.places.get(index).copied().flatten()
    }

    /// The step whose counterpart is the one at a place of the earlier build.
    pub(crate) fn partner(&self, place: usize) -> Option<usize> {
        self.partners.get(&place).copied()
    }
}

/// The steps of one stage, by their places in the build. The first is its FROM.
struct Stage<'a> {
    index: usize,
    label: &'a str,
    steps: Vec<(usize, &'a str)>,
}

impl<'a> Stage<'a> {
    /// The name that the Dockerfile gives it; `stage-2` is not a name but a place.
    fn name(&self) -> Option<String> {
        (self.label != format!("stage-{}", self.index)).then(|| self.label.to_lowercase())
    }

    /// Its instructions without FROM, which names the stage.
    fn texts(&self) -> Vec<&'a str> {
        self.steps.iter().skip(1).map(|(_, text)| *text).collect()
    }
}

fn stages<'a>(steps: impl Iterator<Item = (usize, &'a str, &'a str)>) -> Vec<Stage<'a>> {
    let mut stages: BTreeMap<usize, Stage<'a>> = BTreeMap::new();
    for (place, (index, label, text)) in steps.enumerate() {
        let stage = stages.entry(index).or_insert_with(|| Stage { index, label, steps: Vec::new() });
        stage.steps.push((place, text));
    }
    stages.into_values().collect()
}

/// The most stages that share a line for that line to tell something about which is which.
const MOST_SHARING: usize = 8;

/// The partner of each new stage among the old ones: of the same name, of the same text, of the most lines in common, and
/// last of the same place.
fn pair_stages(old: &[Stage<'_>], new: &[Stage<'_>]) -> Vec<Option<usize>> {
    let mut pairing = Pairing { partners: vec![None; new.len()], is_taken: vec![false; old.len()] };
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let mut by_index: HashMap<usize, usize> = HashMap::new();
    for (place, stage) in old.iter().enumerate() {
        by_index.insert(stage.index, place);
        if let Some(name) = stage.name() {
            by_name.insert(name, place);
        }
    }
    pairing.each(new, |stage, _| by_name.get(&stage.name()?).copied());
    let mut by_texts: HashMap<Vec<&str>, Vec<usize>> = HashMap::new();
    for place in pairing.free().into_iter().rev() {
        by_texts.entry(old[place].texts()).or_default().push(place);
    }
    pairing.each(new, |stage, _| by_texts.get_mut(&stage.texts()).and_then(Vec::pop));
    let mut by_line: HashMap<&str, Vec<usize>> = HashMap::new();
    for place in pairing.free() {
        for text in old[place].texts() {
            by_line.entry(text).or_default().push(place);
        }
    }
    by_line.retain(|_, places| places.len() <= MOST_SHARING);
    pairing.each(new, |stage, is_taken| {
        let mut votes: BTreeMap<usize, usize> = BTreeMap::new();
        for place in stage.texts().iter().filter_map(|text| by_line.get(text)).flatten().filter(|one| !is_taken[**one])
        {
            *votes.entry(*place).or_default() += 1;
        }
        votes.into_iter().max_by_key(|(place, votes)| (*votes, std::cmp::Reverse(*place))).map(|(place, _)| place)
    });
    pairing.each(new, |stage, _| by_index.get(&stage.index).copied());
    pairing.partners
}

struct Pairing {
    partners: Vec<Option<usize>>,
    is_taken: Vec<bool>,
}

impl Pairing {
    /// Gives the stages that have no partner the one that `choose` finds, unless it has one itself.
    fn each<'a>(&mut self, new: &[Stage<'a>], mut choose: impl FnMut(&Stage<'a>, &[bool]) -> Option<usize>) {
        for (partner, stage) in self.partners.iter_mut().zip(new).filter(|(partner, _)| partner.is_none()) {
            if let Some(place) = choose(stage, &self.is_taken).filter(|place| !self.is_taken[*place]) {
                (*partner, self.is_taken[place]) = (Some(place), true);
            }
        }
    }

    /// The old stages without a partner.
    fn free(&self) -> Vec<usize> {
        (0..self.is_taken.len()).filter(|place| !self.is_taken[*place]).collect()
    }
}

/// The step with the same text, the nearest; else one with the same keyword that it may have been before an edit. A step whose text
/// is that of another new one corresponds to that: the earlier build may not have come further.
fn pair_steps(old: &Stage<'_>, new: &Stage<'_>, earlier: &[BuildStep], found: &mut [Option<usize>]) {
    let others: HashSet<&str> = new.steps.iter().map(|(_, text)| *text).collect();
    let mut by_text: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut by_keyword: HashMap<String, Vec<usize>> = HashMap::new();
    for (offset, (place, text)) in old.steps.iter().enumerate() {
        // What has neither a key nor a base has nothing to compare.
        if earlier[*place].key.is_none() && earlier[*place].base.is_none() {
            continue;
        }
        by_text.entry(text).or_default().push(offset);
        if !others.contains(text) {
            by_keyword.entry(keyword(text)).or_default().push(offset);
        }
    }
    for (offset, (place, text)) in new.steps.iter().enumerate() {
        let same = || nearest(by_text.get(text)?, offset);
        let edited = || {
            let keyword = keyword(text);
            let offsets = by_keyword.get(&keyword)?;
            match keyword.as_str() {
                "RUN" | "COPY" | "ADD" => most_similar(offsets, offset, |other| similarity(old.steps[other].1, text)),
                _ => nearest(offsets, offset),
            }
        };
        found[*place] = same().or_else(edited).map(|offset| old.steps[offset].0);
    }
}

/// How many candidates on each side are compared word by word.
const MOST_COMPARED: usize = 16;

/// From this similarity on a text is taken for an edit of the other, and not for a new instruction.
const EDITED: f64 = 0.4;

/// Of ascending numbers around a wanted one the one with the greatest similarity, if that is great enough; the nearest of those.
fn most_similar(ascending: &[usize], wanted: usize, similarity: impl Fn(usize) -> f64) -> Option<usize> {
    let middle = ascending.partition_point(|number| *number < wanted);
    let around = &ascending[middle.saturating_sub(MOST_COMPARED)..ascending.len().min(middle + MOST_COMPARED)];
    let rated =
        around.iter().map(|&number| (similarity(number), number)).filter(|(similarity, _)| *similarity >= EDITED);
    let best = rated.max_by(|(one, at), (other, other_at)| {
        one.total_cmp(other).then(other_at.abs_diff(wanted).cmp(&at.abs_diff(wanted)))
    });
    best.map(|(_, number)| number)
}

/// How many words two instructions share beside their keyword, from 0 to 1 (Dice's coefficient).
fn similarity(one: &str, other: &str) -> f64 {
    let words = |text| -> HashSet<&str> {
        let words = str::split(text, |letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        words.skip(1).collect()
    };
    let (one, other) = (words(one), words(other));
    match one.len() + other.len() {
        0 => 1.0,
        all => 2.0 * one.intersection(&other).count() as f64 / all as f64,
    }
}

/// Of ascending numbers the one that is nearest; the lower one where two are.
fn nearest(ascending: &[usize], wanted: usize) -> Option<usize> {
    let after = ascending.partition_point(|number| *number < wanted);
    let around = [after.checked_sub(1), Some(after)];
    around
        .into_iter()
        .flatten()
        .filter_map(|at| ascending.get(at).copied())
        .min_by_key(|number| number.abs_diff(wanted))
}

fn keyword(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
}
