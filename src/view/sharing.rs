//! What is told of shared caches, harmless: the part that all views have in common.

use super::units;
use crate::machine::Exported;
use crate::oci::DiffId;
use crate::shown::line;

/// `cache from NAME: 7 steps`.
pub(super) fn imported(from: &str, steps: usize) -> String {
    format!("cache from {}: {}", line(from), units::count(steps as u64, "step"))
}

/// `layer 4f06b2d1aa31 (2.0 kB) from NAME`.
pub(super) fn fetched(from: &str, layer: &DiffId, bytes: u64) -> String {
    format!("layer {} ({}) from {}", layer.0.short(), units::size(bytes), line(from))
}

/// `cache to NAME: 7 steps, 6 layers, 1.2 MB`.
pub(super) fn exported(to: &str, exported: &Exported) -> String {
    let Exported { steps, layers, bytes, .. } = exported;
    let (steps, layers) = (units::count(*steps as u64, "step"), units::count(*layers as u64, "layer"));
    format!("cache to {}: {steps}, {layers}, {}", line(to), units::size(*bytes))
}
