//! What people type who know another debugger, Docker, git or a shell: what it does here, or how it is called here.
//!
//! A habit that is harmless stands for a command of ours; one that could mean two things, or would change something that its user does
//! not expect, is answered by one line. Our own commands and the instructions come first: a word of theirs is never a habit.
//!
//! Read next: `meant`, which looks a line up in these tables.

/// What a habit comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The beginning of a line of ours; what follows the habit follows it, too.
    Is(&'static str),
    /// The same, but what follows it is dropped: it names something that does not exist here.
    Just(&'static str),
    /// One line that says how it is called here.
    Says(&'static str),
    /// A program that only looks: it runs in the state.
    Looks,
    /// A program that people run to change something, which `run` would throw away.
    Changes,
}
use Meaning::{Changes, Is, Just, Looks, Says};

/// Habits that have the same meaning. A habit is one to three words.
pub(super) type Entry = (&'static [&'static str], Meaning);

const DEBUGGERS: &[Entry] = &[
    (
        &["r"],
        Says("`continue` runs to the next breakpoint, `reload` reads the files again, `restart` goes to the beginning"),
    ),
    (&["si", "stepi", "ni", "nexti", "step-in", "step-over", "stepin", "stepover"], Is("step")),
    (&["thread step-in", "thread step-over", "thread step-inst"], Just("step")),
    (&["fin", "out", "step-out", "return", "thread step-out"], Just("finish")),
    (&["undo", "reverse-step", "reverse-next", "reverse-stepi", "rs", "rn", "rsi", "prev", "previous"], Is("back")),
    (&["reverse-continue", "rc", "rewind"], Says("`back N` goes back N steps, `restart` to the beginning")),
    (&["start", "rerun"], Just("restart")),
    (&["process continue", "cont", "resume"], Just("continue")),
    (&["process launch"], Says("`continue` runs to the next breakpoint, `launch` runs the image")),
    (
        &["until", "unt", "advance", "jump", "j", "thread until"],
        Says("`goto N` goes to step N, `goto :LINE` to a line"),
    ),
    (&["kill", "stop"], Says("Ctrl-C stops a step that is running; `restart` goes back to the beginning")),
    (&["breakpoint set", "tbreak", "tb", "catch", "rbreak", "hbreak"], Says("`break` sets a breakpoint: `help break`")),
    (&["breakpoint list", "breakpoints", "info breakpoints"], Just("break")),
    (&["breakpoint delete", "br del", "cl"], Is("delete")),
    (&["breakpoint disable"], Is("disable")),
    (&["breakpoint enable"], Is("enable")),
    (&["condition", "ignore"], Says("a condition is given with the breakpoint: `break N if miss`")),
    (&["watch", "rwatch", "awatch", "watchpoint"], Says("`break miss` stops at a change, `break /TEXT/` at a text")),
    (&["bt", "backtrace", "thread backtrace", "info stack"], Just("history")),
    (&["where", "frame", "f", "info line", "info source", "info frame", "status"], Just("list")),
    (&["ll", "longlist", "source list", "disassemble", "disas", "layout", "tui"], Just("list all")),
    (&["up", "down"], Says("there are no frames: `back N` and `goto N` move between states, `diff A B` compares two")),
    (
        &["info", "i", "show"],
        Says("`break` lists breakpoints, `list` steps, `env` variables; `config`, `layers`, `history` show the state"),
    ),
    (&["info locals", "info args", "info variables", "frame variable", "args", "printenv", "vars"], Just("env")),
    (&["info registers", "info threads", "register read", "thread list", "threads"], Just("config")),
    (&["info files", "info sharedlibrary", "image list"], Just("layers")),
    (
        &["print", "pp", "po", "expr", "expression", "call", "output", "ptype", "whatis"],
        Says("`env` lists the variables, `config` the configuration; `run echo \"$NAME\"` prints one variable"),
    ),
    (&["display", "undisplay"], Says("every step shows what it changed; `diff` shows the last one again")),
    (&["set", "setvar", "export", "unset"], Says("`ENV NAME=value` is an instruction: it is a step of its own")),
    (&["detach", "core", "signal", "handle", "target", "file", "symbol-file"], Says(STEPS)),
    (
        &["interact", "python", "script", "lua"],
        Says("`shell` opens a shell in the state, `run COMMAND` runs a command"),
    ),
    (&["apropos", "commands", "man", "info help", "--help", "-h"], Is("help")),
    (&["q!", ":q", ":q!", ":quit", "bye", "logout", "quit()", "exit()", "EOF"], Just("quit")),
];

const STEPS: &str = "what is debugged are the Dockerfile's steps; `help` lists the commands";

const DOCKER: &[Entry] = &[
    (&["ps", "container ls", "container list", "top", "stats", "port", "events", "container"], Says(CONTAINERS)),
    (&["exec", "container exec"], Says("`run COMMAND` runs a command in the state, `shell` opens a shell in it")),
    (&["logs", "attach"], Says("what a container prints is shown here while it runs, and `save` keeps it")),
    (&["start", "stop", "kill", "rm", "restart", "wait", "pause", "unpause", "create", "rename"], Says(CONTAINERS)),
    (&["pull", "image pull"], Says("FROM pulls what is not in the store; `layerlab pull` in a shell pulls an image")),
    (
        &["push", "image push", "login", "logout", "search"],
        Says("registries are the business of `layerlab` in a shell: `layerlab login`, `layerlab push`"),
    ),
    (&["images", "image ls", "image list"], Says("`layerlab images` in a shell lists the images")),
    (&["image", "rmi", "image rm", "load", "import", "save", "export"], Says(IN_A_SHELL)),
    (
        &["prune", "system prune", "image prune", "builder prune", "system df", "system"],
        Says("`layerlab system` in a shell says what takes up space, and makes room"),
    ),
    (
        &["build", "buildx", "buildx build", "builder", "compose build"],
        Says("`continue` takes all steps and writes the image, `tag NAME` names it"),
    ),
    (&["commit"], Says("every step is kept as a layer; `tag NAME` makes an image of this state")),
    (&["run"], Says("`run COMMAND` runs a command in this state, `launch` runs the image")),
    (&["inspect", "image inspect"], Is("config")),
    (&["history", "image history"], Is("history")),
    (&["diff"], Is("diff")),
    (&["cp"], Says("`COPY FILE /PATH` copies into the image; `cat /PATH | cat > FILE` copies out of it")),
    (&["tag"], Says("`tag NAME` names this state; it needs no source")),
    (&["version", "info", "--version", "-v"], Says("`layerlab --version` in a shell says the version")),
    (&["network", "volume"], Says("they are managed from a shell: `layerlab network` and `layerlab volume`")),
    (
        &["compose", "swarm", "service", "stack", "secret", "context"],
        Says("there are none here yet: `launch` runs one container of the image"),
    ),
];

const CONTAINERS: &str = "a container runs in the foreground here and is gone when it ends: `run`, `shell` and `launch` start one; in a shell, `layerlab ps` \
     lists the others";
const IN_A_SHELL: &str = "images are managed from a shell: `layerlab --help` lists the commands";

const GIT: &[Entry] = &[
    (&["status", "branch"], Just("list")),
    (&["diff", "show"], Just("diff")),
    (&["log", "reflog"], Just("history")),
    (&["blame", "bisect"], Says("`why N` says what a step depends on, and what changed")),
    (
        &["commit", "add", "stash"],
        Says("every step is kept; `tag NAME` names this state, `write` saves the Dockerfile"),
    ),
    (
        &["checkout", "switch", "revert", "reset", "restore", "rebase"],
        Says("`back N` and `goto N` move between states; nothing is lost"),
    ),
    (
        &["pull", "push", "fetch", "clone", "merge", "init"],
        Says("git works in a shell; `reload` reads its changes here"),
    ),
    (&["tag"], Is("tag")),
];

const EDITORS_AND_SHELLS: &[Entry] = &[
    (&["vim", "vi", "nvim", "nano", "emacs", "code", "ed", "micro", ":e"], Is("edit")),
    (&[":w", ":w!"], Is("write")),
    (&[":wq", "wq", ":x", "ZZ"], Says("`write` saves the Dockerfile, then `quit` leaves")),
    (&["less", "more", "bat", "type", "view"], Is("cat")),
    (&["dir", "l", "la", "exa", "lsd"], Is("ls")),
    (&["pwd"], Says("`ls` lists the working directory; `config` names it as WorkingDir")),
    (
        &["cd", "pushd", "popd", "chdir"],
        Says("the prompt stays where WORKDIR is: name the whole path, such as `ls /etc`"),
    ),
    (&["bash -c", "zsh -c", "ash -c", "dash -c", "/bin/sh -c", "/bin/bash -c"], Is("run")),
    (&["bash", "zsh", "ash", "fish", "dash", "/bin/sh", "/bin/bash"], Is("shell")),
    (&["clear", "cls", "reset"], Says("Ctrl-L empties the screen")),
    (&["sudo", "su", "doas"], Says("`USER` says who runs a RUN; the base image's user is root")),
    (
        &["alias", "source", ".", "eval", "if", "for", "while", "test", "[", "cd.."],
        Says("`run COMMAND` takes a line for the state's own shell"),
    ),
    (
        &["jobs", "fg", "bg", "nohup"],
        Says("nothing runs in the background: a command ends before the prompt comes back"),
    ),
    (&["!!"], Says("Enter repeats the last move, arrow up shows earlier lines")),
    (&["git"], Says("git works in a shell; `reload` reads its changes here")),
    (
        &["docker", "podman", "nerdctl", "buildah", "kubectl", "layerlab"],
        Says("this is a prompt inside a build: `help` lists its commands; `quit` leaves, then type it in your shell"),
    ),
    (
        &[
            "echo",
            "grep",
            "egrep",
            "find",
            "head",
            "tail",
            "wc",
            "stat",
            "du",
            "which",
            "id",
            "whoami",
            "uname",
            "date",
            "sha256sum",
            "md5sum",
            "hostname",
            "readlink",
            "realpath",
            "strings",
            "od",
            "xxd",
            "sort",
            "df",
            "free",
            "groups",
        ],
        Looks,
    ),
    (
        &[
            "apt", "apt-get", "apk", "yum", "dnf", "pacman", "pip", "pip3", "npm", "npx", "yarn", "node", "python3",
            "ruby", "go", "cargo", "make", "cmake", "gcc", "java", "mvn", "gradle", "mkdir", "rmdir", "touch", "rm",
            "mv", "cp", "ln", "chmod", "chown", "sed", "awk", "tar", "unzip", "curl", "wget", "useradd", "adduser",
            "addgroup", "mount", "dd", "tee", "ssh", "ping",
        ],
        Changes,
    ),
];

/// The programs whose own words follow them.
pub(super) const PREFIXES: &[(&[&str], &[Entry])] =
    &[(&["docker", "podman", "nerdctl", "layerlab"], DOCKER), (&["git"], GIT)];

/// The tables of habits that stand alone, the nearest first: this is a debugger.
pub(super) const ALONE: &[&[Entry]] = &[DEBUGGERS, EDITORS_AND_SHELLS, DOCKER, GIT];
