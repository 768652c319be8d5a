//! The long form: `--mount type=…,source=…,target=…,…`.
//!
//! The rules are those of Docker's command line: a line of comma-separated values, in which quotation marks may stand around a field; nothing
//! is guessed, and what does not fit the type is an error.

use std::collections::BTreeMap;
use std::path::Path;

use super::short;
use super::spec::{BindOptions, Kind, Spec, VolumeOptions};
use crate::runtime::Error;
use crate::size;

/// Reads `--mount`. A source that begins with a dot is meant from `here` on.
///
/// # Errors
/// [`Error::Argument`] for what is not such a text.
pub fn parse(text: &str, here: &Path) -> Result<Spec, Error> {
    let invalid = |reason: String| {
        Error::argument(
            format!("invalid --mount `{text}`: {reason}"),
            "a mount is written `type=bind|volume|tmpfs,source=SOURCE,target=/PATH[,readonly]`",
        )
    };
    if text.is_empty() {
        return Err(invalid("value is empty".to_owned()));
    }
    let mut spec = Spec::default();
    for field in fields(text).map_err(invalid)? {
        set(&mut spec, &field, here).map_err(invalid)?;
    }
    fits_together(&spec).map_err(invalid)?;
    Ok(spec)
}

/// Sets what one field says.
fn set(spec: &mut Spec, field: &str, here: &Path) -> Result<(), String> {
    let (key, value) = match field.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (field, None),
    };
    if key.trim() != key {
        return Err(format!("invalid option '{key}' in '{field}': option should not have whitespace"));
    }
    if let Some(value) = value {
        if value.trim().is_empty() {
            return Err(format!("invalid value for '{key}': value is empty"));
        }
        if value.trim() != value {
            return Err(format!("invalid value for '{key}' in '{field}': value should not have whitespace"));
        }
    }
    let name = key.to_lowercase();
    const SWITCHES: [&str; 5] = ["readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src"];
    let Some(text) = value.or(SWITCHES.contains(&name.as_str()).then_some("true")) else {
        return Err(format!("invalid field '{field}' must be a key=value pair"));
    };
    match name.as_str() {
        "type" => spec.kind = Kind::of(&text.to_lowercase()),
        "source" | "src" => spec.source = Some(short::path(text, here)),
        "target" | "dst" | "destination" => spec.target = text.to_owned(),
        "readonly" | "ro" => spec.read_only = truth(key, text)?,
        // It told Docker's desktop programs how to share folders.
        "consistency" => {}
        _ if name.starts_with("bind-") => set_bind(spec, &name, text)?,
        _ if name.starts_with("volume-") => set_volume(spec, &name, text)?,
        "tmpfs-size" => {
            let bytes = size::parse(text).ok_or_else(|| format!("invalid value for {key}: {text}"))?;
            spec.tmpfs.get_or_insert_default().size = Some(bytes);
        }
        "tmpfs-mode" => {
            let mode = u32::from_str_radix(text, 8).map_err(|_| format!("invalid value for {key}: {text}"))?;
            spec.tmpfs.get_or_insert_default().mode = Some(mode);
        }
        _ => return Err(unknown(key, field)),
    }
    Ok(())
}

fn unknown(key: &str, field: &str) -> String {
    format!("unknown option '{key}' in '{field}'")
}

fn set_bind(spec: &mut Spec, name: &str, text: &str) -> Result<(), String> {
    if name == "bind-recursive" && text == "enabled" {
        return Ok(());
    }
    let options: &mut BindOptions = spec.bind.get_or_insert_default();
    match (name, text) {
        ("bind-propagation", _) => options.propagation = text.to_lowercase(),
        ("bind-nonrecursive", _) => options.non_recursive = truth(name, text)?,
        ("bind-recursive", "disabled") => options.non_recursive = true,
        ("bind-recursive", "writable") => options.read_only_non_recursive = true,
        ("bind-recursive", "readonly") => options.read_only_force_recursive = true,
        ("bind-recursive", _) => {
            return Err(format!(
                "invalid value for {name}: {text} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
            ));
        }
        ("bind-create-src", _) => options.create_source = truth(name, text)?,
        _ => return Err(unknown(name, &format!("{name}={text}"))),
    }
    Ok(())
}

fn set_volume(spec: &mut Spec, name: &str, text: &str) -> Result<(), String> {
    let options: &mut VolumeOptions = spec.volume.get_or_insert_default();
    match name {
        "volume-nocopy" => options.no_copy = truth(name, text)?,
        "volume-subpath" => options.subpath = Some(text.to_owned()),
        "volume-label" => put(&mut options.labels, text),
        "volume-driver" => options.driver.get_or_insert_default().name = text.to_owned(),
        "volume-opt" => put(&mut options.driver.get_or_insert_default().options, text),
        _ => return Err(unknown(name, &format!("{name}={text}"))),
    }
    Ok(())
}

/// What can be said of the whole only.
fn fits_together(spec: &Spec) -> Result<(), String> {
    let kind = spec.kind.name();
    let said: [(&str, bool, Kind); 3] = [
        ("bind", spec.bind.is_some(), Kind::Bind),
        ("volume", spec.volume.is_some(), Kind::Volume),
        ("tmpfs", spec.tmpfs.is_some(), Kind::Tmpfs),
    ];
    if let Some((prefix, ..)) = said.iter().find(|(_, is_said, belongs)| *is_said && *belongs != spec.kind) {
        return Err(format!("cannot mix '{prefix}-*' options with mount type '{kind}'"));
    }
    if let Some(bind) = &spec.bind {
        let requires = |value: &str, needed: &str| {
            Err(format!("option 'bind-recursive={value}' requires '{needed}' to be specified in conjunction"))
        };
        if bind.read_only_non_recursive && !spec.read_only {
            return requires("writable", "readonly");
        }
        if bind.read_only_force_recursive && !spec.read_only {
            return requires("readonly", "readonly");
        }
        if bind.read_only_force_recursive && bind.propagation != "rprivate" {
            return requires("readonly", "bind-propagation=rprivate");
        }
    }
    if spec.target.is_empty() {
        return Err("target is required".to_owned());
    }
    Ok(())
}

fn truth(key: &str, text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(format!(
            "invalid value for '{key}': invalid boolean value (\"{other}\"): must be one of \"true\", \"1\", \"false\", or \"0\" (default \
             \"true\")"
        )),
    }
}

/// Puts `name=value` into a map; without a name it says nothing.
fn put(map: &mut BTreeMap<String, String>, text: &str) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    if !name.is_empty() {
        map.insert(name.to_owned(), value.to_owned());
    }
}

/// The fields of a line of comma-separated values, RFC 4180.
fn fields(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, behind) = match rest.strip_prefix('"') {
            Some(quoted) => in_quotes(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(fields),
            None => return Err("there is something behind a closing quotation mark".to_owned()),
        }
    }
}

/// A field behind its opening quotation mark, and what is behind the closing one. Two of them mean one.
fn in_quotes(text: &str) -> Result<(String, &str), String> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"').ok_or("a quotation mark is not closed")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Ok((field, rest)),
        }
    }
}
