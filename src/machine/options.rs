//! What is asked of the machine besides the Dockerfile.

use std::collections::BTreeMap;

use super::contexts::NamedContexts;
use super::given::Given;
use crate::cache::Caches;
use crate::container::Hostname;
use crate::dockerfile::Network;
use crate::plan::Request;
use crate::registry::When;

/// What is asked of the machine.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub request: Request,
    pub cache: CacheUse,
    /// `--cache-from`: looked at already.
    pub caches: Caches,
    /// When layers of these come.
    pub arrival: Arrival,
    /// Use a built-in image for one that is not in the store.
    pub stand_ins: bool,
    /// `--build-context`: one for each name of the request's.
    pub contexts: NamedContexts,
    pub pull: Pull,
    /// `--label`: added to the finished image.
    pub labels: BTreeMap<String, String>,
    /// `--network` for RUN without a flag of its own.
    pub network: Network,
    /// `--secret` and `--ssh`.
    pub given: Given,
    /// Whether `RUN --security=insecure` may be carried out.
    pub insecure: Insecure,
    /// The host name that RUN sees.
    pub hostname: Option<Hostname>,
    pub unsupported: Unsupported,
    pub at_miss: AtMiss,
}

/// When the layers of a shared cache come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrival {
    /// When a step or the image needs their bytes.
    #[default]
    WhenNeeded,
    /// When a step hits: whoever goes step by step looks at the files of each.
    AtOnce,
}

/// Whether images come from registries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pull {
    /// Never: what is not in the store is not found.
    #[default]
    Never,
    /// As the settings say.
    AsSet,
    /// By this rule.
    When(When),
}

impl Pull {
    /// The rule, where there is one beside the settings.
    pub(crate) fn when(self) -> Option<When> {
        match self {
            Pull::Never => Some(When::Never),
            Pull::AsSet => None,
            Pull::When(when) => Some(when),
        }
    }
}

/// `--allow security.insecure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Insecure {
    /// A RUN that asks for it is refused.
    #[default]
    Refused,
    Allowed,
}

/// What to do with a step that is not in the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtMiss {
    /// It is executed.
    #[default]
    Execute,
    /// It fails, before anything is executed.
    Fail,
}

/// When a Dockerfile is refused for what is not supported yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// Before anything runs, everything at once.
    #[default]
    Refused,
    /// At the step itself: whoever goes step by step may look at what comes before it.
    StoppedAt,
}

/// Whether the cache is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CacheUse {
    #[default]
    Ask,
    /// Every step runs, whatever the cache has. Older records are not deleted, but replaced where keys are equal.
    Ignore,
    /// The steps of these stages run.
    IgnoreFor(Vec<String>),
}

impl CacheUse {
    /// Whether it is asked for a stage of this name.
    pub(crate) fn asks_for(&self, stage: &str) -> bool {
        match self {
            CacheUse::Ask => true,
            CacheUse::Ignore => false,
            CacheUse::IgnoreFor(stages) => !stages.iter().any(|other| other.eq_ignore_ascii_case(stage)),
        }
    }
}
