//! Layers as bars: how much each brings, and how much of that later layers overwrite or delete.
//!
//! ```text
//! LAYER      FILES                              WASTE  CREATED BY
//!     1     7.8 MB  ████████████████████████      0 B  layerlab base
//!     2     5.0 MB  ░░░░░░░░░░░░░░░           5.0 MB  RUN fetch sources
//! ```

use std::borrow::Cow;

use super::{Layout, fitted};
use crate::debugger::WeighedLayer;
use crate::view::palette::Role;
use crate::view::units::{count, size};

/// What a bar is made of.
const KEPT: &str = "█";
const WASTED: &str = "░";
/// The widest bar.
const WIDEST: usize = 50;
/// How this compares with the table of `history`.
const ABOUT: &str = "Oldest first. FILES counts the bytes in files; SIZE in `history` counts the tar archive.";

/// Where the layers are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    /// In what is shipped.
    Image,
    /// In a stage that others only copy from.
    EarlierStage,
}

/// The layers of an image or of a stage, base first.
pub(crate) fn layers(layout: &Layout, layers: &[WeighedLayer], within: Within) -> String {
    let Some(largest) = layers.iter().map(|layer| layer.files).max() else {
        return layout.row("", "no layers: the file system is empty");
    };
    let width = (layout.columns() * 3 / 10).min(WIDEST);
    let bar = Bar { layout, width, largest: largest.max(1) };
    let mut text = format!("LAYER      FILES  {:width$}      WASTE  CREATED BY\n", "");
    for (index, layer) in layers.iter().enumerate() {
        let numbers =
            format!("{:>5}  {:>9}  {}  {:>9}  ", index + 1, size(layer.files), bar.of(layer), size(layer.wasted));
        let room = layout.columns() - (5 + 2 + 9 + 2 + width + 2 + 9 + 2);
        let created_by = fitted(&instruction(layer.row.created_by.as_deref().unwrap_or_default()), room);
        text.push_str(format!("{numbers}{created_by}").trim_end());
        text.push('\n');
    }
    text + &layout.hang("", &sum(layers, within)) + &layout.hang("", ABOUT)
}

/// An instruction as it is written, without what a builder puts before the command of a RUN: `|1 VERSION=2 /bin/sh -c`.
pub(crate) fn instruction(created_by: &str) -> Cow<'_, str> {
    const SHELL: &str = "/bin/sh -c ";
    let text = created_by.strip_prefix("RUN ").unwrap_or(created_by);
    let is_counted = text.strip_prefix('|').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()));
    match text.split_once(SHELL) {
        Some(("", instruction)) if instruction.starts_with("#(nop)") => {
            Cow::Borrowed(instruction["#(nop)".len()..].trim_start())
        }
        Some((before, command)) if before.is_empty() || is_counted => Cow::Owned(format!("RUN {command}")),
        Some(_) | None => Cow::Borrowed(created_by),
    }
}

/// What the bars are, and what is wasted in all.
fn sum(layers: &[WeighedLayer], within: Within) -> String {
    let total: u64 = layers.iter().map(|layer| layer.files).sum();
    let wasted: u64 = layers.iter().map(|layer| layer.wasted).sum();
    let all = format!("{}, {} of files", count(layers.len() as u64, "layer"), size(total));
    if wasted == 0 {
        return format!("{all}: no later layer overwrites or deletes any of it");
    }
    let share = if total == 0 { 0 } else { (wasted as u128 * 100 / total as u128) as u64 };
    let what_of_it = match within {
        Within::Image => "and still shipped",
        Within::EarlierStage => "and stays in the cache: the image gets only what COPY --from takes from this stage",
    };
    format!(
        "{all}: {KEPT} is visible, {WASTED} ({}, {share} %) is overwritten or deleted by a later layer {what_of_it}",
        size(wasted)
    )
}

struct Bar<'l> {
    layout: &'l Layout,
    width: usize,
    /// The bytes of the whole width.
    largest: u64,
}

impl Bar<'_> {
    /// The bar of a layer, padded. What is there at all has at least one cell.
    fn of(&self, layer: &WeighedLayer) -> String {
        let whole = self.cells(layer.files);
        let wasted = match layer.wasted {
            all if all == layer.files => whole,
            part => self.cells(part).min(whole.saturating_sub(1)),
        };
        let kept = KEPT.repeat(whole - wasted);
        let wasted = self.layout.palette.paint(Role::Notice, &WASTED.repeat(wasted));
        format!("{kept}{wasted}{}", " ".repeat(self.width - whole))
    }

    fn cells(&self, bytes: u64) -> usize {
        let cells = (u128::from(bytes) * self.width as u128 / u128::from(self.largest)) as usize;
        cells.max(usize::from(bytes > 0)).min(self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::instruction;

    #[test]
    fn a_command_is_shown_without_what_comes_before_it() {
        let texts = [
            ("RUN |1 VERSION=2 3 /bin/sh -c make # buildkit", "RUN make # buildkit"),
            ("RUN /bin/sh -c make", "RUN make"),
            ("|2 A=1 B=2 /bin/sh -c make", "RUN make"),
            ("/bin/sh -c #(nop)  CMD [\"sh\"]", "CMD [\"sh\"]"),
            ("RUN /usr/bin/env /bin/sh -c make", "RUN /usr/bin/env /bin/sh -c make"),
            ("COPY a /bin/sh -c /", "COPY a /bin/sh -c /"),
        ];
        for (from, to) in texts {
            assert_eq!(instruction(from), to);
        }
    }
}
