//! Pages of the book that are made from the code: its types with what their documentation says.
//!
//! ```text
//! instructions.md   the struct of each instruction, and what `layerlab explain` says of it
//! events.md         the kinds of events, and the types that they have in them
//! ```
//!
//! What stands above the mark in a page is written by hand. It reads of Rust what these types use: public structs and enums with named
//! fields, a line each.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use crate::code::project;

/// Where a page begins that is made.
const MARK: &str = "<!-- What follows is made of the code: LAYERLAB_BLESS=1 cargo test --test project reference -->\n";

/// A field of a struct, or of a variant.
#[derive(Clone)]
struct Field {
    name: String,
    kind: String,
    doc: String,
}

/// A struct, or a variant of an enum.
struct Item {
    name: String,
    doc: String,
    fields: Vec<Field>,
}

fn read(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines of a type's body, with less indentation; the doc of the type.
fn body(path: &str, declaration: &str) -> (String, Vec<String>) {
    let text = read(path);
    let lines: Vec<&str> = text.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.trim_start_matches("pub(crate) ").trim_start_matches("pub ").starts_with(declaration));
    let at = at.unwrap_or_else(|| panic!("{path} has no `{declaration}`"));
    let above = lines[..at].iter().rev().take_while(|line| line.starts_with("///") || line.starts_with("#["));
    let mut doc: Vec<&str> = above.filter_map(|line| line.strip_prefix("///")).map(str::trim).collect();
    doc.reverse();
    let body = lines[at + 1..].iter().take_while(|line| **line != "}");
    (doc.join(" "), body.map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned()).collect())
}

/// The fields in lines without indentation. What JSON does not have is left out.
fn fields(lines: &[String]) -> Vec<Field> {
    let (mut fields, mut doc, mut is_skipped) = (Vec::new(), String::new(), false);
    for line in lines {
        if let Some(more) = line.strip_prefix("///") {
            doc = format!("{doc} {}", more.trim()).trim().to_owned();
        } else if line.starts_with("#[") {
            is_skipped |= line == "#[serde(skip)]";
        } else if let Some((name, kind)) = line.trim_end_matches(',').split_once(": ") {
            let name = name.trim_start_matches("pub(crate) ").trim_start_matches("pub ").to_owned();
            let (kind, doc) = (kind.to_owned(), std::mem::take(&mut doc));
            if !std::mem::take(&mut is_skipped) {
                fields.push(Field { name, kind, doc });
            }
        }
    }
    fields
}

/// The variants of an enum.
fn variants(path: &str, name: &str) -> Vec<Item> {
    let (_, lines) = body(path, &format!("enum {name}"));
    let (mut variants, mut doc): (Vec<Item>, String) = Default::default();
    let mut lines = lines.iter();
    while let Some(line) = lines.next() {
        if let Some(more) = line.strip_prefix("///") {
            doc = format!("{doc} {}", more.trim()).trim().to_owned();
        } else if line.starts_with(char::is_uppercase) {
            let name: String = line.chars().take_while(|letter| letter.is_alphanumeric()).collect();
            let inner = line.ends_with('{').then(|| {
                let inner = lines.by_ref().take_while(|line| *line != "},");
                inner.map(|line| line.trim_start().to_owned()).collect::<Vec<_>>()
            });
            let one_line = line.split_once("{ ").and_then(|(_, rest)| rest.split_once(" }"));
            let inner = inner.or(one_line.map(|(inner, _)| inner.split(", ").map(str::to_owned).collect()));
            variants.push(Item { name, doc: std::mem::take(&mut doc), fields: fields(&inner.unwrap_or_default()) });
        }
    }
    variants
}

fn structure(path: &str, name: &str) -> Item {
    let (doc, lines) = body(path, &format!("struct {name}"));
    Item { name: name.to_owned(), doc, fields: fields(&lines) }
}

/// `BuildStarted` → `build_started`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// Compares a page with what it has to be below its mark, or writes it.
fn check(page: &str, made: &str) {
    let path = project().join("book/src/reference").join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (by_hand, _) = text.split_once(MARK).unwrap_or_else(|| panic!("{page} has no mark: {MARK}"));
    let expected = format!("{by_hand}{MARK}\n{}\n", made.trim().replace("\n\n\n", "\n\n"));
    if std::env::var_os("LAYERLAB_BLESS").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    assert_eq!(text, expected, "{page} is out of date: LAYERLAB_BLESS=1 writes it anew");
}

// ---- instructions ------------------------------------------------------------------------------------------

/// The sections of `layerlab explain KEYWORD`: the text, and the example.
fn explained(keyword: &str) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_layerlab")).args(["explain", keyword]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut parts = text.trim_end().split("\n\n").skip(1).map(str::to_owned);
    let (about, try_it) = (parts.next().unwrap(), parts.next().unwrap());
    let (_, example) = try_it.split_once(":\n").unwrap();
    (about, example.trim().to_owned())
}

/// The flags that the parser knows, as it says itself of one that it does not know.
fn flags_of_the_parser(keyword: &str) -> BTreeSet<String> {
    let file = format!("FROM a\n{keyword} --no-such-flag CMD b\n");
    let file = if keyword == "FROM" { "FROM --no-such-flag a\n".to_owned() } else { file };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Dockerfile");
    std::fs::write(&path, file).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_layerlab")).arg("parse").arg(path).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let hint = said.lines().find_map(|line| line.strip_prefix("hint: its flags are "));
    hint.map(|flags| flags.split(", ").map(|flag| flag.trim_matches('`').to_owned()).collect()).unwrap_or_default()
}

/// The flags in a syntax.
fn flags_of_the_syntax(syntax: &str) -> BTreeSet<String> {
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '-';
    syntax
        .split("[--")
        .skip(1)
        .map(|rest| format!("--{}", rest.split(|letter| !is_name(letter)).next().unwrap()))
        .collect()
}

/// How a part of an instruction is called in its syntax.
fn part(name: &str, flags: &BTreeSet<String>) -> String {
    let dashed = name.replace('_', "-");
    let singular = dashed.trim_end_matches('s').to_owned();
    let flag = [&dashed, &singular].into_iter().map(|name| format!("--{name}")).find(|flag| flags.contains(flag));
    flag.unwrap_or(if name == "alias" { "AS name".to_owned() } else { singular })
}

/// A form of an instruction, in lines that fit a page.
fn wrapped(form: &str) -> String {
    let mut lines = vec![String::new()];
    for word in form.split(' ') {
        let last = lines.last_mut().unwrap();
        if last.chars().count() + word.chars().count() > 76 {
            lines.push(format!("    {word}"));
        } else {
            last.push_str(if last.is_empty() { "" } else { " " });
            last.push_str(word);
        }
    }
    lines.join(" \\\n") + "\n"
}

fn instructions() -> String {
    const AST: &str = "src/dockerfile/ast/instruction.rs";
    let kinds = variants(AST, "Instruction").into_iter().map(|kind| kind.name);
    let names: BTreeSet<String> = kinds.chain(["From".to_owned()]).collect();
    let mut page = String::new();
    for name in names {
        let keyword = name.to_uppercase();
        let item = match name.as_str() {
            "Healthcheck" => {
                let (doc, _) = body(AST, "enum Healthcheck");
                let check = variants(AST, "Healthcheck").into_iter().find(|variant| variant.name == "Check").unwrap();
                Item { doc, ..check }
            }
            _ => structure(AST, &name),
        };
        // Each form stands in backticks of its own.
        let forms: Vec<&str> = item.doc.split('`').skip(1).step_by(2).collect();
        let flags = flags_of_the_syntax(&item.doc);
        assert_eq!(flags, flags_of_the_parser(&keyword), "the flags in the documentation of `{name}`");
        let (text, example) = explained(&keyword);
        write!(
            page,
            "## {keyword}\n\n```text\n{}```\n\n{text}\n\n",
            forms.iter().map(|form| wrapped(form)).collect::<String>()
        )
        .unwrap();
        let parts = item.fields.iter().filter(|field| !field.doc.is_empty());
        if !flags.is_empty() {
            page.push_str("| part | what it is |\n|---|---|\n");
            for field in parts {
                writeln!(page, "| `{}` | {} |", part(&field.name, &flags), field.doc.replace('|', "\\|")).unwrap();
            }
            page.push('\n');
        }
        write!(page, "```dockerfile\n{example}\n```\n\n").unwrap();
    }
    page
}

#[test]
fn the_reference_of_instructions_is_that_of_the_code() {
    check("instructions.md", &instructions());
}

// ---- events ------------------------------------------------------------------------------------------------

/// The types that stand in events, and where they are.
const SHAPES: [(&str, &str); 5] = [
    ("StepLabel", "src/machine/event.rs"),
    ("Layer", "src/oci/layer.rs"),
    ("ConfigChange", "src/machine/event.rs"),
    ("Place", "src/machine/event.rs"),
    ("Path", "src/view/json.rs"),
];

const DESCRIPTOR: &str = "https://github.com/opencontainers/image-spec/blob/main/descriptor.md";

/// A type of Rust, as JSON has it.
fn shape(kind: &str) -> String {
    let inner = |start: &str, end: &str| kind.strip_prefix(start)?.strip_suffix(end);
    if let Some(kind) = inner("Option<", ">") {
        return format!("{}, or nothing", shape(kind));
    }
    if let Some(kind) = inner("Vec<", ">").or_else(|| inner("&'e [", "]")) {
        let items = shape(kind);
        let items = items.trim_start_matches("a ");
        return format!("a list of {items}{}", if items.ends_with(')') { "" } else { "s" });
    }
    match kind {
        "u64" | "u32" | "usize" | "i32" => "a number".to_owned(),
        "bool" => "`true` or `false`".to_owned(),
        "String" | "Cow<'e, str>" | "&'static str" => "a text".to_owned(),
        "Digest" | "DiffId" => "a digest".to_owned(),
        "(usize, usize)" => "two numbers".to_owned(),
        "Stream" => "`stdout` or `stderr`".to_owned(),
        "Done" => "`ran` or `cached`".to_owned(),
        "ChangeKind" => "`added`, `modified` or `deleted`".to_owned(),
        "Descriptor" => format!("a [descriptor]({DESCRIPTOR})"),
        "Decision" => "a [decision](#decision)".to_owned(),
        "&'e Changes" => "a list of [Path](#path)".to_owned(),
        _ if SHAPES.iter().any(|(name, _)| *name == kind) => format!("a [{kind}](#{})", kind.to_lowercase()),
        _ => panic!("how does JSON have `{kind}`?"),
    }
}

fn table(fields: &[Field]) -> String {
    let mut table = String::new();
    if !fields.is_empty() {
        table.push_str("| field | is | |\n|---|---|---|\n");
    }
    for Field { name, kind, doc } in fields {
        let doc = doc.replace("`None`", "Nothing");
        writeln!(table, "| `{name}` | {} | {doc} |", shape(kind)).unwrap();
    }
    table + "\n"
}

/// The variants of an enum about the cache, each by its tag.
fn choices(name: &str, tag: &str) -> String {
    let mut table = format!("| {tag} | | its fields |\n|---|---|---|\n");
    for choice in variants("src/cache/decision.rs", name) {
        let fields: Vec<String> = choice.fields.iter().map(|field| format!("`{}`", field.name)).collect();
        writeln!(table, "| `{}` | {} | {} |", snake(&choice.name), choice.doc, fields.join(", ")).unwrap();
    }
    table
}

fn events() -> String {
    let written = variants("src/view/json.rs", "Written");
    let mut page = String::new();
    for event in variants("src/machine/event.rs", "EventKind") {
        assert!(!event.doc.is_empty(), "`{}` has no documentation", event.name);
        let in_json = written.iter().find(|written| written.name == event.name);
        let mut fields = in_json.map_or(event.fields, |written| written.fields.clone());
        // What stands in its place in JSON.
        match event.name.as_str() {
            "Warning" => fields = structure("src/machine/event.rs", "Warning").fields,
            "CacheExported" => {
                fields.retain(|field| field.name != "exported");
                fields.extend(structure("src/cache/shared/export.rs", "Exported").fields);
            }
            _ => {}
        }
        write!(page, "## {}\n\n{}\n\n{}", snake(&event.name), event.doc, table(&fields)).unwrap();
    }
    page.push_str("## Decision\n\nWhat the cache has answered: an object with a `verdict`.\n\n");
    page.push_str(&choices("Decision", "verdict"));
    page.push_str("\nA miss has a `reason`, an object with another `reason` in it:\n\n");
    page.push_str(&choices("MissReason", "reason"));
    page.push('\n');
    for (name, path) in SHAPES {
        let mut item = structure(path, name);
        if name == "ConfigChange" {
            item.fields.retain(|field| field.name != "values");
            item.fields.extend(["before", "after"].map(|name| Field {
                name: name.to_owned(),
                kind: "Option<String>".to_owned(),
                doc: String::new(),
            }));
        }
        write!(page, "## {name}\n\n{}\n\n{}", item.doc, table(&item.fields)).unwrap();
    }
    page
}

#[test]
fn the_reference_of_events_is_that_of_the_code() {
    check("events.md", &events());
}
