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

/// What nobody is to see of a variable that is taken for a credential: its value; of addresses in it also the user with the password, and the
/// password. Nothing, if it is not taken for one.
pub(crate) fn credentials_in<'v>(name: &str, value: &'v str) -> Vec<&'v str> {
    let logins: Vec<(&str, &str)> = logins(value).collect();
    if !names_a_secret(name) && logins.is_empty() {
        return Vec::new();
    }
    logins.into_iter().flat_map(|(user, password)| [user, password]).chain([value]).collect()
}

/// Of each address with a password in a text, `scheme://user:password@host`: what stands before the host, and the password.
fn logins(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("://").skip(1).filter_map(|rest| {
        let authority = rest.split(|letter: char| "/?#".contains(letter) || letter.is_whitespace()).next()?;
        let (user, _) = authority.rsplit_once('@')?;
        Some((user, user.split_once(':')?.1))
    })
}

#[cfg(test)]
mod tests {
    use super::credentials_in;

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
        let told: Vec<bool> = variables.iter().map(|(name, value)| !credentials_in(name, value).is_empty()).collect();
        assert_eq!(told, [true, true, false, false, false, false, true, false]);
    }

    #[test]
    fn the_passwords_of_addresses_are_credentials_by_themselves() {
        let value = "http://ada:perch@one.example/a,b https://b:c:d@two.example";
        assert_eq!(credentials_in("SERVERS", value), ["ada:perch", "perch", "b:c:d", "c:d", value]);
        assert_eq!(credentials_in("API_TOKEN", "x"), ["x"]);
    }
}
