//! A filter that somebody else prescribes, as `linux.seccomp` of the OCI runtime specification describes it.
//!
//! Where Docker's default is a table with tests on one argument, a profile may test all six in seven ways. More than one entry may speak of a
//! call: the first whose tests all match answers, those without tests come last, and then the default does. As in runc, a call
//! that is newer than all that the profile names gets ENOSYS where the default is another errno.

use std::collections::BTreeMap;

use libc::sock_filter;

use super::super::capabilities::Capabilities;
use super::super::filter::{Answer, Architecture, Comparison, Profile, Rule, Test};
use super::compile::{
    COLUMNS, NUMBERS, Section, X32, and, answer, by_architecture, jump_at_least, jump_equal, jump_greater, load,
    search, sections,
};

use super::profile::{self, RULES, Verdict};

/// The filter of a profile on this machine; `None` where its numbers are not known.
pub(super) fn program(profile: &Profile) -> Option<Vec<sock_filter>> {
    let multiplexed = multiplexed(profile);
    let rules = by_name(profile, &multiplexed);
    let native = sections()?;
    let listed = native.iter().enumerate().filter(|(place, section)| *place == 0 || is_listed(profile, section));
    let leaf = |action: &Action<'_>| leaf(action, profile.default);
    Some(by_architecture(listed.map(|(_, section)| (section, search(&intervals(section, &rules, profile), &leaf)))))
}

/// The table of Docker's default profile as a profile.
pub(super) fn of_table(capabilities: Capabilities) -> Profile {
    let rules = RULES.iter().filter(|rule| rule.when.applies(capabilities)).flat_map(|rule| {
        let answer = match rule.verdict {
            Verdict::Allow => Answer::Allow,
            Verdict::Errno(errno) => Answer::Errno(errno as u16),
        };
        let first = |comparison, value: u32| vec![Test { index: 0, comparison, value: value.into() }];
        let tests: Vec<Vec<Test>> = match rule.test {
            profile::Test::Any => vec![Vec::new()],
            profile::Test::Below(limit) => vec![first(Comparison::Less, limit)],
            profile::Test::OneOf(values) => values.iter().map(|value| first(Comparison::Equal, *value)).collect(),
            profile::Test::WithoutBits(bits) => vec![first(Comparison::EqualIn(bits.into()), 0)],
        };
        let names: Vec<String> = rule.names.split_whitespace().map(str::to_owned).collect();
        tests.into_iter().map(move |tests| Rule { names: names.clone(), answer, tests })
    });
    let architectures = match std::env::consts::ARCH {
        "aarch64" => vec![Architecture::Aarch64, Architecture::Arm],
        _ => vec![Architecture::X86With64Bits, Architecture::X86, Architecture::X32],
    };
    Profile { default: Answer::Errno(libc::EPERM as u16), architectures, rules: rules.collect() }
}

/// What happens at a number.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action<'a> {
    Answer(Answer),
    /// The first of these that matches.
    Rules(Vec<&'a Rule>),
}

/// The calls that a program of 32 bits may also make through `socketcall`, whose first argument says which, from 1 on; see socketcall(2).
const OF_SOCKETS: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

/// As well, through `ipc`: of its first argument the upper half is a version; see ipc(2).
const OF_IPC: [(&str, u64); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// What the rules say of calls that can be made through another one. Those with tests say nothing there, as in libseccomp: the arguments lie in
/// memory.
fn multiplexed(profile: &Profile) -> Vec<Rule> {
    let through = |name: &str| {
        let sockets = OF_SOCKETS.iter().position(|one| *one == name).map(|at| ("socketcall", at as u64 + 1));
        sockets.or_else(|| OF_IPC.iter().find(|(one, _)| *one == name).map(|(_, number)| ("ipc", *number)))
    };
    let mut rules = Vec::new();
    for rule in profile.rules.iter().filter(|rule| rule.tests.is_empty()) {
        for (call, number) in rule.names.iter().filter_map(|name| through(name)) {
            let comparison = Comparison::EqualIn(if call == "ipc" { 0xffff } else { 0xffff_ffff });
            let tests = vec![Test { index: 0, comparison, value: number }];
            rules.push(Rule { names: vec![call.to_owned()], answer: rule.answer, tests });
        }
    }
    rules
}

/// The rules of each name, those without tests last.
fn by_name<'a>(profile: &'a Profile, multiplexed: &'a [Rule]) -> BTreeMap<&'a str, Vec<&'a Rule>> {
    let mut rules: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
    for rule in profile.rules.iter().chain(multiplexed) {
        for name in &rule.names {
            rules.entry(name).or_default().push(rule);
        }
    }
    for list in rules.values_mut() {
        list.sort_by_key(|rule| rule.tests.is_empty());
    }
    rules
}

/// AUDIT_ARCH_… of those that are not the machine's first.
fn is_listed(profile: &Profile, section: &Section) -> bool {
    let wanted = if section.audit == 0x4000_0003 { Architecture::X86 } else { Architecture::Arm };
    profile.architectures.contains(&wanted)
}

/// The first number of each interval and what happens there.
fn intervals<'a>(
    section: &Section,
    rules: &BTreeMap<&str, Vec<&'a Rule>>,
    profile: &Profile,
) -> Vec<(u32, Action<'a>)> {
    let mut known: BTreeMap<u32, Action<'a>> = BTreeMap::new();
    let mut ends = Vec::new();
    for (column, base) in section.columns {
        if *base == X32 && !profile.architectures.contains(&Architecture::X32) {
            continue;
        }
        let mut last = *base;
        for line in NUMBERS.lines() {
            let mut fields = line.split(' ');
            let Some(list) = fields.next().and_then(|name| rules.get(name)) else { continue };
            let numbers: [Option<u32>; COLUMNS] = std::array::from_fn(|_| fields.next()?.parse().ok());
            let Some(number) = numbers[*column] else { continue };
            known.insert(base + number, Action::Rules(list.clone()));
            if number < 0xf_0000 {
                last = last.max(base + number);
            }
        }
        ends.push((*base, last));
    }
    let has_x32 = section.columns.iter().any(|(_, base)| *base == X32);
    let unlisted = |number: u32| {
        if has_x32 && number >= X32 && ends.iter().all(|(base, _)| *base != X32) {
            return Action::Answer(Answer::KillThread);
        }
        let end = ends.iter().rev().find(|(base, _)| number >= *base);
        match (end, profile.default) {
            (Some((_, last)), Answer::Errno(_)) if number > *last => Action::Answer(Answer::Errno(libc::ENOSYS as u16)),
            _ => Action::Answer(profile.default),
        }
    };
    let mut starts: Vec<u32> = known.keys().flat_map(|number| [*number, number + 1]).collect();
    starts.extend(section.columns.iter().map(|(_, base)| *base));
    starts.sort_unstable();
    let mut intervals: Vec<(u32, Action<'a>)> = Vec::new();
    for start in starts {
        let action = known.get(&start).cloned().unwrap_or_else(|| unlisted(start));
        if intervals.last().is_none_or(|(_, before)| *before != action) {
            intervals.push((start, action));
        }
    }
    intervals
}

fn leaf(action: &Action<'_>, default: Answer) -> Vec<sock_filter> {
    match action {
        Action::Answer(one) => vec![answer(encode(*one))],
        Action::Rules(rules) => {
            let mut code: Vec<sock_filter> = rules.iter().flat_map(|rule| matching(rule)).collect();
            code.push(answer(encode(default)));
            code
        }
    }
}

/// Answers when all tests match, and goes on behind itself when one does not.
fn matching(rule: &Rule) -> Vec<sock_filter> {
    let mut code = vec![answer(encode(rule.answer))];
    for test in rule.tests.iter().rev() {
        let behind = u8::try_from(code.len()).expect("a rule has six tests of six instructions at most");
        code.splice(0..0, compare(test, behind));
    }
    code
}

/// Goes on when the argument matches, and skips `behind` more instructions when it does not.
fn compare(test: &Test, behind: u8) -> Vec<sock_filter> {
    let low = 16 + 8 * test.index;
    let (first, second) = ((test.value >> 32) as u32, test.value as u32);
    let (load_high, load_low) = (load(low + 4), load(low));
    match test.comparison {
        Comparison::Equal => {
            vec![load_high, jump_equal(first, 0, 2 + behind), load_low, jump_equal(second, 0, behind)]
        }
        Comparison::NotEqual => vec![load_high, jump_equal(first, 0, 2), load_low, jump_equal(second, behind, 0)],
        Comparison::EqualIn(mask) => vec![
            load_high,
            and((mask >> 32) as u32),
            jump_equal(first, 0, 3 + behind),
            load_low,
            and(mask as u32),
            jump_equal(second, 0, behind),
        ],
        Comparison::Greater | Comparison::GreaterOrEqual => {
            let last = match test.comparison {
                Comparison::Greater => jump_greater(second, 0, behind),
                _ => jump_at_least(second, 0, behind),
            };
            vec![load_high, jump_greater(first, 3, 0), jump_equal(first, 0, 2 + behind), load_low, last]
        }
        Comparison::Less | Comparison::LessOrEqual => {
            let last = match test.comparison {
                Comparison::Less => jump_at_least(second, behind, 0),
                _ => jump_greater(second, behind, 0),
            };
            vec![load_high, jump_greater(first, 3 + behind, 0), jump_equal(first, 0, 2), load_low, last]
        }
    }
}

fn encode(answer: Answer) -> u32 {
    match answer {
        Answer::Allow => libc::SECCOMP_RET_ALLOW,
        Answer::Log => libc::SECCOMP_RET_LOG,
        Answer::Errno(errno) => libc::SECCOMP_RET_ERRNO | u32::from(errno),
        Answer::Trap => libc::SECCOMP_RET_TRAP,
        Answer::Trace(number) => libc::SECCOMP_RET_TRACE | u32::from(number),
        Answer::KillThread => libc::SECCOMP_RET_KILL_THREAD,
        Answer::KillProcess => libc::SECCOMP_RET_KILL_PROCESS,
    }
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::super::compile::decide;
    use super::*;

    const NATIVE: u32 = 0xc000_003e;

    fn rule(name: &str, answer: Answer, tests: Vec<Test>) -> Rule {
        Rule { names: vec![name.to_owned()], answer, tests }
    }

    fn test(index: u32, comparison: Comparison, value: u64) -> Test {
        Test { index, comparison, value }
    }

    #[test]
    fn every_comparison_sees_all_64_bits() {
        let (big, small) = (0x1_0000_0005, 5);
        let cases: [(Comparison, u64, &[u64], &[u64]); 7] = [
            (Comparison::Equal, big, &[big], &[small, big + 1, 0x2_0000_0005]),
            (Comparison::NotEqual, big, &[small, big + 1, 0x2_0000_0005], &[big]),
            (Comparison::Less, big, &[small, big - 1, 0xffff_ffff], &[big, big + 1, 0x2_0000_0000]),
            (Comparison::LessOrEqual, big, &[small, big], &[big + 1, 0x2_0000_0000]),
            (Comparison::Greater, big, &[big + 1, 0x2_0000_0000], &[small, big, 0xffff_ffff]),
            (Comparison::GreaterOrEqual, big, &[big, big + 1, 0x2_0000_0000], &[small, big - 1]),
            (Comparison::EqualIn(0xff_0000_000f), big, &[big, big | 0x100], &[small, big + 1]),
        ];
        for (comparison, value, matching, others) in cases {
            let tests = vec![test(2, comparison, value), test(0, Comparison::Equal, 7)];
            let profile = Profile {
                default: Answer::Errno(38),
                architectures: vec![Architecture::X86With64Bits],
                rules: vec![rule("mount", Answer::Errno(13), tests), rule("mount", Answer::Allow, Vec::new())],
            };
            let program = program(&profile).expect("x86_64 is known");
            let ask = |first, third| decide(&program, NATIVE, libc::SYS_mount as u32, [first, 0, third, 0, 0, 0]);
            for argument in matching {
                assert_eq!(ask(7, *argument), libc::SECCOMP_RET_ERRNO | 13, "{comparison:?} {argument:x}");
                assert_eq!(ask(8, *argument), libc::SECCOMP_RET_ALLOW, "{comparison:?} {argument:x}");
            }
            for argument in others {
                assert_eq!(ask(7, *argument), libc::SECCOMP_RET_ALLOW, "{comparison:?} {argument:x}");
            }
        }
    }

    #[test]
    fn a_call_is_not_made_through_another_one() {
        const X86: u32 = 0x4000_0003;
        let refused = libc::SECCOMP_RET_ERRNO | 13;
        let profile = Profile {
            default: Answer::Allow,
            architectures: vec![Architecture::X86With64Bits, Architecture::X86],
            rules: vec![
                rule("socket", Answer::Errno(13), Vec::new()),
                rule("shmat", Answer::Errno(13), Vec::new()),
                rule("socketcall", Answer::Allow, Vec::new()),
            ],
        };
        let program = program(&profile).expect("x86_64 is known");
        let ask = |number, first| decide(&program, X86, number, [first, 0, 0, 0, 0, 0]);
        assert_eq!((ask(102, 1), ask(102, 2)), (refused, libc::SECCOMP_RET_ALLOW), "socketcall");
        assert_eq!(
            (ask(117, 21), ask(117, 1 << 16 | 21), ask(117, 23)),
            (refused, refused, libc::SECCOMP_RET_ALLOW),
            "ipc"
        );
        assert_eq!((ask(359, 0), decide(&program, NATIVE, 41, [0; 6])), (refused, refused), "socket");
    }

    #[test]
    fn what_is_not_named_gets_the_default_and_what_is_newer_does_not_exist() {
        let profile = Profile {
            default: Answer::Errno(1),
            architectures: Vec::new(),
            rules: vec![rule("read", Answer::Allow, Vec::new()), rule("openat2", Answer::Allow, Vec::new())],
        };
        let program = program(&profile).expect("x86_64 is known");
        let ask = |audit, number| decide(&program, audit, number, [0; 6]);
        assert_eq!(ask(NATIVE, 0), libc::SECCOMP_RET_ALLOW);
        assert_eq!(ask(NATIVE, 1), libc::SECCOMP_RET_ERRNO | 1);
        assert_eq!(ask(NATIVE, 450), libc::SECCOMP_RET_ERRNO | 38);
        // Neither of the two other interfaces is listed.
        assert_eq!(ask(NATIVE, X32), libc::SECCOMP_RET_KILL_THREAD);
        assert_eq!(ask(0x4000_0003, 3), libc::SECCOMP_RET_KILL_THREAD);
    }
}
