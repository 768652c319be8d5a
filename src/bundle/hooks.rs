//! Programs of the manager's that are run on the way of a container, with its state on their standard input: config.md, "POSIX-platform Hooks".

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::config::Hook;
use super::error::Error;

/// Runs hooks one after the other, until one fails.
///
/// # Errors
/// One can't be run, takes too long, or fails.
pub(super) fn run(hooks: &[Hook], state: &str) -> Result<(), Error> {
    hooks.iter().try_for_each(|hook| run_one(hook, state))
}

/// Runs hooks of which none keeps the others from being run, and gives what failed.
pub(super) fn run_all(hooks: &[Hook], state: &str) -> Vec<Error> {
    hooks.iter().filter_map(|hook| run_one(hook, state).err()).collect()
}

fn run_one(hook: &Hook, state: &str) -> Result<(), Error> {
    let failed = |message: String| Error::Hook { path: hook.path.clone(), message };
    if !hook.path.is_absolute() {
        return Err(failed("has to be an absolute path".to_owned()));
    }
    let mut command = Command::new(&hook.path);
    if let Some((name, rest)) = hook.args.split_first() {
        command.arg0(name).args(rest);
    }
    let variables = hook.env.iter().filter_map(|variable| variable.split_once('='));
    command.env_clear().envs(variables).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let mut child =
        command.spawn().map_err(|error| failed(format!("can't be run: {}", crate::errno::describe(&error))))?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read it does not want it.
        let _ = input.write_all(state.as_bytes());
    }
    let status = wait(&mut child, hook.timeout).map_err(|error| failed(error.to_string()))?;
    match status {
        None => Err(failed(format!("has not ended within {} s", hook.timeout.unwrap_or_default()))),
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(failed(format!("failed: {status}"))),
    }
}

/// Waits for the end; `None` when it took too long, and was ended.
fn wait(child: &mut Child, seconds: Option<u32>) -> std::io::Result<Option<std::process::ExitStatus>> {
    let Some(seconds) = seconds else { return child.wait().map(Some) };
    let deadline = Instant::now() + Duration::from_secs(seconds.into());
    if crate::container::ends_before(child.id(), deadline) {
        return child.wait().map(Some);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}
