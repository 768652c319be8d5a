//! What the layers weigh, and how much of each is overwritten or deleted by a later one and shipped all the same.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Report;
use super::bars::{bar, thousandths};
use super::page::section;
use super::tables::table;
use crate::debugger::WeighedLayer;
use crate::oci::DiffId;
use crate::view::html::Html;
use crate::view::pictures::instruction;
use crate::view::units::{count, size};

/// The most characters of an instruction.
const INSTRUCTION: usize = 100;

impl Report<'_> {
    pub(super) fn layers(&self, html: &mut Html) {
        section(html, "layers", "Layers", |html| match &self.review.layers {
            Err(because) => {
                html.leaf("p", &[("class", "more")], &format!("They can't be weighed: {}", self.without_home(because)));
            }
            Ok(layers) if layers.is_empty() => html.leaf("p", &[("class", "more")], "There are none."),
            Ok(layers) => self.weighed(html, layers),
        });
    }

    fn weighed(&self, html: &mut Html, layers: &[WeighedLayer]) {
        html.element("p", &[("class", "about")], |html| {
            html.text(&sum(layers));
            if self.review.image.is_none() {
                html.text(" These are the layers of the last state that was reached.");
            }
        });
        let steps = self.steps_of_layers();
        let largest = layers.iter().map(|layer| layer.files).max().unwrap_or(0);
        let shown = largest_of(layers, self.room.most.rows);
        table(html, "layers", "Layers", &["Layer", "Created by", "Files", "Hidden", "Archive"], |html| {
            for index in &shown {
                html.element("tr", &[], |html| self.layer(html, index + 1, &layers[*index], &steps, largest));
            }
        });
        let left_out = layers.len() - shown.len();
        if left_out > 0 {
            let text = format!("{} left out: these are the largest.", count(left_out as u64, "layer"));
            html.leaf("p", &[("class", "more")], &text);
        }
    }

    /// The step that made a layer: the last, where several have made the same.
    fn steps_of_layers(&self) -> HashMap<DiffId, usize> {
        let steps = self.review.steps.iter();
        steps.filter_map(|step| Some((step.taken.as_ref()?.layer.as_ref()?.diff_id, step.step.number))).collect()
    }

    fn layer(
        &self,
        html: &mut Html,
        number: usize,
        layer: &WeighedLayer,
        steps: &HashMap<DiffId, usize>,
        largest: u64,
    ) {
        html.leaf("td", &[("class", "n")], &number.to_string());
        html.element("td", &[("class", "i")], |html| {
            let created_by = layer.row.created_by.as_deref().unwrap_or_default();
            html.leaf_within("code", &[], &instruction(created_by), INSTRUCTION.min(self.room.most.value));
            if let Some(step) = steps.get(&layer.row.layer.diff_id) {
                html.text(" ");
                self.link_to_step(html, *step, &format!("step {step}"));
            }
            let (files, wasted) = (thousandths(layer.files, largest), thousandths(layer.wasted, largest));
            let parts = [("kept", 0, files - wasted), ("wasted", files - wasted, wasted)];
            let there: Vec<_> = parts.into_iter().filter(|(_, _, length)| *length > 0).collect();
            bar(html, &there);
        });
        html.leaf("td", &[("class", "z")], &size(layer.files));
        let wasted = if layer.wasted == 0 { "—".to_owned() } else { size(layer.wasted) };
        html.leaf("td", &[("class", if layer.wasted == 0 { "z" } else { "z waste" })], &wasted);
        html.leaf("td", &[("class", "z")], &size(layer.row.layer.descriptor.size));
    }
}

/// The largest layers, in their order.
fn largest_of(layers: &[WeighedLayer], most: usize) -> Vec<usize> {
    let mut largest: Vec<usize> = (0..layers.len()).collect();
    largest.sort_by_key(|index| (Reverse(layers[*index].files), *index));
    largest.truncate(most);
    largest.sort_unstable();
    largest
}

/// What is wasted in all.
fn sum(layers: &[WeighedLayer]) -> String {
    let files: u64 = layers.iter().map(|layer| layer.files).sum();
    let wasted: u64 = layers.iter().map(|layer| layer.wasted).sum();
    let all = format!("{}, {} of files, the lowest first", count(layers.len() as u64, "layer"), size(files));
    if wasted == 0 {
        return format!("{all}: no later layer overwrites or deletes any of it.");
    }
    let share = u128::from(wasted) * 100 / u128::from(files.max(1));
    format!(
        "{all}: {} of it ({share} %) is overwritten or deleted by a later layer, and shipped all the same: hatched in the bars.",
        size(wasted)
    )
}
