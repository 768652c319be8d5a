//! Programs that keep credentials: `docker-credential-NAME`, asked over its standard streams (docker/docker-credential-helpers).
//!
//! One that does not answer is not waited for for ever, and not longer than the user wishes.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::Error;
use crate::progress::Meter;
use crate::shown;

/// The most bytes that an answer may have.
const ANSWER: u64 = 1 << 20;
/// How long an answer may take: some ask the user.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is seen whether the user has lost patience.
const PERIOD: Duration = Duration::from_millis(50);

/// How helpers are called.
#[derive(Clone, Debug)]
pub(super) struct Helpers {
    meter: Meter,
}

impl Helpers {
    pub(super) fn new(meter: &Meter) -> Helpers {
        Helpers { meter: meter.clone() }
    }

    /// Runs a helper. `None`: it knows nothing of the registry.
    ///
    /// # Errors
    /// [`Error::Credentials`] for one that fails, or does not answer; [`Error::Io`] for one that can't be started.
    pub(super) fn call(&self, helper: &str, verb: &str, input: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let io = |operation| move |source| Error::Io { operation, path: PathBuf::from(helper), source };
        let mut command = Command::new(helper);
        command.arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(io("start"))?;
        let (sender, answer) = channel();
        let (stdin, stdout, input) = (child.stdin.take(), child.stdout.take(), input.to_vec());
        // Beside, since what the helper has started may hold its streams for as long as it likes.
        std::thread::spawn(move || {
            if let Some(mut stdin) = stdin {
                // One that does not read says by its answer what it thinks of that.
                let _ = stdin.write_all(&input);
            }
            let mut output = Vec::new();
            if let Some(stdout) = stdout {
                let _ = stdout.take(ANSWER).read_to_end(&mut output);
            }
            // Nobody may wait any more.
            let _ = sender.send(output);
        });
        let (status, output) = self.wait(&mut child, &answer).inspect_err(|_| {
            // It has ended, or is ended now.
            let _ = child.kill();
            let _ = child.wait();
        })?;
        let Some(status) = status else {
            return Err(failed(helper, format!("`{verb}` does not answer")));
        };
        if status.success() {
            return Ok(Some(output));
        }
        let said = String::from_utf8_lossy(&output).trim().to_owned();
        if said.contains("credentials not found") {
            return Ok(None);
        }
        Err(failed(helper, format!("`{verb}` failed: {}", shown::line(&said))))
    }

    /// Waits for the end and the answer of a helper; without a status it has not ended in time, and was ended.
    fn wait(
        &self,
        child: &mut Child,
        answer: &std::sync::mpsc::Receiver<Vec<u8>>,
    ) -> Result<(Option<ExitStatus>, Vec<u8>), Error> {
        let begun = Instant::now();
        let mut output = None;
        loop {
            self.meter.check().map_err(|stopped| Error::Store(stopped.into()))?;
            if output.is_none() {
                output = match answer.recv_timeout(PERIOD) {
                    Ok(output) => Some(output),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => Some(Vec::new()),
                };
            }
            let ended = child.try_wait().ok().flatten();
            if let (Some(status), Some(output)) = (ended, &mut output) {
                return Ok((Some(status), std::mem::take(output)));
            }
            if begun.elapsed() > PATIENCE || (ended.is_some() && begun.elapsed() > PATIENCE / 10) {
                let _ = child.kill();
                let _ = child.wait();
                return Ok((ended, output.unwrap_or_default()));
            }
            if output.is_some() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

fn failed(helper: &str, reason: String) -> Error {
    Error::Credentials { place: PathBuf::from(helper), reason }
}
