//! Entering a state: a command or a shell in it, and the finished container. Whatever they change is thrown away.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::Error;
use super::session::Session;
use crate::container::Io;
use crate::launch::{self, Request};
use crate::machine::{State, lacking};
use crate::oci::ImageConfig;
use crate::view::program::Program;

impl Session<'_> {
    /// `run COMMAND`: as a RUN would, but nothing of it is kept.
    pub(super) fn run_command(&mut self, command: &str) -> Result<(), Error> {
        let state = self.current()?;
        let request = Request {
            entrypoint: Some(String::new()),
            command: state.shell().into_iter().chain([command.to_owned()]).collect(),
            ..Request::default()
        };
        let status = self.captured(&as_run_sees_it(&state), &state, &request)?;
        let advice = match status {
            0 => None,
            status => lacking::advice(&state, &self.machine()?.tree(&state)?, command, status),
        };
        self.tell_status(status, advice)
    }

    /// `shell [N]`.
    pub(super) fn shell(&mut self, number: Option<usize>) -> Result<(), Error> {
        let state = match number {
            None => self.current()?,
            Some(number) => self.state_after(number)?.ok_or_else(|| {
                Error::usage("state 0 is empty: there is no shell in it", "`shell 1` is the state after the first step")
            })?,
        };
        if !self.interactive {
            return Err(Error::usage(
                "`shell` needs a terminal, and this session reads its lines from a file or a pipe",
                "`run COMMAND` runs one command in the state",
            ));
        }
        let shell = state.shell().into_iter().next().unwrap_or_else(|| "/bin/sh".into());
        let request =
            Request { entrypoint: Some(String::new()), command: vec![shell], terminal: true, ..Request::default() };
        let prepared = launch::prepare(&self.world, &as_run_sees_it(&state), &state.layers(), &request)?;
        self.out.flush()?;
        // A shell ends with the status of its last command, which says nothing of the session.
        prepared.run(Io::Inherit)?;
        self.interrupt.take();
        Ok(())
    }

    /// `launch [ARGUMENTS]`.
    pub(super) fn launch(&mut self, arguments: Vec<String>) -> Result<(), Error> {
        if !self.machine()?.is_done() && !self.take_all()? {
            return Ok(());
        }
        self.finish()?;
        let state = self.current()?;
        let request = Request { command: arguments, terminal: self.interactive, ..Request::default() };
        if !self.interactive {
            let status = self.captured(&state.image(), &state, &request)?;
            return self.tell_status(status, None);
        }
        let prepared = launch::prepare(&self.world, &state.image(), &state.layers(), &request)?;
        self.out.flush()?;
        let exit = prepared.run(Io::Inherit)?;
        self.interrupt.take();
        self.tell_status(exit.status(), None)
    }

    /// Runs a container whose output becomes part of the session. Gives its status; that of one that was stopped is 0.
    fn captured(&mut self, image: &ImageConfig, state: &Arc<State>, request: &Request) -> Result<i32, Error> {
        let prepared = launch::prepare(&self.world, image, &state.layers(), request)?;
        let out = &mut self.out;
        let mut broken: Option<io::Error> = None;
        let mut program = Program::default();
        let colours = out.screen().colours();
        let mut forward = |stream: crate::container::Stream, bytes: &[u8]| {
            let text = program.text(stream.into(), bytes, colours);
            if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                broken.get_or_insert(error);
            }
        };
        let exit = prepared.run(Io::Capture { on_output: &mut forward, cancel: Some(self.interrupt.flag()) })?;
        if let Some(error) = broken {
            return Err(Error::Output(error));
        }
        self.out.write_all(program.end().as_bytes())?;
        if self.interrupt.is_requested() {
            if self.interactive {
                self.interrupt.take();
            }
            self.row("stopped", "by Ctrl-C")?;
            return Ok(0);
        }
        Ok(exit.status())
    }

    /// Tells of a status that is not 0, and what may help.
    fn tell_status(&mut self, status: i32, advice: Option<String>) -> Result<(), Error> {
        if status == 0 {
            return Ok(());
        }
        self.row("exit", &status.to_string())?;
        if let Some(advice) = advice {
            self.row("hint", &advice)?;
        }
        Err(Error::Said)
    }
}

/// The configuration with the environment of a RUN: with the ARGs.
fn as_run_sees_it(state: &State) -> ImageConfig {
    let mut image = state.image();
    let variables = state.settings.variables.run_environment();
    image.config.env = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    image
}
