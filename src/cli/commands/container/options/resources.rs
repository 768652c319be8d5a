//! What `run`, `create` and `update` are told of how much of the machine a container may use.

use std::ops::RangeInclusive;

use clap::Args;

use crate::container::{Most, Resources};
use crate::diagnostic::Diagnostic;
use crate::size;

/// The options of it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Shares {
    /// The most memory; 0 is no bound
    #[arg(short, long, value_name = "BYTES")]
    memory: Option<String>,
    /// The most memory and swap space together; -1 is no bound
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    memory_swap: Option<String>,
    /// The memory that is left to the container when it is short
    #[arg(long, value_name = "BYTES")]
    memory_reservation: Option<String>,
    /// How many processors it may keep busy, such as 1.5
    #[arg(long, value_name = "NUMBER")]
    cpus: Option<f64>,
    /// Microseconds of a period of processor time
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<u64>,
    /// Microseconds of processor time in each period; -1 is no bound
    #[arg(long, value_name = "MICROSECONDS", allow_negative_numbers = true)]
    cpu_quota: Option<i64>,
    /// Its part of the processors where they are short; others have 1024
    #[arg(short, long, value_name = "SHARES")]
    cpu_shares: Option<u64>,
    /// The processors it may use, such as 0-2,4
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// The memory nodes it may use
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// The most processes and threads; -1 is no bound
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pids_limit: Option<i64>,
    /// Its part of the disks where they are busy: 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u64>,
}

/// Docker's least.
const LEAST_MEMORY: u64 = 6 << 20;

impl Shares {
    /// What a new container may use.
    ///
    /// # Errors
    /// One can't be understood.
    pub(in crate::cli) fn resources(&self) -> Result<Resources, Diagnostic> {
        self.over(&Resources::default())
    }

    /// These limits laid over those that a container has.
    ///
    /// # Errors
    /// As [`Shares::resources`].
    pub(in crate::cli) fn over(&self, before: &Resources) -> Result<Resources, Diagnostic> {
        let mut resources = before.clone();
        if self.cpus.is_some() {
            // It is a part of the usual period, whichever there was.
            resources.cpu_period = resources.cpu_period.map(|_| 0);
        }
        resources.update(&self.asked()?);
        Ok(resources)
    }

    /// What is asked for, one by one.
    fn asked(&self) -> Result<Resources, Diagnostic> {
        let memory = bytes("--memory", self.memory.as_deref())?;
        if memory.and_then(Most::number).is_some_and(|memory| memory < LEAST_MEMORY) {
            return Err(Diagnostic::error("the least memory limit is 6 MiB").hint("write it as `--memory 64m`"));
        }
        let memory_and_swap = match self.memory_swap.as_deref() {
            Some("-1") => Some(Most::Unlimited),
            // Docker: as if nothing were said.
            text => bytes("--memory-swap", text)?.filter(|most| *most != Most::Unlimited),
        };
        let processes = self.pids_limit.map(|limit| most(u64::try_from(limit).unwrap_or(0)));
        Ok(Resources {
            memory,
            memory_and_swap,
            memory_reservation: bytes("--memory-reservation", self.memory_reservation.as_deref())?,
            cpu_quota: self.quota()?,
            cpu_period: within("--cpu-period", self.cpu_period, 1000..=1_000_000)?,
            cpu_shares: self.cpu_shares,
            cpus: list("--cpuset-cpus", self.cpuset_cpus.as_deref())?,
            nodes: list("--cpuset-mems", self.cpuset_mems.as_deref())?,
            processes,
            io_weight: within("--blkio-weight", self.blkio_weight, 10..=1000)?,
        })
    }

    /// Microseconds in each period.
    fn quota(&self) -> Result<Option<Most>, Diagnostic> {
        let Some(cpus) = self.cpus else {
            let quota = self.cpu_quota.map(|quota| u64::try_from(quota).unwrap_or(0));
            return Ok(within("--cpu-quota", quota, 1000..=u64::MAX)?.map(most));
        };
        if self.cpu_quota.is_some() || self.cpu_period.is_some() {
            return Err(Diagnostic::error("`--cpus` can't be combined with `--cpu-quota` or `--cpu-period`")
                .hint("`--cpus 1.5` is a quota of 150000 in a period of 100000"));
        }
        let has = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if cpus == 0.0 {
            return Ok(Some(Most::Unlimited));
        }
        if !(0.01..=has as f64).contains(&cpus) {
            return Err(Diagnostic::error(format!("the range of `--cpus` is from 0.01 to {has}.00"))
                .hint(format!("there are only {has} processors available")));
        }
        Ok(Some(Most::Of((cpus * 100_000.0).round() as u64)))
    }
}

/// 0 is no bound.
fn most(number: u64) -> Most {
    if number == 0 { Most::Unlimited } else { Most::Of(number) }
}

fn bytes(option: &str, text: Option<&str>) -> Result<Option<Most>, Diagnostic> {
    Ok(text.map(|text| parse_bytes(option, text)).transpose()?.map(most))
}

/// A number within these bounds, or 0 for what is usual.
fn within(option: &str, number: Option<u64>, bounds: RangeInclusive<u64>) -> Result<Option<u64>, Diagnostic> {
    match number {
        Some(number) if number > 0 && !bounds.contains(&number) => {
            let (least, most) = (bounds.start(), bounds.end());
            let range = if *most == u64::MAX { format!("at least {least}") } else { format!("{least} to {most}") };
            Err(Diagnostic::error(format!("invalid argument `{number}` for {option}: the range is {range}"))
                .hint("0 is what is usual"))
        }
        number => Ok(number),
    }
}

/// A list of numbers as the kernel takes it; an empty one has all.
fn list(option: &str, text: Option<&str>) -> Result<Option<String>, Diagnostic> {
    match text {
        None => Ok(None),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit() || b",-".contains(&byte)) => {
            Ok(Some(text.to_owned()))
        }
        Some(text) => {
            Err(Diagnostic::error(format!("invalid argument `{text}` for {option}")).hint("write it as 0-2,4"))
        }
    }
}

/// A number of bytes as Docker reads it: `64m`, `1.5g`.
///
/// # Errors
/// It is anything else.
pub(super) fn parse_bytes(option: &str, text: &str) -> Result<u64, Diagnostic> {
    let fraction = || -> Option<u64> {
        let unit = text.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let number: f64 = text[..unit].parse().ok()?;
        Some((number * size::parse(&format!("1{}", &text[unit..]))? as f64) as u64)
    };
    size::parse(text).or_else(fraction).ok_or_else(|| {
        Diagnostic::error(format!("invalid argument `{text}` for {option}: not a number of bytes"))
            .hint("write it as 64m or 2g: b, k, m and g are powers of 1024")
    })
}

#[cfg(test)]
mod tests {
    use super::parse_bytes;

    #[test]
    fn bytes_are_read() {
        let read = |text| parse_bytes("--shm-size", text).ok();
        assert_eq!([read("64m"), read("1.5g"), read("7"), read("1m5")], [Some(64 << 20), Some(3 << 29), Some(7), None]);
    }
}
