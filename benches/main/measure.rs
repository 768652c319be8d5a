//! Running a command and what it took.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What one run took, in seconds and bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// From start to end.
    pub wall: f64,
    /// Processor time of the process and of all that it waited for.
    pub cpu: f64,
    /// The most memory that one of them had.
    pub memory: u64,
}

impl Sample {
    /// The time of one of so many equal steps.
    pub fn divided_by(self, steps: u32) -> Sample {
        Sample { wall: self.wall / f64::from(steps), cpu: self.cpu / f64::from(steps), ..self }
    }

    /// One after the other.
    pub fn then(self, next: Sample) -> Sample {
        Sample { wall: self.wall + next.wall, cpu: self.cpu + next.cpu, memory: self.memory.max(next.memory) }
    }
}

/// Runs a command to its end, without input and output. The error says how it failed.
pub fn run(command: &mut Command) -> Result<Sample, String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A process group of its own, so that a key pressed at the terminal ends the measuring and not what is measured.
    command.process_group(0);
    let program = command.get_program().to_string_lossy().into_owned();
    let started = Instant::now();
    let child = command.spawn().map_err(|error| format!("`{program}`: {error}"))?;
    let pid = libc::pid_t::try_from(child.id()).map_err(|error| error.to_string())?;
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: wait4(2) on our own child, which nobody else waits for; it writes an int and a `struct rusage`, for which all
    // zeros is a valid value.
    let (answer, usage) = unsafe { (libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()), usage.assume_init()) };
    let wall = started.elapsed().as_secs_f64();
    if answer != pid {
        return Err(format!("`{program}`: {}", std::io::Error::last_os_error()));
    }
    if status != 0 {
        return Err(format!("`{program}` ended with wait status {status:#x}"));
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    // ru_maxrss counts kilobytes, see getrusage(2).
    let memory = u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024;
    Ok(Sample { wall, cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime), memory })
}

/// The median of each figure by itself.
pub fn median(samples: &[Sample]) -> Sample {
    let middle = |figure: fn(&Sample) -> f64| {
        let mut figures: Vec<f64> = samples.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    Sample {
        wall: middle(|sample| sample.wall),
        cpu: middle(|sample| sample.cpu),
        memory: middle(|sample| sample.memory as f64) as u64,
    }
}
