//! The promise of a cache: after a single change, a build with it equals one without, and nothing that the change can't
//! reach runs again.

use crate::case::{Case, Kind};
use crate::ours::{Bench, Built, Cache};
use crate::random::Random;

/// How many changes of one case are tried: other cases try others.
const MOST_CHANGES: usize = 4;

/// A change, and which steps it can't reach.
struct Change {
    what: String,
    after: Case,
    reach: Reach,
}

/// What a change may make run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Nothing,
    /// The steps that read the context, and what follows them.
    Context,
    /// An instruction without files: itself.
    OneStep,
    /// The instruction that was changed, and what comes after it.
    Changed,
}

/// Builds a case, changes one thing, and builds again: with the cache in `bench`, and without in `fresh`.
pub fn check(case: &Case, random: &mut Random, bench: &Bench, fresh: &Bench) -> Result<(), String> {
    let first = bench.steps(case, Cache::Ask);
    let again = bench.steps(case, Cache::Ask);
    same_outcome("built twice", &first, &again)?;
    missed(&again, |_| true).map_or(Ok(()), |step| Err(format!("nothing has changed, and it runs again: {step}")))?;
    same_outcome("built here and in another store", &fresh.steps(case, Cache::Ignore), &again)?;
    let mut changes = changes(case, random);
    while changes.len() > MOST_CHANGES {
        changes.swap_remove(random.below(changes.len()));
    }
    for change in changes {
        let rebuilt = bench.steps(&change.after, Cache::Ask);
        let afresh = fresh.steps(&change.after, Cache::Ignore);
        same_outcome(&format!("after a change ({})", change.what), &afresh, &rebuilt)?;
        let missed = match change.reach {
            Reach::Nothing => missed(&rebuilt, |_| true),
            Reach::Context => {
                let first = rebuilt.steps.iter().position(|step| reads_context(&step.instruction));
                missed(&rebuilt, |index| first.is_none_or(|first| index < first))
            }
            Reach::OneStep => missed_steps(&rebuilt, |_| true).into_iter().nth(1),
            Reach::Changed => {
                let differs = |index: usize| first.steps.get(index).map(|step| &step.instruction);
                let changed = rebuilt
                    .steps
                    .iter()
                    .enumerate()
                    .position(|(index, step)| differs(index) != Some(&step.instruction));
                missed(&rebuilt, |index| changed.is_none_or(|changed| index < changed))
            }
        };
        if let Some(step) = missed {
            return Err(format!("a change that can't reach it ({}) makes it run again: {step}", change.what));
        }
    }
    Ok(())
}

fn same_outcome(what: &str, expected: &Built, actual: &Built) -> Result<(), String> {
    match (&expected.image, &actual.image) {
        (Ok(one), Ok(other)) if one == other => Ok(()),
        (Err(one), Err(other)) if one == other => Ok(()),
        (one, other) => {
            let differs = expected.steps.iter().zip(&actual.steps).find(|(one, other)| one.state != other.state);
            let step = differs.map_or("no step", |(step, _)| &step.instruction);
            Err(format!("{what}: {other:?}, and without a cache {one:?}; the first step that differs: {step}"))
        }
    }
}

fn missed_steps(built: &Built, counts: impl Fn(usize) -> bool) -> Vec<String> {
    let steps = built.steps.iter().enumerate().filter(|(index, step)| counts(*index) && !step.hit);
    steps.map(|(_, step)| step.instruction.clone()).collect()
}

fn missed(built: &Built, counts: impl Fn(usize) -> bool) -> Option<String> {
    missed_steps(built, counts).into_iter().next()
}

fn reads_context(instruction: &str) -> bool {
    (instruction.starts_with("COPY") || instruction.starts_with("ADD")) && !instruction.contains("--from=")
}

/// One change of each sort that the case allows.
fn changes(case: &Case, random: &mut Random) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut change = |what: String, reach: Reach, edit: &dyn Fn(&mut Case)| {
        let mut after = case.clone();
        edit(&mut after);
        if after != *case {
            changes.push(Change { what, after, reach });
        }
    };
    let takes_all = case
        .stages
        .iter()
        .flat_map(|stage| &stage.instructions)
        .any(|text| text.contains(" . ") || text.contains(" / "));
    if !takes_all && case.files.contains_key("unread") {
        change("a file that nothing names".into(), Reach::Nothing, &|case| {
            case.files.get_mut("unread").unwrap().mode ^= 0o111
        });
    }
    let names: Vec<&String> = case.files.keys().collect();
    if !names.is_empty() {
        let name = names[random.below(names.len())].clone();
        change(format!("without {name}"), Reach::Context, &|case| {
            case.files.retain(|other, _| *other != name && !other.starts_with(&format!("{name}/")));
        });
        let name = names[random.below(names.len())].clone();
        change(format!("the mode of {name}"), Reach::Context, &|case| {
            let entry = case.files.get_mut(&name).unwrap();
            if !matches!(entry.kind, Kind::Link(_) | Kind::HardLink(_)) {
                entry.mode ^= 0o010;
            }
        });
        let name = names[random.below(names.len())].clone();
        change(format!("the contents of {name}"), Reach::Context, &|case| {
            match &mut case.files.get_mut(&name).unwrap().kind {
                // As long as before, and as old: only its bytes tell.
                Kind::Text(text) => *text = text.chars().rev().collect(),
                Kind::Link(target) => *target = "b".into(),
                Kind::Archive(files) => files[0].1.push('!'),
                Kind::Folder | Kind::HardLink(_) => {}
            }
        });
    }
    change("an exclusion more".into(), Reach::Context, &|case| case.ignored.push("d/e".into()));
    for (stage, instructions) in case.stages.iter().map(|stage| &stage.instructions).enumerate() {
        for (index, text) in instructions.iter().enumerate() {
            let mut reach = Reach::Changed;
            let new = match text.split_once(' ').unwrap() {
                ("LABEL", _) => format!("{text} three=3"),
                ("CMD" | "ENTRYPOINT", _) => format!("{} [\"/bin/true\"]", text.split_once(' ').unwrap().0),
                ("EXPOSE", _) => format!("{text} 99"),
                ("STOPSIGNAL", _) => "STOPSIGNAL SIGKILL".into(),
                ("ENV", _) => "ENV A=changed".into(),
                ("RUN", command) => format!("RUN : {index} && {command}"),
                ("WORKDIR", path) => format!("WORKDIR {path}/changed"),
                ("COPY" | "ADD", _) if !text.contains("<<") => {
                    format!("{}/changed/", text.trim_end_matches(['/', ']', '"']).trim_end_matches("/odd names"))
                }
                _ => continue,
            };
            if text.contains('[') && (text.starts_with("COPY") || text.starts_with("ADD")) {
                continue;
            }
            if ["LABEL", "CMD", "ENTRYPOINT", "EXPOSE", "STOPSIGNAL"].iter().any(|name| text.starts_with(name)) {
                reach = Reach::OneStep;
            }
            if random.one_in(2) {
                change(format!("{text} → {new}"), reach, &|case| {
                    case.stages[stage].instructions[index].clone_from(&new)
                });
            }
        }
    }
    changes
}
