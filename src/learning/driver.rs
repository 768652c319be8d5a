//! What the shell of a learner carries out: the commands that it is given, one after another. [`super::console`] gives them.

/// Carries out the file `typed` for each word that it reads. What commands inherit are the three streams alone. Job control gives each
/// command a process group of its own; a mistake in one does not end the shell. What the next shell has to know is written down.
///
/// Ctrl-C ends a whole line, with its loops and functions, and what the line has set stays. A mistake is all that leaves them, so it makes
/// one: dash and busybox come back behind `command eval` then. Bash does not, and ends; the next shell begins where it was. One that comes
/// before the line has begun is noted, and the line not carried out; one that comes while nothing is asked for is for nothing. What
/// `layerlab_is_busy` says is so while a mistake leads to behind `command eval`, and to nowhere else.
pub(super) const DRIVER: &str = r#"
layerlab_control=$1
exec 3< "$1/requests" 4> "$1/statuses" 5> "$1/output"
layerlab_is_busy=
layerlab_is_pressed=
layerlab_status=0
trap 'layerlab_is_pressed=yes
[ -z "$layerlab_is_busy" ] || {
    layerlab_is_busy=
    [ -z "${BASH_VERSION-}" ] || exit 130
    : "${layerlab_nothing:?}"
} 2> /dev/null' INT
trap 'command . "$layerlab_control/keep"' EXIT
layerlab_line='layerlab_is_busy=yes
[ -n "$layerlab_is_pressed" ] || { layerlab_after "$layerlab_last"; eval "$layerlab_typed"; layerlab_status=$?; }
layerlab_is_busy='
layerlab_after() { return "$1"; }
set -m 2> /dev/null
. "$1/restore"
while :; do
    layerlab_is_pressed=
    layerlab_is_read=
    # Dash calls it a failure as well when Ctrl-C has come while it has read the line.
    IFS=' ' read -r layerlab_manner layerlab_is_read layerlab_columns <&3 || [ -n "$layerlab_is_read" ] || {
        [ -n "$layerlab_is_pressed" ] || break
        continue
    }
    layerlab_typed=$(cat "$layerlab_control/typed")
    layerlab_last=$layerlab_status
    # That of a line that can't be read.
    layerlab_status=2
    case $layerlab_manner in
    terminal) command eval "$layerlab_line" 3<&- 4>&- 5>&- ;;
    piped) COLUMNS=$layerlab_columns LAYERLAB_LESSON_OUTPUT=$layerlab_control/output command eval "$layerlab_line" 3<&- 4>&- >&5 2>&1 5>&- ;;
    *) command eval "$layerlab_line" 3<&- 4>&- < /dev/null >&5 2>&1 5>&- ;;
    esac
    layerlab_is_busy=
    [ -z "$layerlab_is_pressed" ] || layerlab_status=130
    command . "$layerlab_control/keep"
    printf '%s\n' "$layerlab_status" >&4
done
"#;
