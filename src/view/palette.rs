//! Colours, for those who can see them. Nothing is said by colour alone.
//!
//! `--color`, NO_COLOR (<https://no-color.org>), CLICOLOR_FORCE, TERM=dumb and pipes are honoured. The only module that names `colored`.

use colored::{Color, Colorize as _};
use std::io::IsTerminal as _;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// An instruction's keyword.
    Keyword,
    /// A cache hit; something added.
    Good,
    /// A miss; something changed.
    Notice,
    /// An error; something removed.
    Bad,
    /// A name in the margin.
    Label,
    /// Ids and digests.
    Faint,
    /// What a person should look at first.
    Strong,
}

/// Paints text, or leaves it as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Palette {
    enabled: bool,
}

impl Palette {
    pub(crate) const PLAIN: Palette = Palette { enabled: false };

    /// The palette for standard output under a choice and the environment.
    pub(crate) fn for_stdout(choice: ColorChoice) -> Palette {
        Palette::decide(choice, std::io::stdout().is_terminal())
    }

    /// The palette for standard error.
    pub(crate) fn for_stderr(choice: ColorChoice) -> Palette {
        Palette::decide(choice, std::io::stderr().is_terminal())
    }

    fn decide(choice: ColorChoice, is_terminal: bool) -> Palette {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let enabled = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if set("NO_COLOR") => false,
            ColorChoice::Auto if std::env::var("CLICOLOR_FORCE").is_ok_and(|value| value != "0") => true,
            ColorChoice::Auto => is_terminal && std::env::var("TERM").is_ok_and(|term| term != "dumb"),
        };
        // The crate would decide for both streams at once; here it paints whatever it is asked to, and a palette decides.
        colored::control::set_override(true);
        Palette { enabled }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(crate) fn paint(&self, role: Role, text: &str) -> String {
        if !self.enabled {
            return text.to_owned();
        }
        let painted = match role {
            Role::Keyword => text.color(Color::Cyan).bold(),
            Role::Good => text.color(Color::Green),
            // Yellow can hardly be read on a light background.
            Role::Notice => text.color(Color::Magenta),
            Role::Bad => text.color(Color::Red),
            Role::Label => text.color(Color::Blue),
            Role::Faint => text.dimmed(),
            Role::Strong => text.bold(),
        };
        painted.to_string()
    }
}
