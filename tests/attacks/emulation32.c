// A 32-bit program without a library, in a container where users and owners are emulated: it is told what others are told.

#define CALL(number, a, b, c, d, e) ({ int answer; __asm__ volatile("int $0x80" : "=a"(answer) : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory"); answer; })
#define MUST(what) do { if (!(what)) { fail(__LINE__); } } while (0)

static void say(const char *text) {
    int length = 0;
    while (text[length]) length++;
    CALL(4, 1, text, length, 0, 0);
}

static void fail(int line) {
    char number[] = "line 0000\n";
    for (int at = 8; at > 4; at--, line /= 10) number[at] = '0' + line % 10;
    say(number);
    CALL(1, 1, 0, 0, 0, 0);
}

struct stat64 { char device[8 + 4]; unsigned low, mode, links, uid, gid; char rest[96 - 32]; } __attribute__((packed));

void _start(void) {
    static unsigned list[] = {70000, 44}, told[3];
    static unsigned short narrow[3];
    static struct stat64 found;
    const char *file = "/compat";
    int open = CALL(5, file, 0102, 0644, 0, 0);
    MUST(open >= 0);
    // getuid32, chown32, stat64, fstat64, fstatat64, fchownat, lchown
    MUST(CALL(199, 0, 0, 0, 0, 0) == 0);
    MUST(CALL(212, file, 70000, 44, 0, 0) == 0);
    MUST(CALL(195, file, &found, 0, 0, 0) == 0 && found.uid == 70000 && found.gid == 44 && (found.mode & 07777) == 0644 && found.links == 1);
    MUST(CALL(298, -100, file, 33, -1, 0) == 0);
    MUST(CALL(197, open, &found, 0, 0, 0) == 0 && found.uid == 33 && found.gid == 44);
    MUST(CALL(16, file, 0xffff, 7, 0, 0) == 0);
    MUST(CALL(300, -100, file, &found, 0, 0) == 0 && found.uid == 33 && found.gid == 7);
    // setgroups32, getgroups32, getgroups, setresgid32, setresuid32
    MUST(CALL(206, 2, list, 0, 0, 0) == 0);
    MUST(CALL(205, 2, told, 0, 0, 0) == 2 && told[0] == 44 && told[1] == 70000);
    MUST(CALL(80, 2, narrow, 0, 0, 0) == 2 && narrow[0] == 44 && narrow[1] == 65534);
    MUST(CALL(210, 5, 6, 7, 0, 0) == 0);
    MUST(CALL(208, -1, 70000, 0, 0, 0) == 0);
    // getresuid32, getresuid, geteuid, getegid32, setuid
    MUST(CALL(209, &told[0], &told[1], &told[2], 0, 0) == 0 && told[0] == 0 && told[1] == 70000 && told[2] == 0);
    MUST(CALL(165, &narrow[0], &narrow[1], &narrow[2], 0, 0) == 0 && narrow[1] == 65534);
    MUST(CALL(49, 0, 0, 0, 0, 0) == 65534 && CALL(202, 0, 0, 0, 0, 0) == 6);
    MUST(CALL(212, file, 1, 1, 0, 0) == -1);
    MUST(CALL(23, 9, 0, 0, 0, 0) == -1 && CALL(213, 0, 0, 0, 0, 0) == 0);
    MUST(CALL(213, 33, 0, 0, 0, 0) == 0 && CALL(24, 0, 0, 0, 0, 0) == 33 && CALL(213, 0, 0, 0, 0, 0) == -1);
    say("over\n");
    CALL(1, 0, 0, 0, 0, 0);
}
