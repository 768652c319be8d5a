//! Docker's default profile as a table.
//!
//! The facts are those of `seccomp/default.json` in the moby project, for the machines that this
//! program knows. A call that no rule of the table allows gets EPERM. Rules that speak of
//! capabilities apply when the *container* has them.

use super::super::capabilities::Capabilities;

/// Some calls and when they are allowed.
pub(super) struct Rule {
    /// Names, with spaces in between.
    pub(crate) names: &'static str,
    /// Whether the rule applies to this container on this machine.
    pub(crate) when: When,
    /// What the call's arguments must be.
    pub(crate) test: Test,
    /// What happens when rule and arguments match.
    pub(crate) verdict: Verdict,
}

/// When a rule applies.
#[derive(Clone, Copy)]
pub(super) enum When {
    Always,
    /// The container has this capability.
    Has(&'static str),
    /// The container has it not.
    Lacks(&'static str),
    /// The program was compiled for this machine, in Rust's naming.
    On(&'static str),
}

impl When {
    pub(crate) fn applies(self, capabilities: Capabilities) -> bool {
        match self {
            When::Always => true,
            When::Has(name) => capabilities.has(name),
            When::Lacks(name) => !capabilities.has(name),
            When::On(machine) => std::env::consts::ARCH == machine,
        }
    }
}

/// A condition on the first argument, as the 64 bits that the kernel sees.
#[derive(Clone, Copy)]
pub(super) enum Test {
    /// None: any arguments.
    Any,
    /// It is less than this.
    Below(u32),
    /// It is one of these.
    OneOf(&'static [u32]),
    /// None of these bits is set.
    WithoutBits(u32),
}

/// What the filter answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    /// The call is not made and fails with this errno.
    Errno(i32),
}

/// The flags of clone(2) that make namespaces: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER,
/// NEWPID, NEWNET.
const NAMESPACES: u32 = 0x7e02_0000;

/// Address families beyond AF_DECnet (12) that are allowed: those left out reach the kernel's
/// cryptography (AF_ALG, 38) and the hypervisor (AF_VSOCK, 40), or are old and hardly tested.
const FAMILIES: &[u32] =
    &[13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45];

/// PER_LINUX, PER_LINUX32, the two with UNAME26, and the question "which is it".
const PERSONALITIES: &[u32] = &[0, 8, 0x20000, 0x20008, 0xffff_ffff];

const fn allow(names: &'static str, when: When) -> Rule {
    Rule { names, when, test: Test::Any, verdict: Verdict::Allow }
}

/// The table. More than one rule may speak of a call: it is allowed when one of them allows it.
pub(super) const RULES: &[Rule] = &[
    allow(ALWAYS, When::Always),
    allow("process_vm_readv process_vm_writev ptrace", When::Always),
    Rule { names: "socket", when: When::Always, test: Test::Below(12), verdict: Verdict::Allow },
    Rule { names: "socket", when: When::Always, test: Test::OneOf(FAMILIES), verdict: Verdict::Allow },
    Rule { names: "personality", when: When::Always, test: Test::OneOf(PERSONALITIES), verdict: Verdict::Allow },
    allow("arch_prctl modify_ldt", When::On("x86_64")),
    allow("arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls", When::On("aarch64")),
    allow("open_by_handle_at", When::Has("DAC_READ_SEARCH")),
    allow(
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr \
         lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl \
         quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare",
        When::Has("SYS_ADMIN"),
    ),
    Rule {
        names: "clone",
        when: When::Lacks("SYS_ADMIN"),
        test: Test::WithoutBits(NAMESPACES),
        verdict: Verdict::Allow,
    },
    // Its flags lie in memory, where no filter can look: "no such call" makes the C library use
    // clone instead.
    Rule { names: "clone3", when: When::Lacks("SYS_ADMIN"), test: Test::Any, verdict: Verdict::Errno(libc::ENOSYS) },
    allow("reboot", When::Has("SYS_BOOT")),
    allow("chroot", When::Has("SYS_CHROOT")),
    allow("delete_module init_module finit_module", When::Has("SYS_MODULE")),
    allow("acct", When::Has("SYS_PACCT")),
    allow("kcmp pidfd_getfd process_madvise", When::Has("SYS_PTRACE")),
    allow("iopl ioperm", When::Has("SYS_RAWIO")),
    allow("settimeofday stime clock_settime clock_settime64", When::Has("SYS_TIME")),
    allow("vhangup", When::Has("SYS_TTY_CONFIG")),
    allow("get_mempolicy mbind set_mempolicy set_mempolicy_home_node", When::Has("SYS_NICE")),
    allow("syslog", When::Has("SYSLOG")),
    allow("bpf", When::Has("BPF")),
    allow("perf_event_open", When::Has("PERFMON")),
];

/// Allowed to everyone, with any arguments.
const ALWAYS: &str = "\
    _llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown \
    chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 \
    clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 \
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old \
    eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate \
    fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr \
    flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate \
    ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list \
    get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 \
    getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid \
    getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday \
    getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel \
    io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set \
    ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link \
    linkat listen listmount listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise \
    map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 \
    mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 \
    mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall \
    munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe \
    pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 \
    process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv \
    recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat \
    renameat2 restart_syscall riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo \
    rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max \
    sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler \
    sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam \
    sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile \
    sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 \
    setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 \
    setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 \
    setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn \
    socketcall socketpair splice stat stat64 statfs statfs64 statmount statx symlink symlinkat sync \
    sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime \
    timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 \
    timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat \
    uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev";
