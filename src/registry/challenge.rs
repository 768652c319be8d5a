//! What a server asks for before it answers: the header `WWW-Authenticate`.
//!
//! RFC 9110, section 11.6.1, and the distribution project's token authentication:
//!
//! ```text
//! Bearer realm="https://auth.example/token",service="registry.example",scope="repository:library/alpine:pull"
//! Basic realm="registry"
//! ```
//!
//! Left out: schemes that registries do not use.

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token from this service.
    Bearer {
        /// Where the service is.
        realm: String,
        /// For whom the token is.
        service: Option<String>,
        /// What it allows.
        scope: Option<String>,
    },
    /// A user name and a password.
    Basic,
}

/// The challenges of one header, those that are understood.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut rest = header;
    let mut challenges = Vec::new();
    while let Some((scheme, parameters, after)) = one(rest) {
        rest = after;
        let parameter = |wanted: &str| {
            parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("basic") {
            challenges.push(Challenge::Basic);
        } else if scheme.eq_ignore_ascii_case("bearer")
            && let Some(realm) = parameter("realm")
        {
            challenges.push(Challenge::Bearer { realm, service: parameter("service"), scope: parameter("scope") });
        }
    }
    challenges
}

/// A scheme, its parameters, and the text behind them.
type Parsed<'t> = (&'t str, Vec<(&'t str, String)>, &'t str);

fn one(text: &str) -> Option<Parsed<'_>> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    let (scheme, mut rest) = token(text)?;
    let mut parameters = Vec::new();
    loop {
        let ahead = rest.trim_start_matches([' ', '\t', ',']);
        let Some((name, after)) = token(ahead) else { break };
        // A word without a value is the next scheme.
        let Some(after) = after.trim_start().strip_prefix('=') else { break };
        let Some((value, after)) = value(after.trim_start()) else { break };
        parameters.push((name, value));
        rest = after;
    }
    Some((scheme, parameters, rest))
}

fn token(text: &str) -> Option<(&str, &str)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
    let end = text.find(|character| !is_part(character)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A word, or a text in quotes with its backslashes taken away.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, rest) = token(text)?;
        return Some((word.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Challenge, parse};

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn headers_are_understood() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let hub_read =
            bearer("https://auth.docker.io/token", Some("registry.docker.io"), Some("repository:a/b:pull,push"));
        for (header, expected) in [
            (hub, vec![hub_read]),
            (r#"basic realm="x""#, vec![Challenge::Basic]),
            ("Basic", vec![Challenge::Basic]),
            (r#"Negotiate, Bearer realm=a , Basic realm="b, c""#, vec![bearer("a", None, None), Challenge::Basic]),
            (r#"BEARER REALM="a\"b""#, vec![bearer("a\"b", None, None)]),
            (r#"Bearer service="x""#, Vec::new()),
            (r#"Bearer realm="never ends"#, Vec::new()),
            ("", Vec::new()),
            (", ,=\"", Vec::new()),
        ] {
            assert_eq!(parse(header), expected, "{header}");
        }
    }
}
