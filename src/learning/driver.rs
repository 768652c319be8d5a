//! What the shell of a learner carries out: the commands that it is given, one after another. [`super::console`] gives them.

/// Carries out the file `typed` for each word that it reads. What commands inherit are the three streams alone. Job control gives each
/// command a process group of its own; a mistake in one does not end the shell. What the next shell has to know is written down.
///
/// Ctrl-C ends a whole line, with its loops and functions, and what the line has set stays. A mistake is all that leaves them, so it makes
/// one: dash and busybox come back behind `command eval` then. Bash does not, and ends; the next shell begins where it was.
pub(super) const DRIVER: &str = r#"
layerlab_control=$1
exec 3< "$1/requests" 4> "$1/statuses" 5> "$1/output"
layerlab_is_busy=
trap '[ -z "$layerlab_is_busy" ] || {
    layerlab_is_busy=ended
    [ -z "${BASH_VERSION-}" ] || exit 130
    : "${layerlab_nothing:?}"
} 2> /dev/null' INT
trap 'command . "$layerlab_control/keep"' EXIT
set -m 2> /dev/null
. "$1/restore"
while IFS=' ' read -r layerlab_manner layerlab_columns <&3; do
    layerlab_typed=$(cat "$layerlab_control/typed")
    layerlab_is_busy=yes
    case $layerlab_manner in
    terminal) command eval "$layerlab_typed" 3<&- 4>&- 5>&- ;;
    piped) COLUMNS=$layerlab_columns LAYERLAB_LESSON_OUTPUT=$layerlab_control/output command eval "$layerlab_typed" 3<&- 4>&- >&5 2>&1 5>&- ;;
    *) command eval "$layerlab_typed" 3<&- 4>&- < /dev/null >&5 2>&1 5>&- ;;
    esac
    layerlab_status=$?
    [ "$layerlab_is_busy" != ended ] || layerlab_status=130
    layerlab_is_busy=
    command . "$layerlab_control/keep"
    printf '%s\n' "$layerlab_status" >&4
done
"#;
