//! What each instruction does, in a learner's words, and what is special about a particular one.
//!
//! The texts are data; that there is one for each keyword is a test.

use super::concept::{self, CONCEPTS, Explained};
use super::error::Error;
use super::work::Work;
use crate::diagnostic::closest;
use crate::dockerfile::{Command, Healthcheck, Instruction, KEYWORDS, Run, Source};
use crate::machine::{DEFAULT_PATH, StepLabel};
use crate::tree::{Follow, TreePath};

/// A text on one instruction.
struct Lesson {
    keyword: &'static str,
    syntax: &'static str,
    text: &'static str,
    example: &'static str,
}

const LESSONS: &[Lesson] = &[
    Lesson {
        keyword: "FROM",
        syntax: "FROM image[:tag] [AS name]",
        text: "Begins a stage: everything after it builds on this image. The image brings its layers (the files)\n\
               and its configuration (environment, command, user). `FROM scratch` starts with nothing at all. A\n\
               Dockerfile may have several stages; only the last one becomes the image, and the others are\n\
               intermediate: `COPY --from=name` copies from them what is needed.",
        example: "FROM alpine AS build",
    },
    Lesson {
        keyword: "RUN",
        syntax: "RUN command | RUN [\"program\", \"argument\"] | RUN <<EOF",
        text: "Starts a container on the state so far, runs the command in it, waits for it to end, and keeps what\n\
               it changed in the file system as a new layer. Nothing else survives: no process, no variable, no\n\
               `cd`. If the exit status is not 0, the build stops. The key is made of the command's text, the\n\
               environment and the files before; a changed LABEL or CMD before it is not in it, nor is what the\n\
               command fetches from the network.",
        example: "RUN mkdir -p /app/data && echo ready > /app/state",
    },
    Lesson {
        keyword: "COPY",
        syntax: "COPY [--from=stage] [--chown=user] [--chmod=mode] source… destination",
        text: "Copies files from the build context (the folder given to the build) or, with `--from`, from another\n\
               stage or image. Of a folder it copies the contents, not the folder itself. A destination that ends\n\
               with `/` is a folder. The files become a layer. Their names, contents and modes are in the key, but\n\
               not their times, nor who owns them on your machine: a file that was only touched is still a hit.",
        example: "COPY src/ /app/src/",
    },
    Lesson {
        keyword: "ADD",
        syntax: "ADD [--chown=user] [--chmod=mode] source… destination",
        text: "Does what COPY does, but unpacks local tar archives, and takes URLs. Every build asks the server\n\
               whether the file has changed; `--checksum=sha256:…` says what it has to be. COPY is clearer about\n\
               what will happen, so keep ADD for archives and URLs.",
        example: "ADD rootfs.tar.gz /",
    },
    Lesson {
        keyword: "WORKDIR",
        syntax: "WORKDIR path",
        text: "Sets the folder in which RUN, CMD and ENTRYPOINT start, and in which relative destinations of COPY\n\
               begin. If the folder does not exist, it is made, which adds a layer. A relative path begins at the\n\
               previous WORKDIR. `RUN cd` does not do this: the shell that changed its folder ends with its RUN.",
        example: "WORKDIR /app",
    },
    Lesson {
        keyword: "ENV",
        syntax: "ENV name=value…",
        text: "Sets environment variables for the instructions that follow and for every container of the image.\n\
               Later instructions can use them as `$name`. They are in the key of each RUN after them, so a changed\n\
               value runs those again.",
        example: "ENV LANG=C.UTF-8",
    },
    Lesson {
        keyword: "ARG",
        syntax: "ARG name[=default]",
        text: "Declares a variable that exists during the build but not in the image; `--build-arg name=value` sets\n\
               it. It is valid from its line to the end of its stage. An ARG before the first FROM is for FROM\n\
               lines only; a stage that wants it declares it again. Do not use it for secrets: RUN leaves its value\n\
               in the history.",
        example: "ARG VERSION=1.0",
    },
    Lesson {
        keyword: "LABEL",
        syntax: "LABEL name=value…",
        text: "Notes something about the image for people and tools: who maintains it, where its source is. It only\n\
               changes the configuration, makes no layer, and does not affect the cache of what follows.",
        example: "LABEL org.opencontainers.image.source=\"https://example.org/app\"",
    },
    Lesson {
        keyword: "CMD",
        syntax: "CMD [\"program\", \"argument\"] | CMD command",
        text: "Sets what a container of the image runs by default. Nothing runs now. Only the last CMD counts. With\n\
               an ENTRYPOINT in brackets, CMD holds its arguments. With brackets, the program is started directly; without\n\
               them, by a shell, which is then process 1 and receives the signals.",
        example: "CMD [\"ls\", \"-l\", \"/\"]",
    },
    Lesson {
        keyword: "ENTRYPOINT",
        syntax: "ENTRYPOINT [\"program\", \"argument\"] | ENTRYPOINT command",
        text: "Sets the program that every container of the image runs. With brackets, what follows the image's\n\
               name on the command line becomes its arguments, instead of CMD. Without them a shell runs it, which\n\
               ignores both CMD and those arguments. A new ENTRYPOINT drops the CMD of the base image.",
        example: "ENTRYPOINT [\"/bin/echo\", \"hello\"]",
    },
    Lesson {
        keyword: "EXPOSE",
        syntax: "EXPOSE port[/protocol]…",
        text: "Notes which ports the program listens on. It opens nothing: whoever starts the container publishes\n\
               ports, with `-p`, or all the noted ones with `-P`.",
        example: "EXPOSE 8080",
    },
    Lesson {
        keyword: "USER",
        syntax: "USER name|uid[:group|gid]",
        text: "Sets the user for RUN, CMD and ENTRYPOINT from here on. A name must be in the image's /etc/passwd; a\n\
               number need not be. COPY still gives files to root unless `--chown` says otherwise.",
        example: "USER 1000:1000",
    },
    Lesson {
        keyword: "VOLUME",
        syntax: "VOLUME path…",
        text: "Marks folders whose content does not belong to the image: each container gets a new volume there,\n\
               filled with what the image has in that folder.",
        example: "VOLUME /var/lib/data",
    },
    Lesson {
        keyword: "SHELL",
        syntax: "SHELL [\"program\", \"argument\"]",
        text: "Sets the shell that runs RUN, CMD and ENTRYPOINT without brackets. The default is `/bin/sh -c`.",
        example: "SHELL [\"/bin/sh\", \"-e\", \"-c\"]",
    },
    Lesson {
        keyword: "STOPSIGNAL",
        syntax: "STOPSIGNAL signal",
        text: "Sets the signal that asks a container of the image to end. The default is SIGTERM.",
        example: "STOPSIGNAL SIGQUIT",
    },
    Lesson {
        keyword: "HEALTHCHECK",
        syntax: "HEALTHCHECK [--interval=30s] [--timeout=30s] [--retries=3] CMD command | HEALTHCHECK NONE",
        text: "Sets a command that checks whether a running container is healthy: status 0 means yes. NONE removes\n\
               the check of the base image.",
        example: "HEALTHCHECK --interval=1m CMD wget -q -O- http://localhost/ || exit 1",
    },
    Lesson {
        keyword: "ONBUILD",
        syntax: "ONBUILD instruction",
        text: "Stores an instruction in the image. It does not run now but in every build that begins FROM this\n\
               image, directly after its FROM. Such steps are marked here as coming from the base image.",
        example: "ONBUILD COPY . /app",
    },
    Lesson {
        keyword: "MAINTAINER",
        syntax: "MAINTAINER name",
        text: "Notes the author. It is an old form: `LABEL maintainer=\"name\"` says the same.",
        example: "MAINTAINER Ada Lovelace <ada@example.org>",
    },
];

/// How the package managers of distributions are called in a RUN, by their names.
const INSTALLATIONS: &[(&str, &str)] = &[
    ("apk", "RUN apk add --no-cache curl"),
    ("apt-get", "RUN apt-get update && apt-get install -y curl"),
    ("dnf", "RUN dnf install -y curl"),
    ("microdnf", "RUN microdnf install -y curl"),
    ("zypper", "RUN zypper install -y curl"),
];

/// What an instruction does, or what a word means.
///
/// # Errors
/// [`Error::NotExplained`].
pub(crate) fn explain(word: &str) -> Result<Explained, Error> {
    concept::explain(word).or_else(|| instruction(word)).ok_or_else(|| Error::NotExplained(word.to_owned()))
}

/// All that is explained, in sentences.
pub(crate) fn explainable() -> String {
    format!(
        "The words are {}.\nEvery instruction is explained, too: {}.\n`layerlab explain WORD` explains one.\n",
        CONCEPTS.join(", "),
        KEYWORDS.join(", ")
    )
}

/// What was probably meant by a word that is not explained.
pub(crate) fn near(word: &str) -> String {
    let instruction = || closest(&word.to_uppercase(), KEYWORDS);
    let meant = match word.chars().all(char::is_uppercase) {
        true => instruction().or_else(|| closest(&word.to_lowercase(), CONCEPTS)),
        false => closest(&word.to_lowercase(), CONCEPTS).or_else(instruction),
    };
    match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the words are {}; and each instruction, such as `COPY`", CONCEPTS.join(", ")),
    }
}

/// What an instruction does; its keyword in any case. The example is one that needs nothing of an image.
fn instruction(keyword: &str) -> Option<Explained> {
    let lesson = LESSONS.iter().find(|lesson| lesson.keyword.eq_ignore_ascii_case(keyword))?;
    let Lesson { keyword, syntax, text, example } = *lesson;
    Some(Explained { keyword, syntax, text, example, notes: Vec::new() })
}

/// What an instruction does, by its keyword, or what a word means; without one, what the step that comes next does.
pub(super) fn explain_here(work: &Work, keyword: Option<&str>) -> Result<Explained, Error> {
    if let Some(explained) = keyword.and_then(concept::explain) {
        return Ok(explained);
    }
    let unknown = |word: &str| Error::NotExplained(word.to_owned());
    let machine = work.machine.as_ref();
    let next =
        machine.and_then(|machine| Some((machine.label(machine.position())?, machine.instruction(machine.position()))));
    let mut explained = match (keyword, next) {
        (Some(keyword), _) => instruction(keyword).ok_or_else(|| unknown(keyword))?,
        (None, Some((label, instruction))) => {
            let explained = self::instruction(label.keyword).ok_or_else(|| unknown(label.keyword))?;
            Explained { notes: special(&label, instruction), ..explained }
        }
        (None, None) => return Err(Error::NothingToExplain),
    };
    if explained.keyword == "RUN"
        && let Some(installation) = installation(work)
    {
        explained.example = installation;
    }
    Ok(explained)
}

/// The RUN that installs a program in the state at hand, where that has a package manager.
fn installation(work: &Work) -> Option<&'static str> {
    let state = work.current().ok()?;
    let tree = work.machine.as_ref()?.tree(&state).ok()?;
    let path = state.variable("PATH").unwrap_or(DEFAULT_PATH);
    let is_there = |program: &str| {
        path.split(':').any(|folder| tree.resolve(&TreePath::new(folder).join(program), Follow::Last).is_ok())
    };
    INSTALLATIONS.iter().find(|(program, _)| is_there(program)).map(|(_, example)| *example)
}

/// What is worth knowing about one step.
fn special(label: &StepLabel, instruction: Option<&Instruction>) -> Vec<String> {
    let mut notes = Vec::new();
    if label.trigger {
        notes.push("the base image has this instruction as an ONBUILD trigger".into());
    }
    let instruction = match instruction {
        Some(instruction) => instruction,
        None => {
            from(&label.instruction, &mut notes);
            return notes;
        }
    };
    match instruction {
        Instruction::Run(run) => self::run(run, &mut notes),
        Instruction::Copy(copy) => {
            if let Some(from) = &copy.from {
                notes.push(format!("the files come from `{}`, not from the build context", from.raw));
            }
            sources(&copy.sources, &copy.destination.raw, &mut notes);
            if let Some(owner) = &copy.chown {
                notes.push(format!("`--chown={}`: the files are not root's", owner.raw));
            }
            if copy.chmod.is_some() {
                notes.push("`--chmod`: the files get this mode instead of their own".into());
            }
            if copy.link {
                notes.push("`--link`: the layer does not depend on what is below it".into());
            }
        }
        Instruction::Add(add) => sources(&add.sources, &add.destination.raw, &mut notes),
        Instruction::Cmd(cmd) => form(&cmd.command, &mut notes),
        Instruction::Entrypoint(entrypoint) => form(&entrypoint.command, &mut notes),
        Instruction::Healthcheck(Healthcheck::None) => notes.push("the base image's check is removed".into()),
        Instruction::Healthcheck(Healthcheck::Check { command, .. }) => form(command, &mut notes),
        Instruction::Arg(arg) => {
            for (name, default) in &arg.names {
                if default.is_none() {
                    notes.push(format!("`{name}` has no default: it is empty unless --build-arg sets it"));
                }
            }
        }
        Instruction::Workdir(workdir) if !workdir.path.raw.starts_with(['/', '$']) => {
            notes.push("the path is relative: it begins at the previous WORKDIR".into());
        }
        Instruction::Maintainer(_) => notes.push("this form is old: use LABEL".into()),
        Instruction::Onbuild(onbuild) => {
            let trigger = onbuild.instruction.as_ref().map_or("the instruction", |trigger| trigger.text.as_str());
            notes.push(format!("nothing happens now; `{trigger}` runs in builds FROM this image"));
        }
        Instruction::Env(_)
        | Instruction::Expose(_)
        | Instruction::Label(_)
        | Instruction::Shell(_)
        | Instruction::Stopsignal(_)
        | Instruction::User(_)
        | Instruction::Volume(_)
        | Instruction::Workdir(_) => {}
    }
    if label.instruction.contains('$')
        && !matches!(instruction, Instruction::Run(_) | Instruction::Cmd(_) | Instruction::Entrypoint(_))
    {
        notes.push("`$…` is replaced by the value of an ARG or ENV".into());
    }
    notes
}

fn from(text: &str, notes: &mut Vec<String>) {
    let image = text.split_whitespace().skip(1).find(|word| !word.starts_with("--")).unwrap_or_default();
    if image == "scratch" {
        notes.push("`scratch` is not an image: the file system starts empty".into());
    } else if image.contains('$') {
        notes.push("`$…` is replaced by the value of an ARG before the first FROM".into());
    } else if !image.contains('@') && !image.rsplit('/').next().unwrap_or_default().contains(':') {
        notes.push("there is no tag, so it means `latest`, which can change from one day to the next".into());
    }
    if text.split_whitespace().any(|word| word.eq_ignore_ascii_case("as")) {
        notes.push("the stage has a name: other stages can copy from it".into());
    }
}

fn run(run: &Run, notes: &mut Vec<String>) {
    match &run.command {
        Command::Shell(line) => {
            notes.push("the text is run by the state's shell, `/bin/sh -c` unless SHELL says otherwise".into());
            if line.contains("&&") {
                notes.push("`&&` joins commands into one step: one layer, and the first failure stops it".into());
            }
            if line.trim_start().starts_with("cd ") && !line.contains("&&") {
                notes.push("`cd` ends with this step; WORKDIR lasts".into());
            }
        }
        Command::Exec(_) => {
            notes.push("in brackets: the program starts without a shell, so `$…` is not replaced".into())
        }
        Command::Heredocs { documents, .. } => {
            let is_script = documents.first().is_some_and(|document| document.content.starts_with("#!"));
            let by = if is_script { "a script with its own interpreter" } else { "a script for the shell" };
            notes.push(format!("the lines up to the end marker are {by}: one step, one layer"));
        }
    }
    if !run.mounts.is_empty() {
        notes.push("`--mount` exists while the command runs, but is not in the layer".into());
    }
    if run.network.is_some() {
        notes.push("`--network` sets which network the command has".into());
    }
}

fn sources(sources: &[Source], destination: &str, notes: &mut Vec<String>) {
    if sources.iter().any(|source| matches!(source, Source::Heredoc(_))) {
        notes.push("a source is written in the Dockerfile itself".into());
    }
    let has_pattern = |source: &Source| matches!(source, Source::Path(word) if word.raw.contains(['*', '?', '[']));
    if sources.iter().any(has_pattern) {
        notes.push("a pattern is replaced by the files that match it".into());
    }
    if sources.iter().any(|source| matches!(source, Source::Path(word) if word.raw == ".")) {
        notes.push("`.` is the whole context: any changed file makes it miss; `.dockerignore` excludes files".into());
    }
    if !destination.starts_with(['/', '$']) {
        notes.push("the destination is relative: it begins at WORKDIR".into());
    }
}

fn form(command: &Command, notes: &mut Vec<String>) {
    notes.push(match command {
        Command::Exec(_) => "in brackets: the program starts directly, without a shell".into(),
        Command::Shell(_) | Command::Heredocs { .. } => "without brackets: a shell runs it, and is process 1".into(),
    });
}

#[cfg(test)]
mod tests {
    use super::instruction as explain;
    use crate::dockerfile::KEYWORDS;

    #[test]
    fn every_instruction_is_explained() {
        for keyword in KEYWORDS {
            let explained = explain(keyword).expect(keyword);
            assert!(explained.syntax.starts_with(keyword) && explained.example.starts_with(keyword), "{explained:?}");
        }
        assert!(explain("copy").is_some() && explain("NOPE").is_none());
    }
}
