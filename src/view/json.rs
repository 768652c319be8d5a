//! Events as JSON lines: one object an event, with `schema` first, then `type` and the event's own fields.

use std::io::{self, Write};

use super::View;
use crate::build::Event;

/// Writes JSON lines.
#[derive(Clone, Copy, Debug)]
pub struct Json;

#[derive(serde::Serialize)]
struct Line<'e> {
    schema: u32,
    #[serde(flatten)]
    event: &'e Event,
}

impl View for Json {
    fn event(&mut self, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, &Line { schema: Event::SCHEMA, event })?;
        out.write_all(b"\n")
    }
}
