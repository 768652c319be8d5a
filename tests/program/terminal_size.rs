//! Terminals of every size: nothing is wider than one, and what is longer comes in pages.

use std::fs;

use crate::terminal::{PROMPT, Screen, context};

const LONG_LINES: &str = "\
FROM layerlab/base
LABEL description=\"a rather long description of an image that nobody but a test of rows will ever need\"
COPY greeting.txt /usr/local/share/some/where/deep/a-file-with-a-rather-long-name-that-no-line-has-room-for.txt
RUN exit 127
HEALTHCHECK CMD true
";

/// What a person sees: the lines that were printed, without those with the prompt, which the editor of lines lays out.
fn printed(all: &str) -> Vec<&str> {
    let lines = all.split('\n').map(|line| line.trim_end_matches('\r'));
    lines.filter(|line| !line.contains("(layerlab)") && !line.contains('\x1b')).collect()
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    let (_folder, context) = context(LONG_LINES);
    let mut screen = Screen::of_size((80, 24), &context, &["."], "never", &[("PAGER", "cat")]);
    screen.wait_for(PROMPT);
    screen.line("step 3", "4/5 ▶");
    let commands =
        ["step", "why 2", "why 3", "plan", "diff", "layers", "history", "explain copy", "help", "help diff", "no"];
    for command in commands {
        screen.wait_for(PROMPT);
        screen.line(command, "\n");
    }
    screen.wait_for(PROMPT);
    screen.line("save session.txt", "saved");
    screen.wait_for(PROMPT);
    screen.line("quit", "");
    let (_, all) = screen.end();
    for shown in ["would miss, ", "CREATED BY", "Copies files", "Ctrl-D leaves", "saved"] {
        assert!(all.contains(shown), "{shown}\n{all}");
    }
    let lines = printed(&all);
    let too_wide: Vec<_> = lines.iter().filter(|line| line.chars().count() > 80).collect();
    assert!(too_wide.is_empty(), "{too_wide:#?}\n{all}");
    let states = lines.iter().filter_map(|line| line.split_once("→ state "));
    assert!(states.clone().all(|(_, state)| state.len() == 12) && states.count() == 3, "{all}");

    // The copy does not depend on the terminal: it has the width that a pipe has.
    let saved = fs::read_to_string(context.join("session.txt")).unwrap();
    let state = saved.lines().find_map(|line| line.split_once("→ state ")).unwrap();
    assert_eq!(state.0.chars().count(), 70, "{saved}");
    assert!(saved.lines().any(|line| (81..=100).contains(&line.chars().count())), "{saved}");
}

#[test]
fn what_is_longer_than_the_screen_comes_in_pages() {
    let (_folder, context) = context(LONG_LINES);
    // Without `less` anywhere: a pager of our own.
    let mut screen = Screen::of_size((80, 10), &context, &["."], "never", &[("PATH", "/nowhere")]);
    screen.wait_for(PROMPT);
    const QUESTION: &str = "-- any key: next page, q: back to layerlab --";
    let first = screen.line("help all", QUESTION);
    assert_eq!(first.lines().count(), 1 + 9 + 1, "{first}");
    screen.type_keys(" ");
    let second = screen.wait_for(QUESTION);
    assert_eq!(second.lines().count(), 9 + 1, "{second}");
    screen.type_keys("q");
    screen.wait_for(PROMPT);
    screen.line("help all", QUESTION);
    screen.type_keys("\x03");
    screen.wait_for(PROMPT);
    // What fits the screen is not paged, and neither is a session without a person.
    screen.line("env", "hint: ");
    screen.wait_for(PROMPT);
    screen.type_keys("\x04");
    assert_eq!(screen.end().0, Some(0));

    // $PAGER has the text on its standard input.
    let mut screen = Screen::of_size((80, 10), &context, &["."], "never", &[("PAGER", "wc -l; echo paged")]);
    screen.wait_for(PROMPT);
    screen.line("help all", "\npaged");
    screen.wait_for(PROMPT);
    screen.type_keys("\x04");
    assert_eq!(screen.end().0, Some(0));

    // What no pager shows is shown by us, and a terminal that can do nothing is sent all of it.
    let cases =
        [("PAGER", "/no/such/pager", QUESTION), ("PAGER", "false", QUESTION), ("TERM", "dumb", "stops a step, Ctrl-D")];
    for (name, value, shown) in cases {
        let mut screen = Screen::of_size((80, 10), &context, &["."], "never", &[(name, value)]);
        screen.wait_for(PROMPT);
        screen.line("help all", shown);
        if shown == QUESTION {
            screen.type_keys("q");
        }
        screen.wait_for(PROMPT);
        screen.type_keys("quit\r");
        assert_eq!(screen.end().0, Some(0));
    }
}
