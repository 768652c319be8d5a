// A hostile program for a container in which users and owners are emulated. Its first argument says what it tries.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[256], *elsewhere;
static volatile int over;

#define MUST(what) do { if (!(what)) { printf("line %d: %s: %s\n", __LINE__, #what, strerror(errno)); fflush(stdout); _exit(1); } } while (0)

// The path that a call was given is another one while it is looked at.
static void *exchange_path(void *nothing) {
    while (!over) {
        strcpy(path, "/mine/file");
        strcpy(path, elsewhere);
    }
    return nothing;
}

// A directory of the path is a link out while it is looked at.
static void *exchange_folder(void *nothing) {
    while (!over) syscall(SYS_renameat2, AT_FDCWD, "/mine/folder", AT_FDCWD, "/mine/link", RENAME_EXCHANGE);
    return nothing;
}

static void race(void *(*thread)(void *), const char *name, int rounds) {
    pthread_t other;
    struct stat found;
    struct statx more;
    MUST(!pthread_create(&other, NULL, thread, NULL));
    for (int round = 0; round < rounds; round++) {
        chown(name, 33, 44);
        lchown(name, 44, 33);
        lstat(name, &found);
        statx(AT_FDCWD, name, 0, STATX_ALL, &more);
        int start = open("/mine", O_PATH | O_DIRECTORY);
        fchownat(start, name, 5, 6, 0);
        close(start);
    }
    over = 1;
    MUST(!pthread_join(other, NULL));
}

// Addresses that are nobody's, at the end of what is somebody's, the kernel's; numbers that are too large.
static void addresses(void) {
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(page != MAP_FAILED && !munmap(page + 4096, 4096));
    char *bad[] = {NULL, (char *)1, page + 4096, (char *)-4096, (char *)0x8000000000000000, (char *)0xffffffff81000000};
    struct stat found;
    for (int which = 0; which < 6; which++) {
        char *address = bad[which];
        MUST(syscall(SYS_fchownat, AT_FDCWD, address, 1, 1, 0) == -1 && errno == EFAULT);
        MUST(syscall(SYS_newfstatat, AT_FDCWD, address, &found, 0) == -1 && errno == EFAULT);
        MUST(syscall(SYS_newfstatat, AT_FDCWD, "/mine/file", address, 0) == -1 && errno == EFAULT);
        MUST(syscall(SYS_statx, AT_FDCWD, "/mine/file", 0, STATX_ALL, address) == -1 && errno == EFAULT);
        MUST(syscall(SYS_getresuid, address, address, address) == -1 && errno == EFAULT);
        MUST(syscall(SYS_setgroups, 3, address) == -1 && errno == EFAULT);
    }
    memset(page, 'a', 4096);
    MUST(syscall(SYS_fchownat, AT_FDCWD, page, 1, 1, 0) == -1 && errno == ENAMETOOLONG);
    MUST(syscall(SYS_fchownat, AT_FDCWD, page + 1, 1, 1, 0) == -1 && errno == EFAULT);
    char *many = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(many, '/', 1 << 20);
    MUST(syscall(SYS_fchownat, AT_FDCWD, many, 1, 1, 0) == -1 && errno == ENAMETOOLONG);
    strcpy(page + 4096 - 11, "/mine/file");
    MUST(!syscall(SYS_fchownat, AT_FDCWD, page + 4096 - 11, 1, 2, 0));
    MUST(!stat("/mine/file", &found) && found.st_uid == 1 && found.st_gid == 2);
    MUST(syscall(SYS_setgroups, 0x7fffffff, many) == -1 && errno == EINVAL);
    MUST(syscall(SYS_getgroups, -1, many) == -1 && errno == EINVAL);
    for (int number = -3; number < 1100; number += number < 100 ? 1 : 100) fchown(number, -1, -1);
    MUST(fchown(1 << 30, 1, 1) == -1 && errno == EBADF);
    MUST(fchownat(AT_FDCWD, "", 1, 1, 0) == -1 && errno == ENOENT);
    MUST(fchownat(AT_FDCWD, "/mine/file", 1, 1, 0x40000000) == -1 && errno == EINVAL);
}

// Names that lead to a process, and through it to what it has: in the place of the one who answers, further than it may go itself.
static void magic(const char *secret) {
    const char *prefixes[] = {"/proc/self/root", "/proc/1/root", "/proc/self/cwd/../../../../..", "/proc/thread-self/root", "/../../../..", "/mine/up"};
    char name[512], link[64];
    for (int which = 0; which < 6; which++) {
        snprintf(name, sizeof name, "%s%s", prefixes[which], secret);
        MUST(chown(name, 33, 44) == -1);
    }
    for (int process = 1; process < 400; process++)
        for (int number = 0; number < 16; number++) {
            snprintf(link, sizeof link, "/proc/%d/fd/%d", process, number);
            chown(link, 33, 44);
            snprintf(name, sizeof name, "/proc/%d/fd/%d/%s", process, number, secret);
            MUST(chown(name, 33, 44) == -1);
        }
    // A root and a working directory outside of one another.
    int before = open("/", O_PATH | O_DIRECTORY);
    MUST(!chroot("/mine") && !fchdir(before));
    snprintf(name, sizeof name, "../../../../../..%s", secret);
    MUST(chown(name, 33, 44) == -1);
    MUST(chown(secret, 33, 44) == -1);
    MUST(!chown("/file", 33, 44) && !chown("mine/file", 33, 44));
}

// Many at once, each of which is somebody else.
static void flood(void) {
    int begun = 0, ended = 0, status;
    for (; begun < 5000; begun++) {
        pid_t child = fork();
        if (child == -1) { MUST(errno == EAGAIN && begun > 100); MUST(wait(&status) > 0); ended++; begun--; continue; }
        if (!child) {
            gid_t groups[] = {begun, begun + 1};
            // There is room for some thousands of different users.
            if (setgroups(2, groups) || setresgid(begun, begun, begun) || setresuid(begun, begun, begun)) _exit(errno != EAGAIN);
            _exit(getuid() != (uid_t)begun || geteuid() != (uid_t)begun || getgid() != (gid_t)begun || getgroups(0, NULL) != 2);
        }
    }
    for (int bad = 0; wait(&status) > 0; ended++) MUST(status == 0 && !bad);
    MUST(getuid() == 0 && getgid() == 0 && !chown("/mine/file", 77, 88));
}

// Killed while they wait for an answer, and their numbers taken by others.
static void killed(void) {
    for (int round = 0; round < 300; round++) {
        pid_t child = fork();
        MUST(child >= 0);
        if (!child) {
            struct stat found;
            for (int other = 0; ; other++) { chown("/mine/file", other & 0xffff, 7); stat("/mine/file", &found); setegid(other & 7); }
        }
        usleep(round * 10);
        MUST(!kill(child, SIGKILL) && waitpid(child, NULL, 0) == child);
    }
    MUST(!chown("/mine/file", 1, 2));
}

// What the answer is to be written to can be read only: it is the process that may not write there, and so nobody does for it.
static void readonly(void) {
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    gid_t groups[] = {3, 4};
    MUST(!setgroups(2, groups) && !chown("/mine/file", 33, 44));
    memset(page, 'a', 4096);
    MUST(!mprotect(page, 4096, PROT_READ));
    int file = open("/mine/file", O_RDONLY);
    MUST(syscall(SYS_fstat, file, page) == -1 && errno == EFAULT);
    MUST(syscall(SYS_newfstatat, AT_FDCWD, "/mine/file", page, 0) == -1 && errno == EFAULT);
    MUST(syscall(SYS_statx, file, "", AT_EMPTY_PATH, STATX_ALL, page) == -1 && errno == EFAULT);
    MUST(syscall(SYS_getresuid, page, page, page) == -1 && errno == EFAULT);
    MUST(syscall(SYS_getgroups, 2, page) == -1 && errno == EFAULT);
    MUST(syscall(SYS_getgroups, 2, "constant") == -1 && errno == EFAULT);
    for (int at = 0; at < 4096; at++) MUST(page[at] == 'a');
    // Half of the answer has room.
    char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(!mprotect(two + 4096, 4096, PROT_READ));
    MUST(syscall(SYS_fstat, file, two + 4096 - 8) == -1 && errno == EFAULT);
    MUST(!syscall(SYS_fstat, file, two + 4096 - sizeof(struct stat)));
    MUST(syscall(SYS_getgroups, 2, two) == 2);
}

// A file system of ours that never answers: whoever looks at it waits, and nobody else.
static void silent(void) {
    int fuse = open("/dev/fuse", O_RDWR);
    char options[64], message[8192];
    MUST(fuse >= 0);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
    mkdir("/mine/fuse", 0755);
    MUST(!mount("none", "/mine/fuse", "fuse", MS_NOSUID | MS_NODEV, options));
    struct { unsigned len, opcode; unsigned long unique; } *in = (void *)message;
    MUST(read(fuse, message, sizeof message) > 0 && in->opcode == 26);
    struct { unsigned len; int error; unsigned long unique; unsigned major, minor, rest[14]; } init = {80, 0, in->unique, 7, 31, {0}};
    init.rest[3] = 4096;
    MUST(write(fuse, &init, 80) == 80);
    pid_t waiting[40];
    for (int child = 0; child < 40; child++) {
        waiting[child] = fork();
        MUST(waiting[child] >= 0);
        if (!waiting[child]) {
            struct stat found;
            if (child % 2) chown("/mine/fuse/x", 33, 44); else stat("/mine/fuse/x", &found);
            _exit(0);
        }
        struct stat found;
        // All who answer may be busy for good. One is always left who says so.
        int given = chown("/mine/file", child, child);
        MUST(!given || errno == EAGAIN);
        if (child == 0) MUST(!given && !stat("/mine/file", &found) && found.st_uid == 0);
        if (child == 5) MUST(!given && !stat("/mine/file", &found) && found.st_uid == 5);
        MUST(getuid() == 0);
    }
    puts("over");
    fflush(stdout);
    // The end of this process is that of all others: also of those that wait, in the kernel, for the one who answers.
    _exit(0);
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    elsewhere = count > 2 ? arguments[2] : "";
    mkdir("/mine", 0755);
    mkdir("/mine/folder", 0755);
    close(open("/mine/file", O_CREAT | O_WRONLY, 0644));
    close(open("/mine/folder/secret", O_CREAT | O_WRONLY, 0644));
    symlink("/", "/mine/up");
    if (!strcmp(what, "paths")) race(exchange_path, path, 2000);
    if (!strcmp(what, "links")) {
        char outside[256];
        snprintf(outside, sizeof outside, "../../../../../..%s", elsewhere);
        symlink(outside, "/mine/link");
        race(exchange_folder, "/mine/folder/secret", 2000);
    }
    if (!strcmp(what, "addresses")) addresses();
    if (!strcmp(what, "magic")) magic(elsewhere);
    if (!strcmp(what, "flood")) flood();
    if (!strcmp(what, "killed")) killed();
    if (!strcmp(what, "readonly")) readonly();
    if (!strcmp(what, "silent")) silent();
    puts("over");
    return 0;
}
