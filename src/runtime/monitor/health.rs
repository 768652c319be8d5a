//! The checks of a container, one after another, in a thread of its monitor, until the container ends.
//!
//! A check is a further process, made in the same way as with `exec`: with the same confinement, in the same control group.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::standing::Standing;
use crate::container::{self, Connected, Control, Entrance, Further, Terminal, Wanted};
use crate::oci::HealthConfig;
use crate::runtime::Error;
use crate::runtime::exec::Extra;
use crate::runtime::health::{self, Checked, Condition, Health, MOST_OUTPUT};
use crate::runtime::record::Record;
use crate::world::Clock;

/// Docker's times where none are said, and how often it tries.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const START_INTERVAL: Duration = Duration::from_secs(5);
const RETRIES: u64 = 3;

/// The status of a process that was killed.
const KILLED: i32 = 128 + libc::SIGKILL;

/// Within this time after a check was killed it is known whether the container has ended.
const A_MOMENT: Duration = Duration::from_secs(1);

/// Whether the container has ended.
#[derive(Default)]
pub(super) struct Ended {
    is_so: Mutex<bool>,
    changed: Condvar,
}

impl Ended {
    pub(super) fn tell(&self) {
        *self.is_so.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn within(&self, time: Duration) -> bool {
        let is_so = self.is_so.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(is_so, time, |is_so| !*is_so);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Who checks a container.
pub(super) struct Checker {
    pub(super) folder: PathBuf,
    pub(super) record: Record,
    pub(super) config: HealthConfig,
    pub(super) clock: Clock,
    pub(super) control: Control,
    pub(super) entrance: Arc<Entrance>,
    pub(super) standing: Arc<Standing>,
    pub(super) ended: Arc<Ended>,
}

impl Checker {
    /// Nothing is known of this run yet, whatever was of those before.
    pub(super) fn forget_others(&self) {
        // Where it can't be written, the first check is.
        let _ = Health::default().write(&self.folder);
    }

    /// Checks it until it ends.
    pub(super) fn check_all(&self) {
        let begin = Instant::now();
        let interval = health::time(self.config.interval, INTERVAL);
        let start_period = health::time(self.config.start_period, Duration::ZERO);
        let start_interval = health::time(self.config.start_interval, START_INTERVAL);
        let retries = u64::try_from(self.config.retries).ok().filter(|retries| *retries > 0).unwrap_or(RETRIES);
        let mut health = Health::default();
        loop {
            let is_starting = begin.elapsed() < start_period && health.status == Condition::Starting;
            if self.ended.within(if is_starting { start_interval } else { interval }) {
                return;
            }
            let is_starting = begin.elapsed() < start_period;
            let Some(checked) = self.check() else { continue };
            // What the end of the container has killed says nothing of its health.
            if self.ended.within(if checked.status == KILLED { A_MOMENT } else { Duration::ZERO }) {
                return;
            }
            let has_changed = health.add(checked, retries, is_starting);
            // Where it can't be written, the next one is.
            let _ = health.write(&self.folder);
            if has_changed {
                self.standing.tell(&format!("health_status: {}", health.status.name()), &[]);
            }
        }
    }

    /// One check; `None` while the container is stopped, and where it was meanwhile so that the check could not end in time.
    fn check(&self) -> Option<Checked> {
        let start = self.clock.rfc3339();
        let timeout = health::time(self.config.timeout, TIMEOUT);
        let stops = self.standing.count_of_stops();
        let (status, output) = match self.execute(timeout) {
            Ok(Some((status, output, began))) if status != 0 && began.elapsed() >= timeout => {
                if self.standing.count_of_stops() != stops {
                    return None;
                }
                let colon = if output.is_empty() { "" } else { ": " };
                (-1, format!("Health check exceeded timeout ({timeout:?}){colon}{output}"))
            }
            Ok(Some((status, output, _))) => (status, output),
            Ok(None) => return None,
            Err(error) => (-1, error.to_string()),
        };
        Some(Checked { start, end: self.clock.rfc3339(), status, output })
    }

    fn execute(&self, timeout: Duration) -> Result<Option<(i32, String, Instant)>, Error> {
        let extra = Extra {
            args: health::arguments(&self.config, &self.record.care.shell).unwrap_or_default(),
            env: Vec::new(),
            user: None,
            working_dir: None,
            terminal: Terminal::No,
            connected: Connected::Captured,
        };
        let (mut further, given) = Further::seat(Terminal::No, Connected::Captured)?;
        let began = Instant::now();
        further.kill_when(alarm(timeout)?);
        let [link, errno, input, output, errors] = given;
        let process = extra.process(&self.record);
        let wanted = Wanted { process, link, errno, streams: [input, output, errors], window: None };
        let made = self.standing.while_it_runs(|| container::join(&self.entrance, &self.control, wanted));
        let Some(joiner) = made.transpose()? else { return Ok(None) };
        let mut output = Vec::new();
        let exit = further.capture(&mut |bytes| {
            let room = MOST_OUTPUT - output.len();
            output.extend_from_slice(&bytes[..bytes.len().min(room)]);
        });
        joiner.wait();
        Ok(Some((exit?.status(), String::from_utf8_lossy(&output).into_owned(), began)))
    }
}

/// A descriptor that can be read after so long.
fn alarm(time: Duration) -> Result<OwnedFd, Error> {
    let refused = |errno| Error::Call { call: "timerfd_create", errno };
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC).map_err(refused)?;
    let once = Expiration::OneShot(TimeSpec::from_duration(time));
    timer.set(once, TimerSetTimeFlags::empty()).map_err(refused)?;
    Ok(timer.into())
}
