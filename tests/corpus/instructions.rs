//! instructions/: whole files and single instructions that are accepted or refused.

use layerlab::diagnostic::Diagnostic;
use layerlab::dockerfile::mount::{Mount, ResolvedMount};
use layerlab::dockerfile::{
    self, Arg, Command, Dockerfile, Healthcheck, Heredoc, Instruction, Located, Network, Security, Separator, Source,
    Stage, Word,
};
use layerlab::source::SourceFile;
use serde_json::{Map, Value, json};

use crate::report::{self, Outcome, Report};

#[test]
fn instructions() {
    let Some(folder) = report::folder("instructions") else {
        return;
    };
    let mut report = Report::new("instructions");
    for case in report::cases(&folder, "ok.json") {
        report.case(case["name"].as_str().unwrap(), || accepted(&case));
    }
    for case in report::cases(&folder, "errors.json") {
        report.case(case["name"].as_str().unwrap(), || refused(&case));
    }
    report.finish();
}

fn accepted(case: &Value) -> Outcome {
    let source = SourceFile::new("Dockerfile", case["dockerfile"].as_str().unwrap());
    if case["scope"] == "instruction" {
        return match dockerfile::parse_instruction(&source).into_instruction() {
            Ok(instruction) => compare_fields(&case["instruction"], &located(&instruction)),
            Err(errors) => unexpected(&errors, &source),
        };
    }
    match dockerfile::parse(&source).into_dockerfile() {
        Ok(dockerfile) => compare_file(case, &dockerfile),
        Err(errors) => unexpected(&errors, &source),
    }
}

fn unexpected(errors: &[Diagnostic], source: &SourceFile) -> Outcome {
    Outcome::Failed(errors.iter().map(|error| error.render(Some(source))).collect())
}

fn refused(case: &Value) -> Outcome {
    let source = SourceFile::new("Dockerfile", case["dockerfile"].as_str().unwrap());
    let result = if case["scope"] == "instruction" {
        dockerfile::parse_instruction(&source).into_instruction().map(drop)
    } else {
        dockerfile::parse(&source).into_dockerfile().map(drop)
    };
    let Err(errors) = result else {
        return Outcome::Failed("expected an error".to_owned());
    };
    // The first of the line ranges is the innermost. Upstream counts the line of a directive from 0.
    let lines: Vec<u64> = serde_json::from_value(case["error_lines"][0].clone()).unwrap();
    let line = errors[0].span().map_or(0, |span| source.line_column(span.start).0) as u64;
    let of_directive = lines == [line - 1] && source.line_text(line as usize).starts_with('#');
    if lines.contains(&line) || of_directive {
        return Outcome::Passed;
    }
    Outcome::Failed(format!("expected an error in {lines:?}, got\n{}", errors[0].render(Some(&source))))
}

fn compare_file(case: &Value, dockerfile: &Dockerfile) -> Outcome {
    let meta_args: Vec<Value> =
        dockerfile.global_args.iter().map(|arg| finish("ARG", args(&arg.value, arg), arg)).collect();
    if let failed @ Outcome::Failed(_) = compare_fields(&case["meta_args"], &json!(meta_args)) {
        return failed;
    }
    let stages: Vec<Value> = dockerfile.stages.iter().map(stage).collect();
    compare_fields(&case["stages"], &json!(stages))
}

/// Compares field by field and names the first one that differs.
fn compare_fields(expected: &Value, actual: &Value) -> Outcome {
    match difference("", expected, actual) {
        None => Outcome::Passed,
        Some(difference) => Outcome::Failed(difference),
    }
}

fn difference(path: &str, expected: &Value, actual: &Value) -> Option<String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            let keys = expected.keys().chain(actual.keys().filter(|key| !expected.contains_key(*key)));
            keys.filter_map(|key| {
                let null = Value::Null;
                difference(
                    &format!("{path}.{key}"),
                    expected.get(key).unwrap_or(&null),
                    actual.get(key).unwrap_or(&null),
                )
            })
            .next()
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => expected
            .iter()
            .zip(actual)
            .enumerate()
            .find_map(|(index, (expected, actual))| difference(&format!("{path}[{index}]"), expected, actual)),
        _ if expected == actual => None,
        _ => Some(format!("{path}: expected {expected}\n       got {actual}")),
    }
}

fn stage(stage: &Stage) -> Value {
    let from = &stage.from;
    let keyword = from.text.split_whitespace().next().unwrap();
    let name = from.value.alias.clone().unwrap_or_default();
    json!({
        "base": from.value.image.raw,
        "name": name,
        "original_cmd": keyword,
        "platform": raw(&from.value.platform),
        "doc_comment": doc_comment(&from.comments, &name),
        "commands": stage.instructions.iter().map(located).collect::<Vec<_>>(),
    })
}

fn located(instruction: &Located<Instruction>) -> Value {
    let name = instruction.text.split_whitespace().next().unwrap();
    finish(name, fields(&instruction.value, instruction), instruction)
}

/// Adds what all instructions have.
fn finish<T>(name: &str, fields: Value, located: &Located<T>) -> Value {
    let mut fields: Map<String, Value> = serde_json::from_value(fields).unwrap();
    fields.insert("_name".to_owned(), json!(name));
    fields.insert("_string".to_owned(), json!(located.text));
    fields.insert("_lines".to_owned(), json!((located.lines.0..=located.lines.1).collect::<Vec<_>>()));
    json!(fields)
}

fn doc_comment(comments: &[String], name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    let prefix = format!("{name} ");
    comments.iter().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
}

fn raw(word: &Option<Word>) -> String {
    word.as_ref().map(|word| word.raw.clone()).unwrap_or_default()
}

fn raws(words: &[Word]) -> Value {
    if words.is_empty() { Value::Null } else { json!(words.iter().map(|word| &word.raw).collect::<Vec<_>>()) }
}

fn args<T>(arg: &Arg, located: &Located<T>) -> Value {
    let args: Vec<Value> = arg
        .names
        .iter()
        .map(|(name, value)| {
            json!({
                "Key": name,
                "Value": value.as_ref().map(|word| &word.raw),
                "DocComment": doc_comment(&located.comments, name),
            })
        })
        .collect();
    json!({ "Args": args })
}

fn pairs(pairs: &[(Word, Word)], separator: Separator) -> Value {
    pairs
        .iter()
        .map(|(name, value)| json!({"Key": name.raw, "Value": value.raw, "NoDelim": separator == Separator::Space}))
        .collect()
}

/// The paths and the documents among sources.
fn sources(sources: &[Source]) -> (Value, Value) {
    let mut paths = Vec::new();
    let mut contents = Vec::new();
    for source in sources {
        match source {
            Source::Path(word) => paths.push(word.clone()),
            Source::Heredoc(heredoc) => contents.push(json!({
                "Path": heredoc.name, "Data": heredoc.document(), "Expand": heredoc.expand,
            })),
        }
    }
    (raws(&paths), if contents.is_empty() { Value::Null } else { json!(contents) })
}

fn command(command: &Command, empty_as_null: bool) -> Value {
    let (line, shell, files): (Vec<&str>, bool, &[Heredoc]) = match command {
        Command::Shell(line) if line.is_empty() => (vec![], true, &[]),
        Command::Shell(line) => (vec![line], true, &[]),
        Command::Exec(arguments) => (arguments.iter().map(String::as_str).collect(), false, &[]),
        Command::Heredocs { line, documents } => (vec![line], true, documents),
    };
    let files: Vec<Value> =
        files.iter().map(|file| json!({"Name": file.name, "Data": file.content, "Chomp": file.chomp})).collect();
    json!({
        "CmdLine": if line.is_empty() && empty_as_null { Value::Null } else { json!(line) },
        "PrependShell": shell,
        "Files": if files.is_empty() { Value::Null } else { json!(files) },
    })
}

fn mounts(given: &[Mount]) -> Value {
    let resolve = |mount: &Mount| mount.resolve(&mut |value| Ok(value.to_owned()));
    let resolved: Result<Vec<ResolvedMount>, _> = given.iter().map(resolve).collect();
    // When one of them cannot be resolved without variables, upstream leaves all as they are, except for `from`.
    let unresolved = |mount: &Mount| ResolvedMount { from: mount.from.clone(), read_only: true, ..Default::default() };
    let mounts = resolved.unwrap_or_else(|_| given.iter().map(unresolved).collect());
    mounts.iter().map(mount).collect()
}

fn mount(mount: &ResolvedMount) -> Value {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    json!({
        "Type": mount.kind.name(), "From": text(&mount.from), "Source": text(&mount.source),
        "Target": text(&mount.target), "ReadOnly": mount.read_only, "SizeLimit": mount.size_limit.unwrap_or(0),
        "CacheID": text(&mount.id),
        "CacheSharing": mount.sharing.map(|sharing| format!("{sharing:?}").to_lowercase()).unwrap_or_default(),
        "Required": mount.required, "Env": mount.env, "Mode": mount.mode, "UID": mount.uid, "GID": mount.gid,
    })
}

fn fields(instruction: &Instruction, located: &Located<Instruction>) -> Value {
    match instruction {
        Instruction::Add(add) => {
            let (paths, contents) = sources(&add.sources);
            json!({
                "SourcePaths": paths, "SourceContents": contents, "DestPath": add.destination.raw,
                "Chown": raw(&add.chown), "Chmod": raw(&add.chmod), "Link": add.link,
                "ExcludePatterns": raws(&add.excludes), "Checksum": raw(&add.checksum),
                "KeepGitDir": add.keep_git_dir, "Unpack": add.unpack,
            })
        }
        Instruction::Arg(arg) => args(arg, located),
        Instruction::Cmd(cmd) => command(&cmd.command, false),
        Instruction::Copy(copy) => {
            let (paths, contents) = sources(&copy.sources);
            json!({
                "SourcePaths": paths, "SourceContents": contents, "DestPath": copy.destination.raw,
                "From": raw(&copy.from), "Chown": raw(&copy.chown), "Chmod": raw(&copy.chmod),
                "Link": copy.link, "Parents": copy.parents, "ExcludePatterns": raws(&copy.excludes),
            })
        }
        Instruction::Entrypoint(entrypoint) => command(&entrypoint.command, true),
        Instruction::Env(env) => json!({"Env": pairs(&env.pairs, env.separator)}),
        Instruction::Expose(expose) => {
            let mut ports: Vec<&str> = expose.ports.iter().map(|port| port.raw.as_str()).collect();
            // Upstream sorts them.
            ports.sort_unstable();
            json!({ "Ports": ports })
        }
        Instruction::Healthcheck(Healthcheck::None) => json!({"Health": {"Test": ["NONE"]}}),
        Instruction::Healthcheck(Healthcheck::Check {
            command,
            interval,
            timeout,
            start_period,
            start_interval,
            retries,
        }) => {
            let mut test = Vec::new();
            match command {
                Command::Exec(arguments) => {
                    test.push("CMD".to_owned());
                    test.extend(arguments.iter().cloned());
                }
                Command::Shell(line) | Command::Heredocs { line, .. } => {
                    test.extend(["CMD-SHELL".to_owned(), line.clone()]);
                }
            }
            let mut health = Map::new();
            health.insert("Test".to_owned(), json!(test));
            let durations = [
                ("Interval", interval),
                ("Timeout", timeout),
                ("StartPeriod", start_period),
                ("StartInterval", start_interval),
            ];
            for (name, duration) in durations {
                if let Some(duration) = duration {
                    health.insert(name.to_owned(), json!(duration.as_nanos() as u64));
                }
            }
            if let Some(retries) = retries.filter(|retries| *retries > 0) {
                health.insert("Retries".to_owned(), json!(retries));
            }
            json!({ "Health": health })
        }
        Instruction::Label(label) => json!({"Labels": pairs(&label.pairs, label.separator)}),
        Instruction::Maintainer(maintainer) => json!({"Maintainer": maintainer.name}),
        Instruction::Onbuild(onbuild) => json!({"Expression": onbuild.text}),
        Instruction::Run(run) => {
            let mut fields = command(&run.command, false);
            let mut flags = Vec::new();
            if !run.mounts.is_empty() {
                flags.push("mount");
                fields["_mounts"] = mounts(&run.mounts);
            }
            if run.network.is_some() {
                flags.push("network");
            }
            if run.security.is_some() {
                flags.push("security");
            }
            if !run.devices.is_empty() {
                flags.push("device");
            }
            fields["FlagsUsed"] = json!(flags);
            fields["_network"] = match run.network {
                None | Some(Network::Default) => json!("default"),
                Some(Network::None) => json!("none"),
                Some(Network::Host) => json!("host"),
            };
            fields["_security"] = match run.security {
                None | Some(Security::Sandbox) => json!("sandbox"),
                Some(Security::Insecure) => json!("insecure"),
            };
            fields
        }
        Instruction::Shell(shell) => json!({"Shell": shell.command}),
        Instruction::Stopsignal(stopsignal) => json!({"Signal": stopsignal.signal.raw}),
        Instruction::User(user) => json!({"User": user.user.raw}),
        Instruction::Volume(volume) => json!({"Volumes": raws(&volume.paths)}),
        Instruction::Workdir(workdir) => json!({"Path": workdir.path.raw}),
    }
}
