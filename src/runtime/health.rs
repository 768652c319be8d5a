//! Whether a container is well: what is asked for, what the checks have said, and where that is written down.
//!
//! ```text
//! <container>/health.json   the status, the failures in a row, the last five checks; written by the monitor alone
//! ```
//!
//! The rules are Docker's: HEALTHCHECK of the image, changed by options; a check fails when it ends with another status than 0 or takes too long;
//! so many failures in a row make the container unhealthy, and one success makes it well. Failures in the start period do not count.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Error;
use super::record::Record;
use crate::oci::HealthConfig;
use crate::store::{Home, atomic_replace};

/// What a container is when it is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Condition {
    #[default]
    Starting,
    Healthy,
    Unhealthy,
}

impl Condition {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Condition::Starting => "starting",
            Condition::Healthy => "healthy",
            Condition::Unhealthy => "unhealthy",
        }
    }
}

/// What the checks of a run have said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    pub(crate) status: Condition,
    pub(crate) failures: u64,
    /// The last ones, the oldest first.
    pub(crate) checks: Vec<Checked>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checked {
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) status: i32,
    pub(crate) output: String,
}

/// No more checks are kept, and no more of what one writes.
const MOST_CHECKS: usize = 5;
pub(super) const MOST_OUTPUT: usize = 4096;

/// The name of the file in a container's folder.
const FILE: &str = "health.json";

impl Health {
    /// Takes note of a check. Says whether the container is something else now.
    pub(super) fn add(&mut self, checked: Checked, retries: u64, is_starting: bool) -> bool {
        let before = self.status;
        match (checked.status, is_starting && before == Condition::Starting) {
            (0, _) => (self.status, self.failures) = (Condition::Healthy, 0),
            (_, true) => {}
            (_, false) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= retries {
                    self.status = Condition::Unhealthy;
                }
            }
        }
        self.checks.push(checked);
        self.checks.drain(..self.checks.len().saturating_sub(MOST_CHECKS));
        self.status != before
    }

    /// What is known of a container; `None` for one that is not checked, or has not run.
    pub(crate) fn of(home: &Home, record: &Record) -> Option<Health> {
        record.care.health.as_ref().and_then(|_| Health::read(&home.containers_dir().join(&record.id)))
    }

    /// What is written down of a container; `None` where nothing is.
    fn read(folder: &Path) -> Option<Health> {
        use std::io::Read as _;
        let file = std::fs::File::open(folder.join(FILE)).ok()?;
        let mut text = Vec::new();
        file.take(1 << 20).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        Ok(atomic_replace(&folder.join(FILE), &text)?)
    }
}

/// The checks of a container: those of its image, with what is asked for laid over them. `None`: it is not checked.
pub(super) fn effective(asked: &HealthConfig, image: Option<&HealthConfig>) -> Option<HealthConfig> {
    let mut health = image.cloned().unwrap_or_default();
    if !asked.test.is_empty() {
        health.test.clone_from(&asked.test);
    }
    let lay = |over: i64, below: &mut i64| {
        if over != 0 {
            *below = over;
        }
    };
    lay(asked.interval, &mut health.interval);
    lay(asked.timeout, &mut health.timeout);
    lay(asked.start_period, &mut health.start_period);
    lay(asked.start_interval, &mut health.start_interval);
    lay(asked.retries, &mut health.retries);
    arguments(&health, &[]).map(|_| health)
}

/// What a check executes; one that is a text is given to the shell of the image.
pub(super) fn arguments(health: &HealthConfig, shell: &[String]) -> Option<Vec<String>> {
    match health.test.split_first() {
        Some((kind, words)) if kind == "CMD" && !words.is_empty() => Some(words.to_vec()),
        Some((kind, words)) if kind == "CMD-SHELL" && shell.is_empty() => {
            Some(["/bin/sh", "-c"].into_iter().map(str::to_owned).chain(words.iter().cloned()).collect())
        }
        Some((kind, words)) if kind == "CMD-SHELL" => Some([shell, words].concat()),
        Some(_) | None => None,
    }
}

/// A time of a check, with Docker's where none is said.
pub(super) fn time(nanoseconds: i64, usual: Duration) -> Duration {
    match u64::try_from(nanoseconds) {
        Ok(nanoseconds) if nanoseconds > 0 => Duration::from_nanos(nanoseconds),
        Ok(_) | Err(_) => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(status: i32) -> Checked {
        Checked { start: String::new(), end: String::new(), status, output: String::new() }
    }

    #[test]
    fn failures_in_a_row_make_unhealthy_and_one_success_makes_well() {
        let mut health = Health::default();
        assert!(!health.add(checked(1), 2, true) && health.failures == 0);
        assert!(!health.add(checked(1), 2, false) && health.status == Condition::Starting);
        assert!(health.add(checked(1), 2, false) && health.status == Condition::Unhealthy);
        assert!(health.add(checked(0), 2, false) && health.status == Condition::Healthy && health.failures == 0);
        for _ in 0..9 {
            health.add(checked(0), 2, false);
        }
        assert_eq!(health.checks.len(), 5);
    }

    #[test]
    fn options_lie_over_the_image() {
        let image = HealthConfig { test: vec!["CMD".into(), "true".into()], interval: 5, ..HealthConfig::default() };
        let asked = HealthConfig { timeout: 7, ..HealthConfig::default() };
        let both = effective(&asked, Some(&image)).unwrap();
        assert_eq!((both.interval, both.timeout, arguments(&both, &[])), (5, 7, Some(vec!["true".to_owned()])));
        let none = HealthConfig { test: vec!["NONE".into()], ..HealthConfig::default() };
        assert!(effective(&none, Some(&image)).is_none() && effective(&HealthConfig::default(), None).is_none());
    }
}
