//! The kinds of messages, as data.
//!
//! A [`Rule`] is what many messages have in common: its name, by which a program, a test and `# check=skip=NAME` know it, how
//! bad it is, and one line that says what it is about. The rules of a language stand in a table where the language is
//! ([`crate::dockerfile::rules`]); a message of the program itself, which nobody can skip, has none.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The text means nothing; work on it stops.
    Error,
    /// The text is understood, but probably not what was meant.
    Warning,
    /// The text is understood, and usually written in another way.
    Note,
}

impl Severity {
    /// The word with which a message begins.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// One kind of message.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name: what is wrong, in capitalised words put together. Unique in its table.
    pub name: &'static str,
    /// How bad it is where nothing else is said.
    pub severity: Severity,
    /// Who defined it.
    pub origin: Origin,
    /// What it is about, in one line.
    pub summary: &'static str,
}

/// Whose rule it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// One of the build checks that Docker documents, with Docker's name.
    Docker,
    /// One that Docker documents as an experiment: it has to be asked for.
    DockerExperiment,
    /// Our own.
    Layerlab,
}

impl Rule {
    /// The page that explains one of Docker's checks.
    pub fn page(&self) -> Option<String> {
        match self.origin {
            Origin::Docker | Origin::DockerExperiment => {
                Some(format!("https://docs.docker.com/reference/build-checks/{}/", self.kebab_name()))
            }
            Origin::Layerlab => None,
        }
    }

    /// `JSONArgsRecommended` → `json-args-recommended`.
    fn kebab_name(&self) -> String {
        let letters: Vec<char> = self.name.chars().collect();
        let mut kebab = String::new();
        for (place, letter) in letters.iter().enumerate() {
            let after_small = place > 0 && letters[place - 1].is_lowercase();
            let before_small = place > 0 && letters.get(place + 1).is_some_and(|next| next.is_lowercase());
            if letter.is_uppercase() && (after_small || before_small) {
                kebab.push('-');
            }
            kebab.extend(letter.to_lowercase());
        }
        kebab
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_explains_each_of_its_checks_on_a_page() {
        let page = |name, origin| Rule { name, severity: Severity::Warning, origin, summary: "" }.page();
        let expected = "https://docs.docker.com/reference/build-checks/json-args-recommended/";
        assert_eq!(page("JSONArgsRecommended", Origin::Docker).as_deref(), Some(expected));
        assert!(
            page("SecretsUsedInArgOrEnv", Origin::Docker)
                .is_some_and(|page| page.ends_with("/secrets-used-in-arg-or-env/"))
        );
        assert_eq!(page("UnknownFlag", Origin::Layerlab), None);
    }
}
