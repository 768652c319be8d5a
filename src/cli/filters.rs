//! `--filter NAME=VALUE`: which lines of a list are shown, or which things go.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::view::units;

/// Filters, in the order in which they were given.
#[derive(Debug, Default)]
pub(super) struct Filters(Vec<(String, String)>);

impl Filters {
    /// Reads them. `known` are the names that mean something here.
    ///
    /// # Errors
    /// One has no value, or another name.
    pub(crate) fn parse(texts: &[String], known: &[&str]) -> Result<Filters, Diagnostic> {
        let read = |text: &String| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let name = name.trim().to_lowercase();
            if !text.contains('=') {
                return Err(Diagnostic::error(format!("invalid filter `{text}`: it has no value"))
                    .hint("a filter is written `NAME=VALUE`"));
            }
            if !known.contains(&name.as_str()) {
                return Err(Diagnostic::error(format!("invalid filter `{name}`"))
                    .hint(format!("the filters here are {}", known.join(", "))));
            }
            Ok((name, value.trim().to_owned()))
        };
        texts.iter().map(read).collect::<Result<_, _>>().map(Filters)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is one of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The values of those with a name.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The last of a name, as yes or no.
    ///
    /// # Errors
    /// It is neither.
    pub(crate) fn truth(&self, name: &str) -> Result<Option<bool>, Diagnostic> {
        match self.values(name).last() {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(Diagnostic::error(format!("invalid filter `{name}={other}`"))
                .hint(format!("write `{name}=true` or `{name}=false`"))),
        }
    }

    /// Whether something that was made at a moment is older than every `until=AGE` says. What has no moment that can be read is old.
    ///
    /// # Errors
    /// An age can't be understood.
    pub(crate) fn fit_age(&self, now: i64, created: Option<&str>) -> Result<bool, Diagnostic> {
        let made = created.and_then(|created| created.parse::<jiff::Timestamp>().ok());
        for age in self.values("until") {
            let moment = units::before(now, age)?;
            if made.is_some_and(|made| made.as_second() >= moment) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether labels have all that `label=NAME[=VALUE]` asks for, and nothing that `label!=NAME[=VALUE]` does.
    pub(crate) fn fit_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let fits = |wanted: &str| match wanted.split_once('=') {
            Some((name, value)) => labels.get(name).is_some_and(|own| own == value),
            None => labels.contains_key(wanted),
        };
        self.values("label").all(fits) && !self.values("label!").any(fits)
    }
}
