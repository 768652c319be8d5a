//! Tokens: what one has to allow, and what a service of tokens answers.
//!
//! Distribution project, "Token Scope Documentation":
//!
//! ```text
//! repository:me/app:pull,push      repository:library/nginx:pull
//! ```

use std::io::{self, Read as _};

use serde::Deserialize;

use super::http::Answer;
use super::url::escaped;
use crate::hidden::Hidden;

/// The most bytes of a token's document.
const LONGEST: u64 = 1 << 20;

/// What is wanted in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Pull,
    Push,
}

/// What a service of tokens answers.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// What a token has to allow: in a repository, and in another one from which a blob is to be mounted. `asked` is what the server has asked for.
pub(super) fn scopes(repository: &str, access: Access, asked: Option<&str>, from: Option<&str>) -> Vec<String> {
    if repository.is_empty() {
        return asked.map(str::to_owned).into_iter().collect();
    }
    let actions = match access {
        Access::Pull => "pull",
        Access::Push => "pull,push",
    };
    let own = format!("repository:{repository}:{actions}");
    let mounted = from.map(|from| format!("repository:{from}:pull"));
    std::iter::once(own).chain(mounted).collect()
}

/// Reads the answer of a service of tokens, as the value of a header. `None`: there is no token in it. What is in it is as good as a password,
/// so nothing of it is quoted.
///
/// # Errors
/// The connection broke.
pub(super) fn read(answer: Answer) -> io::Result<Option<Hidden>> {
    let mut text = Vec::new();
    answer.into_body().take(LONGEST).read_to_end(&mut text)?;
    let token: Option<Token> = serde_json::from_slice(&text).ok();
    let token = token.and_then(|token| token.token.or(token.access_token));
    let token = token.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
    Ok(token.map(|token| Hidden::new(format!("Bearer {token}").into_bytes())))
}

/// Parameters as they stand in an address or in a form.
pub(super) fn encoded(parameters: &[(&str, String)]) -> String {
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    pairs.join("&")
}
