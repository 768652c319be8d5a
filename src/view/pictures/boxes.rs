//! A container as boxes within boxes, from the machine to the process.
//!
//! ```text
//! ┌─ this machine ──────────────────────────┐
//! │ folders   /store/containers/1/work  [1] │
//! │ ┌─ namespaces ────────────────────────┐ │
//! │ │ users   0 inside is 1000 outside [7]│ │
//! ```

use super::{Layout, padded};
use crate::container::{self, Enclosure, Plan, Row};
use crate::shown::line;
use crate::view::palette::Role;
use crate::view::{table, units};

/// The widest box: in wider ones the eye loses the row.
const WIDEST: usize = 110;
/// The widest column of names; a longer name stands in the text.
const WIDEST_NAME: usize = 14;
/// What the two sides of a box take.
const SIDES: usize = 4;

/// The boxes of a plan, with the numbers that the operations have in its list.
pub(crate) fn boxes(layout: &Layout, plan: &Plan) -> String {
    let mut text = enclosed(layout, &container::boxes(plan));
    for note in &plan.notes {
        text.push_str(&layout.hang("", &line(&format!("note: {note}"))));
    }
    text + &layout.hang("", "Numbers in brackets are operations; `--explain=list` lists them in order, with reasons")
}

/// Boxes that somebody else has filled.
pub(crate) fn enclosed(layout: &Layout, boxes: &[Enclosure]) -> String {
    Drawing::of(layout, boxes).nested(boxes, 0)
}

/// The same as groups, one below the other.
pub(crate) fn grouped(layout: &Layout, boxes: &[Enclosure]) -> String {
    let drawing = Drawing::of(layout, boxes);
    let mut text = String::new();
    for one in boxes {
        text.push_str(&format!("\n{}\n", layout.palette.paint(Role::Strong, one.boundary.title())));
        one.rows.iter().chain(&one.after).for_each(|row| text.push_str(&drawing.laid_out(row, layout.columns(), "  ")));
    }
    text
}

struct Drawing<'a> {
    layout: &'a Layout,
    columns: usize,
    names: usize,
}

impl<'a> Drawing<'a> {
    fn of(layout: &'a Layout, boxes: &[Enclosure]) -> Drawing<'a> {
        let rows = boxes.iter().flat_map(|one| one.rows.iter().chain(&one.after));
        let names = rows.map(|row| line(&row.name).chars().count()).filter(|width| *width <= WIDEST_NAME);
        Drawing { layout, columns: layout.columns().min(WIDEST), names: names.max().unwrap_or(0) }
    }

    /// The first box with all others inside it, which is inside so many.
    fn nested(&self, boxes: &[Enclosure], depth: usize) -> String {
        let Some((first, inner)) = boxes.split_first() else { return String::new() };
        let title = first.boundary.title();
        let lines = |used: usize| "─".repeat((self.columns - SIDES * depth).saturating_sub(used));
        let strong = self.layout.palette.paint(Role::Strong, title);
        let mut text = self.framed(&format!("┌─ {strong} {}┐", lines(title.chars().count() + 5)), depth);
        first.rows.iter().for_each(|row| text.push_str(&self.row(row, depth + 1)));
        text.push_str(&self.nested(inner, depth + 1));
        first.after.iter().for_each(|row| text.push_str(&self.row(row, depth + 1)));
        text + &self.framed(&format!("└{}┘", lines(2)), depth)
    }

    fn row(&self, row: &Row, depth: usize) -> String {
        let filled = self.laid_out(row, self.columns - SIDES * depth, "");
        filled.lines().map(|line| self.framed(line, depth)).collect()
    }

    /// A row within so many columns.
    fn laid_out(&self, row: &Row, columns: usize, indent: &str) -> String {
        let name = line(&row.name);
        let numbers = self.layout.palette.paint(Role::Faint, &numbers(&row.numbers));
        let items = line(&row.items.join(", ")).into_owned();
        let (label, text) = if name.chars().count() > self.names {
            (String::new(), format!("{name}: {items} {numbers}"))
        } else {
            (name.into_owned(), format!("{items} {numbers}"))
        };
        let label = padded(&self.layout.palette.paint(Role::Label, &label), self.names + 2);
        table::hang(&format!("{indent}{label}"), text.trim_end(), columns)
    }

    /// A line between the sides of so many boxes.
    fn framed(&self, text: &str, depth: usize) -> String {
        let text = padded(text, self.columns - SIDES * depth);
        format!("{}{text}{}\n", "│ ".repeat(depth), " │".repeat(depth))
    }
}

/// `[3–5,35]`: what follows one another in short.
fn numbers(numbers: &[usize]) -> String {
    let runs = units::ranges(numbers);
    if runs.is_empty() { String::new() } else { format!("[{}]", runs.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::{Layout, boxes};
    use crate::container::{
        self, Access, Cgroups, ControlGroups, Hierarchy, Host, Identity, Mount, MountKind, Network, OverlaySupport,
        OwnGroup, Plan, Process, Range, Rights, Sandbox, Terminal, plan,
    };
    use crate::view::palette::Palette;
    use crate::view::screen::Width;
    use crate::view::table::visible_width;
    use crate::world::Clock;

    const FOLDER: &str = "/home/me/.local/share/layerlab/containers/3767b0fed5a2";

    fn host() -> Host {
        Host {
            uid: 1000,
            gid: 1000,
            overlay: OverlaySupport::Fsconfig,
            cgroups: ControlGroups {
                mounted: Cgroups::V1(vec![Hierarchy { name: "memory".into(), options: "memory".into() }]),
                own: vec![OwnGroup { path: "/sys/fs/cgroup/pids".into(), controllers: vec!["pids".into()] }],
            },
            resolver: String::new(),
            thermal: Vec::new(),
            below_sys: vec!["/sys/fs/cgroup".into(), "/sys/fs/cgroup/memory".into()],
            oom_score: 0,
            last_capability: 40,
        }
    }

    fn sandbox() -> Sandbox {
        let lower = vec!["/store/b".into(), "/store/a".into()];
        let mut sandbox = Sandbox::new(lower, format!("{FOLDER}/upper").into(), format!("{FOLDER}/work").into());
        sandbox.cgroup = Some("one".into());
        sandbox
    }

    fn process() -> Process {
        let mut process = Process::new(vec!["sh".into(), "-c".into(), "echo hello".into()]);
        process.env = vec!["PATH=/bin".into()];
        process
    }

    fn as_user() -> Plan {
        let range = |inside, outside, length| Range { inside, outside, length };
        let ranges = || vec![range(0, 1000, 1), range(1, 100_000, 65_536)];
        let identity = Identity::Mapped { uid_ranges: ranges(), gid_ranges: ranges() };
        let mut plan = plan(&sandbox(), &process(), &identity, &host());
        plan.remove_at_end(FOLDER.into());
        plan
    }

    /// With all that makes a picture larger, or differs.
    fn with_all() -> Plan {
        let mut sandbox = sandbox();
        let kind = MountKind::Bind("/home/me/日本語\x1b[2J".into());
        let target = "/a/rather/long/place/名前".to_owned();
        sandbox.mounts = vec![Mount { kind, target, access: Access::ReadOnly }];
        sandbox.root = Access::ReadOnly;
        sandbox.network = Network::None;
        let mut process = process();
        process.rights = Rights::insecure();
        process.terminal = Terminal::Yes;
        let refused = OverlaySupport::Refused("mount overlay: EPERM".into());
        plan(&sandbox, &process, &Identity::Root, &Host { overlay: refused, ..host() })
    }

    fn shown(plan: &Plan, columns: usize) -> String {
        boxes(&Layout::new(Palette::PLAIN, &Clock::stopped(0), Width::Terminal(columns)), plan)
    }

    #[test]
    fn a_user_sees_where_the_process_is() {
        insta::assert_snapshot!(shown(&as_user(), 80));
    }

    #[test]
    fn boxes_fit_narrow_and_wide_terminals() {
        insta::assert_snapshot!(format!("{}{}", shown(&as_user(), 60), shown(&with_all(), 130)));
    }

    #[test]
    fn no_row_is_wider_than_the_terminal_and_every_operation_has_its_row() {
        for plan in [as_user(), with_all()] {
            let mut numbers: Vec<usize> = container::boxes(&plan)
                .iter()
                .flat_map(|one| one.rows.iter().chain(&one.after))
                .flat_map(|row| row.numbers.clone())
                .collect();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(1..=plan.operations.len()));
            for columns in 60..=200 {
                let text = shown(&plan, columns);
                assert!(text.lines().all(|line| visible_width(line) <= columns), "{columns}\n{text}");
                assert!(!text.contains('\x1b'));
            }
        }
    }
}
