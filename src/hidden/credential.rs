//! Variables that are taken for credentials: by their names, as BuildKit's check `SecretsUsedInArgOrEnv` does, or because their values are addresses
//! with a password, as those of proxies may be.

/// Words of a name, between underscores, that tell of a secret, and those that tell of something about one.
const SECRET: [&str; 10] =
    ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
const NO_SECRET: [&str; 3] = ["public", "file", "version"];

/// Whether the name of a variable tells of a secret.
pub(crate) fn names_a_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    let has = |words: &[&str]| name.split('_').any(|word| words.contains(&word));
    has(&SECRET) && !has(&NO_SECRET)
}

/// Whether a variable is taken for a credential.
pub(crate) fn is_credential(name: &str, value: &str) -> bool {
    names_a_secret(name) || has_password(value)
}

/// Whether a text is an address with a password: `scheme://user:password@host`.
fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::is_credential;

    #[test]
    fn credentials_are_told_by_name_or_by_address() {
        let variables = [
            ("API_TOKEN", "x"),
            ("api_key", "x"),
            ("KEY_FILE", "x"),
            ("MONKEY", "x"),
            ("PUBLIC_KEY", "x"),
            ("HTTP_PROXY", "http://proxy.example:3128"),
            ("HTTP_PROXY", "http://ada:swordfish@proxy.example:3128"),
            ("REPOSITORY", "https://example.org/a:b@c"),
        ];
        let told: Vec<bool> = variables.iter().map(|(name, value)| is_credential(name, value)).collect();
        assert_eq!(told, [true, true, false, false, false, false, true, false]);
    }
}
