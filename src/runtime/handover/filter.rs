//! A system call filter in the words of the specification: the way back from what [`bundle`](crate::bundle) reads.

use crate::bundle::config::{Argument, Seccomp, Syscalls};
use crate::container::{Answer, Architecture, Comparison, Profile, Rule, Test};

/// `linux.seccomp` of a profile.
pub(super) fn filter(profile: &Profile) -> Seccomp {
    let architecture = |one: &Architecture| match one {
        Architecture::X86 => "SCMP_ARCH_X86",
        Architecture::X86With64Bits => "SCMP_ARCH_X86_64",
        Architecture::X32 => "SCMP_ARCH_X32",
        Architecture::Arm => "SCMP_ARCH_ARM",
        Architecture::Aarch64 => "SCMP_ARCH_AARCH64",
    };
    let (action, errno) = action(profile.default);
    Seccomp {
        default_action: action.to_owned(),
        default_errno_ret: errno,
        architectures: profile.architectures.iter().map(|one| architecture(one).to_owned()).collect(),
        flags: Vec::new(),
        syscalls: profile.rules.iter().map(rule).collect(),
    }
}

fn rule(rule: &Rule) -> Syscalls {
    let (action, errno) = action(rule.answer);
    Syscalls {
        names: rule.names.clone(),
        action: action.to_owned(),
        errno_ret: errno,
        args: rule.tests.iter().map(test).collect(),
    }
}

fn test(test: &Test) -> Argument {
    let (op, value, value_two) = match test.comparison {
        Comparison::Equal => ("SCMP_CMP_EQ", test.value, 0),
        Comparison::NotEqual => ("SCMP_CMP_NE", test.value, 0),
        Comparison::Less => ("SCMP_CMP_LT", test.value, 0),
        Comparison::LessOrEqual => ("SCMP_CMP_LE", test.value, 0),
        Comparison::Greater => ("SCMP_CMP_GT", test.value, 0),
        Comparison::GreaterOrEqual => ("SCMP_CMP_GE", test.value, 0),
        Comparison::EqualIn(mask) => ("SCMP_CMP_MASKED_EQ", mask, test.value),
    };
    Argument { index: test.index, value, value_two, op: op.to_owned() }
}

/// An answer's word, and its number where it has one.
fn action(answer: Answer) -> (&'static str, Option<u16>) {
    match answer {
        Answer::Allow => ("SCMP_ACT_ALLOW", None),
        Answer::Log => ("SCMP_ACT_LOG", None),
        Answer::Errno(errno) => ("SCMP_ACT_ERRNO", Some(errno)),
        Answer::Trap => ("SCMP_ACT_TRAP", None),
        Answer::Trace(number) => ("SCMP_ACT_TRACE", Some(number)),
        Answer::KillThread => ("SCMP_ACT_KILL_THREAD", None),
        Answer::KillProcess => ("SCMP_ACT_KILL_PROCESS", None),
    }
}
