//! The program between ours and the command: a few instructions in a file of their own.
//!
//! execve(2) looks the command up while the process is still what it was before. So a command called `/proc/self/exe`, a
//! script that begins with `#!/proc/self/exe`, and a program that names this as its loader would each be *our* program:
//! executed with the image's libraries, and open to be overwritten as soon as we have ended (the idea of
//! CVE-2019-5736). That such a name is hidden in an image can't be seen beforehand. Therefore the process first becomes
//! this program, which belongs to nobody, and that one executes the command:
//!
//! ```text
//! ours ──execveat──▶ trampoline ──execve──▶ the command
//!                    arguments: the command's path, then its own arguments
//!                    descriptor 3: the failure pipe, closed by the second execve
//! ```
//!
//! When the command can't be executed, the trampoline writes the errno to the pipe as four bytes. When it finds no pipe,
//! the image has executed it, and it ends. Formats: elf(5).

use std::ffi::{CString, c_char};
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::write;

use super::error::Failure;
use super::process::Init;
use super::reaper;

/// Where the trampoline expects the failure pipe.
const PIPE: RawFd = 3;

/// Where it is loaded: any place will do, as it is alone in its memory.
const ADDRESS: u64 = 0x40_0000;

// ANCHOR: trampoline
#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .rodata",
    ".globl layerlab_trampoline, layerlab_trampoline_end",
    ".hidden layerlab_trampoline, layerlab_trampoline_end",
    "layerlab_trampoline:",
    "mov edi, 3",  // The failure pipe …
    "mov esi, 2",  // F_SETFD
    "mov edx, 1",  // FD_CLOEXEC
    "mov eax, 72", // fcntl
    "syscall",
    "test eax, eax",
    "jnz 2f",                      // … must be there.
    "mov rcx, [rsp]",              // The number of arguments;
    "mov rdi, [rsp + 8]",          // the first is the command's path,
    "lea rsi, [rsp + 16]",         // from the second on they are its own,
    "lea rdx, [rsp + rcx*8 + 16]", // and behind their null the environment begins.
    "mov eax, 59",                 // execve
    "syscall",
    "neg eax", // It came back: with minus the errno.
    "push rax",
    "mov edi, 3",
    "mov rsi, rsp",
    "mov edx, 4",
    "mov eax, 1", // write
    "syscall",
    "2:",
    "mov edi, 126",
    "mov eax, 231", // exit_group
    "syscall",
    "layerlab_trampoline_end:",
    ".popsection",
);
// ANCHOR_END: trampoline

#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".pushsection .rodata",
    ".balign 4",
    ".globl layerlab_trampoline, layerlab_trampoline_end",
    ".hidden layerlab_trampoline, layerlab_trampoline_end",
    "layerlab_trampoline:",
    "mov x0, #3",  // The failure pipe …
    "mov x1, #2",  // F_SETFD
    "mov x2, #1",  // FD_CLOEXEC
    "mov x8, #25", // fcntl
    "svc #0",
    "cbnz w0, 2f",            // … must be there.
    "ldr x9, [sp]",           // The number of arguments;
    "ldr x0, [sp, #8]",       // the first is the command's path,
    "add x1, sp, #16",        // from the second on they are its own,
    "add x2, x1, x9, lsl #3", // and behind their null the environment begins.
    "mov x8, #221",           // execve
    "svc #0",
    "neg w0, w0", // It came back: with minus the errno.
    "str w0, [sp, #-16]!",
    "mov x0, #3",
    "mov x1, sp",
    "mov x2, #4",
    "mov x8, #64", // write
    "svc #0",
    "2:",
    "mov x0, #126",
    "mov x8, #94", // exit_group
    "svc #0",
    "layerlab_trampoline_end:",
    ".popsection",
);

/// The instructions, and the processor's number in an ELF header; `None` where nobody has written them.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn instructions() -> Option<(&'static [u8], u16)> {
    const MACHINE: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
    unsafe extern "C" {
        #[link_name = "layerlab_trampoline"]
        static BEGIN: u8;
        #[link_name = "layerlab_trampoline_end"]
        static END: u8;
    }
    // SAFETY: the two labels enclose bytes that are never written, in this order.
    Some((unsafe { reaper::between(&raw const BEGIN, &raw const END) }, MACHINE))
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instructions() -> Option<(&'static [u8], u16)> {
    None
}

/// The file: an ELF header, two program headers, and the instructions.
fn program(init: Init) -> Option<Vec<u8>> {
    const HEADER: u16 = 64;
    const PROGRAM_HEADER: u16 = 56;
    const LOAD: u32 = 1;
    const STACK: u32 = 0x6474_e551;
    const EXECUTE: u32 = 1;
    const WRITE: u32 = 2;
    const READ: u32 = 4;
    /// The largest page of any processor here.
    const PAGE: u64 = 64 << 10;
    let (code, machine) = instructions()?;
    let code = match init {
        Init::None => code,
        Init::Reaper => reaper::instructions()?,
    };
    let begin = u64::from(HEADER) + 2 * u64::from(PROGRAM_HEADER);
    let size = begin + code.len() as u64;
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // An executable of this processor, version 1.
    file.extend([2, machine].map(u16::to_le_bytes).concat());
    file.extend(1u32.to_le_bytes());
    // Where it begins; where the program headers are; no section headers; no flags.
    file.extend([ADDRESS + begin, u64::from(HEADER), 0].map(u64::to_le_bytes).concat());
    file.extend(0u32.to_le_bytes());
    file.extend([HEADER, PROGRAM_HEADER, 2, 0, 0, 0].map(u16::to_le_bytes).concat());
    // Type and flags; offset, address twice, size in the file and in memory, alignment.
    file.extend([LOAD, READ | EXECUTE].map(u32::to_le_bytes).concat());
    file.extend([0, ADDRESS, ADDRESS, size, size, PAGE].map(u64::to_le_bytes).concat());
    file.extend([STACK, READ | WRITE].map(u32::to_le_bytes).concat());
    file.extend([0, 0, 0, 0, 0, 16].map(u64::to_le_bytes).concat());
    file.extend(code);
    Some(file)
}

/// Puts the program into a file in memory that nobody can change any more.
pub(super) fn sealed(init: Init) -> Result<OwnedFd, Failure> {
    let refused = |call: &'static str| move |errno| Failure::call(call, errno);
    let program = program(init).ok_or_else(|| match init {
        Init::None => Failure::call("starting a command on this processor", Errno::ENOSYS),
        Init::Reaper => Failure::call("`--init` on this processor", Errno::ENOSYS).hint("leave out `--init`"),
    })?;
    // Linux before 6.3 does not know MFD_EXEC, and makes every such file executable.
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let executable = MFdFlags::from_bits_retain(libc::MFD_EXEC);
    let made = match memfd_create(c"command", flags | executable) {
        Err(Errno::EINVAL) => memfd_create(c"command", flags),
        made => made,
    };
    let made = made.map_err(|errno| refused("memfd_create")(errno).hint("`sysctl vm.memfd_noexec` must not be 2"))?;
    // Not the number that the pipe will have.
    let number = fcntl(&made, FcntlArg::F_DUPFD_CLOEXEC(PIPE + 1)).map_err(refused("fcntl(F_DUPFD_CLOEXEC)"))?;
    // SAFETY: fcntl(2) has just made this descriptor, for us alone.
    let file = unsafe { OwnedFd::from_raw_fd(number) };
    if write(&file, &program).map_err(refused("write the trampoline"))? != program.len() {
        return Err(Failure::call("write the trampoline", Errno::EIO));
    }
    fchmod(&file, Mode::from_bits_truncate(0o555)).map_err(refused("fchmod"))?;
    let seals = SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(refused("fcntl(F_ADD_SEALS)"))?;
    Ok(file)
}

/// The words of an execveat(2), as the kernel reads them.
pub(super) struct Words<'a> {
    args: Vec<*const c_char>,
    env: Vec<*const c_char>,
    _text: PhantomData<&'a CString>,
}

impl<'a> Words<'a> {
    pub(crate) fn new(command: &'a CString, args: &'a [CString], env: &'a [CString]) -> Words<'a> {
        let pointers = |texts: &mut dyn Iterator<Item = &'a CString>| {
            texts.map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
        };
        Words {
            args: pointers(&mut std::iter::once(command).chain(args)),
            env: pointers(&mut env.iter()),
            _text: PhantomData,
        }
    }
}

/// Becomes the trampoline, and by it the command. Comes back only with what the kernel said to the first of the two.
///
/// A failure of the second is written to `failure` as an errno, see [`failed_with`].
pub(super) fn execute(trampoline: &OwnedFd, failure: &OwnedFd, words: &Words<'_>) -> Errno {
    // SAFETY: dup2(2) puts a copy where the trampoline looks for it, and fcntl(2) keeps it open. Whatever had this number
    // is not used any more: what follows is an exec, or the end.
    let answer = unsafe { libc::dup2(failure.as_raw_fd(), PIPE) + libc::fcntl(PIPE, libc::F_SETFD, 0) };
    if answer < PIPE {
        return Errno::last();
    }
    // SAFETY: execveat(2): the texts end with a null byte and live as long as `words`; so do the lists with a null pointer.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            trampoline.as_raw_fd(),
            c"".as_ptr(),
            words.args.as_ptr(),
            words.env.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    Errno::last()
}

/// The errno that the trampoline has written, if these bytes are one.
pub(super) fn failed_with(bytes: &[u8]) -> Option<Errno> {
    Some(Errno::from_raw(i32::from_ne_bytes(bytes.try_into().ok()?)))
}
