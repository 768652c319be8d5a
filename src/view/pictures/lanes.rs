//! Where the lines of a graph run: each stage that others take from has a lane beside the boxes, from its lower edge to the last step that
//! takes from it.
//!
//! Boxes stand below each other in rows. Lanes that do not meet share a column. Where more are needed than there is room for, the last ones
//! have no line: the instruction names the stage all the same.

use crate::machine::{EdgeKind, Graph, Node, Outcome};

/// One row of the boxes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Row<'g> {
    Top(&'g Node),
    Step(&'g Outcome),
    /// The lower edge of a stage, by its place.
    Bottom(usize),
}

/// The line from one stage to all steps that take from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    /// Column 0 is nearest to the boxes.
    pub(super) column: usize,
    pub(super) start: usize,
    /// The rows where it arrives, ascending, never empty.
    pub(super) arrivals: Vec<(usize, EdgeKind)>,
}

impl Lane {
    pub(super) fn end(&self) -> usize {
        self.arrivals.last().map_or(self.start, |(row, _)| *row)
    }

    /// How it arrives in a row, if it does.
    pub(super) fn arrival(&self, row: usize) -> Option<EdgeKind> {
        self.arrivals.iter().find(|(arrival, _)| *arrival == row).map(|(_, kind)| *kind)
    }
}

/// The rows of a graph.
pub(super) fn rows(graph: &Graph) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (place, node) in graph.stages.iter().enumerate() {
        rows.push(Row::Top(node));
        rows.extend(node.steps.iter().map(Row::Step));
        rows.push(Row::Bottom(place));
    }
    rows
}

/// The lanes of a graph, in at most so many columns.
pub(super) fn lanes(graph: &Graph, rows: &[Row<'_>], most: usize) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    for (start, row) in rows.iter().enumerate() {
        let Row::Bottom(place) = row else { continue };
        let arrivals = arrivals(graph, rows, *place);
        if arrivals.is_empty() {
            continue;
        }
        let is_free = |column: &usize| lanes.iter().all(|lane| lane.column != *column || lane.end() < start);
        if let Some(column) = (0..most).find(is_free) {
            lanes.push(Lane { column, start, arrivals });
        }
    }
    lanes
}

fn arrivals(graph: &Graph, rows: &[Row<'_>], place: usize) -> Vec<(usize, EdgeKind)> {
    let arrival = |(index, row): (usize, &Row<'_>)| {
        let Row::Step(outcome) = row else { return None };
        let edge = graph.edges.iter().find(|edge| edge.step == outcome.step.number && edge.from == place)?;
        Some((index, edge.kind))
    };
    rows.iter().enumerate().filter_map(arrival).collect()
}

/// How many columns lanes take.
pub(super) fn width(lanes: &[Lane]) -> usize {
    lanes.iter().map(|lane| lane.column + 1).max().unwrap_or(0)
}
