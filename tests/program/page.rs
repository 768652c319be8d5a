//! A page as a test reads it: strictly, so that a fault in it is found, and as text, so that it can be looked at.

use std::collections::BTreeSet;

/// Elements without an end.
const VOID: &[&str] = &["meta", "input", "link", "br", "hr", "img"];

/// An element with what is in it.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub inside: Vec<Node>,
}

#[derive(Debug)]
pub enum Node {
    Element(Element),
    Text(String),
}

/// Reads a whole document.
pub fn read(html: &str) -> Element {
    let mut rest = html.strip_prefix("<!DOCTYPE html>\n").expect("a document of today");
    let mut open = vec![Element::default()];
    while !rest.is_empty() {
        let Some(tag) = rest.strip_prefix('<') else {
            let (text, more) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            open.last_mut().unwrap().inside.push(Node::Text(unescaped(text)));
            rest = more;
            continue;
        };
        let (tag, more) = tag.split_once('>').expect("a tag ends");
        rest = more;
        if let Some(name) = tag.strip_prefix('/') {
            let element = open.pop().unwrap();
            assert_eq!(element.name, name, "elements end in the order in which they begin");
            open.last_mut().unwrap().inside.push(Node::Element(element));
            continue;
        }
        let (tag, is_closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric()), "<{tag}>");
        assert!(!VOID.contains(&name) || is_closed, "<{tag}>");
        let mut element =
            Element { name: name.to_owned(), attributes: read_attributes(attributes), ..Element::default() };
        if is_closed {
            open.last_mut().unwrap().inside.push(Node::Element(element));
        } else if ["style", "script"].contains(&name) {
            let (text, more) = rest.split_once(&format!("</{name}>")).unwrap();
            element.inside.push(Node::Text(text.to_owned()));
            rest = more;
            open.last_mut().unwrap().inside.push(Node::Element(element));
        } else {
            open.push(element);
        }
    }
    assert_eq!(open.len(), 1, "everything is closed");
    open.pop().unwrap()
}

fn read_attributes(text: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find([' ', '=']).unwrap_or(rest.len());
        let name = &rest[..end];
        assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'), "attribute in `{text}`");
        rest = &rest[end..];
        let mut value = "";
        if let Some(quoted) = rest.strip_prefix("=\"") {
            (value, rest) = quoted.split_once('"').unwrap();
        }
        rest = rest.strip_prefix(' ').unwrap_or(rest);
        attributes.push((name.to_owned(), unescaped(value)));
    }
    attributes
}

fn unescaped(text: &str) -> String {
    let known = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let left = known.iter().fold(text.to_owned(), |text, (escape, _)| text.replace(escape, ""));
    assert!(!left.contains(['&', '<', '>']), "everything is escaped: {text}");
    known.iter().fold(text.to_owned(), |text, (escape, letter)| text.replace(escape, letter))
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every element of it, itself first.
    pub fn all(&self) -> Vec<&Element> {
        let below = self.inside.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element.all()),
            Node::Text(_) => None,
        });
        std::iter::once(self).chain(below.flatten()).collect()
    }

    /// The element of an id.
    pub fn find(&self, id: &str) -> &Element {
        self.all().into_iter().find(|element| element.attribute("id") == Some(id)).unwrap_or_else(|| panic!("no #{id}"))
    }

    /// Its text, without style and script.
    pub fn text(&self) -> String {
        if ["style", "script"].contains(&self.name.as_str()) {
            return String::new();
        }
        let text = |node: &Node| match node {
            Node::Element(element) => element.text(),
            Node::Text(text) => text.clone(),
        };
        self.inside.iter().map(text).collect()
    }

    /// Every link leads to a place of the page, no place is there twice, and nothing is loaded, run or named from elsewhere.
    pub fn is_whole(&self) {
        let mut ids = BTreeSet::new();
        for element in self.all() {
            if let Some(id) = element.attribute("id") {
                assert!(ids.insert(id.to_owned()), "#{id} is there twice");
            }
        }
        for element in self.all() {
            for (name, value) in &element.attributes {
                match name.as_str() {
                    "href" => assert!(value.strip_prefix('#').is_some_and(|id| ids.contains(id)), "{value}"),
                    "for" | "aria-labelledby" => assert!(ids.contains(value), "{value}"),
                    "src" | "srcset" | "action" | "data" | "style" => panic!("{name}={value}"),
                    name => assert!(!name.starts_with("on"), "{name}={value}"),
                }
            }
        }
    }

    /// What it says and how that hangs together: a line for each block and for each row, indented; links with where they lead.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        self.show(0, &mut text);
        let lines = text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
        lines.map(|line| format!("{line}\n")).collect()
    }

    fn show(&self, depth: usize, text: &mut String) {
        let class = self.attribute("class").unwrap_or_default();
        let (before, after) = match self.name.as_str() {
            "style" | "script" | "svg" => return,
            "code" => ("`", "`".to_owned()),
            "b" if class.starts_with("badge") => ("[", "]".to_owned()),
            "a" => ("<", format!(">({})", self.attribute("href").unwrap_or_default())),
            "del" => ("-", "-".to_owned()),
            "ins" => ("+", "+".to_owned()),
            "small" => ("  ", String::new()),
            "td" | "th" => ("| ", " ".to_owned()),
            "dt" => ("", ": ".to_owned()),
            "dd" | "b" | "span" | "time" | "output" => ("", String::new()),
            _ => {
                let open = if self.attribute("open").is_some() { " open" } else { "" };
                let class = if class.is_empty() { String::new() } else { format!(".{}", class.replace(' ', ".")) };
                text.push_str(&format!("\n{}{}{class}{open}: ", "  ".repeat(depth), self.name));
                return self.inside.iter().for_each(|node| node.show(depth + 1, self.name == "pre", text));
            }
        };
        text.push_str(before);
        self.inside.iter().for_each(|node| node.show(depth, false, text));
        text.push_str(&after);
    }
}

impl Node {
    fn show(&self, depth: usize, is_exact: bool, text: &mut String) {
        match self {
            Node::Element(element) => element.show(depth, text),
            Node::Text(words) => text.push_str(&words.replace('\n', if is_exact { "⏎" } else { "" })),
        }
    }
}
