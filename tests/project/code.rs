//! Reading Rust as far as tidiness needs it: files, their code without comments and strings, what they import, their functions.
//!
//! No parser: letters, brackets and paths are enough, and rustfmt has put them where they are expected. Left out: macros that make
//! paths, and modules inside a file other than its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text of the project, named by its path from the project's folder.
pub struct SourceText {
    pub name: String,
    pub text: String,
}

impl SourceText {
    /// Numbered lines, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Numbered lines of code: no comments, and nothing from `#[cfg(test)]` on, which ends a file.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines()
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The code with comments and the insides of strings blanked out: the same lines.
    pub fn bare(&self) -> String {
        let code: Vec<&str> = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]").collect();
        blank(&code.join("\n"))
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_made = ["target", ".git", "book/book", "Cargo.lock"].iter().any(|made| path == project().join(made));
        if is_made || name.ends_with(".snap.new") || name.ends_with(".pending-snap") {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Every text below a folder of the project.
pub fn texts(folder: &str) -> Vec<SourceText> {
    let mut files = Vec::new();
    collect(&project().join(folder), &mut files);
    let read = |path: PathBuf| {
        let text = String::from_utf8(std::fs::read(&path).ok()?).ok()?;
        Some(SourceText { name: path.strip_prefix(project()).ok()?.display().to_string(), text })
    };
    files.into_iter().filter_map(read).collect()
}

/// The Rust files of the program.
pub fn sources() -> Vec<SourceText> {
    texts("src").into_iter().filter(|file| file.name.ends_with(".rs")).collect()
}

/// Replaces comments, strings and characters by blanks.
fn blank(code: &str) -> String {
    let mut bare = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = hidden(rest, bare.chars().next_back()).unwrap_or(0);
        if length == 0 {
            bare.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            bare.extend(rest[..length].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    bare
}

/// How long the comment, string or character is that a text begins with.
fn hidden(text: &str, before: Option<char>) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return text.find("*/").map(|at| at + 2);
    }
    let is_in_a_word = before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    if !is_in_a_word
        && let Some(raw) = text.strip_prefix('r').or_else(|| text.strip_prefix("br"))
        && let hashes = raw.len() - raw.trim_start_matches('#').len()
        && raw[hashes..].starts_with('"')
    {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = text.len() - raw.len() + hashes + 1;
        return text[start..].find(&end).map(|at| start + at + end.len());
    }
    if text.starts_with('"') {
        let mut escaped = false;
        let end = text.char_indices().skip(1).find(|(_, letter)| {
            let ends = *letter == '"' && !escaped;
            escaped = *letter == '\\' && !escaped;
            ends
        });
        return end.map(|(at, _)| at + 1);
    }
    // A character, and not a lifetime: it ends with a quote after one letter or an escape.
    let quoted = text.strip_prefix('\'')?;
    let end = match quoted.strip_prefix('\\') {
        Some(escape) => 2 + escape.char_indices().skip(1).find(|(_, letter)| *letter == '\'')?.0,
        None => 1 + quoted.chars().next()?.len_utf8(),
    };
    text[end..].starts_with('\'').then_some(end + 1)
}

/// Which line a place of a text is in.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// From 1.
    fn at(&self, place: usize) -> usize {
        1 + self.0.partition_point(|end| *end < place)
    }
}

/// A function, and how many lines it has.
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

/// The functions with a body, in their order.
pub fn functions(file: &SourceText) -> Vec<Function> {
    let bare = file.bare();
    let numbers = Lines::of(&bare);
    let mut found = Vec::new();
    for (at, _) in bare.match_indices("fn ") {
        let is_word = bare[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && before != '_');
        let name: String =
            bare[at + 3..].chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        let Some(body) = bare[at..].find(['{', ';']).filter(|end| bare[at + end..].starts_with('{')) else { continue };
        if !is_word || name.is_empty() {
            continue;
        }
        let mut depth = 0;
        let end = bare[at + body..].char_indices().find(|(_, letter)| {
            depth += i32::from(*letter == '{') - i32::from(*letter == '}');
            depth == 0
        });
        let Some((end, _)) = end else { continue };
        let line = numbers.at(at);
        found.push(Function { name, line, lines: 1 + numbers.at(at + body + end) - line });
    }
    found
}

/// A path that a file names: from the root of the crate.
struct Named {
    line: usize,
    path: Vec<String>,
    /// Under which name `use` makes it known; `None` for a path in the code.
    known_as: Option<String>,
}

/// Which file names which other, and in which line first.
pub struct Imports {
    /// From a file to those whose items it names, by their places in `src`.
    pub files: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Imports {
    pub fn read(sources: &[SourceText]) -> Imports {
        let modules: BTreeMap<Vec<String>, &SourceText> =
            sources.iter().map(|file| (module_of(&file.name), file)).collect();
        let named: BTreeMap<&str, Vec<Named>> = sources
            .iter()
            .map(|file| (file.name.as_str(), paths(&file.bare(), &module_of(&file.name), &modules)))
            .collect();
        let mut files = BTreeMap::new();
        for file in sources {
            let mut targets: BTreeMap<String, usize> = BTreeMap::new();
            let is_face = file.name.ends_with("mod.rs") || file.name == "src/lib.rs";
            for one in &named[file.name.as_str()] {
                // What a face hands on is not what it needs.
                if is_face && one.known_as.is_some() && one.path.starts_with(&module_of(&file.name)) {
                    continue;
                }
                let target = defined_in(&one.path, &modules, &named, &mut BTreeSet::new());
                if let Some(target) = target.filter(|target| *target != file.name) {
                    targets.entry(target).or_insert(one.line);
                }
            }
            files.insert(file.name.clone(), targets);
        }
        Imports { files }
    }

    /// Groups of files that name each other in a loop.
    pub fn circles(&self) -> Vec<BTreeSet<&str>> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.files.keys().map(|file| (file.as_str(), self.reachable(file))).collect();
        let mut circles: Vec<BTreeSet<&str>> = Vec::new();
        for (file, targets) in &reach {
            let circle: BTreeSet<&str> =
                targets.iter().copied().filter(|target| reach[target].contains(file)).collect();
            if circle.len() > 1 && !circles.contains(&circle) {
                circles.push(circle);
            }
        }
        circles
    }

    fn reachable(&self, file: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = self.files[file].keys().map(String::as_str).collect();
        while let Some(next) = open.pop() {
            if found.insert(next) {
                open.extend(self.files[next].keys().map(String::as_str));
            }
        }
        found
    }
}

/// `src/a/b.rs` and `src/a/b/mod.rs` → `a`, `b`.
fn module_of(name: &str) -> Vec<String> {
    let path = name.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    if ["lib", "main"].contains(&path) { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// The file in which the last name of a path is defined, through whatever hands it on.
fn defined_in(
    path: &[String],
    modules: &BTreeMap<Vec<String>, &SourceText>,
    named: &BTreeMap<&str, Vec<Named>>,
    seen: &mut BTreeSet<Vec<String>>,
) -> Option<String> {
    if !seen.insert(path.to_vec()) {
        return None;
    }
    let length = (1..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]))?;
    let file = modules[&path[..length]];
    let handed_on = path.get(length).and_then(|name| {
        let mut uses = named[file.name.as_str()].iter();
        uses.find(|one| one.known_as.as_ref() == Some(name))
    });
    match handed_on {
        Some(one) => defined_in(&one.path, modules, named, seen).or_else(|| Some(file.name.clone())),
        None => Some(file.name.clone()),
    }
}

/// Every path into the crate that a file names.
fn paths(bare: &str, module: &[String], modules: &BTreeMap<Vec<String>, &SourceText>) -> Vec<Named> {
    let numbers = Lines::of(bare);
    let mut found = Vec::new();
    let mut add = |at: usize, path: Vec<String>, known_as: Option<String>| {
        if let Some(path) = from_the_root(path, module, modules) {
            found.push(Named { line: numbers.at(at), path, known_as });
        }
    };
    let is_of_a_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut at = 0;
    while let Some(start) = bare[at..].find(is_of_a_word).map(|offset| at + offset) {
        let word =
            &bare[start..start + bare[start..].find(|letter| !is_of_a_word(letter)).unwrap_or(bare.len() - start)];
        at = start + word.len();
        if word == "use" {
            let end = at + bare[at..].find(';').unwrap_or(0);
            for (path, known_as) in branches(&bare[at..end]) {
                add(start, path, Some(known_as));
            }
            at = end;
        } else if bare[at..].starts_with("::") && !bare[..start].ends_with("::") {
            let whole = bare[start..].find(|letter| !is_of_a_word(letter) && letter != ':').unwrap_or(0);
            let path = bare[start..start + whole].trim_end_matches(':');
            add(start, path.split("::").map(str::to_owned).collect(), None);
            at = start + whole;
        }
    }
    found
}

/// The paths of a tree of `use`, each with the name that it makes known.
fn branches(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    let Some((stem, group)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
        let mut path: Vec<String> = path.split("::").map(|name| name.trim().to_owned()).collect();
        if path.len() > 1 && path.last().is_some_and(|name| name == "self") {
            path.pop();
        }
        let known_as = alias.map_or_else(|| path.last().cloned().unwrap_or_default(), |alias| alias.trim().to_owned());
        return vec![(path, known_as)];
    };
    let mut depth = 0;
    let parts = group.trim_end().trim_end_matches('}').split(|letter: char| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    });
    parts.filter(|part| !part.trim().is_empty()).flat_map(|part| branches(&format!("{stem}{}", part.trim()))).collect()
}

/// A path as it is written in a module → the path from the crate's root; `None` for one that leads out of the crate.
fn from_the_root(
    path: Vec<String>,
    module: &[String],
    modules: &BTreeMap<Vec<String>, &SourceText>,
) -> Option<Vec<String>> {
    let mut base = module.to_vec();
    let mut rest = path.as_slice();
    match rest.first()?.as_str() {
        "crate" | "layerlab" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|name| name == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        // A module below this one.
        child => {
            base.push(child.to_owned());
            if module.is_empty() || !modules.contains_key(&base) {
                return None;
            }
            base.pop();
        }
    }
    base.extend(rest.iter().cloned());
    Some(base)
}
