//! A filter that refuses nothing, and has the kernel ask somebody about some calls: seccomp_unotify(2).

use libc::sock_filter;

use super::compile::{NUMBERS, Section, answer, jump_equal, load, sections};

/// A call that somebody is to be asked about: its name, and the only first argument for which, if it is not any.
pub(in crate::container) type AskedCall = (&'static str, Option<u32>);

/// A filter that has the kernel ask for these calls, and allows all else; `None` where this machine's numbers are not known.
pub(super) fn program(calls: impl Iterator<Item = AskedCall>) -> Option<Vec<sock_filter>> {
    let native = native()?;
    let mut program = vec![load(4), jump_equal(native.audit, 1, 0), answer(libc::SECCOMP_RET_ALLOW), load(0)];
    for (name, argument) in calls {
        let Some(number) = number(name) else { continue };
        match argument {
            None => program.extend([jump_equal(number, 0, 1), answer(libc::SECCOMP_RET_USER_NOTIF)]),
            // The lower half of the argument: it is an int. Whatever it is, the call is none of those that follow.
            Some(value) => program.extend([
                jump_equal(number, 0, 4),
                load(16),
                jump_equal(value, 0, 1),
                answer(libc::SECCOMP_RET_USER_NOTIF),
                answer(libc::SECCOMP_RET_ALLOW),
            ]),
        }
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    Some(program)
}

/// The number that a call has for the programs of this machine; `None` where there is no such call.
pub(in crate::container) fn number(name: &str) -> Option<u32> {
    let (column, base) = native()?.columns[0];
    let line = NUMBERS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.split(' ').nth(column)?.parse::<u32>().ok().map(|number| number + base)
}

/// The architecture of this machine's own programs.
fn native() -> Option<&'static Section> {
    sections().map(|[native, _]| native)
}
