//! A system call filter as somebody prescribes it: `linux.seccomp` of the OCI runtime specification, its words understood.
//!
//! Data only; [`seccomp`](super::seccomp) makes the kernel's instructions of it.

use serde::{Deserialize, Serialize};

/// A profile: what is answered, and for which architectures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub(crate) default: Answer,
    pub(crate) architectures: Vec<Architecture>,
    pub(crate) rules: Vec<Rule>,
}

/// Architectures of which a kernel runs the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Architecture {
    X86,
    X86With64Bits,
    X32,
    Arm,
    Aarch64,
}

/// Some calls, and what is answered to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub(crate) names: Vec<String>,
    pub(crate) answer: Answer,
    /// All of them have to match.
    pub(crate) tests: Vec<Test>,
}

/// A condition on an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// Which argument, from 0 to 5.
    pub(crate) index: u32,
    pub(crate) comparison: Comparison,
    pub(crate) value: u64,
}

/// How an argument is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Only these of its bits.
    EqualIn(u64),
}

/// What a filter answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Allow,
    Log,
    Errno(u16),
    Trap,
    Trace(u16),
    KillThread,
    KillProcess,
}
