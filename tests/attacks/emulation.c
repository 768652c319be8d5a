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
    puts("over");
    return 0;
}
