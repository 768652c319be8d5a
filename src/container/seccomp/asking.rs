//! A filter that refuses nothing, and has the kernel ask somebody about some calls: seccomp_unotify(2).

use libc::sock_filter;

use super::compile::{NUMBERS, Section, X32, answer, by_architecture, jump_at_least, jump_equal, load, sections};

/// A call that somebody is to be asked about: its name, and the only first argument for which, if it is not any.
pub(in crate::container) type AskedCall = (&'static str, Option<u32>);

/// Which programs make a call: this machine's own, or the 32-bit ones that it runs as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::container) enum Abi {
    Native,
    Compat,
}

/// A filter that has the kernel ask for these calls, and allows all else; `None` where this machine's numbers are not known.
pub(super) fn program(calls: &impl Fn(Abi) -> Vec<AskedCall>) -> Option<Vec<sock_filter>> {
    let of = |abi| Some((section(abi)?, asking(&calls(abi), abi)));
    Some(by_architecture([of(Abi::Native)?, of(Abi::Compat)?].into_iter()))
}

/// What becomes of the calls of one kind of programs; the number is loaded.
fn asking(calls: &[AskedCall], abi: Abi) -> Vec<sock_filter> {
    let mut program = Vec::new();
    if section(abi).is_some_and(|section| section.columns.len() > 1) {
        // Nearly no kernel has the second interface, so no program relies on it: rather than have its calls unanswered, it is not there.
        program.extend([jump_at_least(X32, 0, 1), answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned())]);
    }
    for (name, argument) in calls {
        let Some(number) = number(name, abi) else { continue };
        match argument {
            None => program.extend([jump_equal(number, 0, 1), answer(libc::SECCOMP_RET_USER_NOTIF)]),
            // The lower half of the argument: it is an int. Whatever it is, the call is none of those that follow.
            Some(value) => program.extend([
                jump_equal(number, 0, 4),
                load(16),
                jump_equal(*value, 0, 1),
                answer(libc::SECCOMP_RET_USER_NOTIF),
                answer(libc::SECCOMP_RET_ALLOW),
            ]),
        }
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    program
}

/// The number that a call has for such programs; `None` where they have no such call.
pub(in crate::container) fn number(name: &str, abi: Abi) -> Option<u32> {
    let (column, base) = section(abi)?.columns[0];
    let line = NUMBERS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.split(' ').nth(column)?.parse::<u32>().ok().map(|number| number + base)
}

/// How the kernel names them: AUDIT_ARCH_….
pub(in crate::container) fn architecture(abi: Abi) -> Option<u32> {
    section(abi).map(|section| section.audit)
}

fn section(abi: Abi) -> Option<&'static Section> {
    let [native, compat] = sections()?;
    Some(match abi {
        Abi::Native => native,
        Abi::Compat => compat,
    })
}

#[cfg(test)]
mod tests {
    use super::super::compile::decide;
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn each_kind_of_programs_is_asked_about_by_its_own_numbers() {
        let calls = |abi| match abi {
            Abi::Native => vec![("setuid", None), ("prctl", Some(8))],
            Abi::Compat => vec![("setuid32", None), ("prctl", Some(8))],
        };
        let program = program(&calls).expect("x86_64 is known");
        let ask = |abi, number: u32, argument| {
            decide(&program, architecture(abi).unwrap_or_default(), number, [argument, 0, 0, 0, 0, 0])
        };
        let (allowed, asked) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_USER_NOTIF);
        let absent = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
        assert_eq!((ask(Abi::Native, 105, 0), ask(Abi::Native, 213, 0)), (asked, allowed));
        assert_eq!((ask(Abi::Compat, 213, 0), ask(Abi::Compat, 105, 0)), (asked, allowed));
        assert_eq!((ask(Abi::Native, 157, 8), ask(Abi::Native, 157, 7)), (asked, allowed));
        assert_eq!((ask(Abi::Compat, 172, 8), ask(Abi::Compat, 172, 7)), (asked, allowed));
        assert_eq!((ask(Abi::Native, X32 + 105, 0), ask(Abi::Native, X32, 0)), (absent, absent));
    }
}
