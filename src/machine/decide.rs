//! Decide: hit or miss, and why.
//!
//! A miss is explained by comparing with the latest earlier build of the same context and Dockerfile: with the ingredients that the
//! corresponding step had there. Cause and consequence are told apart: if only the parent's key differs, the step
//! follows, and the step that caused it is named.

use super::asked::{Asked, Before, Question};
use super::causes::Way;
use super::past::Past;
use super::steps::Steps;
use super::{CacheUse, Error};
use crate::cache::shared::Offer;
use crate::cache::{
    BaseImage, Build, BuildStep, CacheKey, Caches, Causes, Decision, Difference, Entry, MissReason, Moved, Record,
    Records, Side, StepInputs, compare, side_by_side,
};
use crate::oci::Digest;
use crate::store::Store;

/// What the cache has of a step.
pub(super) enum Found {
    /// A result, whose layer is there.
    Hit(Box<Record>),
    Miss(MissReason),
}

impl Found {
    /// What every front end shows of it.
    pub(crate) fn decision(self, key: CacheKey) -> Decision {
        match self {
            Found::Hit(record) => Decision::hit(&record),
            Found::Miss(reason) => Decision::Miss { key: Some(key), reason },
        }
    }
}

/// What decisions are made with.
#[derive(Clone, Copy)]
pub(super) struct Decider<'m> {
    pub(crate) store: &'m Store,
    pub(crate) records: &'m Records,
    pub(crate) caches: &'m Caches,
    pub(crate) past: &'m Past,
    pub(crate) steps: &'m Steps,
    pub(crate) cache: &'m CacheUse,
}

impl Decider<'_> {
    /// Looks a step's ingredients up.
    ///
    /// # Errors
    /// A record or a past build can't be read.
    pub(crate) fn look_up(&self, question: Question<'_>) -> Result<Found, Error> {
        let stage = self.steps.stage_label(question.index).unwrap_or_default();
        if !self.cache.asks_for(&stage) {
            return Ok(Found::Miss(MissReason::NoCache));
        }
        let key = question.asked.ingredients.key();
        let known = self.records.get(key)?;
        let is_whole =
            |record: &Record| record.result.layer.as_ref().is_none_or(|layer| self.store.is_whole(&layer.descriptor));
        if let Some(record) = known.as_ref().filter(|record| is_whole(record)) {
            return Ok(Found::Hit(Box::new(record.clone())));
        }
        let imported_from = known.as_ref().and_then(|record| record.result.imported_from.clone());
        Ok(match (self.caches.offer(self.store, key), imported_from) {
            (Some(Offer::Usable(record)), _) => Found::Hit(record),
            (Some(Offer::Useless { from, because }), _) => Found::Miss(MissReason::NotImported { from, because }),
            (None, Some(from)) => {
                let because = "its layer is not here".to_owned();
                Found::Miss(MissReason::NotImported { from, because })
            }
            (None, None) if known.is_some() => Found::Miss(MissReason::LayerGone),
            (None, None) => Found::Miss(self.reason(question)?),
        })
    }

    /// The record of a key, of this home or of a shared cache; whatever became of its layer.
    ///
    /// # Errors
    /// It is there and can't be read.
    pub(crate) fn record(&self, key: CacheKey) -> Result<Option<Record>, Error> {
        Ok(self.records.get(key)?.or_else(|| self.caches.record(key).cloned()))
    }

    /// Whether the image that the FROM of step `index` found was another in the latest build that had this FROM.
    ///
    /// # Errors
    /// A past build can't be read.
    pub(crate) fn started(&self, index: usize, base: Option<BaseImage>) -> Result<Decision, Error> {
        let before = |build: &Build| self.past.counterpart(build, self.steps, index)?.base.clone();
        let before = match &base {
            Some(_) => self.past.earlier()?.iter().find_map(before),
            None => None,
        };
        let moved = Moved::between(index + 1, before.as_ref(), base.as_ref());
        Ok(Decision::NotCached { base, moved: moved.map(Box::new) })
    }

    /// Why there is no record: by comparison with the latest comparable build.
    fn reason(&self, question: Question<'_>) -> Result<MissReason, Error> {
        let mut builds = self.past.earlier()?.iter();
        match builds.find(|build| self.past.counterpart(build, self.steps, question.index).is_some()) {
            Some(build) => self.against(question, build),
            None => Ok(MissReason::FirstTime),
        }
    }

    /// Compares a step with its counterpart in one past build.
    ///
    /// # Errors
    /// A record can't be read.
    pub(crate) fn against(&self, question: Question<'_>, build: &Build) -> Result<MissReason, Error> {
        let Question { index, before, asked } = question;
        let counterpart = self.past.counterpart(build, self.steps, index);
        let Some((step, earlier_key)) = counterpart.and_then(|step| Some((step, step.key?))) else {
            return Ok(MissReason::FirstTime);
        };
        if earlier_key == asked.ingredients.key() {
            return Ok(MissReason::NeverFinished { build: build.name() });
        }
        let Some(differences) = self.differences(step, earlier_key, asked)? else { return Ok(MissReason::FirstTime) };
        // ANCHOR: cause
        if differences.iter().all(Difference::is_parent) {
            return Ok(MissReason::Follows { build: build.name(), causes: self.causes(index, build, before)? });
        }
        Ok(MissReason::Cause { build: build.name(), differences })
        // ANCHOR_END: cause
    }

    /// What was done otherwise before a step than in an earlier build.
    fn causes(&self, index: usize, build: &Build, before: &dyn Before) -> Result<Causes, Error> {
        let compare = &|step: &BuildStep, key, asked: Asked<'_>| self.differences(step, key, asked);
        Ok(match Way::from(index, build, self.past, self.steps, compare) {
            Some(way) => way.back(before)?,
            None => Causes::default(),
        })
    }

    /// What differs from a step of an earlier build with this key; `None` where its record is gone.
    ///
    /// # Errors
    /// The record can't be read.
    fn differences(&self, step: &BuildStep, key: CacheKey, asked: Asked<'_>) -> Result<Option<Vec<Difference>>, Error> {
        let Some(earlier) = self.record(key)? else { return Ok(None) };
        let before = StepInputs { ingredients: &earlier.ingredients, roots: &step.roots };
        Ok(Some(compare(before, asked.inputs(), &mut |digest| self.listing(asked, digest))))
    }

    /// All ingredients of a step beside those of its counterpart in one past build; `None` where that is not known any more.
    ///
    /// # Errors
    /// A record can't be read.
    pub(crate) fn side_by_side(
        &self,
        index: usize,
        asked: Asked<'_>,
        build: &Build,
    ) -> Result<Option<Vec<Side>>, Error> {
        let counterpart = self.past.counterpart(build, self.steps, index);
        let Some((step, key)) = counterpart.and_then(|step| Some((step, step.key?))) else { return Ok(None) };
        let Some(earlier) = self.record(key)? else { return Ok(None) };
        let before = StepInputs { ingredients: &earlier.ingredients, roots: &step.roots };
        Ok(Some(side_by_side(before, asked.inputs(), &mut |digest| self.listing(asked, digest))))
    }

    /// The entries of a listing, which may not be stored yet.
    fn listing(&self, asked: Asked<'_>, digest: Digest) -> Option<Vec<Entry>> {
        match asked.listings.iter().find(|listing| listing.digest() == digest) {
            Some(listing) => listing.entries().ok(),
            None => self.stored_listing(digest),
        }
    }

    /// The entries of a listing, of this home or of a shared cache.
    pub(crate) fn stored_listing(&self, digest: Digest) -> Option<Vec<Entry>> {
        let known = self.records.listing(digest).ok().flatten();
        known.or_else(|| self.caches.listing(self.store, digest))
    }
}
