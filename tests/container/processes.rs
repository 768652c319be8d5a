//! How containers end, what signals do, and terminals.

use std::io::{Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use layerlab::container::{Exit, Heard, Io, Operation, Paused, Terminal, run, spawn};
use layerlab::progress::Interrupt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Container, again, everyone};

const ROLES: [&str; 3] = ["root", "mapped", "single"];

#[test]
fn the_exit_status_is_the_commands() {
    everyone("processes::the_exit_status_is_the_commands", || {
        assert_eq!(Container::new("exit 7").run().result.unwrap(), Exit::Code(7));
        assert_eq!(Container::new("sh -c 'kill -9 $$'; exit $?").run().result.unwrap().status(), 137);
    });
}

#[test]
fn a_command_that_cannot_be_executed_has_dockers_status() {
    everyone("processes::a_command_that_cannot_be_executed_has_dockers_status", || {
        let status = |args: &[&str]| {
            let container = Container::new("")
                .layer(&[("plain", "text\n"), ("script", "#!/no/such/interpreter\n"), ("noexec", "#!/bin/sh\n")])
                .with(|container| container.process.args = args.iter().map(ToString::to_string).collect());
            let top = &container.sandbox.lower[0];
            for name in ["plain", "script"] {
                let mode: std::fs::Permissions = PermissionsExt::from_mode(0o755);
                std::fs::set_permissions(top.join(name), mode).unwrap();
            }
            let error = container.run().result.unwrap_err();
            format!("{} {error}", error.status())
        };
        assert_eq!(status(&["missing"]), "127 exec: `missing`: executable file not found in $PATH");
        assert_eq!(status(&["/missing"]), "127 the image has no program `/missing`");
        assert_eq!(status(&["/script"]), "127 exec `/script`: ENOENT: No such file or directory");
        assert_eq!(status(&["/noexec"]), "126 exec `/noexec`: EACCES: Permission denied");
        assert_eq!(status(&["/plain"]), "126 exec `/plain`: ENOEXEC: Exec format error");
        assert_eq!(status(&["/etc"]), "126 exec `/etc`: EISDIR: Is a directory");
        assert_eq!(status(&[]), "127 no command given");
    });
}

#[test]
fn the_command_is_process_one_and_nothing_outlives_it() {
    everyone("processes::the_command_is_process_one_and_nothing_outlives_it", || {
        let start = Instant::now();
        assert_eq!(Container::new("echo $$; sleep 100 & exit 0").output(), "1\n");
        assert!(start.elapsed() < Duration::from_secs(60));
    });
}

#[test]
fn a_container_can_be_cancelled() {
    everyone("processes::a_container_can_be_cancelled", || {
        let container = Container::new("echo started; sleep 100");
        let cancel = Interrupt::new().unwrap();
        let mut running = spawn(&container.plan(), Io::Captured { input: None }).unwrap();
        running.kill_when(cancel.as_fd().try_clone_to_owned().unwrap());
        running.start();
        assert_eq!(running.wait(&mut |_| cancel.request()).unwrap(), Exit::Signal(9));
    });
}

#[test]
fn a_container_waits_for_the_order_to_start() {
    everyone("processes::a_container_waits_for_the_order_to_start", || {
        let container = Container::new("echo begun");
        let mut running = spawn(&container.plan(), Io::Captured { input: None }).unwrap();
        running.until_ready().unwrap();
        let control = running.control();
        assert_eq!(control.signal(15).unwrap_err().to_string(), "the container is not started");
        running.start();
        let mut heard = Vec::new();
        let exit = running.wait(&mut |event| {
            if let Heard::Output(_, bytes) = event {
                heard.extend_from_slice(bytes);
            }
        });
        assert_eq!((exit.unwrap(), heard.as_slice()), (Exit::Code(0), b"begun\n".as_slice()));
        // What is held when it has ended holds nothing.
        control.signal(15).unwrap();
        control.kill();
    });
}

#[test]
fn a_container_that_never_starts_can_be_killed_or_dropped() {
    everyone("processes::a_container_that_never_starts_can_be_killed_or_dropped", || {
        let container = Container::new("echo never");
        let mut running = spawn(&container.plan(), Io::Captured { input: None }).unwrap();
        running.until_ready().unwrap();
        let control = running.control();
        std::thread::spawn(move || control.kill()).join().unwrap();
        assert_eq!(
            running.wait(&mut |heard| assert!(matches!(heard, Heard::Started), "{heard:?}")).unwrap(),
            Exit::Signal(9)
        );
        let dropped = Container::new("echo never");
        let mut running = spawn(&dropped.plan(), Io::Captured { input: None }).unwrap();
        running.until_ready().unwrap();
        drop(running);
        let missing = Container::new("").with(|container| container.process.user = "nobody".into());
        let mut running = spawn(&missing.plan(), Io::Captured { input: None }).unwrap();
        let refused = running.until_ready().unwrap_err();
        assert_eq!(refused.to_string(), "the image has no user `nobody` in its `/etc/passwd`");
    });
}

/// What the processes below /proc say of their state: those whose command line has this word.
fn states(word: &str) -> String {
    let mut states: Vec<char> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let line = std::fs::read(folder.join("cmdline")).ok()?;
            let is_it = line.split(|byte| *byte == 0).any(|part| part == word.as_bytes());
            let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
            is_it.then(|| stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()))?
        })
        .collect();
    states.sort_unstable();
    states.into_iter().collect()
}

#[test]
fn a_container_is_paused_and_goes_on_and_another_thread_can_do_it() {
    everyone("processes::a_container_is_paused_and_goes_on_and_another_thread_can_do_it", || {
        let word = format!("{}.125", std::process::id());
        let script = format!("sleep {word} & sleep {word} & echo begun; exec sleep {word}");
        let container = Container::new(&script);
        let running = spawn(&container.plan(), Io::Captured { input: None }).unwrap();
        running.start();
        let control = running.control();
        let (begun, is_begun) = std::sync::mpsc::channel();
        let other = std::thread::spawn(move || {
            is_begun.recv().unwrap();
            // What is sent is there a moment later.
            let until = |wanted: fn(&str) -> bool| {
                let begun = Instant::now();
                while !wanted(&states(&word)) && begun.elapsed() < Duration::from_secs(60) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            };
            until(|states| states.len() == 3);
            let paused = control.pause();
            until(|states| states == "TTT");
            let (while_paused, resumed) = (states(&word), control.resume());
            until(|states| !states.contains('T'));
            let later = states(&word);
            // Also one that is paused can be ended.
            let _ = control.pause();
            control.kill();
            assert_eq!((paused.unwrap(), while_paused.as_str()), (Paused::Stopped, "TTT"));
            resumed.unwrap();
            assert!(!later.contains('T'), "{later}");
        });
        let exit = running.wait(&mut |heard| {
            if let Heard::Output(..) = heard {
                begun.send(()).unwrap();
            }
        });
        drop(begun);
        other.join().unwrap();
        assert_eq!(exit.unwrap(), Exit::Signal(9));
    });
}

#[test]
fn streams_can_be_given() {
    everyone("processes::streams_can_be_given", || {
        for terminal in [Terminal::No, Terminal::Yes] {
            let container = Container::new("read line; echo got $line; echo error >&2")
                .with(|container| container.process.terminal = terminal);
            let log = container.path("log");
            let file = || OwnedFd::from(std::fs::File::options().append(true).create(true).open(&log).unwrap());
            let (read, write) = nix::unistd::pipe().unwrap();
            nix::unistd::write(&write, b"hello\n").unwrap();
            let io = Io::Given { input: read, output: file(), error: file() };
            assert_eq!(
                run(&container.plan(), io, &mut |heard| assert!(matches!(heard, Heard::Started), "{heard:?}")).unwrap(),
                Exit::Code(0)
            );
            let expected = match terminal {
                Terminal::No => "got hello\nerror\n",
                Terminal::Yes => "hello\r\ngot hello\r\nerror\r\n",
            };
            assert_eq!(std::fs::read_to_string(&log).unwrap(), expected);
        }
    });
}

/// Runs the script of the environment with our own streams: what the re-executed tests below do.
fn inherit() {
    let script = std::env::var("LAYERLAB_TEST_SCRIPT").expect("the outer test sets it");
    let container = Container::new(&script).with(|container| {
        if std::env::var_os("LAYERLAB_TEST_TERMINAL").is_some() {
            container.process.terminal = Terminal::Yes;
        }
    });
    let exit = run(&container.plan(), Io::Inherited, &mut |heard| eprintln!("{heard:?}")).unwrap();
    println!("status {}", exit.status());
}

#[test]
fn inheriting() {
    // Does something only when another test runs it.
    if std::env::var_os("LAYERLAB_TEST_SCRIPT").is_some() {
        inherit();
    }
}

/// Starts this program again in `role`, to run `script` with inherited streams. What it leaves
/// when it is killed lies in the directory, and goes with it.
fn start(role: &str, script: &str) -> (Child, tempfile::TempDir) {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::set_permissions(scratch.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    let child = again("processes::inheriting", role)
        .env("LAYERLAB_TEST_SCRIPT", script)
        .env("TMPDIR", scratch.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    (child, scratch)
}

/// Reads until `wanted` was seen, and no further; the whole text up to there.
fn read_until(source: &mut impl Read, wanted: &str) -> String {
    let (mut text, mut byte) = (Vec::new(), [0; 1]);
    while !text.ends_with(wanted.as_bytes()) {
        match source.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            end => panic!("{end:?} before `{wanted}`: {}", String::from_utf8_lossy(&text)),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn needs_root() -> bool {
    let root = nix::unistd::Uid::effective().is_root();
    if !root {
        crate::harness::missing("tests that start themselves again as root and as users");
    }
    root
}

#[test]
fn signals_are_passed_on() {
    if !needs_root() {
        return;
    }
    for role in ROLES {
        let script = "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
        let (mut child, _scratch) = start(role, script);
        let mut output = child.stdout.take().unwrap();
        read_until(&mut output, "ready");
        kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
        let text = read_until(&mut output, "status");
        assert!(text.contains("got it\n"), "as {role}: {text}");
        let mut rest = text;
        output.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("status 3"), "as {role}: {rest}");
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn when_we_are_killed_the_container_dies() {
    if !needs_root() {
        return;
    }
    for role in ROLES {
        let (mut child, _scratch) = start(role, "trap '' TERM HUP; echo ready; sleep 1000 & wait");
        let mut output = child.stdout.take().unwrap();
        read_until(&mut output, "ready");
        child.kill().unwrap();
        child.wait().unwrap();
        // The pipe ends when nobody holds its other end any more: neither the keeper nor the
        // container.
        let start = Instant::now();
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert!(start.elapsed() < Duration::from_secs(60), "as {role}");
    }
}

#[test]
fn a_terminal_is_the_containers_own() {
    everyone("processes::a_terminal_is_the_containers_own", || {
        let container = Container::new("tty; test -t 0 && test -t 1 && test -t 2 && echo all; ls -l /dev/console /dev/tty | wc -l; echo x > /dev/tty")
            .with(|container| container.process.terminal = Terminal::Yes);
        assert_eq!(container.output(), "/dev/pts/0\r\nall\r\n2\r\nx\r\n");
    });
}

#[test]
fn a_terminal_relays_keys_size_and_interrupts() {
    if !needs_root() {
        return;
    }
    for role in ROLES {
        let size = nix::pty::Winsize { ws_row: 33, ws_col: 101, ws_xpixel: 0, ws_ypixel: 0 };
        let ends = nix::pty::openpty(Some(&size), None).unwrap();
        let settings = nix::sys::termios::tcgetattr(&ends.slave).unwrap();
        let stream = |end: &OwnedFd| Stdio::from(end.try_clone().unwrap());
        let mut command = again("processes::inheriting", role);
        command
            .env("LAYERLAB_TEST_TERMINAL", "1")
            .env("LAYERLAB_TEST_SCRIPT", "stty size; read line; echo got $line; trap 'stty size; exit 4' WINCH; echo ready; sleep 0.1; while :; do sleep 0.05; done")
            .stdin(stream(&ends.slave))
            .stdout(stream(&ends.slave))
            .stderr(stream(&ends.slave));
        // SAFETY: system calls only.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let mut child = command.spawn().unwrap();
        let mut screen = std::fs::File::from(ends.master.try_clone().unwrap());
        read_until(&mut screen, "33 101\r\n");
        screen.write_all(b"hello\r").unwrap();
        read_until(&mut screen, "got hello");
        read_until(&mut screen, "ready");
        let size = nix::pty::Winsize { ws_row: 20, ws_col: 50, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: TIOCSWINSZ reads one winsize.
        unsafe { libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&ends.master), libc::TIOCSWINSZ, &raw const size) };
        read_until(&mut screen, "20 50\r\n");
        read_until(&mut screen, "status 4");
        assert!(child.wait().unwrap().success(), "as {role}");
        assert_eq!(nix::sys::termios::tcgetattr(&ends.slave).unwrap(), settings, "the terminal is as it was");
    }
}

#[test]
fn an_interrupt_key_reaches_the_containers_foreground() {
    if !needs_root() {
        return;
    }
    for role in ROLES {
        let ends = nix::pty::openpty(None, None).unwrap();
        let stream = |end: &OwnedFd| Stdio::from(end.try_clone().unwrap());
        let mut child = again("processes::inheriting", role)
            .env("LAYERLAB_TEST_TERMINAL", "1")
            .env("LAYERLAB_TEST_SCRIPT", "trap 'exit 5' INT; echo ready; while :; do sleep 0.05; done")
            .stdin(stream(&ends.slave))
            .stdout(stream(&ends.slave))
            .stderr(stream(&ends.slave))
            .spawn()
            .unwrap();
        let mut screen = std::fs::File::from(ends.master.try_clone().unwrap());
        read_until(&mut screen, "ready");
        screen.write_all(&[3]).unwrap();
        read_until(&mut screen, "status 5");
        assert!(child.wait().unwrap().success(), "as {role}");
    }
}

#[test]
fn a_plan_that_makes_no_sense_is_an_error_and_no_second_caller() {
    everyone("processes::a_plan_that_makes_no_sense_is_an_error_and_no_second_caller", || {
        let container = Container::new("true");
        let mut plan = container.plan();
        plan.operations.retain(|(_, operation)| !matches!(operation, Operation::ResolveUser { .. }));
        let error = run(&plan, Io::Captured { input: None }, &mut |_| {}).unwrap_err().to_string();
        assert!(error.starts_with("the set-up panicked"), "{error}");
        // Were the panic to unwind into the child's copy of this function, this would run twice.
        let marker = container.path("once");
        std::fs::File::create_new(marker).unwrap();
    });
}
