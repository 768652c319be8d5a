//! What each instruction does, in a learner's words, and what is special in one that is there.
//!
//! The texts are data; that there is one for each keyword is a test.

use serde::Serialize;

use super::error::Error;
use super::work::Work;
use crate::dockerfile::{Command, Healthcheck, Instruction, Run, Source};
use crate::machine::{DEFAULT_PATH, StepLabel};
use crate::tree::{Follow, TreePath};

/// What there is to say of an instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    pub keyword: &'static str,
    pub(crate) syntax: &'static str,
    /// A paragraph, in lines of at most a hundred columns; they can be filled anew.
    pub(crate) text: &'static str,
    /// One that works in the state at hand.
    pub(crate) example: &'static str,
    /// What is special in the step that was asked about.
    pub(crate) notes: Vec<String>,
}

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
        text: "Begins a stage: everything after it happens on top of this image. The image brings its layers (the\n\
               files) and its configuration (environment, command, user). `FROM scratch` begins with nothing at\n\
               all. A Dockerfile may have several stages; only the last becomes the image, and the others are\n\
               workshops from which `COPY --from=name` takes what is needed.",
        example: "FROM alpine:3.20 AS build",
    },
    Lesson {
        keyword: "RUN",
        syntax: "RUN command | RUN [\"program\", \"argument\"] | RUN <<EOF",
        text: "Starts a container on the state so far, runs the command in it, waits until it ends, and keeps what\n\
               it changed in the file system as a new layer. Nothing else survives: no process, no variable, no\n\
               `cd`. A command that ends with another status than 0 stops the build. The key is the command's\n\
               text, the environment and the state before; what the command fetches from the network is not in it.",
        example: "RUN mkdir -p /app/data && echo ready > /app/state",
    },
    Lesson {
        keyword: "COPY",
        syntax: "COPY [--from=stage] [--chown=user] [--chmod=mode] source… destination",
        text: "Copies files from the build context (the folder that is given to the build) or, with `--from`, from\n\
               another stage or image. Of a folder its contents are copied, not the folder itself. A destination\n\
               that ends with `/` is a folder. The files become a layer. Their contents, modes and owners are in\n\
               the key, their times are not: a file that is touched but not changed is still a hit.",
        example: "COPY src/ /app/src/",
    },
    Lesson {
        keyword: "ADD",
        syntax: "ADD [--chown=user] [--chmod=mode] source… destination",
        text: "Does what COPY does, and unpacks a local tar archive on the way. COPY says more clearly what will\n\
               happen, so ADD is best kept for archives.",
        example: "ADD rootfs.tar.gz /",
    },
    Lesson {
        keyword: "WORKDIR",
        syntax: "WORKDIR path",
        text: "Sets the folder in which RUN, CMD and ENTRYPOINT start and from which relative destinations of COPY\n\
               count. A folder that is not there is made, which is a layer. A relative path begins at the WORKDIR\n\
               before. `RUN cd` does not do this: the shell that changed its folder ends with its RUN.",
        example: "WORKDIR /app",
    },
    Lesson {
        keyword: "ENV",
        syntax: "ENV name=value…",
        text: "Sets environment variables for the instructions that follow and for every container of the image.\n\
               Later instructions can use them as `$name`. They are in the key of each RUN after them, so that a\n\
               changed value runs those again.",
        example: "ENV LANG=C.UTF-8",
    },
    Lesson {
        keyword: "ARG",
        syntax: "ARG name[=default]",
        text: "Declares a variable that exists while the image is built and is not in the image; `--build-arg\n\
               name=value` sets it. It counts from its line to the end of its stage. An ARG before the first FROM\n\
               is for FROM lines only; a stage that wants it declares it again. It is not a place for secrets:\n\
               RUN leaves its value in the history.",
        example: "ARG VERSION=1.0",
    },
    Lesson {
        keyword: "LABEL",
        syntax: "LABEL name=value…",
        text: "Notes something about the image for people and tools: who maintains it, where its source is. It\n\
               changes the configuration only, makes no layer, and does not disturb the cache of what follows.",
        example: "LABEL org.opencontainers.image.source=\"https://example.org/app\"",
    },
    Lesson {
        keyword: "CMD",
        syntax: "CMD [\"program\", \"argument\"] | CMD command",
        text: "Says what a container of the image runs when nobody says otherwise. It runs nothing now. Only the\n\
               last CMD counts. With an ENTRYPOINT it holds the arguments to that. In the form with brackets the\n\
               program is started as it is; without them by a shell, which then is process 1 and gets the signals.",
        example: "CMD [\"nginx\", \"-g\", \"daemon off;\"]",
    },
    Lesson {
        keyword: "ENTRYPOINT",
        syntax: "ENTRYPOINT [\"program\", \"argument\"] | ENTRYPOINT command",
        text: "Says which program a container of the image is. What is written after the image's name when it is\n\
               started goes to this program as arguments, in place of CMD. A new ENTRYPOINT drops the CMD that the\n\
               base image had.",
        example: "ENTRYPOINT [\"/usr/bin/curl\"]",
    },
    Lesson {
        keyword: "EXPOSE",
        syntax: "EXPOSE port[/protocol]…",
        text: "Notes on which ports the program listens. It opens nothing: whoever starts the container publishes\n\
               ports, with `-p`, or all of the noted ones with `-P`.",
        example: "EXPOSE 8080",
    },
    Lesson {
        keyword: "USER",
        syntax: "USER name|uid[:group|gid]",
        text: "Sets who RUN, CMD and ENTRYPOINT run as from here on. A name has to be in the image's /etc/passwd; a\n\
               number need not. Files of COPY stay root's unless `--chown` says otherwise.",
        example: "USER 1000:1000",
    },
    Lesson {
        keyword: "VOLUME",
        syntax: "VOLUME path…",
        text: "Marks folders whose content does not belong to the image: each container gets an empty volume there,\n\
               filled with what the image has at the place.",
        example: "VOLUME /var/lib/data",
    },
    Lesson {
        keyword: "SHELL",
        syntax: "SHELL [\"program\", \"argument\"]",
        text: "Sets the shell by which RUN, CMD and ENTRYPOINT without brackets are run. It is `/bin/sh -c` at\n\
               first.",
        example: "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]",
    },
    Lesson {
        keyword: "STOPSIGNAL",
        syntax: "STOPSIGNAL signal",
        text: "Sets the signal that asks a container of the image to end. Without it, it is SIGTERM.",
        example: "STOPSIGNAL SIGQUIT",
    },
    Lesson {
        keyword: "HEALTHCHECK",
        syntax: "HEALTHCHECK [--interval=30s] [--timeout=30s] [--retries=3] CMD command | HEALTHCHECK NONE",
        text: "Says by which command a running container can be asked whether it is well: status 0 means yes. NONE\n\
               takes away the check that the base image has.",
        example: "HEALTHCHECK --interval=1m CMD wget -q -O- http://localhost/ || exit 1",
    },
    Lesson {
        keyword: "ONBUILD",
        syntax: "ONBUILD instruction",
        text: "Stores an instruction in the image, which is not done now but in every build that begins FROM this\n\
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

/// What an instruction does; its keyword in any case. The example is one that needs nothing of an image.
pub(crate) fn explain(keyword: &str) -> Option<Explained> {
    let lesson = LESSONS.iter().find(|lesson| lesson.keyword.eq_ignore_ascii_case(keyword))?;
    let Lesson { keyword, syntax, text, example } = *lesson;
    Some(Explained { keyword, syntax, text, example, notes: Vec::new() })
}

/// What an instruction does, by its keyword; without one, what the step that comes next does.
pub(super) fn explain_here(work: &Work, keyword: Option<&str>) -> Result<Explained, Error> {
    let machine = work.machine.as_ref();
    let next =
        machine.and_then(|machine| Some((machine.label(machine.position())?, machine.instruction(machine.position()))));
    let (keyword, notes) = match (keyword, next) {
        (Some(keyword), _) => (keyword.to_uppercase(), Vec::new()),
        (None, Some((label, instruction))) => {
            let keyword = label.instruction.split_whitespace().next().unwrap_or_default().to_uppercase();
            (keyword, special(&label, instruction))
        }
        (None, None) => return Err(Error::NothingToExplain),
    };
    let mut explained = explain(&keyword).ok_or(Error::NoInstruction(keyword))?;
    explained.notes = notes;
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
        Instruction::Healthcheck(Healthcheck::None) => notes.push("the base image's check is switched off".into()),
        Instruction::Healthcheck(Healthcheck::Check { command, .. }) => form(command, &mut notes),
        Instruction::Arg(arg) => {
            for (name, default) in &arg.names {
                if default.is_none() {
                    notes.push(format!("`{name}` has no default: it is empty unless --build-arg sets it"));
                }
            }
        }
        Instruction::Workdir(workdir) if !workdir.path.raw.starts_with(['/', '$']) => {
            notes.push("the path is relative: it begins at the WORKDIR before".into());
        }
        Instruction::Maintainer(_) => notes.push("this form is old: prefer LABEL".into()),
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
        notes.push("`scratch` is not an image: the file system begins empty".into());
    } else if image.contains('$') {
        notes.push("`$…` is replaced by the value of an ARG before the first FROM".into());
    } else if !image.contains('@') && !image.rsplit('/').next().unwrap_or_default().contains(':') {
        notes.push("there is no tag, so `latest` is meant: what it is can change from one day to the next".into());
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
            notes.push("in brackets: the program is started without a shell, `$…` is not replaced".into())
        }
        Command::Heredocs { documents, .. } => {
            let is_script = documents.first().is_some_and(|document| document.content.starts_with("#!"));
            let by = if is_script { "a script with its own interpreter" } else { "a script for the shell" };
            notes.push(format!("the lines up to the end mark are {by}: one step, one layer"));
        }
    }
    if !run.mounts.is_empty() {
        notes.push("`--mount` is there while the command runs, and not in the layer".into());
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
        notes.push(
            "`.` is the whole context: every file that changes makes it miss; `.dockerignore` leaves files out".into(),
        );
    }
    if !destination.starts_with(['/', '$']) {
        notes.push("the destination is relative: it begins at WORKDIR".into());
    }
}

fn form(command: &Command, notes: &mut Vec<String>) {
    notes.push(match command {
        Command::Exec(_) => "in brackets: the program is started as it is, without a shell".into(),
        Command::Shell(_) | Command::Heredocs { .. } => "without brackets: a shell runs it, and is process 1".into(),
    });
}

#[cfg(test)]
mod tests {
    use super::explain;
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
