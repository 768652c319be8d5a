//! Users and groups as an image's own `/etc/passwd` and `/etc/group` name them, see passwd(5) and
//! group(5).
//!
//! The form is Docker's: `user`, `uid`, `user:group`, `uid:gid` and mixtures. A number needs no
//! entry. Parsing is apart from reading, so that it can be used on any text.

use super::error::{Cause, Error, Failure};

/// Who the command runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// The user id.
    pub(crate) uid: u32,
    /// The primary group.
    pub(crate) gid: u32,
    /// All groups, the primary one first.
    pub(crate) groups: Vec<u32>,
    /// Those of them that were asked for.
    pub(crate) further: Vec<u32>,
    /// The home directory; `/` for a user without an entry.
    pub(crate) home: String,
}

impl Account {
    /// Finds `user` in the texts of a passwd and a group file. An empty `user` is user 0.
    ///
    /// A name is tried before a number, as a user may be *named* `1000`. With a group in `user`
    /// that is the only group; without, the groups are those that list the user as member. Errors:
    /// a name without an entry.
    pub(crate) fn resolve(user: &str, passwd: &str, group: &str) -> Result<Account, Failure> {
        let (user, wanted_group) = match user.split_once(':') {
            Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
            None => (user, None),
        };
        let user = if user.is_empty() { "0" } else { user };
        let entries = || passwd.lines().filter_map(Entry::parse);
        let number = id(user);
        let entry =
            entries().find(|entry| entry.name == user).or_else(|| entries().find(|entry| Some(entry.uid) == number));
        let (uid, mut gid, home) = match (&entry, number) {
            (Some(entry), _) => (entry.uid, entry.gid, entry.home),
            (None, Some(uid)) => (uid, 0, "/"),
            (None, None) => return Err(missing("user", user, "/etc/passwd")),
        };
        let mut groups = Vec::new();
        match (wanted_group, &entry) {
            (Some(wanted), _) => gid = group_id(wanted, group)?,
            (None, Some(entry)) => groups.extend(memberships(entry.name, group)),
            (None, None) => {}
        }
        groups.retain(|other| *other != gid);
        groups.insert(0, gid);
        let home = if home.is_empty() { "/" } else { home }.to_owned();
        Ok(Account { uid, gid, groups, further: Vec::new(), home })
    }

    /// Adds groups by name or number.
    pub(crate) fn join(&mut self, wanted: &[String], group: &str) -> Result<(), Failure> {
        for wanted in wanted {
            let gid = group_id(wanted, group)?;
            self.further.push(gid);
            if !self.groups.contains(&gid) {
                self.groups.push(gid);
            }
        }
        Ok(())
    }
}

/// A user as the kernel knows it: by numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserIds {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// All groups, the primary one first.
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
}

/// Whether a user, as an image or the command line names one, is root by name or number.
pub(crate) fn is_called_root(user: &str) -> bool {
    matches!(user.split(':').next(), None | Some("" | "0" | "root"))
}

/// Looks a user and further groups up in the texts of a passwd and a group file.
///
/// # Errors
/// One has no entry there.
pub(crate) fn users_of(user: &str, groups: &[String], passwd: &str, group: &str) -> Result<UserIds, Error> {
    let mut account = Account::resolve(user, passwd, group).map_err(Error::Setup)?;
    account.join(groups, group).map_err(Error::Setup)?;
    Ok(UserIds { uid: account.uid, gid: account.gid, groups: account.groups, home: account.home })
}

/// The home directory of a user; `/` where the text of a passwd file has none.
pub(crate) fn home_of(uid: u32, passwd: &str) -> String {
    let entry = passwd.lines().filter_map(Entry::parse).find(|entry| entry.uid == uid);
    entry.map(|entry| entry.home).filter(|home| !home.is_empty()).unwrap_or("/").to_owned()
}

/// A line of passwd(5): the four fields that matter.
struct Entry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> Option<Entry<'a>> {
        let fields: Vec<&str> = line.split(':').collect();
        let uid = id(fields.get(2)?)?;
        let gid = id(fields.get(3)?)?;
        Some(Entry { name: fields[0], uid, gid, home: fields.get(5).copied().unwrap_or("") })
    }
}

fn group_id(wanted: &str, group: &str) -> Result<u32, Failure> {
    let number = id(wanted);
    let lines = || group.lines().filter_map(group_line);
    lines()
        .find(|(name, ..)| *name == wanted)
        .map(|(_, gid, _)| gid)
        .or(number)
        .ok_or_else(|| missing("group", wanted, "/etc/group"))
}

fn memberships(user: &str, group: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for (_, gid, members) in group.lines().filter_map(group_line) {
        if members.split(',').any(|member| member == user) && !found.contains(&gid) {
            found.push(gid);
        }
    }
    found
}

fn group_line(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.splitn(4, ':');
    let (name, _password, gid) = (fields.next()?, fields.next()?, id(fields.next()?)?);
    Some((name, gid, fields.next().unwrap_or("")))
}

/// A user or group id: decimal, below 2³¹ as Docker wants it.
fn id(text: &str) -> Option<u32> {
    text.parse::<i32>().ok().and_then(|number| u32::try_from(number).ok())
}

fn missing(kind: &str, name: &str, file: &str) -> Failure {
    Failure::of(Cause::NoSuchUser, format!("the image has no {kind} `{}` in its `{file}`", name.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::Account;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/srv:/bin/false\n1000:x:7:7::/odd:\nbroken line\n";
    const GROUP: &str = "root:x:0:\nwww:x:34:web\nmedia:x:44:web,root\nempty:x:45\n";

    fn found(user: &str) -> String {
        match Account::resolve(user, PASSWD, GROUP) {
            Ok(account) => format!("{}:{} {:?} {}", account.uid, account.gid, account.groups, account.home),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn users_and_groups_are_found_by_name_and_number() {
        assert_eq!(found(""), "0:0 [0, 44] /root");
        assert_eq!(found("web"), "33:34 [34, 44] /srv");
        assert_eq!(found("33"), "33:34 [34, 44] /srv");
        assert_eq!(found("web:media"), "33:44 [44] /srv");
        assert_eq!(found("web:99"), "33:99 [99] /srv");
        assert_eq!(found("5000"), "5000:0 [0] /");
        assert_eq!(found("5000:5001"), "5000:5001 [5001] /");
        assert_eq!(found("1000"), "7:7 [7] /odd");
        assert_eq!(found(":44"), "0:44 [44] /root");
    }

    #[test]
    fn a_name_without_an_entry_is_an_error() {
        assert_eq!(found("nobody"), "the image has no user `nobody` in its `/etc/passwd`");
        assert_eq!(found("web:staff"), "the image has no group `staff` in its `/etc/group`");
        assert_eq!(found("-1"), "the image has no user `-1` in its `/etc/passwd`");
    }
}
