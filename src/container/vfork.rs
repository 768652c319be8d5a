//! Processes that share the memory of the one that starts them, as those of vfork(2) do.
//!
//! A process made by fork(2) is a copy. Making it costs a page table, using it costs a copy of every page that is touched; and
//! in a copy of a program with several threads a lock that another thread held stays locked for ever. A process that shares our
//! memory has none of this. It differs from a thread in what this program needs of it: it has descriptors, namespaces, users and
//! rights of its own, and an end that can be waited for.
//!
//! The two must not run at the same time, as they also share what belongs to a thread: its local storage, and with it `errno` and
//! a part of the allocator. So the thread that starts such a process waits, and does nothing else, until the other one has ended
//! or has executed a program. To the memory the new process *is* the waiting thread, on another stack. See clone(2), CLONE_VM and
//! CLONE_VFORK.
//!
//! With the memory such a process may do all that the thread could have done. It must not change its user or groups by the C
//! library's functions, which would do the same to our other threads: [`userns`](super::userns) has the kernel's. A panic does
//! not leave it: it is caught and comes back as a value.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::Result as Caught;

use libc::{c_int, c_void};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::Pid;

use super::processes;

/// The stack of such a process, as large as that of a program. Only the pages that are used cost anything.
const STACK: usize = 8 << 20;

/// The pages below a stack that nothing may touch, so that one that grows too far ends the process and not our data.
const GUARD: usize = 64 << 10;

/// How a process that shared our memory ended.
pub(super) struct Ended<R> {
    /// What it gave back, or the panic that ended it; `None` where it did not come to that.
    pub(crate) answer: Option<Caught<R>>,
    /// Its status as waitpid(2) writes it.
    pub(crate) status: c_int,
}

/// Runs `body` in a process that shares our memory and descriptors, and waits for its end.
pub(super) fn call<R>(body: impl FnOnce() -> R) -> Result<Ended<R>, Errno> {
    let mut work = Work { body: Some(body), answer: None };
    let stack = Stack::new()?;
    let child = clone(&mut work, &stack, libc::CLONE_FILES | libc::CLONE_VFORK)?;
    Ok(Ended { status: processes::wait(child)?, answer: work.answer })
}

/// As [`call`], for a process that lives long and is not to be seen as a load of the machine, which whoever waits for the end
/// of a vfork(2) is. Every signal has to be blocked, or a handler would run beside the other process.
pub(super) fn call_for_long<R>(body: impl FnOnce() -> R) -> Result<Ended<R>, Errno> {
    debug_assert!(all_signals_are_blocked());
    let mut work = Work { body: Some(body), answer: None };
    let stack = Stack::new()?;
    let child = clone(&mut work, &stack, libc::CLONE_FILES)?;
    // Between clone(2) and the end of wait4(2) this thread must not write to anything but its own stack: it has begun to be two.
    let mut status = 0;
    let nothing: *const c_void = std::ptr::null();
    // SAFETY: wait4(2) writes one int, which lives until it returns; it can't fail, as the child is ours and no signal interrupts.
    unsafe { libc::syscall(libc::SYS_wait4, child.as_raw(), &raw mut status, 0, nothing) };
    Ok(Ended { status, answer: work.answer })
}

/// Runs `body` in a process that shares our memory and has a copy of our descriptors, until it has executed a program or has
/// ended. What it gave back is `None` if it has executed one, or was killed.
///
/// The caller waits for its end.
pub(super) fn until_exec<R>(body: impl FnOnce() -> R) -> Result<(Pid, Option<Caught<R>>), Errno> {
    let mut work = Work { body: Some(body), answer: None };
    let stack = Stack::new()?;
    let child = clone(&mut work, &stack, libc::CLONE_VFORK)?;
    Ok((child, work.answer))
}

/// What the process does, and what came of it. It lies in the memory of both.
struct Work<F, R> {
    body: Option<F>,
    answer: Option<Caught<R>>,
}

fn clone<F: FnOnce() -> R, R>(work: &mut Work<F, R>, stack: &Stack, flags: c_int) -> Result<Pid, Errno> {
    extern "C" fn begin<F: FnOnce() -> R, R>(work: *mut c_void) -> c_int {
        // SAFETY: it is the pointer below. Whoever made it waits, and looks at it no more before this process has ended.
        let work = unsafe { &mut *work.cast::<Work<F, R>>() };
        work.answer = work.body.take().map(|body| catch_unwind(AssertUnwindSafe(body)));
        0
    }
    let work: *mut Work<F, R> = work;
    // SAFETY: clone(2). The stack is ours, unused, and lives until the process has left it, as the callers keep it until then;
    // so does the work. The two do not run at the same time, see above: with CLONE_VFORK the kernel sees to that, without it
    // `call_for_long` does.
    let child = unsafe {
        libc::clone(begin::<F, R>, stack.top(), libc::CLONE_VM | libc::SIGCHLD | flags, work.cast::<c_void>())
    };
    Errno::result(child).map(Pid::from_raw)
}

/// Memory for the stack of a process.
struct Stack(*mut c_void);

impl Stack {
    fn new() -> Result<Stack, Errno> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: mmap(2) of new memory, wherever the kernel wants it.
        let begin = unsafe { libc::mmap(std::ptr::null_mut(), STACK + GUARD, access, flags, -1, 0) };
        if begin == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let stack = Stack(begin);
        // SAFETY: mprotect(2) of the lowest pages of that memory, which nobody uses yet.
        Errno::result(unsafe { libc::mprotect(stack.0, GUARD, libc::PROT_NONE) })?;
        Ok(stack)
    }

    /// Where it begins: stacks grow down.
    fn top(&self) -> *mut c_void {
        self.0.wrapping_byte_add(STACK + GUARD)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: munmap(2) of memory that is ours and that nobody uses any more.
        unsafe { libc::munmap(self.0, STACK + GUARD) };
    }
}

fn all_signals_are_blocked() -> bool {
    let mut blocked = SigSet::empty();
    let read = sigprocmask(SigmaskHow::SIG_BLOCK, None, Some(&mut blocked));
    read.is_ok() && blocked.contains(nix::sys::signal::Signal::SIGINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_did_in_memory_is_there() {
        let mut list = vec![1];
        let ended = call(|| {
            list.push(2);
            (nix::unistd::getpid(), "text".to_owned())
        });
        let ended = ended.expect("it can be made");
        let (process, text) = ended.answer.expect("it came back").expect("it did not panic");
        assert!(process != nix::unistd::getpid() && text == "text" && ended.status == 0);
        assert_eq!(list, [1, 2]);
    }

    #[test]
    fn a_panic_is_a_value_and_an_end_is_a_status() {
        let ended = call(|| std::panic::panic_any("on purpose")).expect("it can be made");
        let panic: Box<dyn std::any::Any + Send> = match ended.answer {
            Some(Err(panic)) => panic,
            Some(Ok(())) | None => panic!("no panic came back"),
        };
        assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
        // SAFETY: _exit(2) ends the process that this runs in.
        let ended = call(|| unsafe { libc::_exit(7) }).expect("it can be made");
        assert!(ended.answer.is_none() && libc::WEXITSTATUS(ended.status) == 7);
    }

    #[test]
    fn other_threads_go_on() {
        let lock = std::sync::Mutex::new(0);
        std::thread::scope(|scope| {
            let (begun, wait) = std::sync::mpsc::channel();
            let lock = &lock;
            scope.spawn(move || {
                let mut held = lock.lock().expect("nobody panics");
                begun.send(()).expect("somebody waits");
                std::thread::sleep(std::time::Duration::from_millis(50));
                *held = 1;
            });
            wait.recv().expect("it is sent");
            // The lock is held by a thread that does not exist in the new process, and is still given back.
            let ended = call(|| *lock.lock().expect("nobody panics")).expect("it can be made");
            assert_eq!(ended.answer.expect("it came back").ok(), Some(1));
        });
    }
}
