//! What a page's shell carries out: the files of commands, one after another, and what it says of each. [`super::shell`] tells it when.

/// Waits for commands on the socket, descriptor 7, which no command has: a trap that the page has set finds nothing on its standard input. Ctrl-C
/// ends the command and not the shell.
///
/// The page's code runs in the same shell, and what it changes there is meant to last. So nothing here depends on that:
///
/// - `command` keeps a mistake from ending the shell, and a function of the page from taking a place here. A function of that name would, and goes:
///   none can have the name of a special builtin, such as `unset`.
/// - An answer names the turn that it is of. A trap that writes to any descriptor that it finds knows none.
/// - The inner loop is there to be left, by a `break` or `continue` that stands in no loop of the page.
/// - The positional parameters are the page's, and so are the options: what stands here is not traced (`set -x`), nor exported (`set -a`).
///
/// Ctrl-C comes to the shell as well. Where it has killed what the shell was waiting for (130), it ends the whole line, with its loops, as at a
/// terminal: by `return`, or in dash and busybox by a mistake, which leaves functions, too. Where everything is to stop, the line is gone through to
/// its end: a check that has made a file removes it.
pub(super) const DRIVER: &str = r#"
exec 7<&0 < /dev/null
layerlab_control=$1
shift
trap '{ [ "$?" != 130 ] || [ -e "$layerlab_control/finish" ] || {
    layerlab_is_ended=yes
    [ -n "${BASH_VERSION-}" ] || : "${layerlab_nothing:?}"
    return 130
}; } 2> /dev/null' INT
while IFS=' ' command read -r layerlab_turn layerlab_terminal <&7; do
    layerlab_is_ended=
    for layerlab_loop in once; do
        case $layerlab_terminal in
        '') command . "$layerlab_control/command" < "$layerlab_control/input" 7<&- ;;
        *) command . "$layerlab_control/command" < "$layerlab_terminal" > "$layerlab_terminal" 2>&1 7<&- ;;
        esac
    done
    {
        layerlab_status=$? layerlab_options=$-
        set +ax
        unset -f command
        case $layerlab_is_ended in yes) layerlab_status=130 ;; esac
        command printf '%s %s %s\n' "$layerlab_turn" "$layerlab_status" "$layerlab_options" >&7
        unset layerlab_status layerlab_options
    } 2> /dev/null
done
"#;

/// The options of a shell that are set only while a command runs.
const OF_COMMANDS: &str = "ax";

/// What a shell says of a command that has ended: `TURN STATUS OPTIONS`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) turn: u64,
    pub(super) code: i32,
    /// The options that only commands have, each a letter.
    pub(super) options: String,
}

impl Answer {
    /// Reads a line. A command of the page can have written another one.
    pub(super) fn read(line: &str) -> Option<Answer> {
        let mut words = line.split(' ');
        let (turn, code) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let options = words.next()?.chars().filter(|option| OF_COMMANDS.contains(*option)).collect();
        Some(Answer { turn, code, options })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_of_the_shell_is_an_answer() {
        let answer = |turn, code, options: &str| Some(Answer { turn, code, options: options.to_owned() });
        assert_eq!(Answer::read("18446744073709551615 130 smx"), answer(u64::MAX, 130, "x"));
        assert_eq!(Answer::read("5 0 "), answer(5, 0, ""));
        for line in ["", "0", "5 0", "a 0 x", "5 a x"] {
            assert_eq!(Answer::read(line), None, "{line}");
        }
    }
}
