//! What is suspicious about a Dockerfile, told as events: each warning once, also where one machine follows another because the
//! text grew or was edited.

use std::collections::BTreeMap;

use super::event::{EventKind, Reporter, Warning};
use crate::diagnostic::Diagnostic;
use crate::source::SourceFile;

/// How often a message was told of a line. Places move when a text grows, so a line is known by its text.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(BTreeMap<(String, String), usize>);

impl Told {
    /// Tells the warnings about a text that were not told yet.
    pub(crate) fn tell_new(&mut self, file: &SourceFile, warnings: &[Diagnostic], reporter: &mut Reporter<'_>) {
        let mut now = BTreeMap::new();
        for warning in warnings {
            let line = warning.span().map_or("", |span| file.line_text(file.line_column(span.start).0));
            let key = (warning.message.clone(), line.to_owned());
            let before = self.0.get(&key).copied().unwrap_or(0);
            let count = now.entry(key).or_insert(0);
            *count += 1;
            if *count > before {
                reporter.tell(EventKind::Warning(Warning::of(file, warning)));
            }
        }
        self.0 = now;
    }
}
