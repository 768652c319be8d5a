//! parser/: files taken apart, as s-expressions and as trees with line ranges, flags and heredocs.

use std::path::Path;

use layerlab::diagnostic::Diagnostic;
use layerlab::dockerfile::statement::{Arguments, Statement, Token};
use layerlab::dockerfile::{Heredoc, directive, heredoc, print, statement};
use layerlab::source::SourceFile;
use serde_json::{Value, json};

use crate::report::{self, Outcome, Report, compare};

#[test]
fn parser() {
    let Some(folder) = report::folder("parser") else {
        return;
    };
    let mut report = Report::new("parser");
    let mut entries: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for case in entries.iter().filter(|path| path.is_dir()) {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        report.case(&name, || testfile(case));
    }
    for case in report::cases(&folder, "extra.json") {
        report.case(case["name"].as_str().unwrap(), || check(case["dockerfile"].as_str().unwrap(), &case));
    }
    for case in report::cases(&folder, "helpers.json") {
        report.case(case["name"].as_str().unwrap(), || helper(&case));
    }
    report.finish();
}

fn testfile(folder: &Path) -> Outcome {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let parse = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let mut case = json!({});
    if let Some(result) = read("result") {
        case["result"] = json!(result.trim_end_matches('\n'));
    }
    if let Some(ast) = read("ast.json") {
        case["ast"] = parse(ast);
    }
    if let Some(error) = read("error.json") {
        case = parse(error);
    }
    check(&read("Dockerfile").unwrap(), &case)
}

fn check(text: &str, case: &Value) -> Outcome {
    let source = SourceFile::new("Dockerfile", text);
    let parsed = statement::parse(&source);
    let errors: Vec<_> = parsed.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    let statements: Vec<Statement> = parsed.statements().cloned().collect();
    if case.get("error").is_some() {
        let refused = !errors.is_empty() || statements.is_empty();
        return if refused { Outcome::Passed } else { Outcome::Failed("expected an error".to_owned()) };
    }
    if let Some(error) = errors.first() {
        return Outcome::Failed(error.render(Some(&source)));
    }
    if let Some(result) = case.get("result") {
        let actual = print::sexp(&source).unwrap();
        if let failed @ Outcome::Failed(_) = compare(&result.as_str().unwrap(), &actual.as_str()) {
            return failed;
        }
    }
    let Some(ast) = case.get("ast") else {
        return Outcome::Passed;
    };
    let nodes: Vec<Value> = statements.iter().map(|statement| node(statement, true)).collect();
    let lines = (statements.first().unwrap().lines.0, statements.last().unwrap().lines.1);
    let mut actual = json!({"escape": parsed.directives.escape, "lines": [lines.0, lines.1], "nodes": nodes});
    if let Some(warnings) = ast.get("warnings") {
        // Upstream has another text, and gives the last line of the instruction as the place.
        let expected: Vec<usize> =
            warnings.as_array().unwrap().iter().map(|warning| warning["line"].as_u64().unwrap() as usize).collect();
        let found: Vec<usize> =
            parsed.diagnostics.iter().map(|warning| last_line(&statements, &source, warning)).collect();
        if expected != found {
            return compare(&expected, &found);
        }
        actual["warnings"] = warnings.clone();
    }
    if ast == &actual {
        return Outcome::Passed;
    }
    for (expected, actual) in ast["nodes"].as_array().unwrap().iter().zip(&nodes) {
        if expected != actual {
            return compare(expected, actual);
        }
    }
    compare(ast, &actual)
}

/// The last line of the statement in which a warning lies.
fn last_line(statements: &[Statement], source: &SourceFile, warning: &Diagnostic) -> usize {
    let line = source.line_column(warning.span().unwrap().start).0;
    statements.iter().find(|statement| statement.lines.0 <= line && line <= statement.lines.1).unwrap().lines.1
}

/// A statement as upstream prints its nodes.
fn node(statement: &Statement, top: bool) -> Value {
    let mut node = json!({
        "value": statement.keyword.text,
        "original": statement.text,
        "args": arguments(&statement.arguments),
        // Upstream gives the node inside an ONBUILD no lines.
        "start_line": if top { statement.lines.0 } else { 0 },
        "end_line": if top { statement.lines.1 } else { 0 },
    });
    if !statement.flags.is_empty() {
        node["flags"] = json!(texts(&statement.flags));
    }
    if is_exec(&statement.arguments) {
        node["attributes"] = json!({"json": true});
    }
    if !statement.comments.is_empty() {
        node["prev_comment"] = json!(statement.comments);
    }
    if top && !statement.heredocs.is_empty() {
        node["heredocs"] = statement
            .heredocs
            .iter()
            .map(|heredoc| {
                json!({
                    "name": heredoc.name, "content": heredoc.content, "expand": heredoc.expand,
                    "chomp": heredoc.chomp, "fd": heredoc.descriptor,
                })
            })
            .collect();
    }
    node
}

fn is_exec(arguments: &Arguments) -> bool {
    match arguments {
        Arguments::Exec(_) => true,
        Arguments::Check(_, command) => is_exec(command),
        _ => false,
    }
}

fn arguments(arguments: &Arguments) -> Vec<Value> {
    match arguments {
        Arguments::Items(items) | Arguments::Exec(items) => texts(items).into_iter().map(Value::from).collect(),
        Arguments::Pairs(pairs, separator) => {
            let separator = match separator {
                layerlab::dockerfile::Separator::Equals => "=",
                layerlab::dockerfile::Separator::Space => "",
            };
            pairs.iter().flat_map(|(name, value)| [json!(name.text), json!(value.text), json!(separator)]).collect()
        }
        Arguments::Check(kind, command) => {
            let mut all = vec![json!(kind.text)];
            all.extend(self::arguments(command));
            all
        }
        Arguments::Trigger(trigger) => vec![json!({"child": node(trigger, false)})],
    }
}

fn texts(tokens: &[Token]) -> Vec<String> {
    tokens.iter().map(|token| token.text.clone()).collect()
}

fn helper(case: &Value) -> Outcome {
    let expected = &case["expected"];
    let input = case["input"].as_str().unwrap_or_default();
    match case["kind"].as_str().unwrap() {
        "json_form" => match only(&format!("CMD {input}")) {
            Ok(Arguments::Exec(strings)) => compare(expected, &json!(texts(&strings))),
            Ok(_) | Err(_) if expected.is_null() => Outcome::Passed,
            other => Outcome::Failed(format!("{other:?}")),
        },
        "split_words" => match only(&format!("ARG {input}")) {
            Ok(Arguments::Items(items)) => compare(expected, &json!(texts(&items))),
            other => Outcome::Failed(format!("{other:?}")),
        },
        "heredoc_token" => match heredoc::parse(input) {
            Ok(found) => compare(expected, &found.as_ref().map_or(Value::Null, opened)),
            Err(_) if case.get("error").is_some() => Outcome::Passed,
            Err(error) => Outcome::Failed(error.to_string()),
        },
        "heredocs_from_line" => {
            let names = expected.as_array().unwrap();
            let ends: String = names.iter().map(|found| found["Name"].as_str().unwrap().to_owned() + "\n").collect();
            let source = SourceFile::new("Dockerfile", format!("{input}\n{ends}"));
            let parsed = statement::parse(&source);
            let found: Vec<Value> = parsed.statements().next().unwrap().heredocs.iter().map(opened).collect();
            compare(expected, &json!(found))
        }
        "heredoc_chomp" => {
            let heredoc =
                Heredoc { name: String::new(), content: input.to_owned(), expand: true, chomp: true, descriptor: 0 };
            compare(expected, &json!(heredoc.document()))
        }
        "directive" => {
            let text = case["dockerfile"].as_str().unwrap();
            let key = case["key"].as_str().unwrap();
            let found = if case["any_format"] == true {
                directive::detect_syntax(text)
            } else {
                directive::scan(text, "#").into_iter().find(|directive| directive.name == key)
            };
            let actual = match found {
                None => json!({"cmdline": "", "found": false, "line": 0, "ref": ""}),
                Some(found) => {
                    let reference = found.value.split(' ').next().unwrap();
                    json!({"cmdline": found.value, "found": true, "line": found.line, "ref": reference})
                }
            };
            compare(expected, &actual)
        }
        "directives_all" => {
            let text = case["dockerfile"].as_str().unwrap();
            let found: Vec<_> =
                directive::scan(text, "#").into_iter().map(|directive| (directive.name, directive.value)).collect();
            compare(expected, &json!(found))
        }
        kind => Outcome::Failed(format!("unknown kind {kind}")),
    }
}

fn opened(heredoc: &Heredoc) -> Value {
    json!({
        "Name": heredoc.name, "FileDescriptor": heredoc.descriptor,
        "Expand": heredoc.expand, "Chomp": heredoc.chomp,
    })
}

/// The arguments of the only statement of a text.
fn only(text: &str) -> Result<Arguments, String> {
    let source = SourceFile::new("Dockerfile", text);
    let parsed = statement::parse(&source);
    match parsed.diagnostics.first() {
        Some(diagnostic) => Err(diagnostic.message.clone()),
        None => Ok(parsed.statements().next().unwrap().arguments.clone()),
    }
}
