//! What a container may do, as options say it: `--cap-add`, `--cap-drop`, `--security-opt`, `--privileged`.

use std::path::Path;

use super::Error;
use crate::container::{Capabilities, NewPrivileges, Paths, Profile, Rights, Seccomp};

/// The options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Confinement<'a> {
    /// Whether everything is given that can be.
    pub(crate) privileged: bool,
    pub(crate) add: &'a [String],
    pub(crate) drop: &'a [String],
    pub(crate) security: &'a [String],
}

/// Docker's rights, changed by options, with `read` for a system call filter of a file; and whether parts of /proc and /sys are hidden.
///
/// # Errors
/// [`Error::Argument`] for an option that is unknown, or that nothing here can keep.
pub(crate) fn parse_rights(
    options: Confinement<'_>,
    read: &dyn Fn(&Path, Capabilities) -> Result<Profile, Error>,
) -> Result<(Rights, Paths), Error> {
    let mut rights = Rights::docker();
    let mut paths = Paths::Protected;
    if options.privileged {
        (rights, paths) = (Rights::insecure(), Paths::Open);
    } else {
        rights.capabilities = capabilities(options.add, options.drop)?;
    }
    for option in options.security {
        // Docker's older form has a colon.
        let (name, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
        match (name, value) {
            ("no-new-privileges", "" | "true") => rights.new_privileges = NewPrivileges::Forbidden,
            ("no-new-privileges", "false") => rights.new_privileges = NewPrivileges::Allowed,
            ("seccomp", "unconfined") => rights.seccomp = Seccomp::Unconfined,
            ("seccomp", "builtin") => {}
            ("seccomp", "") => {
                return Err(Error::argument(
                    format!("invalid --security-opt `{option}`"),
                    "`seccomp=FILE` names a profile, `seccomp=builtin` is Docker's default one, `seccomp=unconfined` is none",
                ));
            }
            ("seccomp", file) => rights.seccomp = Seccomp::Profile(read(Path::new(file), rights.capabilities)?),
            ("systempaths", "unconfined") => paths = Paths::Open,
            // Which is how it is: no profile and no label is ever set.
            ("apparmor", "unconfined") | ("label", "disable") => {}
            ("apparmor" | "label", _) => {
                return Err(Error::argument(
                    format!("can't use `{option}`: profiles of AppArmor and labels of SELinux are not set"),
                    "containers are confined by namespaces, capabilities and a system call filter: `--explain` lists them",
                ));
            }
            _ => {
                return Err(Error::argument(
                    format!("invalid --security-opt `{option}`"),
                    "use `no-new-privileges`, `seccomp=FILE`, `seccomp=unconfined` or `systempaths=unconfined`",
                ));
            }
        }
    }
    Ok((rights, paths))
}

/// Docker's rules: what is added wins, unless everything is added; `ALL` is all there are.
fn capabilities(add: &[String], drop: &[String]) -> Result<Capabilities, Error> {
    let is_all = |name: &String| name.eq_ignore_ascii_case("all");
    let (adds_all, drops_all) = (add.iter().any(is_all), drop.iter().any(is_all));
    let mut set = match (adds_all, drops_all) {
        (true, _) => Capabilities::all(),
        (false, true) => Capabilities::none(),
        (false, false) => Capabilities::docker(),
    };
    let unknown = |name: &str| {
        Error::argument(
            format!("unknown capability `{name}`"),
            "capabilities have names such as NET_ADMIN or CAP_NET_ADMIN; ALL is all of them",
        )
    };
    for name in drop.iter().filter(|name| !is_all(name)) {
        set = set.without(name).ok_or_else(|| unknown(name))?;
    }
    for name in add.iter().filter(|name| !is_all(name)) {
        let with = set.with(name).ok_or_else(|| unknown(name))?;
        set = if adds_all { set } else { with };
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::{Capabilities, Confinement, NewPrivileges, Paths, Seccomp, parse_rights};

    fn rights(add: &str, drop: &str, security: &str) -> Result<(crate::container::Rights, Paths), String> {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (add, drop, security) = (words(add), words(drop), words(security));
        let options = Confinement { privileged: false, add: &add, drop: &drop, security: &security };
        let none = |_: &std::path::Path, _| Err(crate::runtime::Error::Refused("no such file".to_owned()));
        parse_rights(options, &none).map_err(|error| error.to_string())
    }

    #[test]
    fn capabilities_are_added_and_dropped() {
        let shown = |add, drop| rights(add, drop, "").map(|(rights, _)| rights.capabilities.to_string());
        assert_eq!(shown("", "ALL"), Ok("none".to_owned()));
        assert_eq!(shown("chown CAP_NET_ADMIN", "all"), Ok("chown net_admin".to_owned()));
        assert_eq!(shown("all", ""), Ok("all".to_owned()));
        let fewer = rights("ALL", "SYS_ADMIN", "").unwrap().0.capabilities;
        assert!(!fewer.has("SYS_ADMIN") && fewer.has("NET_ADMIN"));
        assert_eq!(rights("", "CHOWN", "").unwrap().0.capabilities.with("CHOWN"), Some(Capabilities::docker()));
        assert_eq!(shown("FLY", ""), Err("unknown capability `FLY`".to_owned()));
    }

    #[test]
    fn what_can_be_kept_is_accepted() {
        let (rights_then, paths) =
            rights("", "", "no-new-privileges:true seccomp=unconfined systempaths=unconfined").expect("each is known");
        assert_eq!(rights_then.new_privileges, NewPrivileges::Forbidden);
        assert_eq!((rights_then.seccomp, paths), (Seccomp::Unconfined, Paths::Open));
        assert!(rights("", "", "apparmor=unconfined label=disable").is_ok());
        for other in ["apparmor=mine", "label=type:x", "seccomp=/a.json", "nonsense"] {
            assert!(rights("", "", other).is_err(), "{other}");
        }
    }
}
