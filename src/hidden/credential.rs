//! Variables that are taken for credentials: by their names, as BuildKit's check `SecretsUsedInArgOrEnv` does, or because their values are addresses
//! with a password, as those of proxies may be. And addresses themselves, wherever they stand: in ADD, in a label.

/// Words of a name, between underscores, that tell of a secret, and those that tell of something about one.
const SECRET: [&str; 10] =
    ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
const NO_SECRET: [&str; 3] = ["public", "file", "version"];

/// No more is put into a text: a variable may be long, and named often.
const LONGEST_EXPANDED: usize = 1 << 20;

/// Whether the name of a variable tells of a secret.
pub(crate) fn names_a_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    let has = |words: &[&str]| name.split('_').any(|word| words.contains(&word));
    has(&SECRET) && !has(&NO_SECRET)
}

/// What nobody is to see of a variable that is taken for a credential: its value, and the credentials in its addresses. Nothing, if it is not
/// taken for one.
pub(crate) fn credentials_in<'v>(name: &str, value: &'v str) -> Vec<&'v str> {
    let mut found = credentials_in_addresses(value);
    if names_a_secret(name) || !found.is_empty() {
        found.push(value);
    }
    found
}

/// Of each address in a text what nobody is to see: of `scheme://user:password@host` what stands before the host, and the password; of
/// `https://token@host` the token. Over other protocols a user alone is a name, as in `ssh://git@host`.
pub(crate) fn credentials_in_addresses(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let (scheme, rest) = (&text[..at], &text[at + 3..]);
        let ends = |letter: char| "/?#\"'".contains(letter) || letter.is_whitespace();
        let Some((user, _)) = rest.split(ends).next().and_then(|authority| authority.rsplit_once('@')) else {
            continue;
        };
        match user.split_once(':') {
            Some((_, password)) => found.extend([user, password]),
            None if scheme.ends_with("http") || scheme.ends_with("https") => found.push(user),
            None => {}
        }
    }
    found
}

/// The same of the addresses that a text has when variables are put into it as a shell does: `$NAME`, `${NAME}`, and `${NAME…}` with whatever follows. Nothing
/// else of a shell is understood.
pub(crate) fn credentials_in_expanded<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> Vec<String> {
    if !text.contains('$') {
        return credentials_in_addresses(text).into_iter().map(str::to_owned).collect();
    }
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        expanded.push_str(before);
        let (name, length) = variable_at(from);
        match value(name).filter(|_| !name.is_empty() && expanded.len() < LONGEST_EXPANDED) {
            Some(value) => expanded.push_str(value),
            None => expanded.push_str(&from[..length]),
        }
        rest = &from[length..];
    }
    expanded.push_str(rest);
    credentials_in_addresses(&expanded).into_iter().map(str::to_owned).collect()
}

/// The name of the variable that a text begins with, and how long that is with its `$` and braces; the name is empty where there is none.
fn variable_at(text: &str) -> (&str, usize) {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let named = |rest: &'_ str| rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
    match text.strip_prefix("${") {
        Some(rest) => match rest.find('}') {
            Some(end) => (&rest[..named(&rest[..end])], end + 3),
            None => ("", 2),
        },
        None => (&text[1..1 + named(&text[1..])], 1 + named(&text[1..])),
    }
}

#[cfg(test)]
mod tests {
    use super::{credentials_in, credentials_in_addresses, credentials_in_expanded};

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
    fn a_user_alone_is_a_token_where_a_web_server_is_asked() {
        let text = "ADD https://tench@one.example/x ssh://git@two.example/y https://three.example/@z /d\nLABEL u=\"http://a:pike@h\"";
        assert_eq!(credentials_in_addresses(text), ["tench", "a:pike", "pike"]);
    }

    #[test]
    fn the_passwords_of_addresses_are_credentials_by_themselves() {
        let value = "http://ada:perch@one.example/a,b https://b:c:d@two.example";
        assert_eq!(credentials_in("SERVERS", value), ["ada:perch", "perch", "b:c:d", "c:d", value]);
        assert_eq!(credentials_in("API_TOKEN", "x"), ["x"]);
    }

    #[test]
    fn addresses_that_variables_make_are_found() {
        let value = |name: &str| match name {
            "WHO" => Some("ada"),
            "PIN" => Some("tench"),
            "SERVER" => Some("eve:pike@one.example"),
            "PROTOCOL" => Some("https:"),
            _ => None,
        };
        let text =
            "curl -u $X https://$SERVER/x \"https://${WHO}:${PIN:-none}@two.example\" $PROTOCOL//$PIN@three $ ${ $";
        assert_eq!(credentials_in_expanded(text, value), ["eve:pike", "pike", "ada:tench", "tench", "tench"]);
        assert!(credentials_in_expanded("https://$UNKNOWN/x ${WHO", value).is_empty());
        assert_eq!(credentials_in_expanded("https://a:perch@one", value), ["a:perch", "perch"]);
    }
}
