//! How a container is cared for while nobody looks: when it is started again, and how much of what it writes is kept.
//!
//! The monitor does both. Nothing starts by itself after the machine was: there is no daemon that could, and `ps` says that such a container
//! has ended.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Error;
use crate::oci::HealthConfig;

/// What a container asks of its monitor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Care {
    pub(crate) restart: Restart,
    pub(crate) log: LogOptions,
    /// How it is found out whether it is well; in a request, what differs from the image.
    #[serde(default)]
    pub(crate) health: Option<HealthConfig>,
    /// What a check is given to that is a text; nothing is `/bin/sh -c`.
    #[serde(default)]
    pub(crate) shell: Vec<String>,
}

/// When a container that has ended is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Restart {
    #[default]
    No,
    /// When its status is not 0, so many times at most; 0 is no bound.
    OnFailure(u32),
    Always,
    UnlessStopped,
}

/// Docker's first pause before a container is started again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Who has run for so long begins with the first pause.
const LONG_ENOUGH: Duration = Duration::from_secs(10);

impl Restart {
    /// Reads `no`, `on-failure`, `on-failure:3`, `always` or `unless-stopped`.
    ///
    /// # Errors
    /// [`Error::Argument`] for anything else.
    pub(crate) fn parse(text: &str) -> Result<Restart, Error> {
        let (name, count) = text.split_once(':').map_or((text, None), |(name, count)| (name, Some(count)));
        match (name, count) {
            ("no" | "", None) => Ok(Restart::No),
            ("always", None) => Ok(Restart::Always),
            ("unless-stopped", None) => Ok(Restart::UnlessStopped),
            ("on-failure", None) => Ok(Restart::OnFailure(0)),
            ("on-failure", Some(count)) if count.parse::<u32>().is_ok() => {
                Ok(Restart::OnFailure(count.parse().unwrap_or(0)))
            }
            _ => Err(Error::argument(
                format!("invalid restart policy `{text}`"),
                "use `no`, `on-failure[:COUNT]`, `always` or `unless-stopped`",
            )),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Restart::No => "no",
            Restart::OnFailure(_) => "on-failure",
            Restart::Always => "always",
            Restart::UnlessStopped => "unless-stopped",
        }
    }

    /// How often it starts again at most, as Docker's records say it: 0 is no bound.
    pub(crate) const fn most(self) -> u32 {
        match self {
            Restart::OnFailure(most) => most,
            Restart::No | Restart::Always | Restart::UnlessStopped => 0,
        }
    }

    /// Whether a container that ended with this status starts again, when it has been started again so often.
    pub(super) fn applies(self, status: i32, restarts: u32) -> bool {
        match self {
            Restart::No => false,
            Restart::OnFailure(most) => status != 0 && (most == 0 || restarts < most),
            Restart::Always | Restart::UnlessStopped => true,
        }
    }
}

/// How often a container was started again, and how long is waited before the next time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Again {
    pub(crate) restarts: u32,
    /// How long was waited before this time.
    pub(crate) pause: Option<Duration>,
}

impl Again {
    /// The next time, behind a run that took so long.
    pub(super) fn next(self, ran: Duration) -> (Again, Duration) {
        let pause = match self.pause {
            Some(before) if ran < LONG_ENOUGH => (before * 2).min(LONGEST_PAUSE),
            _ => FIRST_PAUSE,
        };
        (Again { restarts: self.restarts.saturating_add(1), pause: Some(pause) }, pause)
    }
}

/// Where what a container writes is kept, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogOptions {
    pub(crate) driver: Driver,
    /// The most bytes of one file.
    pub(crate) max_size: u64,
    /// The most files; the oldest goes.
    pub(crate) max_files: u32,
}

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Driver {
    JsonFile,
    /// Docker's more compact form; here it is the same as the other.
    Local,
    /// Nothing is kept.
    None,
}

impl Driver {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Driver::JsonFile => "json-file",
            Driver::Local => "local",
            Driver::None => "none",
        }
    }
}

impl Default for LogOptions {
    /// The bounds of Docker's `local` driver. Its `json-file` has none, and fills the disk.
    fn default() -> LogOptions {
        LogOptions { driver: Driver::JsonFile, max_size: 20 << 20, max_files: 5 }
    }
}

/// No file of a log is smaller. An entry that is longer has a file of its own.
const SMALLEST: u64 = 1 << 10;

/// No log has more files: each new one gives all others another name.
const MOST_FILES: u32 = 1000;

impl LogOptions {
    /// Reads the name of a driver and its options, `max-size=10m`; `bytes` reads numbers of bytes.
    ///
    /// # Errors
    /// [`Error::Argument`] for a driver or an option that there is not.
    pub(crate) fn parse(
        driver: Option<&str>,
        options: &[String],
        bytes: impl Fn(&str) -> Option<u64>,
    ) -> Result<LogOptions, Error> {
        let driver = match driver {
            None | Some("" | "json-file") => Driver::JsonFile,
            Some("local") => Driver::Local,
            Some("none") => Driver::None,
            Some(other) => {
                return Err(Error::argument(
                    format!("there is no log driver `{other}`"),
                    "use `json-file`, `local` or `none`; `layerlab logs -f CONTAINER | PROGRAM` gives a log to another program",
                ));
            }
        };
        let mut log = LogOptions { driver, ..LogOptions::default() };
        for option in options {
            let bad = || {
                Error::argument(
                    format!("invalid log option `{option}`"),
                    "use max-size=10m or max-file=3, at most 1000",
                )
            };
            let (name, value) = option.split_once('=').ok_or_else(bad)?;
            match name {
                "max-size" => log.max_size = bytes(value).filter(|size| *size >= SMALLEST).ok_or_else(bad)?,
                "max-file" => {
                    log.max_files =
                        value.parse().ok().filter(|count| (1..=MOST_FILES).contains(count)).ok_or_else(bad)?;
                }
                // They say how a daemon works, and what it writes beside each line; neither is here.
                "mode" | "max-buffer-size" | "compress" | "labels" | "labels-regex" | "env" | "env-regex" | "tag" => {}
                _ => return Err(bad()),
            }
        }
        Ok(log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_and_kept() {
        assert_eq!(Restart::parse("on-failure:3").unwrap(), Restart::OnFailure(3));
        assert!(["sometimes", "always:3", "on-failure:x"].into_iter().all(|text| Restart::parse(text).is_err()));
        let failure = Restart::OnFailure(2);
        assert!(failure.applies(1, 0) && failure.applies(1, 1) && !failure.applies(1, 2) && !failure.applies(0, 0));
        assert!(Restart::OnFailure(0).applies(1, 1000) && Restart::Always.applies(0, 9) && !Restart::No.applies(1, 0));
    }

    #[test]
    fn a_log_has_no_more_files_than_can_be_renamed() {
        let parse = |option: &str| LogOptions::parse(None, &[option.to_owned()], |_| None);
        assert_eq!(parse("max-file=1000").unwrap().max_files, 1000);
        assert!(["max-file=0", "max-file=1001", "max-file=4000000000"].iter().all(|option| parse(option).is_err()));
    }

    #[test]
    fn pauses_grow_until_something_has_run_for_a_while() {
        let (mut again, mut pauses) = (Again::default(), Vec::new());
        for ran in [0, 0, 0, 11, 0] {
            let (next, pause) = again.next(Duration::from_secs(ran));
            again = next;
            pauses.push(pause.as_millis());
        }
        assert_eq!(pauses, [100, 200, 400, 100, 200]);
        assert_eq!(again.restarts, 5);
        let late = (0..20).fold(Again::default(), |again, _| again.next(Duration::ZERO).0);
        assert_eq!(late.next(Duration::ZERO).1, LONGEST_PAUSE);
    }

    #[test]
    fn options_of_logs_are_read() {
        let read = |options: &[&str]| {
            let options: Vec<String> = options.iter().map(|option| option.to_string()).collect();
            LogOptions::parse(Some("local"), &options, |text| {
                text.strip_suffix('k')?.parse::<u64>().ok().map(|k| k << 10)
            })
            .map(|log| (log.max_size, log.max_files))
            .ok()
        };
        assert_eq!(read(&["max-size=10k", "max-file=2", "labels=a"]), Some((10 << 10, 2)));
        assert_eq!(read(&[]), Some((20 << 20, 5)));
        assert!(
            [&["max-size=1"][..], &["max-file=0"], &["speed=1"], &["max-size"]]
                .into_iter()
                .all(|bad| read(bad).is_none())
        );
        assert!(LogOptions::parse(Some("syslog"), &[], |_| None).is_err());
    }
}
