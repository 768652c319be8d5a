//! Links between the pages of the project lead to something, and what a page shows of a session is proven. No network is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::code::project;

/// What a page has, once its includes are in their places.
#[derive(Default)]
struct Page {
    /// The anchors of its headings.
    anchors: BTreeSet<String>,
    /// Links and pictures, with the heading above.
    links: Vec<(String, String)>,
    /// Pictures without a text that says what they show.
    mute: Vec<String>,
    /// Fenced blocks: language and text.
    blocks: Vec<(String, String)>,
}

/// Blocks that show commands and are not proven, by their page and the beginning of a line, with the reason.
const UNPROVEN: &[(&str, &str, &str)] = &[
    ("book/src/how/cluster.md", "$ layerlab oci", "a bundle's root file system is made by hand"),
    ("book/src/how/cluster.md", "$ podman", "Podman is not on every machine"),
    ("book/src/how/class.md", "$ curl http://192.168.1.7", "the teacher's machine is another one"),
];

fn markdown() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![project().join("book/src"), project().join("lessons")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "md" => files.push(path),
                _ => {}
            }
        }
    }
    let at_the_top = std::fs::read_dir(project()).unwrap().map(|entry| entry.unwrap().path());
    files.extend(at_the_top.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    files.sort();
    files
}

/// A page with the Markdown that it includes.
fn text(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let mut whole = String::new();
    for line in text.lines() {
        let included = line.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}"));
        // A lesson is included in two parts: its first line, `lesson.md:1`, and the rest, `lesson.md:2:`.
        let (name, part) = included.map_or(("", ""), |included| included.split_once(':').unwrap_or((included, "")));
        let included = || self::text(&path.parent().unwrap().join(name));
        match part {
            _ if !name.ends_with(".md") => whole.push_str(line),
            "" => whole.push_str(&included()),
            "1" => whole.push_str(included().lines().next().unwrap()),
            "2:" => whole.push_str(included().split_once('\n').unwrap().1),
            _ => panic!("{}: {line}", path.display()),
        }
        whole.push('\n');
    }
    whole
}

/// The anchor of a heading, as mdBook and GitHub make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).flat_map(char::to_lowercase).collect()
}

fn read(path: &Path) -> Page {
    let text = text(path);
    let mut page = Page::default();
    let (mut heading, mut is_heading): (String, bool) = Default::default();
    let mut block: Option<(String, String)> = None;
    let mut picture: Option<(String, String)> = None;
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => (heading, is_heading) = (String::new(), true),
            Event::End(TagEnd::Heading(_)) => {
                is_heading = false;
                let anchor = anchor(&heading);
                // A second one of a name has a number.
                let numbered = (1..).map(|number| format!("{anchor}-{number}"));
                let free = std::iter::once(anchor.clone()).chain(numbered).find(|name| !page.anchors.contains(name));
                page.anchors.extend(free);
            }
            Event::Start(Tag::Link { dest_url, .. }) => page.links.push((heading.clone(), dest_url.to_string())),
            Event::Start(Tag::Image { dest_url, .. }) => {
                page.links.push((heading.clone(), dest_url.to_string()));
                picture = Some((dest_url.to_string(), String::new()));
            }
            Event::End(TagEnd::Image) => {
                page.mute.extend(picture.take().filter(|(_, said)| said.is_empty()).map(|(picture, _)| picture));
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let language = info.split([' ', ',']).next().unwrap_or_default().to_owned();
                block = Some((language, String::new()));
            }
            Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
            Event::Text(text) | Event::Code(text) => {
                if is_heading {
                    heading.push_str(&text);
                }
                if let Some((_, said)) = &mut picture {
                    said.push_str(&text);
                }
                if let Some((_, body)) = &mut block {
                    body.push_str(&text);
                }
            }
            _ => {}
        }
    }
    page
}

/// Where a link of a page leads.
fn followed(page: &Path, link: &str) -> PathBuf {
    match link {
        "" => page.to_owned(),
        link => page.parent().unwrap().join(link),
    }
}

#[test]
fn links_lead_to_something() {
    let pages: BTreeMap<PathBuf, Page> = markdown().into_iter().map(|path| (path.clone(), read(&path))).collect();
    let book = project().join("book/src");
    let mut broken = Vec::new();
    for (path, page) in &pages {
        let name = path.strip_prefix(project()).unwrap().display();
        for picture in &page.mute {
            broken.push(format!("{name}: nothing says what `{picture}` shows"));
        }
        for (heading, link) in &page.links {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let found = followed(path, file).canonicalize();
            let why = match &found {
                Err(error) => error.to_string(),
                // The book is read without the rest of the project.
                Ok(target) if path.starts_with(&book) && !target.starts_with(&book) => {
                    "it leads out of the book".into()
                }
                Ok(target) => match pages.get(target) {
                    Some(target) if !anchor.is_empty() && !target.anchors.contains(anchor) => "no such heading".into(),
                    _ => continue,
                },
            };
            broken.push(format!("{name}, below `{heading}`: {link}: {why}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A page is read by `verify` where it stands in one of these folders, or is one of these files.
fn is_verified(name: &Path) -> bool {
    let parts: Vec<&str> = name.iter().filter_map(|part| part.to_str()).collect();
    matches!(
        parts[..],
        ["README.md"] | ["lessons", _, "lesson.md"] | ["book", "src", "how" | "reference" | "teaching", _]
    )
}

#[test]
fn sessions_are_proven() {
    let mut found = Vec::new();
    let mut needed = BTreeSet::new();
    for path in markdown() {
        let name = path.strip_prefix(project()).unwrap();
        // They only include the lessons.
        if name.starts_with("book/src/lessons") {
            continue;
        }
        for (language, body) in read(&path).blocks {
            let is_session = ["console", "layerlab"].contains(&language.as_str());
            // A page about pages shows what may stand in one.
            let shows_commands = body.lines().any(|line| line.starts_with("$ ")) && language != "markdown";
            let is_task = ["predict", "exercise", "challenge"].contains(&language.as_str());
            if !shows_commands && !is_session || (is_session || is_task) && is_verified(name) {
                continue;
            }
            let excuse = UNPROVEN
                .iter()
                .find(|(page, line, _)| name == Path::new(page) && body.lines().any(|shown| shown.starts_with(line)));
            match excuse {
                Some(excuse) => drop(needed.insert(excuse)),
                None => found.push(format!("{}: a block `{language}`:\n{body}", name.display())),
            }
        }
    }
    assert!(found.is_empty(), "nobody proves\n{}", found.join("\n"));
    for excuse in UNPROVEN {
        assert!(needed.contains(excuse), "{excuse:?} is not needed");
    }
}

/// All texts of the program, strings that go on in the next line joined, and what the tests have seen it print.
fn all_that_is_printed() -> String {
    let mut folders = vec![project().join("src"), project().join("tests")];
    let mut all = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("rs") => {
                    let text = std::fs::read_to_string(&path).unwrap().replace("\\\"", "\"");
                    let mut lines = text.split("\\\n");
                    all.push_str(lines.next().unwrap_or_default());
                    lines.for_each(|line| all.push_str(line.trim_start()));
                }
                Some("snap") => all.push_str(&std::fs::read_to_string(&path).unwrap()),
                _ => {}
            }
        }
    }
    all
}

/// Messages that no session can show here are quoted: word for word, with `…` for what differs.
#[test]
fn quoted_messages_are_those_of_the_program() {
    let printed = all_that_is_printed();
    let mut wrong = Vec::new();
    for (_, body) in read(&project().join("book/src/reference/troubleshooting.md")).blocks {
        if body.contains("$ ") {
            continue;
        }
        for line in body.lines() {
            let Some((_, words)) = line.split_once(": ") else { continue };
            let parts = words.split('…').map(|part| part.trim_matches(['`', ' ', '"', ',']));
            wrong.extend(parts.filter(|part| !printed.contains(part)).map(str::to_owned));
        }
    }
    assert!(wrong.is_empty(), "nothing prints\n{}", wrong.join("\n"));
}
