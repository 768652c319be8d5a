//! What is done in our own process: before a container is started, and after its end.

use std::os::fd::OwnedFd;

use super::error::{Error, Failure};
use super::execute::Setup;
use super::identity::Identity;
use super::operation::{Operation, Phase};
use super::plan::Plan;

/// What was made outside, and has to be taken away again. Dropped before that, it does it without telling of failures.
pub(super) struct Outside {
    identity: Identity,
    after: Vec<Operation>,
    /// Its control groups, locked.
    locks: Vec<OwnedFd>,
}

impl Outside {
    /// Carries out a plan's first phase.
    pub(crate) fn begin(plan: &Plan) -> Result<Outside, Error> {
        let after = plan.of(Phase::Ended).cloned().collect();
        let mut outside = Outside { identity: plan.identity.clone(), after, locks: Vec::new() };
        let mut setup = Setup::new(&plan.identity, None);
        plan.of(Phase::Outside).try_for_each(|operation| setup.execute(operation)).map_err(Error::Setup)?;
        outside.locks = std::mem::take(&mut setup.locks);
        Ok(outside)
    }

    /// Carries out its last one, and gives what could not be done. The second time there is nothing to do.
    pub(crate) fn tidy(&mut self) -> Vec<Failure> {
        let operations = std::mem::take(&mut self.after);
        self.locks.clear();
        let mut setup = Setup::new(&self.identity, None);
        operations.iter().filter_map(|operation| setup.execute(operation).err()).collect()
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        drop(self.tidy());
    }
}
