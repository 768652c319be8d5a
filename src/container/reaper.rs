//! The program that `--init` puts around the command: process 1 as a process 1 should be.
//!
//! A process whose parent has ended becomes a child of process 1, and stays as a zombie until that waits for it. Most programs wait for
//! nobody but their own children, and to a process 1 that has no handler for it the kernel delivers no signal. So the [trampoline]
//! has a second form, which does what tini(1) does for Docker:
//!
//! ```text
//! ours ──execveat──▶ reaper ──fork──▶ its child ──execve──▶ the command
//!                      │ takes every signal: SIGCHLD has it wait for all that have ended, any other is passed on to the command
//!                      └ ends when the command does, with its status, or 128 + n for signal n
//! ```
//!
//! The child is the leader of a process group, which becomes the foreground of the terminal, where there is one: what is typed there reaches
//! the command and not its process 1. When the command can't be executed, the child writes the errno to the pipe.
//!
//! Left out: processors other than x86_64.
//!
//! [trampoline]: super::trampoline

// ANCHOR: reaper
#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .rodata",
    ".globl layerlab_reaper, layerlab_reaper_end",
    ".hidden layerlab_reaper, layerlab_reaper_end",
    "layerlab_reaper:",
    "mov r12, rsp", // The number of arguments, and behind it what the trampoline finds there, too.
    "mov edi, 3",   // The failure pipe …
    "mov esi, 2",   // F_SETFD
    "mov edx, 1",   // FD_CLOEXEC
    "mov eax, 72",  // fcntl
    "syscall",
    "test eax, eax",
    "jnz 9f",     // … must be there.
    "push -1",    // All signals wait until they are asked for.
    "mov edi, 2", // SIG_SETMASK
    "mov rsi, rsp",
    "xor edx, edx",
    "mov r10d, 8",
    "mov eax, 14", // rt_sigprocmask
    "syscall",
    "lea rdi, [rip + 12f]",
    "mov rsi, rdi",
    "mov edi, 15",  // PR_SET_NAME
    "mov eax, 157", // prctl
    "syscall",
    "mov eax, 57", // fork
    "syscall",
    "test rax, rax",
    "js 8f",
    "jz 5f",
    "mov r13d, eax", // Process 1: the child's number.
    "mov edi, 3",
    "mov eax, 3", // close
    "syscall",
    "2:", // Takes the next signal.
    "mov rdi, rsp",
    "xor esi, esi",
    "xor edx, edx",
    "mov r10d, 8",
    "mov eax, 128", // rt_sigtimedwait
    "syscall",
    "test eax, eax",
    "js 2b",
    "cmp eax, 17", // SIGCHLD
    "je 3f",
    "mov edi, r13d", // Any other one goes to the command.
    "mov esi, eax",
    "mov eax, 62", // kill
    "syscall",
    "jmp 2b",
    "3:", // Waits for all that have ended.
    "mov rdi, -1",
    "lea rsi, [rsp - 16]",
    "mov edx, 1", // WNOHANG
    "xor r10d, r10d",
    "mov eax, 61", // wait4
    "syscall",
    "test eax, eax",
    "jle 2b",
    "cmp eax, r13d",
    "jne 3b",
    "mov eax, [rsp - 16]", // The command's status,
    "mov edi, eax",
    "and edi, 0x7f",
    "jnz 4f",
    "mov edi, eax", // what it returned,
    "shr edi, 8",
    "and edi, 0xff",
    "jmp 10f",
    "4:",
    "add edi, 128", // or the signal that killed it.
    "jmp 10f",
    "5:", // The child: the leader of a group of its own,
    "xor edi, edi",
    "xor esi, esi",
    "mov eax, 109", // setpgid
    "syscall",
    "mov eax, 39", // getpid
    "syscall",
    "mov [rsp - 16], eax",
    "xor edi, edi",
    "mov esi, 0x5410", // TIOCSPGRP
    "lea rdx, [rsp - 16]",
    "mov eax, 16", // ioctl; without a terminal it is refused, and nothing is lost.
    "syscall",
    "mov qword ptr [rsp], 0", // with no signal blocked,
    "mov edi, 2",
    "mov rsi, rsp",
    "xor edx, edx",
    "mov r10d, 8",
    "mov eax, 14",
    "syscall",
    "mov rcx, [r12]", // becomes the command, as the trampoline does.
    "mov rdi, [r12 + 8]",
    "lea rsi, [r12 + 16]",
    "lea rdx, [r12 + rcx*8 + 16]",
    "mov eax, 59", // execve
    "syscall",
    "8:", // It came back, or there was no child: with minus the errno.
    "neg eax",
    "push rax",
    "mov edi, 3",
    "mov rsi, rsp",
    "mov edx, 4",
    "mov eax, 1", // write
    "syscall",
    "9:",
    "mov edi, 126",
    "10:",
    "mov eax, 231", // exit_group
    "syscall",
    "12:",
    ".asciz \"docker-init\"",
    "layerlab_reaper_end:",
    ".popsection",
);
// ANCHOR_END: reaper

/// The instructions; `None` where nobody has written them.
#[cfg(target_arch = "x86_64")]
pub(super) fn instructions() -> Option<&'static [u8]> {
    unsafe extern "C" {
        #[link_name = "layerlab_reaper"]
        static BEGIN: u8;
        #[link_name = "layerlab_reaper_end"]
        static END: u8;
    }
    // SAFETY: the two labels enclose bytes that are never written, in this order.
    Some(unsafe { between(&raw const BEGIN, &raw const END) })
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn instructions() -> Option<&'static [u8]> {
    None
}

/// The instructions between two labels.
///
/// # Safety
/// The labels enclose bytes that are never written, in this order.
pub(super) unsafe fn between(begin: *const u8, end: *const u8) -> &'static [u8] {
    // SAFETY: as whoever calls says.
    unsafe { std::slice::from_raw_parts(begin, end.addr() - begin.addr()) }
}
