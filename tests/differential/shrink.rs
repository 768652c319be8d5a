//! From a case that fails to a smaller one that fails, too.

use crate::case::Case;

/// Leaves out whatever can be left out without the failure going away.
pub fn smallest(case: Case, problem: String, fails: impl Fn(&Case) -> Option<String>) -> (Case, String) {
    let (mut case, mut problem) = (case, problem);
    // The panics of a test are for whoever reads them: as many tries as fit into a coffee break.
    let mut tries = 300;
    loop {
        let mut is_smaller = false;
        for candidate in smaller(&case) {
            if tries == 0 {
                return (case, problem);
            }
            tries -= 1;
            if let Some(found) = fails(&candidate).filter(|found| kind(found) == kind(&problem)) {
                (case, problem, is_smaller) = (candidate, found, true);
                break;
            }
        }
        if !is_smaller {
            return (case, problem);
        }
    }
}

/// What sort of failure it is: its beginning.
fn kind(problem: &str) -> &str {
    problem.split([':', '\n', '(']).next().unwrap_or_default()
}

/// The case without one of its parts, for each part; the large ones first.
fn smaller(case: &Case) -> Vec<Case> {
    let mut candidates = Vec::new();
    let mut without = |change: &dyn Fn(&mut Case)| {
        let mut candidate = case.clone();
        change(&mut candidate);
        candidates.push(candidate);
    };
    if case.stages.len() > 1 {
        without(&|case| drop(case.stages.pop()));
    }
    for stage in 0..case.stages.len() {
        for instruction in (0..case.stages[stage].instructions.len()).rev() {
            without(&|case| drop(case.stages[stage].instructions.remove(instruction)));
        }
    }
    if !case.ignored.is_empty() {
        without(&|case| case.ignored.clear());
    }
    for line in 0..case.ignored.len() {
        without(&|case| drop(case.ignored.remove(line)));
    }
    for name in case.files.keys().rev() {
        without(&|case| case.files.retain(|other, _| other != name && !other.starts_with(&format!("{name}/"))));
    }
    candidates
}
