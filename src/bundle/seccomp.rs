//! `linux.seccomp` of a `config.json`: its words.

use super::config::{Argument, Seccomp, Syscalls};
use super::error::Error;
use crate::container::{Answer, Architecture, Comparison, Profile, Rule, Test, fits};

/// Understands a profile.
///
/// # Errors
/// A word is not known, or nothing here does what it says.
pub(crate) fn profile(seccomp: &Seccomp) -> Result<Profile, Error> {
    if let Some(flag) = seccomp.flags.iter().find(|flag| {
        // Threads are filtered together, as there is one; and speculation is left as Docker leaves it.
        !["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"].contains(&flag.as_str())
    }) {
        return Err(Error::unsupported(
            "linux.seccomp.flags",
            format!("`{flag}` is not done"),
            "SECCOMP_FILTER_FLAG_TSYNC and SECCOMP_FILTER_FLAG_SPEC_ALLOW are",
        ));
    }
    let place = "linux.seccomp.defaultAction";
    let mut architectures = Vec::new();
    for name in &seccomp.architectures {
        architectures.extend(architecture(name)?);
    }
    let (mut rules, mut named) = (Vec::new(), 0);
    for (index, one) in seccomp.syscalls.iter().enumerate() {
        // Each test may become a rule of its own, with all of the names.
        named += one.names.len().saturating_mul(one.args.len().max(1));
        if named > MOST_NAMES {
            return Err(too_many());
        }
        rules.extend(rules_of(index, one)?);
    }
    let default = answer(&seccomp.default_action, seccomp.default_errno_ret, place)?;
    if default == Answer::Errno(0) {
        return Err(feigns("linux.seccomp.defaultErrnoRet", CONFINING[0]));
    }
    let profile = Profile { default, architectures, rules };
    match fits(&profile) {
        true => Ok(profile),
        false => Err(too_many()),
    }
}

/// How many calls all rules may name together, each call of a rule counted: a hundred times what Docker's default profile does.
const MOST_NAMES: usize = 50_000;

/// The calls by which a process gives up its rights, when the filter holds already.
const CONFINING: [&str; 6] = ["capset", "close_range", "prctl", "setgroups", "setresgid", "setresuid"];

/// One that is not made and seems to have succeeded would leave the rights.
fn feigns(place: &str, call: &str) -> Error {
    let message =
        format!("errno 0 would let `{call}` seem to succeed, by which the container's process gives up rights");
    Error::unsupported(place, message, "choose another errno, such as 1: then it fails, and nothing starts")
}

fn too_many() -> Error {
    Error::unsupported(
        "linux.seccomp.syscalls",
        "these rules are too many for the kernel",
        "a filter has 4096 instructions at most, and a test of an argument takes six of them: have fewer rules with `args`",
    )
}

/// An entry as rules. The tests of one are on different arguments, and so six at most: where an argument is tested twice, each test is a rule
/// of its own, as in runc and crun, since no value equals two others.
fn rules_of(index: usize, syscalls: &Syscalls) -> Result<Vec<Rule>, Error> {
    let place = format!("linux.seccomp.syscalls[{index}]");
    let answer = answer(&syscalls.action, syscalls.errno_ret, &format!("{place}.action"))?;
    let feigned = syscalls.names.iter().find(|name| CONFINING.contains(&name.as_str()));
    if let (Answer::Errno(0), Some(name)) = (answer, feigned) {
        return Err(feigns(&format!("{place}.errnoRet"), name));
    }
    let tests: Vec<Test> = syscalls.args.iter().map(|argument| test(argument, &place)).collect::<Result<_, _>>()?;
    let is_twice =
        tests.iter().enumerate().any(|(at, test)| tests[..at].iter().any(|before| before.index == test.index));
    let groups = if is_twice { tests.into_iter().map(|test| vec![test]).collect() } else { vec![tests] };
    Ok(groups.into_iter().map(|tests| Rule { names: syscalls.names.clone(), answer, tests }).collect())
}

fn test(argument: &Argument, place: &str) -> Result<Test, Error> {
    if argument.index > 5 {
        return Err(Error::wrong(format!("{place}.args"), "a call has six arguments"));
    }
    let (comparison, value) = match argument.op.as_str() {
        "SCMP_CMP_EQ" => (Comparison::Equal, argument.value),
        "SCMP_CMP_NE" => (Comparison::NotEqual, argument.value),
        "SCMP_CMP_LT" => (Comparison::Less, argument.value),
        "SCMP_CMP_LE" => (Comparison::LessOrEqual, argument.value),
        "SCMP_CMP_GT" => (Comparison::Greater, argument.value),
        "SCMP_CMP_GE" => (Comparison::GreaterOrEqual, argument.value),
        "SCMP_CMP_MASKED_EQ" => (Comparison::EqualIn(argument.value), argument.value_two),
        other => return Err(Error::wrong(format!("{place}.args"), format!("`{other}` is not a comparison"))),
    };
    Ok(Test { index: argument.index, comparison, value })
}

fn answer(action: &str, errno: Option<u16>, place: &str) -> Result<Answer, Error> {
    Ok(match action {
        "SCMP_ACT_ALLOW" => Answer::Allow,
        "SCMP_ACT_LOG" => Answer::Log,
        "SCMP_ACT_ERRNO" => Answer::Errno(errno.unwrap_or(libc::EPERM as u16)),
        "SCMP_ACT_TRAP" => Answer::Trap,
        "SCMP_ACT_TRACE" => Answer::Trace(errno.unwrap_or(libc::EPERM as u16)),
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Answer::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Answer::KillProcess,
        "SCMP_ACT_NOTIFY" => {
            let hint = "nobody is asked about a system call: an answer has to be fixed";
            return Err(Error::unsupported(place, format!("`{action}` is not done"), hint));
        }
        other => return Err(Error::wrong(place, format!("`{other}` is not an action"))),
    })
}

/// `None` for one whose programs this machine can't run.
fn architecture(name: &str) -> Result<Option<Architecture>, Error> {
    const FOREIGN: [&str; 14] = [
        "MIPS",
        "MIPS64",
        "MIPS64N32",
        "MIPSEL",
        "MIPSEL64",
        "MIPSEL64N32",
        "PPC",
        "PPC64",
        "PPC64LE",
        "S390",
        "S390X",
        "PARISC",
        "PARISC64",
        "RISCV64",
    ];
    let short = name.strip_prefix("SCMP_ARCH_").unwrap_or_default();
    Ok(match short {
        "X86_64" => Some(Architecture::X86With64Bits),
        "X86" => Some(Architecture::X86),
        "X32" => Some(Architecture::X32),
        "AARCH64" => Some(Architecture::Aarch64),
        "ARM" => Some(Architecture::Arm),
        _ if FOREIGN.contains(&short) => None,
        _ => return Err(Error::wrong("linux.seccomp.architectures", format!("`{name}` is not one"))),
    })
}
