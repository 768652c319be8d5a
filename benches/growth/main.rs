//! How do time and memory grow with what is built?
//!
//! ```text
//! cargo bench --bench growth                   every case at 100, 1,000 and 10,000
//! cargo bench --bench growth -- LABEL ENV      only the cases with one of these words in their names
//! cargo bench --bench growth -- --most 100000  up to another size
//! cargo bench --bench growth -- --check        fail when something grows too fast
//! ```
//!
//! Each case is a Dockerfile, a context or a home of so many parts, and the program is run on it as a user would. The table has
//! the processor time and the peak of memory at each size, and behind them the exponents between the two largest sizes: how many times
//! ten the figure grows when the size does. 1 is proportional, 2 is the square. What a step costs must not depend on how many
//! were before it, so everything above 1.1 is marked. Cases with `many` have sizes of their own, up to 200,000, and a promise in bytes.

// The other benchmark uses all of it.
#[path = "../main/measure.rs"]
#[allow(dead_code)]
mod measure;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use measure::Sample;

/// The highest exponent that counts as proportional: what is left for caches of the processor and logarithms.
const MOST: f64 = 1.1;

/// Smaller differences than this are noise, whatever exponent they give.
const LEAST_SECONDS: f64 = 0.2;
const LEAST_BYTES: u64 = 16 << 20;

/// What is made in a folder for a size, and what is run there.
struct Case {
    name: &'static str,
    prepare: fn(&Place, usize) -> io::Result<()>,
    /// Commands before the one that is measured.
    before: &'static [&'static str],
    measured: &'static str,
    promise: Promise,
}

/// What is promised of a case.
#[derive(Clone, Copy)]
enum Promise {
    /// It grows no faster than what is built.
    Proportional,
    /// At sizes of its own: the highest exponent of time, and so many bytes of memory for each part at the largest size.
    Large { sizes: [usize; 3], exponent: f64, bytes_a_part: u64 },
}

/// As many files as a large repository has.
const MANY_FILES: Promise = Promise::Large { sizes: [2_000, 20_000, 200_000], exponent: 1.05, bytes_a_part: 400 };

const BUILD: &str = "build --progress quiet .";

const CASES: &[Case] = &[
    Case {
        name: "LABEL",
        prepare: |place, size| place.lines(size, |n| format!("LABEL l{n}=value")),
        before: &[],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "LABEL, classic",
        prepare: |place, size| place.lines(size, |n| format!("LABEL l{n}=value")),
        before: &[],
        measured: "build --progress classic .",
        promise: Promise::Proportional,
    },
    Case {
        name: "LABEL, JSON",
        prepare: |place, size| place.lines(size, |n| format!("LABEL l{n}=value")),
        before: &[],
        measured: "build --progress json .",
        promise: Promise::Proportional,
    },
    Case {
        name: "LABEL, again",
        prepare: |place, size| place.lines(size, |n| format!("LABEL l{n}=value")),
        before: &[BUILD],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "LABEL, changed",
        prepare: |place, size| place.lines(size, |n| format!("LABEL l{n}=$V")),
        before: &["build --progress quiet --build-arg V=1 ."],
        measured: "build --progress quiet --build-arg V=2 .",
        promise: Promise::Proportional,
    },
    Case {
        name: "ENV",
        prepare: |place, size| place.lines(size, |n| format!("ENV E{n}=value")),
        before: &[],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "ARG",
        prepare: |place, size| place.lines(size, |n| format!("ARG A{n}=value")),
        before: &[],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "EXPOSE",
        prepare: |place, size| place.lines(size, |n| format!("EXPOSE {}", n % 60_000 + 1)),
        before: &[],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "ONBUILD",
        prepare: |place, size| place.lines(size, |n| format!("ONBUILD LABEL l{n}=value")),
        before: &[],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "stages in a row",
        prepare: |place, size| place.stages(size),
        before: &[],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "stages copied from",
        prepare: |place, size| place.copied_stages(size),
        before: &[],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "layers",
        prepare: |place, size| place.lines(size, |n| format!("COPY file /f{n}")),
        before: &[],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "layers, again",
        prepare: |place, size| place.lines(size, |n| format!("COPY file /f{n}")),
        before: &[BUILD],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "layers, plan",
        prepare: |place, size| place.lines(size, |n| format!("COPY file /f{n}")),
        before: &[],
        measured: "plan .",
        promise: Promise::Proportional,
    },
    Case {
        name: "files",
        prepare: |place, size| place.files(size),
        before: &[],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "files, again",
        prepare: |place, size| place.files(size),
        before: &[BUILD],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "many files",
        prepare: |place, size| place.files(size),
        before: &[],
        measured: BUILD,
        promise: MANY_FILES,
    },
    Case {
        name: "many files, again",
        prepare: |place, size| place.files(size),
        before: &[BUILD],
        measured: BUILD,
        promise: MANY_FILES,
    },
    Case {
        name: "lines of a heredoc",
        prepare: |place, size| place.heredoc(size * 50),
        before: &[],
        measured: BUILD,
        promise: Promise::Proportional,
    },
    Case {
        name: "names, images",
        prepare: |place, size| place.names(size),
        before: &[],
        measured: "images",
        promise: Promise::Proportional,
    },
    Case {
        name: "names, build -t",
        prepare: |place, size| place.names(size),
        before: &[],
        measured: "build --progress quiet -t new .",
        promise: Promise::Proportional,
    },
    Case {
        name: "past builds",
        prepare: |place, size| place.past_builds(size),
        before: &[],
        measured: BUILD,
        promise: Promise::Proportional,
    },
];

fn main() -> ExitCode {
    let mut sizes = vec![100, 1_000, 10_000];
    let (mut words, mut check) = (Vec::new(), false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Cargo's own way of saying that this is no test.
            "--bench" => {}
            "--check" => check = true,
            "--most" => {
                let Some(most) = arguments.next().and_then(|text| text.parse::<usize>().ok()) else {
                    eprintln!("`--most` wants a number");
                    return ExitCode::from(2);
                };
                sizes =
                    std::iter::successors(Some(100), |size| Some(size * 10)).take_while(|size| *size <= most).collect();
            }
            _ => words.push(argument),
        }
    }
    let mut header = format!("{:<20}", "case");
    for size in &sizes {
        let _ = write!(header, " {size:>20}");
    }
    println!("{header}   time^ memory^");
    let mut too_fast = 0;
    for case in
        CASES.iter().filter(|case| words.is_empty() || words.iter().any(|word| case.name.contains(word.as_str())))
    {
        let own = match case.promise {
            Promise::Proportional => None,
            Promise::Large { sizes, .. } => Some(sizes.to_vec()),
        };
        let sizes = own.as_ref().unwrap_or(&sizes);
        match measured(case, sizes) {
            Ok(samples) => too_fast += usize::from(!tell(case, sizes, &samples)),
            Err(message) => {
                println!("{:<20} failed: {message}", case.name);
                too_fast += 1;
            }
        }
    }
    if check && too_fast > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn measured(case: &Case, sizes: &[usize]) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    for &size in sizes {
        let place = Place::new().map_err(|error| error.to_string())?;
        (case.prepare)(&place, size).map_err(|error| format!("at {size}: {error}"))?;
        for command in case.before {
            measure::run(&mut place.command(command)).map_err(|error| format!("at {size}: {error}"))?;
        }
        samples.push(measure::run(&mut place.command(case.measured)).map_err(|error| format!("at {size}: {error}"))?);
    }
    Ok(samples)
}

/// Prints a case's line. Gives whether it grows no faster than it may.
fn tell(case: &Case, sizes: &[usize], samples: &[Sample]) -> bool {
    let mut line = format!("{:<20}", case.name);
    for sample in samples {
        let _ = write!(line, " {:>20}", format!("{:.3} s {:>4} MiB", sample.cpu, sample.memory >> 20));
    }
    let mut is_good = true;
    if let ([.., small, large], [.., one, other]) = (sizes, samples) {
        let decades = (*large as f64 / *small as f64).log10();
        let time = (other.cpu / one.cpu.max(0.001)).log10() / decades;
        let memory = (other.memory as f64 / one.memory as f64).log10() / decades;
        let _ = write!(line, " {time:>7.2} {memory:>7.2}");
        is_good = match case.promise {
            Promise::Proportional => {
                (time <= MOST || other.cpu < LEAST_SECONDS) && (memory <= MOST || other.memory < LEAST_BYTES)
            }
            Promise::Large { exponent, bytes_a_part, .. } => {
                let bytes = other.memory / *large as u64;
                let _ = write!(line, "  {bytes} bytes each at {large}, of {bytes_a_part}");
                time <= exponent && bytes <= bytes_a_part
            }
        };
        line.push_str(if is_good { "" } else { "  TOO FAST" });
    }
    println!("{line}");
    is_good
}

/// A home and a context.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> io::Result<Place> {
        let place = Place { folder: tempfile::Builder::new().prefix("layerlab-growth-").tempdir()? };
        fs::create_dir(place.context())?;
        place.write("Dockerfile", "FROM scratch\nCOPY file /file\n")?;
        place.write("file", "text\n")?;
        Ok(place)
    }

    fn context(&self) -> PathBuf {
        self.folder.path().join("context")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn write(&self, name: impl AsRef<Path>, text: &str) -> io::Result<()> {
        fs::write(self.context().join(name), text)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_layerlab"));
        command.args(arguments.split_whitespace()).current_dir(self.context()).env("LAYERLAB_HOME", self.home());
        command
    }

    fn lines(&self, size: usize, line: impl Fn(usize) -> String) -> io::Result<()> {
        let lines: String = (0..size).map(|number| line(number) + "\n").collect();
        self.write("Dockerfile", &format!("FROM scratch\nARG V\n{lines}"))
    }

    fn stages(&self, size: usize) -> io::Result<()> {
        let mut text = String::from("FROM scratch AS s0\n");
        for number in 1..size {
            let _ = writeln!(text, "FROM s{} AS s{number}\nLABEL l{number}=value", number - 1);
        }
        self.write("Dockerfile", &text)
    }

    fn copied_stages(&self, size: usize) -> io::Result<()> {
        let mut text = String::from("FROM scratch AS s0\nCOPY file /file\n");
        for number in 1..size {
            let _ = writeln!(text, "FROM scratch AS s{number}\nCOPY --from=s{} /file /file", number - 1);
        }
        self.write("Dockerfile", &text)
    }

    fn files(&self, size: usize) -> io::Result<()> {
        for number in 0..size {
            let folder = self.context().join(format!("files/{}", number / 100));
            if number % 100 == 0 {
                fs::create_dir_all(&folder)?;
            }
            fs::write(folder.join(number.to_string()), number.to_string())?;
        }
        self.write("Dockerfile", "FROM scratch\nCOPY files /files\n")
    }

    fn heredoc(&self, lines: usize) -> io::Result<()> {
        self.write("Dockerfile", &format!("FROM scratch\nCOPY <<end /file\n{}end\n", "a line of text\n".repeat(lines)))
    }

    /// So many names of one image.
    fn names(&self, size: usize) -> io::Result<()> {
        measure::run(&mut self.command("build --progress quiet -t name .")).map_err(io::Error::other)?;
        let path = self.home().join("index.json");
        let mut index: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
        let entries =
            index["manifests"].as_array_mut().ok_or_else(|| io::Error::other("the index has no manifests"))?;
        let template = entries.clone();
        for number in 0..size {
            let name = |entry: &serde_json::Value| entry.to_string().replace("name", &format!("name{number}"));
            // The keys of annotations have no such word in them but at their ends.
            for entry in &template {
                let text = name(entry)
                    .replace(&format!("ref.name{number}"), "ref.name")
                    .replace(&format!("image.name{number}"), "image.name");
                entries.push(serde_json::from_str(&text)?);
            }
        }
        fs::write(path, serde_json::to_vec(&index)?)
    }

    /// So many builds before this one.
    fn past_builds(&self, size: usize) -> io::Result<()> {
        measure::run(&mut self.command(BUILD)).map_err(io::Error::other)?;
        let first = fs::read(self.home().join("builds/1.json"))?;
        for number in 2..=size {
            fs::write(self.home().join(format!("builds/{number}.json")), &first)?;
        }
        self.write("file", "other\n")
    }
}
