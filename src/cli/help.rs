//! The help of the program as a whole: its commands in groups, as Docker's users look for them.

use clap::Command;

use crate::view::screen::Width;
use crate::view::table;

/// The groups, each with its commands. What is in none of them comes last.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "Common Commands",
        &["run", "exec", "ps", "build", "pull", "push", "images", "login", "logout", "version", "info"],
    ),
    ("Step by step", &["step", "plan", "builds", "parse", "explain"]),
    ("Learn and teach", &["learn", "verify", "lesson", "class"]),
    ("Management Commands", &["container", "image", "network", "volume", "system", "store", "prune"]),
];

/// The command with this help.
pub(super) fn grouped(command: Command, name: &str) -> Command {
    let text = text(&command, name);
    command.override_help(text)
}

fn text(command: &Command, name: &str) -> String {
    let shown: Vec<(&str, String)> = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| (command.get_name(), command.get_about().map(ToString::to_string).unwrap_or_default()))
        .collect();
    let width = shown.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let columns = Width::of_stdout().of_lines();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("{about}\n\nUsage: {name} [OPTIONS] <COMMAND>\n");
    let mut section = |title: &str, commands: &mut dyn Iterator<Item = &(&str, String)>| {
        let mut lines: String = String::new();
        for (command, about) in commands {
            lines += &table::hang(&format!("  {command:width$}  "), about, columns);
        }
        if !lines.is_empty() {
            text += &format!("\n{title}:\n{lines}");
        }
    };
    for (title, names) in GROUPS {
        let find = |name: &&str| shown.iter().find(|(own, _)| own == name);
        section(title, &mut names.iter().filter_map(find));
    }
    let is_grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let mut others: Vec<&(&str, String)> = shown.iter().filter(|(name, _)| !is_grouped(name)).collect();
    others.sort_unstable();
    section("Commands", &mut others.into_iter());
    text += "\nOptions:\n";
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let Some(long) = argument.get_long() else { continue };
        let value = argument.get_value_names().and_then(<[_]>::first).map(|value| format!(" <{value}>"));
        let option = format!("--{long}{}", value.unwrap_or_default());
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        text += &table::hang(&format!("      {option:14}  "), &help, columns);
    }
    text += "  -h, --help          Print help\n  -V, --version       Print version\n";
    text + &format!("\nRun '{name} COMMAND --help' for more information on a command.\n")
}
