//! What can be called in a format: Docker's functions, and those of the language, none of which takes more text than is sensible.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use gotmpl::{FuncMap, TemplateError, Value, ValueFunc};
use serde_json::{Map, Value as Json};

use crate::view::json;

/// Docker's functions.
pub(super) const NAMES: &[&str] = &["json", "split", "join", "title", "lower", "upper", "pad", "truncate"];

/// The most text that is given to a function, or made by one.
const MOST: usize = 1 << 20;
/// The most that all functions together are given and make, for one thing.
const WORK: usize = 16 << 20;
/// What a call takes of that by itself.
const CALL: usize = 256;
/// The longest first argument of `printf`: each `%65535d` in it makes as much text.
const LONGEST_FORMAT: usize = 1 << 10;
/// The widest padding.
const WIDEST: usize = 1 << 10;

type Answer = Result<Value, TemplateError>;
type Function = fn(&[Value]) -> Answer;

/// All of them.
pub(super) fn all() -> FuncMap {
    let mut functions = FuncMap::new();
    let own: &[(&str, Function)] = &[
        ("json", |arguments| to_json(argument(arguments, 0)?)),
        ("split", split),
        ("join", join),
        ("title", |arguments| Ok(text(title(words(arguments, 0)?)))),
        ("lower", |arguments| Ok(text(words(arguments, 0)?.to_lowercase()))),
        ("upper", |arguments| Ok(text(words(arguments, 0)?.to_uppercase()))),
        ("pad", pad),
        ("truncate", truncate),
        ("index", index),
        ("slice", slice),
        ("print", |arguments| Ok(text(printed(arguments)))),
        ("println", |arguments| Ok(text(joined(arguments, " ") + "\n"))),
        ("printf", printf),
        ("html", |arguments| Ok(text(gotmpl::html_escape(&printed(arguments))))),
        ("js", |arguments| Ok(text(gotmpl::js_escape(&printed(arguments))))),
        ("urlquery", |arguments| Ok(text(gotmpl::url_encode(&printed(arguments))))),
    ];
    for (name, function) in own {
        functions.insert((*name).to_owned(), bounded(*function));
    }
    for name in ["eq", "ne", "lt", "le", "gt", "ge"] {
        let compare = move |arguments: &[Value]| Ok(Value::Bool(by_language(name, arguments)? == "true"));
        functions.insert(name.to_owned(), bounded(compare));
    }
    functions
}

/// The same for the header of a table: a title stays what it is, whatever is done to the field.
pub(super) fn titles() -> FuncMap {
    let same = |arguments: &[Value]| Ok(arguments.last().cloned().unwrap_or(Value::Nil));
    let first = |arguments: &[Value]| Ok(arguments.first().cloned().unwrap_or(Value::Nil));
    let mut functions = all();
    for name in ["json", "title", "lower", "upper"] {
        functions.insert(name.to_owned(), Arc::new(same));
    }
    for name in ["split", "join", "pad", "truncate", "index", "slice"] {
        functions.insert(name.to_owned(), Arc::new(first));
    }
    functions
}

/// A function that refuses more text than is sensible, before and after.
fn bounded(function: impl Fn(&[Value]) -> Answer + Send + Sync + 'static) -> ValueFunc {
    Arc::new(move |arguments| {
        let mut left = MOST;
        arguments.iter().try_for_each(|value| spend(value, &mut left))?;
        work(CALL + MOST - left)?;
        let answer = function(arguments)?;
        let mut left = MOST;
        spend(&answer, &mut left)?;
        work(MOST - left)?;
        Ok(answer)
    })
}

/// Takes something from what all functions together may do.
///
/// # Errors
/// Nothing is left.
pub(super) fn work(bytes: usize) -> Result<(), TemplateError> {
    let left = LEFT.get().checked_sub(bytes);
    let left = left.ok_or_else(|| error(format!("its functions are given and make more than {WORK} bytes in all")))?;
    LEFT.set(left);
    Ok(())
}

/// Takes the size of a value from what is left.
fn spend(value: &Value, left: &mut usize) -> Result<(), TemplateError> {
    let own = match value {
        Value::String(text) => text.len(),
        Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Uint(_)
        | Value::Float(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Function(_) => 8,
    };
    *left = left.checked_sub(own).ok_or_else(|| error(format!("it is given more than {MOST} bytes")))?;
    match value {
        Value::List(items) => items.iter().try_for_each(|item| spend(item, left)),
        Value::Map(fields) => fields.values().try_for_each(|field| spend(field, left)),
        _ => Ok(()),
    }
}

fn error(message: impl Into<String>) -> TemplateError {
    TemplateError::Exec(message.into())
}

fn text(text: impl Into<String>) -> Value {
    Value::String(text.into().into())
}

fn argument(arguments: &[Value], number: usize) -> Result<&Value, TemplateError> {
    arguments.get(number).ok_or_else(|| error(format!("a function has {} arguments: it needs more", arguments.len())))
}

fn words(arguments: &[Value], number: usize) -> Result<&str, TemplateError> {
    let value = argument(arguments, number)?;
    value.as_str().ok_or_else(|| error(format!("a function is given `{value}`, which is not a text")))
}

fn number(arguments: &[Value], place: usize) -> Result<usize, TemplateError> {
    let value = argument(arguments, place)?;
    let number = value.as_int().and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| error(format!("a function is given `{value}`, which is not a number of letters")))
}

fn joined(values: &[Value], separator: &str) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(separator)
}

/// As Go: between two that are no texts there is a space.
fn printed(arguments: &[Value]) -> String {
    let mut printed = String::new();
    let is_text = |value: &Value| matches!(value, Value::String(_));
    for (number, value) in arguments.iter().enumerate() {
        if number > 0 && !is_text(value) && !is_text(&arguments[number - 1]) {
            printed.push(' ');
        }
        printed.push_str(&value.to_string());
    }
    printed
}

fn printf(arguments: &[Value]) -> Answer {
    if words(arguments, 0)?.len() > LONGEST_FORMAT {
        return Err(error(format!("the first argument of `printf` has at most {LONGEST_FORMAT} bytes")));
    }
    by_language("printf", arguments).map(text)
}

/// What the language's own function makes, which has no other way in than through a template.
fn by_language(name: &str, arguments: &[Value]) -> Result<String, TemplateError> {
    let places: Vec<String> = (0..arguments.len()).map(|number| format!("(index . {number})")).collect();
    let template = gotmpl::Template::new(name).parse(&format!("{{{{{name} {}}}}}", places.join(" ")))?;
    template.execute_to_string(&Value::List(arguments.into()))
}

/// As the language's: from here to there, and not further than that.
fn slice(arguments: &[Value]) -> Answer {
    let bound = |place: usize| arguments.get(place).map(|_| number(arguments, place)).transpose();
    let (from, to, most) = (bound(1)?, bound(2)?, bound(3)?);
    if arguments.len() > 4 || most.is_some_and(|most| to.is_some_and(|to| to > most)) {
        return Err(error("`slice` takes a text or a list, and where to begin and to end"));
    }
    let bound = |number: Option<usize>| number.and_then(|number| i64::try_from(number).ok());
    argument(arguments, 0)?.slice(bound(from), bound(to))
}

fn split(arguments: &[Value]) -> Answer {
    let (whole, separator) = (words(arguments, 0)?, words(arguments, 1)?);
    if separator.is_empty() {
        return Ok(Value::List(whole.chars().map(text).collect()));
    }
    Ok(Value::List(whole.split(separator).map(text).collect()))
}

fn join(arguments: &[Value]) -> Answer {
    let separator = words(arguments, 1)?;
    match argument(arguments, 0)? {
        Value::List(items) => Ok(text(joined(items, separator))),
        Value::Nil => Ok(text("")),
        other => Err(error(format!("`join` is given `{other}`, which is not a list"))),
    }
}

/// Each word with a capital.
fn title(words: &str) -> String {
    let mut title = String::with_capacity(words.len());
    let mut begins = true;
    for letter in words.chars() {
        if begins {
            title.extend(letter.to_uppercase());
        } else {
            title.push(letter);
        }
        begins = !letter.is_alphanumeric() && !matches!(letter, '_' | '\'');
    }
    title
}

/// So many spaces before, and so many behind.
fn pad(arguments: &[Value]) -> Answer {
    let inner = words(arguments, 0)?;
    let (before, behind) = (number(arguments, 1)?, number(arguments, 2)?);
    if before.max(behind) > WIDEST {
        return Err(error(format!("`pad` adds at most {WIDEST} spaces")));
    }
    // Docker leaves an empty text empty.
    let spaces = |count: usize| " ".repeat(if inner.is_empty() { 0 } else { count });
    Ok(text(format!("{}{inner}{}", spaces(before), spaces(behind))))
}

fn truncate(arguments: &[Value]) -> Answer {
    let (whole, most) = (words(arguments, 0)?, number(arguments, 1)?);
    Ok(text(whole.chars().take(most).collect::<String>()))
}

/// As the language's, but what is not in a map is empty.
fn index(arguments: &[Value]) -> Answer {
    let mut found = argument(arguments, 0)?.clone();
    for key in &arguments[1..] {
        let is_map = matches!((&found, key), (Value::Map(_), Value::String(_)));
        found = match found.index(key)? {
            Value::Nil if is_map => text(""),
            other => other,
        };
    }
    Ok(found)
}

/// In which order the fields of the documents' objects stand. The values of templates have lost it, and an object is known by its names.
#[derive(Default)]
pub(super) struct Orders(HashMap<BTreeSet<String>, Vec<String>>);

impl Orders {
    pub(super) fn of(document: &Json) -> Orders {
        let mut orders = Orders::default();
        orders.note(document);
        orders
    }

    fn note(&mut self, document: &Json) {
        match document {
            Json::Array(items) => items.iter().for_each(|item| self.note(item)),
            Json::Object(fields) => {
                self.0.entry(fields.keys().cloned().collect()).or_insert_with(|| fields.keys().cloned().collect());
                fields.values().for_each(|field| self.note(field));
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
}

thread_local! {
    /// Those of the document that is worked on. A function of a template gets nothing but its arguments.
    static ORDERS: RefCell<Orders> = RefCell::default();
    /// What the functions may still do.
    static LEFT: Cell<usize> = const { Cell::new(WORK) };
}

/// Does something for one document, whose orders `json` knows meanwhile.
pub(super) fn with_orders<R>(orders: Orders, act: impl FnOnce() -> R) -> R {
    ORDERS.with(|own| *own.borrow_mut() = orders);
    LEFT.set(WORK);
    act()
}

fn to_json(value: &Value) -> Answer {
    let document = ORDERS.with(|orders| document(value, &orders.borrow()));
    json::compact(&document).map(text).map_err(TemplateError::Io)
}

fn document(value: &Value, orders: &Orders) -> Json {
    match value {
        Value::Nil | Value::Function(_) => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(number) => Json::from(*number),
        Value::Uint(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::String(text) => Json::from(&**text),
        Value::List(items) => Json::Array(items.iter().map(|item| document(item, orders)).collect()),
        Value::Map(fields) => {
            let is_field = |value: &Value| !matches!(value, Value::Function(_));
            let names: BTreeSet<String> =
                fields.iter().filter(|(_, value)| is_field(value)).map(|(name, _)| name.to_string()).collect();
            let order = orders.0.get(&names).cloned().unwrap_or_else(|| names.into_iter().collect());
            let field = |name: String| {
                let value = document(fields.get(name.as_str())?, orders);
                Some((name, value))
            };
            Json::Object(order.into_iter().filter_map(field).collect::<Map<_, _>>())
        }
    }
}
