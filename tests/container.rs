//! Containers, run for real: as root, and as an ordinary user with and without mapped ids.

use layerlab::container::*;
use std::path::Path;

fn rootfs(at: &Path) {
    std::fs::create_dir_all(at.join("bin")).unwrap();
    std::fs::copy("/bin/busybox", at.join("bin/busybox")).unwrap();
    for applet in [
        "sh", "id", "ls", "cat", "echo", "rm", "sleep", "mount", "touch", "mkdir", "hostname",
        "tty", "ip", "true", "stat", "env", "pwd", "grep", "kill",
    ] {
        std::os::unix::fs::symlink("busybox", at.join("bin").join(applet)).unwrap();
    }
    std::fs::create_dir_all(at.join("etc")).unwrap();
    std::fs::write(
        at.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/srv:/bin/sh\n",
    )
    .unwrap();
    std::fs::write(at.join("etc/group"), "root:x:0:\nweb:x:33:\n").unwrap();
}

#[test]
fn first() {
    let dir = tempfile::tempdir().unwrap();
    let lower = dir.path().join("lower");
    rootfs(&lower);
    for d in ["upper", "work"] {
        std::fs::create_dir(dir.path().join(d)).unwrap();
    }
    let identity = Identity::detect();
    println!("{identity:?}");
    let host = Host::detect(&identity, dir.path()).unwrap();
    println!("{host:?}");
    let cmd = std::env::var("CMD").unwrap_or(
        "id; ls -l / /dev /proc/self/fd; mount; cat /proc/self/status | grep -E 'Cap|Seccomp'"
            .into(),
    );
    let mut spec = Spec::new(
        vec![lower],
        dir.path().join("upper"),
        dir.path().join("work"),
        vec!["sh".into(), "-c".into(), cmd],
    );
    if std::env::var("TTY").is_ok() {
        spec.terminal = Terminal::Yes;
    }
    if std::env::var("NET").is_ok() {
        spec.network = Network::None;
    }
    spec.user = std::env::var("AS").unwrap_or_default();
    let plan = plan(&spec, &identity, &host);
    println!("{plan}");
    let t = std::time::Instant::now();
    let exit = run(
        &plan,
        Io::Capture {
            on_output: &mut |_, b| print!("{}", String::from_utf8_lossy(b)),
            cancel: None,
        },
    );
    println!("{:?} {exit:?}", t.elapsed());
    if let Err(e) = &exit {
        println!("{e} {:?}", e.hint());
    }
    std::process::Command::new("find")
        .arg(dir.path().join("upper"))
        .status()
        .unwrap();
    identity.remove_dir_all(&dir.path().join("work")).unwrap();
    identity.remove_dir_all(&dir.path().join("upper")).unwrap();
}
