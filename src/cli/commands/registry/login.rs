//! `layerlab login`: who we are to a registry from now on.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::hidden::Hidden;
use crate::registry::settings::HUB;
use crate::registry::{Credentials, Registries};
use crate::repl::{self, Unseen};
use crate::world::World;
use crate::{registry, shown};

/// Log in to a registry.
///
/// User name and password are tried, and kept where Docker keeps them: by a credential helper, or in `config.json` of `$DOCKER_CONFIG` or
/// `~/.docker`, which only you can read.
#[derive(Debug, Args)]
#[command(long_about = None)]
pub(crate) struct Login {
    /// The registry (default: Docker Hub)
    #[arg(value_name = "SERVER")]
    server: Option<String>,
    /// The user name
    #[arg(short, long)]
    username: Option<String>,
    /// The password, which others on this machine can see: better use `--password-stdin`
    #[arg(short, long, conflicts_with = "password_stdin")]
    password: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

/// The most bytes of a password: an access token may be long.
const LONGEST: u64 = 64 << 10;

impl Login {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let server = server(self.server.as_deref());
        let registries = Registries::open(world.home(), world.meter())?;
        if self.password.is_some() {
            ui.note("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
        }
        if self.password_stdin && self.username.is_none() {
            return Err(Diagnostic::error("must provide --username with --password-stdin").into());
        }
        // Who says who he is may have come to mend what is kept of him.
        let known = match self.username {
            Some(_) => None,
            None => match registries.keyring.find(&server, "") {
                // It is about to be replaced.
                Err(error @ registry::Error::BadAuth { .. }) => {
                    ui.note(&format!("WARNING! {}", shown::line(&error.to_string())));
                    None
                }
                known => known?,
            },
        };
        let known_user = match &known {
            Some(Credentials::Password { user, .. }) => Some(user.clone()),
            Some(Credentials::Identity(_)) | None => None,
        };
        let is_asked = self.username.is_none() && self.password.is_none();
        if let Some(known) = &known
            && is_asked
        {
            ui.lines("Authenticating with existing credentials...\n")?;
            if registries.log_in(&server, known).is_ok() {
                return ui.lines("Login Succeeded\n");
            }
        }
        let user = match &self.username {
            Some(user) => user.clone(),
            None => ask(ui, known_user)?,
        };
        let password = match &self.password {
            Some(password) => Hidden::new(password.clone().into_bytes()),
            None if self.password_stdin => from_stdin()?,
            None => {
                need_terminal()?;
                let Unseen::Line(typed) = repl::ask_hidden("Password: ", &mut ui.plain())? else {
                    return Err(Failure::status(130));
                };
                Hidden::new(typed)
            }
        };
        if user.contains(':') {
            return Err(Diagnostic::error("a user name has no colon").into());
        }
        if user.is_empty() || password.reveal().is_empty() {
            let what = if user.is_empty() { "username" } else { "password" };
            return Err(Diagnostic::error(format!("{what} is required")).into());
        }
        let credentials = Credentials::Password { user, password };
        interrupts::catch(world.interrupt());
        registries.log_in(&server, &credentials)?;
        let place = registries.keyring.keep(&server, &credentials)?;
        if place.ends_with(".json") {
            ui.note(&format!(
                "WARNING! Your credentials are stored unencrypted in '{place}'. Configure a credential helper to remove this warning."
            ));
        }
        ui.lines("Login Succeeded\n")
    }
}

/// A registry as credentials know it.
pub(super) fn server(typed: Option<&str>) -> String {
    let Some(typed) = typed else { return HUB.to_owned() };
    let bare = typed.split_once("://").map_or(typed, |(_, rest)| rest).split('/').next().unwrap_or_default();
    match bare {
        "index.docker.io" | "registry-1.docker.io" | "hub.docker.com" => HUB.to_owned(),
        other => other.to_owned(),
    }
}

fn need_terminal() -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Diagnostic::error("cannot perform an interactive login from a non-terminal")
        .hint("`--username NAME --password-stdin` reads the password from standard input")
        .into())
}

fn ask(ui: &Ui, known: Option<String>) -> Result<String, Failure> {
    need_terminal()?;
    let offered = known.as_ref().map(|user| format!(" ({user})")).unwrap_or_default();
    let mut out = ui.plain();
    write!(out, "Username{offered}: ")?;
    out.flush()?;
    let mut line = String::new();
    if std::io::stdin().lock().take(LONGEST).read_line(&mut line)? == 0 {
        return Err(Failure::status(130));
    }
    let typed = line.trim().to_owned();
    Ok(if typed.is_empty() { known.unwrap_or_default() } else { typed })
}

/// All of standard input, without the newline at its end.
fn from_stdin() -> Result<Hidden, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(LONGEST).read_to_end(&mut bytes)?;
    while bytes.last().is_some_and(|byte| b"\r\n".contains(byte)) {
        bytes.pop();
    }
    Ok(Hidden::new(bytes))
}
