//! What all views have in common: they show one event after another.

use std::io;

use super::screen::Screen;
use crate::machine::Event;

// ANCHOR: view
/// Something that shows events.
pub(crate) trait View {
    /// Shows one event on `out`.
    ///
    /// # Errors
    /// What writing says.
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()>;
}
// ANCHOR_END: view
