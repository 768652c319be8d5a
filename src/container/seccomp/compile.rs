//! From the tables to instructions.
//!
//! A program is a chain of sections, one for each architecture. In a section the call's number is
//! looked up by binary search over *intervals* of numbers with the same answer: some ten
//! instructions instead of some hundred comparisons. A conditional jump of classic BPF reaches 255
//! instructions only, so where more are to be skipped, it skips an unconditional one, which reaches
//! all. The kernel translates the program anew for each container, which is why it is short: 990
//! instructions took a twentieth of a RUN that does nothing.

use std::collections::BTreeMap;

use libc::sock_filter;

use super::super::capabilities::Capabilities;
use super::profile::{RULES, Test, Verdict};

/// The kernel's numbers, one call a line.
pub(super) const NUMBERS: &str = include_str!("numbers.txt");
/// How many numbers a call has there.
pub(super) const COLUMNS: usize = 5;

/// Bit 30 of a number says that the caller uses the x32 interface of x86_64.
pub(super) const X32: u32 = 0x4000_0000;

/// One architecture as the kernel names it, and the columns of [`NUMBERS`] that it uses, each with
/// what is added to the number.
pub(super) struct Section {
    /// AUDIT_ARCH_…, linux/audit.h.
    pub(super) audit: u32,
    pub(super) columns: &'static [(usize, u32)],
}

const X86_64: [Section; 2] =
    [Section { audit: 0xc000_003e, columns: &[(0, 0), (2, X32)] }, Section { audit: 0x4000_0003, columns: &[(1, 0)] }];
const AARCH64: [Section; 2] =
    [Section { audit: 0xc000_00b7, columns: &[(3, 0)] }, Section { audit: 0x4000_0028, columns: &[(4, 0)] }];

/// What happens at a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Answer(Verdict),
    /// The tests of the rules at these places of the table, one after the other; EPERM when none
    /// matches.
    Tests(usize, Option<usize>),
}

const REFUSE: Action = Action::Answer(Verdict::Errno(libc::EPERM));
const UNKNOWN: Action = Action::Answer(Verdict::Errno(libc::ENOSYS));

/// The filter for a container with `capabilities` on this machine; `None` where its numbers are
/// not known.
pub(super) fn program(capabilities: Capabilities) -> Option<Vec<sock_filter>> {
    let sections = sections()?;
    let calls = calls(&actions(capabilities));
    // struct seccomp_data: the number at 0, the architecture at 4, the instruction pointer at 8,
    // six arguments from 16 on.
    Some(by_architecture(
        sections.iter().map(|section| (section, search(&intervals(section, &calls), &|action| leaf(*action)))),
    ))
}

/// A program that asks each architecture's instructions about the number of a call. A call of any other architecture ends the thread.
pub(super) fn by_architecture<'s>(sections: impl Iterator<Item = (&'s Section, Vec<sock_filter>)>) -> Vec<sock_filter> {
    let mut program = vec![load(4)];
    for (section, search) in sections {
        program.push(jump_equal(section.audit, 0, 1));
        program.push(jump(1));
        program.push(jump(1 + search.len()));
        program.push(load(0));
        program.extend(search);
    }
    program.push(answer(libc::SECCOMP_RET_KILL_THREAD));
    program
}

/// The architectures of this machine, its own first; `None` where their numbers are not known.
pub(super) fn sections() -> Option<&'static [Section; 2]> {
    match std::env::consts::ARCH {
        "x86_64" => Some(&X86_64),
        "aarch64" => Some(&AARCH64),
        _ => None,
    }
}

/// What happens at each name.
fn actions(capabilities: Capabilities) -> BTreeMap<&'static str, Action> {
    let mut actions: BTreeMap<&'static str, Action> = BTreeMap::new();
    for (place, rule) in RULES.iter().enumerate().filter(|(_, rule)| rule.when.applies(capabilities)) {
        let action = match rule.test {
            Test::Any => Action::Answer(rule.verdict),
            Test::Below(_) | Test::OneOf(_) | Test::WithoutBits(_) => Action::Tests(place, None),
        };
        for name in rule.names.split_whitespace() {
            let merged = match (actions.get(name), action) {
                (Some(Action::Answer(Verdict::Allow)), _) => Action::Answer(Verdict::Allow),
                (Some(Action::Tests(first, None)), Action::Tests(second, _)) => Action::Tests(*first, Some(second)),
                (_, action) => action,
            };
            actions.insert(name, merged);
        }
    }
    actions
}

/// What happens at each call that a rule names, with the call's numbers: the columns of [`NUMBERS`] behind its name.
fn calls(actions: &BTreeMap<&str, Action>) -> Vec<([Option<u32>; COLUMNS], Action)> {
    let mut calls = Vec::with_capacity(actions.len());
    for line in NUMBERS.lines() {
        let mut fields = line.split(' ');
        let name = fields.next().unwrap_or_default();
        if let Some(action) = actions.get(name) {
            calls.push((std::array::from_fn(|_| fields.next()?.parse().ok()), *action));
        }
    }
    calls
}

/// The first number of each interval and what happens there, beginning with 0, up to the last
/// number there is.
fn intervals(section: &Section, calls: &[([Option<u32>; COLUMNS], Action)]) -> Vec<(u32, Action)> {
    let mut known: BTreeMap<u32, Action> = BTreeMap::new();
    let mut ends = Vec::new();
    for (column, base) in section.columns {
        let mut last = *base;
        for (numbers, action) in calls {
            let Some(number) = numbers[*column] else { continue };
            known.insert(base + number, *action);
            // The arm architecture has a few calls of its own far above the common ones: those do
            // not say how new the profile is.
            if number < 0xf_0000 {
                last = last.max(base + number);
            }
        }
        ends.push((*base, last));
    }
    let unlisted = |number: u32| match ends.iter().rev().find(|(base, _)| number >= *base) {
        Some((_, last)) if number > *last => UNKNOWN,
        Some(_) | None => REFUSE,
    };
    // The answer can change at a listed number, right after one, and where a column begins.
    let mut starts: Vec<u32> = known.keys().flat_map(|number| [*number, number + 1]).collect();
    starts.extend(ends.iter().map(|(base, _)| *base));
    starts.sort_unstable();
    let mut intervals: Vec<(u32, Action)> = Vec::new();
    for start in starts {
        let action = known.get(&start).copied().unwrap_or_else(|| unlisted(start));
        if intervals.last().is_none_or(|(_, before)| *before != action) {
            intervals.push((start, action));
        }
    }
    intervals
}

/// Finds the interval of the number in the accumulator by halving.
pub(super) fn search<A>(intervals: &[(u32, A)], leaf: &impl Fn(&A) -> Vec<sock_filter>) -> Vec<sock_filter> {
    let middle = intervals.len() / 2;
    match intervals {
        [] => vec![answer(refusal(libc::EPERM))],
        [(_, action)] => leaf(action),
        _ => {
            let (lower, upper) = intervals.split_at(middle);
            let lower = search(lower, leaf);
            let mut code = match u8::try_from(lower.len()) {
                Ok(skipped) => vec![jump_at_least(upper[0].0, skipped, 0)],
                Err(_) => vec![jump_at_least(upper[0].0, 0, 1), jump(lower.len())],
            };
            code.extend(lower);
            code.extend(search(upper, leaf));
            code
        }
    }
}

fn leaf(action: Action) -> Vec<sock_filter> {
    match action {
        Action::Answer(verdict) => vec![answer(encode(verdict))],
        Action::Tests(first, second) => {
            let mut code = test(first);
            code.extend(second.map(test).unwrap_or_default());
            code.push(answer(refusal(libc::EPERM)));
            code
        }
    }
}

/// Answers when the first argument passes the rule's test, and goes on behind itself when it does
/// not.
fn test(place: usize) -> Vec<sock_filter> {
    const LOW: u32 = 16;
    const HIGH: u32 = 20;
    let rule = &RULES[place];
    let allow = answer(encode(rule.verdict));
    match rule.test {
        Test::Any => vec![allow],
        Test::WithoutBits(bits) => vec![load(LOW), jump_if_set(bits, 1, 0), allow],
        Test::Below(limit) => {
            vec![load(HIGH), jump_equal(0, 0, 3), load(LOW), jump_at_least(limit, 1, 0), allow]
        }
        Test::OneOf(values) => {
            let mut code = vec![load(LOW)];
            for (place, value) in values.iter().enumerate() {
                // To the answer behind the last comparison; from the last one otherwise past the
                // answer.
                let left = (values.len() - 1 - place) as u8;
                code.push(jump_equal(*value, left, if left == 0 { 1 } else { 0 }));
            }
            code.push(allow);
            let mut guarded = vec![load(HIGH), jump_equal(0, 0, code.len() as u8)];
            guarded.extend(code);
            guarded
        }
    }
}

fn encode(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Allow => libc::SECCOMP_RET_ALLOW,
        Verdict::Errno(errno) => refusal(errno),
    }
}

fn refusal(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno as u32
}

// The instructions, linux/bpf_common.h. `yes` and `no` count the instructions that are skipped.

pub(super) fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
}

pub(super) fn answer(value: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, value, 0, 0)
}

pub(super) fn jump(skipped: usize) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JA, skipped as u32, 0, 0)
}

pub(super) fn jump_equal(value: u32, yes: u8, no: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, yes, no)
}

pub(super) fn jump_at_least(value: u32, yes: u8, no: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, value, yes, no)
}

pub(super) fn jump_greater(value: u32, yes: u8, no: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, value, yes, no)
}

pub(super) fn and(bits: u32) -> sock_filter {
    instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, bits, 0, 0)
}

fn jump_if_set(bits: u32, yes: u8, no: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, bits, yes, no)
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

/// Runs a program as the kernel does.
#[cfg(test)]
pub(super) fn decide(program: &[sock_filter], audit: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let (mut place, mut accumulator) = (0, 0);
    loop {
        let sock_filter { code, jt, jf, k } = program[place];
        let code = u32::from(code);
        place += 1;
        let branch = |taken| usize::from(if taken { jt } else { jf });
        match code & 7 {
            libc::BPF_LD => {
                accumulator = match k {
                    0 => number,
                    4 => audit,
                    16..64 if k % 8 == 0 => arguments[(k as usize - 16) / 8] as u32,
                    20..64 if k % 4 == 0 => (arguments[(k as usize - 20) / 8] >> 32) as u32,
                    other => panic!("load of {other}"),
                }
            }
            libc::BPF_ALU => accumulator &= k,
            libc::BPF_RET => return k,
            libc::BPF_JMP => {
                place += match code & 0xf0 {
                    libc::BPF_JA => k as usize,
                    libc::BPF_JEQ => branch(accumulator == k),
                    libc::BPF_JGT => branch(accumulator > k),
                    libc::BPF_JGE => branch(accumulator >= k),
                    libc::BPF_JSET => branch(accumulator & k != 0),
                    other => panic!("jump {other}"),
                }
            }
            other => panic!("instruction {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const NO: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    const NEW: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_number_of_every_architecture_gets_the_tables_answer() {
        let capabilities = Capabilities::docker();
        let program = program(capabilities).expect("x86_64 is known");
        assert!(program.len() < 4096, "{} instructions", program.len());
        let actions = actions(capabilities);
        for (audit, column, base, end) in
            [(0xc000_003e, 1, 0, 466), (0xc000_003e, 3, X32, X32 + 547), (0x4000_0003, 2, 0, 466)]
        {
            let mut expected = BTreeMap::new();
            for line in NUMBERS.lines().filter(|line| !line.starts_with('#')) {
                let fields: Vec<&str> = line.split(' ').collect();
                if let (Ok(number), Some(action)) = (fields[column].parse::<u32>(), actions.get(fields[0])) {
                    expected.insert(base + number, *action);
                }
            }
            for number in base..base + 700 {
                let found = decide(&program, audit, number, [0; 6]);
                let expected = match expected.get(&number) {
                    Some(Action::Answer(verdict)) => encode(*verdict),
                    // 0 passes every test of the table.
                    Some(Action::Tests(..)) => ALLOW,
                    None if number > end => NEW,
                    None => NO,
                };
                assert_eq!(found, expected, "number {number} of {audit:x}");
            }
        }
        assert_eq!(decide(&program, 0xdead_beef, 0, [0; 6]), libc::SECCOMP_RET_KILL_THREAD);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn arguments_decide() {
        const NATIVE: u32 = 0xc000_003e;
        let program = program(Capabilities::docker()).expect("x86_64 is known");
        let ask = |number: libc::c_long, argument| decide(&program, NATIVE, number as u32, [argument, 0, 0, 0, 0, 0]);
        assert_eq!(ask(libc::SYS_socket, 11), ALLOW);
        assert_eq!(ask(libc::SYS_socket, 12), NO);
        assert_eq!(ask(libc::SYS_socket, 16), ALLOW);
        assert_eq!(ask(libc::SYS_socket, 38), NO);
        assert_eq!(ask(libc::SYS_socket, 40), NO);
        assert_eq!(ask(libc::SYS_socket, 45), ALLOW);
        assert_eq!(ask(libc::SYS_socket, 46), NO);
        assert_eq!(ask(libc::SYS_socket, 1 << 32 | 2), NO);
        assert_eq!(ask(libc::SYS_personality, 0xffff_ffff), ALLOW);
        assert_eq!(ask(libc::SYS_personality, 4), NO);
        assert_eq!(ask(libc::SYS_clone, 17), ALLOW);
        assert_eq!(ask(libc::SYS_clone, libc::CLONE_NEWUSER as u64), NO);
        assert_eq!(ask(libc::SYS_clone3, 0), NEW);
        assert_eq!(ask(libc::SYS_mount, 0), NO);
        assert_eq!(ask(libc::SYS_chroot, 0), ALLOW);
    }

    #[test]
    fn a_capability_opens_its_calls() {
        let set = Capabilities::docker().with("SYS_ADMIN").expect("it is known");
        let actions = actions(set);
        for name in ["mount", "clone", "clone3", "unshare"] {
            assert_eq!(actions.get(name), Some(&Action::Answer(Verdict::Allow)), "{name}");
        }
        assert_eq!(actions.get("reboot"), None);
    }
}
