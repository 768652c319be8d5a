//! Which commit a reference is: what the server answers to `ls-remote`.
//!
//! BuildKit's rule: the full name, else a branch, else a tag. An annotated tag stands for its commit.

use super::Error;
use super::address::Source;
use super::program::{Git, With};
use super::repository::{is_commit, is_reference};

/// Where the commit is that is wanted, in our folder.
pub(super) const WANTED: &str = "refs/wanted/commit";

/// What a reference is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its full name; `None` for a commit that nobody was asked about.
    pub(super) name: Option<String>,
    /// The commit, or a tag of it.
    pub(super) object: String,
    /// The commit, as far as the server says.
    commit: String,
}

impl Found {
    /// The commit, as far as the server says.
    pub(crate) fn commit(&self) -> &str {
        &self.commit
    }
}

/// Asks the server.
///
/// # Errors
/// [`Error::NoReference`] where it has none; as [`Git::call`].
pub(super) fn look_up(git: &Git<'_>, source: &Source) -> Result<Found, Error> {
    if let Some(commit) = source.commit() {
        return Ok(Found { name: None, object: commit.to_owned(), commit: commit.to_owned() });
    }
    let url = git.connection.url.as_str();
    let reference = match &source.reference {
        Some(reference) => reference.clone(),
        None => head(git, url)?,
    };
    let peeled = format!("{reference}^{{}}");
    let answer = git.answer(With::Server, &["ls-remote", "--", url, &reference, &peeled])?;
    choose(&answer, &reference).ok_or_else(|| Error::NoReference {
        repository: git.name.clone(),
        what: match reference.as_str() {
            "HEAD" => "commit at HEAD".to_owned(),
            reference => format!("branch or tag `{reference}`"),
        },
    })
}

/// The branch that the server calls HEAD.
fn head(git: &Git<'_>, url: &str) -> Result<String, Error> {
    let answer = git.answer(With::Server, &["ls-remote", "--symref", "--", url, "HEAD"])?;
    let branch = answer.lines().find_map(|line| line.strip_prefix("ref: ")?.strip_suffix("\tHEAD"));
    // An old server does not say which branch it is.
    Ok(branch.filter(|name| is_reference(name)).unwrap_or("HEAD").to_owned())
}

/// Chooses among the lines `<object>\t<name>` of an answer.
fn choose(answer: &str, reference: &str) -> Option<Found> {
    let object = |name: &str| {
        let mut lines = answer.lines().filter_map(|line| line.split_once('\t'));
        lines.find(|(object, found)| *found == name && is_commit(object)).map(|(object, _)| object.to_owned())
    };
    let bare = reference.strip_prefix("refs/").unwrap_or(reference);
    let names = [
        if reference == "HEAD" { "HEAD".to_owned() } else { format!("refs/{bare}") },
        format!("refs/heads/{}", reference.strip_prefix("refs/heads/").unwrap_or(reference)),
        format!("refs/tags/{}", reference.strip_prefix("refs/tags/").unwrap_or(reference)),
    ];
    let (name, found) = names.into_iter().find_map(|name| object(&name).map(|found| (name, found)))?;
    let commit = object(&format!("{name}^{{}}")).unwrap_or_else(|| found.clone());
    debug_assert!(is_commit(&commit));
    Some(Found { name: Some(name), object: found, commit })
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn a_branch_comes_before_a_tag_and_a_tag_stands_for_its_commit() {
        let id = |digit: &str| digit.repeat(40);
        let answer = format!(
            "{}\trefs/heads/x\n{}\trefs/heads/other/x\n{}\trefs/tags/x\n{}\trefs/tags/x^{{}}\n{}\trefs/pull/1/head\nnonsense",
            id("1"),
            id("2"),
            id("3"),
            id("4"),
            id("5")
        );
        let chosen = |reference: &str| choose(&answer, reference).map(|found| found.commit[..1].to_owned());
        assert_eq!(chosen("x").as_deref(), Some("1"));
        assert_eq!(chosen("refs/tags/x").as_deref(), Some("4"));
        assert_eq!(chosen("tags/x").as_deref(), Some("4"));
        assert_eq!(chosen("other/x").as_deref(), Some("2"));
        assert_eq!(chosen("refs/pull/1/head").as_deref(), Some("5"));
        assert_eq!(chosen("pull/1/head").as_deref(), Some("5"));
        assert_eq!(chosen("y"), None);
    }
}
