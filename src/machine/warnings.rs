//! What is suspicious about a Dockerfile, told as events: each warning once, also where one machine follows another because the
//! text grew or was edited.

use std::collections::BTreeMap;

use super::driver::Machine;
use super::event::{Event, EventKind, Reporter, Warning};
use crate::diagnostic::Diagnostic;

/// How often a message was told of a line. Places move when a text grows, so a line is known by its text.
pub(super) type Told = BTreeMap<(String, String), usize>;

impl Machine {
    /// What is suspicious about the Dockerfile, in its order.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.plan.warnings
    }

    /// Tells what was not told yet. A build that starts does it by itself.
    pub fn tell_warnings(&self, sink: &mut dyn FnMut(&Event)) {
        self.tell_new_warnings(&mut Reporter::of_build(self.watch, sink));
    }

    pub(super) fn tell_new_warnings(&self, reporter: &mut Reporter<'_>) {
        let file = &self.source.file;
        let told = self.told.take();
        let mut now = Told::new();
        for warning in self.warnings() {
            let line = warning.span().map_or("", |span| file.line_text(file.line_column(span.start).0));
            let key = (warning.message.clone(), line.to_owned());
            let before = told.get(&key).copied().unwrap_or(0);
            let count = now.entry(key).or_insert(0);
            *count += 1;
            if *count > before {
                reporter.tell(EventKind::Warning(Warning::of(file, warning)));
            }
        }
        self.told.replace(now);
    }
}
