//! How fast is the whole program, beside the tools that do the same or a part of it?
//!
//! ```text
//! cargo bench                         everything, as a table
//! cargo bench -- copy run             only the cases with one of these words in their names
//! cargo bench -- --check              fail when a target is missed
//! cargo bench -- --runs 21            more runs a case (default: 7)
//! ```
//!
//! Each case starts `layerlab` as a user would and measures the process from start to end. Its peers are ordinary commands,
//! run in turn with it (ours, peer, ours, peer …), so that whatever else the machine does slows all of them down; only peers
//! without a target are run afterwards. The table has one line a peer:
//!
//! ```text
//! case                        ours  peer                           ratio  target    verdict  cpu  memory
//! copy 20000 files, cold    201 ms  tar                    149 ms   1.35  ≤ 1.50    ok    225 ms  44 MiB
//! ```
//!
//! `ours` and `peer` are medians of the wall-clock time (of one step, where the case has many); `ratio` is ours by the
//! peer's; the target is a ratio, or a time for cases that no peer has. `cpu` and `memory` are ours: the processor time of
//! all its processes, and the most memory that one of them had. Memory has a target in every case: 64 MiB. On a busy machine
//! trust the ratios; a limit in milliseconds is meant for an idle one.
//!
//! Wait a minute between two runs: each deletes its many files at the end, and ext4 without a journal is slow at making
//! files for half a minute after that. It is not only ours that suffers.
//!
//! "Cold" means an empty home; the files to copy are in the page cache always. Other builders are peers without a
//! target, where they are installed and can work. What is pulled comes from a registry on this machine's loopback.

mod cases;
mod containers;
mod inputs;
mod measure;
mod registries;

use std::process::ExitCode;

use cases::{Case, Limit};
use measure::Sample;

/// No process may have more than this at a time.
const MEMORY_LIMIT: u64 = 64 << 20;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let inputs = match inputs::Inputs::create() {
        Ok(inputs) => inputs,
        Err(error) => {
            eprintln!("the inputs can't be made: {error}");
            return ExitCode::from(2);
        }
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{processors} processors, load {}", load.split(' ').next().unwrap_or("unknown"));
    println!(
        "{:<28} {:>9}  {:<24} {:>9} {:>6}  {:<9} {:<7} {:>9} {:>9}",
        "case", "ours", "peer", "", "ratio", "target", "verdict", "cpu", "memory"
    );
    let mut missed = 0;
    let mut cases = cases::all(&inputs, containers::all(&inputs));
    cases.extend(registries::all(&inputs));
    for case in cases {
        if arguments.wants(&case.name) {
            missed += run(case, arguments.runs);
        }
    }
    if missed > 0 {
        println!("{missed} missed");
    }
    if arguments.check && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Measures one case, prints its lines and returns how many targets it missed.
fn run(case: Case, runs: usize) -> usize {
    let Case { name, steps, mut ours, mut peers } = case;
    let mut samples = Vec::new();
    let mut peer_samples: Vec<Vec<Sample>> = peers.iter().map(|_| Vec::new()).collect();
    // Other builders come last: what they leave to be written back would slow down whoever comes after them.
    let (far, close): (Vec<usize>, Vec<usize>) =
        (0..peers.len()).partition(|&index| matches!(peers[index].limit, Limit::None));
    for _ in 0..runs.max(1) {
        match ours() {
            Ok(sample) => samples.push(sample),
            Err(message) => {
                println!("{name:<28} failed: {message}");
                return 1;
            }
        }
        for &index in &close {
            peers[index].sample(&mut peer_samples[index]);
        }
    }
    for &index in &far {
        for _ in 0..runs.clamp(1, peers[index].most_runs.max(1)) {
            peers[index].sample(&mut peer_samples[index]);
        }
    }
    let ours = measure::median(&samples).divided_by(steps);
    let memory = samples.iter().map(|sample| sample.memory).max().unwrap_or(0);
    let mut missed = 0;
    for (peer, samples) in peers.iter().zip(&peer_samples) {
        let theirs = (!samples.is_empty()).then(|| measure::median(samples).divided_by(peer.steps));
        if theirs.is_none() && !matches!(peer.limit, Limit::Milliseconds(_) | Limit::Bytes(_)) {
            continue;
        }
        let ratio = theirs.map(|theirs| ours.wall / theirs.wall);
        let (target, met) = match peer.limit {
            Limit::None => (String::new(), None),
            Limit::Ratio(most) => (format!("≤ {most:.2}"), ratio.map(|ratio| ratio <= most)),
            Limit::Milliseconds(most) => (format!("≤ {most} ms"), Some(ours.wall * 1000.0 <= most)),
            Limit::Bytes(most) => (format!("≤ {} MiB", most >> 20), Some(memory <= most)),
        };
        let met = met.map(|met| met && memory <= MEMORY_LIMIT);
        missed += usize::from(met == Some(false));
        println!(
            "{:<28} {:>9}  {:<24} {:>9} {:>6}  {:<9} {:<7} {:>9} {:>9}",
            name,
            milliseconds(ours.wall),
            peer.name,
            theirs.map_or(String::new(), |theirs| milliseconds(theirs.wall)),
            ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")),
            target,
            met.map_or("", |met| if met { "ok" } else { "MISSED" }),
            milliseconds(ours.cpu),
            format!("{:.1} MiB", memory as f64 / f64::from(1 << 20)),
        );
    }
    missed
}

fn milliseconds(seconds: f64) -> String {
    let milliseconds = seconds * 1000.0;
    if milliseconds < 10.0 { format!("{milliseconds:.2} ms") } else { format!("{milliseconds:.0} ms") }
}

struct Arguments {
    check: bool,
    runs: usize,
    words: Vec<String>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let mut arguments = Arguments { check: false, runs: 7, words: Vec::new() };
        while let Some(word) = words.next() {
            match word.as_str() {
                // Cargo's own way of saying that this is no test.
                "--bench" => {}
                "--check" => arguments.check = true,
                "--runs" => {
                    let number = words.next().and_then(|text| text.parse().ok());
                    arguments.runs = number.ok_or("`--runs` wants a number")?;
                }
                _ if word.starts_with('-') => return Err(format!("unknown option `{word}`")),
                _ => arguments.words.push(word),
            }
        }
        Ok(arguments)
    }

    fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }
}
