//! Layers on their way from a registry or to one, as lines in Docker's words.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::oci::Digest;
use crate::registry::{Stage, Stages};
use crate::{shown, size};

/// The layers and how far they are, in the order in which they were first told of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows(Arc<Mutex<Stages>>);

impl Rows {
    pub(super) fn lock(&self) -> MutexGuard<'_, Stages> {
        // It is whole even where another thread has panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines, for a terminal of so many columns.
    pub(super) fn lines(&self, columns: usize) -> Vec<String> {
        self.lock().all().iter().map(|(layer, stage)| line(layer, stage, columns)).collect()
    }
}

/// What Docker calls it.
pub(super) fn words(stage: &Stage) -> String {
    match stage {
        Stage::Waiting => "Pulling fs layer",
        Stage::Exists => "Already exists",
        Stage::Downloading { .. } => "Downloading",
        Stage::Retrying => "Retrying",
        Stage::Downloaded => "Download complete",
        Stage::Extracting => "Extracting",
        Stage::Complete => "Pull complete",
        Stage::Preparing => "Preparing",
        Stage::Compressing { .. } => "Compressing",
        Stage::Pushing { .. } => "Pushing",
        Stage::Pushed => "Pushed",
        Stage::Known => "Layer already exists",
        Stage::Mounted { from } => return format!("Mounted from {}", shown::line(from)),
    }
    .to_owned()
}

/// Whether it changes all the time: in a pipe its end says enough.
pub(super) fn is_in_numbers(stage: &Stage) -> bool {
    matches!(stage, Stage::Downloading { .. } | Stage::Extracting | Stage::Compressing { .. } | Stage::Pushing { .. })
}

/// How wide a bar is, its ends not counted.
const BAR: usize = 20;

fn line(layer: &Digest, stage: &Stage, columns: usize) -> String {
    let head = format!("{}: {}", layer.short(), words(stage));
    let (Stage::Downloading { done, total } | Stage::Compressing { done, total } | Stage::Pushing { done, total }) =
        stage
    else {
        return head;
    };
    let filled = usize::try_from(u128::from(*done) * BAR as u128 / u128::from((*total).max(1))).unwrap_or(BAR).min(BAR);
    let arrow = if filled < BAR { ">" } else { "" };
    let bar = format!("{}{arrow}", "=".repeat(filled));
    let numbers = format!("{}/{}", size::docker(*done, 4), size::docker(*total, 4));
    let whole = format!("{head}  [{bar:BAR$}]  {numbers}");
    if whole.len() <= columns { whole } else { format!("{head}  {numbers}") }
}

#[cfg(test)]
mod tests {
    use super::{Digest, Rows, Stage};

    #[test]
    fn lines_say_how_far_layers_are() {
        let rows = Rows::default();
        let stages = [
            Stage::Downloading { done: 0, total: 11_800_000 },
            Stage::Downloading { done: 5_900_000, total: 11_800_000 },
            Stage::Downloading { done: 11_800_000, total: 11_800_000 },
            Stage::Downloading { done: 1, total: 0 },
            Stage::Mounted { from: "library/nginx".to_owned() },
        ];
        for (number, stage) in stages.into_iter().enumerate() {
            rows.lock().set(&Digest::from_bytes([number as u8; 32]), stage);
        }
        insta::assert_snapshot!(rows.lines(80).join("\n"), @"
        000000000000: Downloading  [>                   ]  0B/11.8MB
        010101010101: Downloading  [==========>         ]  5.9MB/11.8MB
        020202020202: Downloading  [====================]  11.8MB/11.8MB
        030303030303: Downloading  [====================]  1B/0B
        040404040404: Mounted from library/nginx
        ");
        insta::assert_snapshot!(rows.lines(40).join("\n"), @"
        000000000000: Downloading  0B/11.8MB
        010101010101: Downloading  5.9MB/11.8MB
        020202020202: Downloading  11.8MB/11.8MB
        030303030303: Downloading  1B/0B
        040404040404: Mounted from library/nginx
        ");
    }
}
