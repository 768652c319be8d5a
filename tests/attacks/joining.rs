//! Hostile containers, while somebody runs a further process in them or looks at their files.

use crate::harness::{Attack, EVERY_USER, attack};

/// A container `box` of an image made by this Dockerfile, running this script.
fn with_box(attack: &mut Attack, dockerfile: &str, script: &str) {
    attack.write("Dockerfile", dockerfile);
    attack.build().succeeded();
    let mut command = attack.place.command("run -d --name box attack sh -c");
    command.arg(script);
    attack.run_command(command).succeeded();
}

fn exec(attack: &mut Attack, options: &str, script: &str) -> crate::harness::Outcome {
    let mut command = attack.place.command(&format!("exec {options} box sh -c"));
    command.arg(script);
    attack.run_command(command)
}

#[test]
fn the_names_of_users_lead_elsewhere() {
    let idea = "exec -u: /etc/passwd is a pipe, a device, a link to another process";
    attack(idea, EVERY_USER, |attack| {
        with_box(attack, "FROM layerlab/base\n", "sleep 1000");
        for (make, seen) in [
            ("mkfifo /etc/passwd", "the image has no user `web`"),
            ("ln -s /dev/zero /etc/passwd", "the image has no user `web`"),
            ("ln -s /proc/1/fd/0 /etc/passwd", "the image has no user `web`"),
            ("ln -s passwd /etc/passwd", "the image has no user `web`"),
            ("ln -s ../../../../../../etc/shadow /etc/passwd", "the image has no user `web`"),
            ("mkdir /etc/passwd", "the image has no user `web`"),
            ("echo web:x:99999999999:0::/: > /etc/passwd", "the image has no user `web`"),
        ] {
            exec(attack, "", &format!("rm -rf /etc/passwd; {make}")).succeeded();
            exec(attack, "-u web", "true").refused(seen);
        }
        attack.run("rm -f box").succeeded();
    });
}

#[test]
fn a_working_directory_leads_out_through_a_descriptor() {
    let idea = "CVE-2024-21626: the working directory is a descriptor that leads to the machine";
    attack(idea, EVERY_USER, |attack| {
        with_box(attack, "FROM layerlab/base\nRUN ln -s /proc/self/fd /fds\n", "sleep 1000");
        for number in 0..24 {
            for folder in ["/proc/self/fd", "/proc/thread-self/fd", "/fds"] {
                let outcome = exec(attack, &format!("-w {folder}/{number}"), "cat ../../../../../etc/hostname; pwd");
                assert_eq!(outcome.status.code(), Some(126), "{folder}/{number}: {}", outcome.text);
            }
        }
        attack.run("rm -f box").succeeded();
    });
}

#[test]
fn the_program_is_out_of_reach() {
    let idea = "CVE-2019-5736: the command of exec is /proc/self/exe, or a script of that";
    attack(idea, EVERY_USER, |attack| {
        let dockerfile = "FROM layerlab/base\nRUN printf '#!/proc/self/exe\\n' > /evil && chmod +x /evil && ln -s /proc/self/exe /link\n";
        let text = std::fs::read(attack.place.program()).unwrap();
        with_box(attack, dockerfile, "sleep 1000");
        for command in ["/proc/self/exe", "/link", "/proc/thread-self/exe"] {
            attack.run(&format!("exec box {command} --version")).refused("that is not a program of the image");
        }
        attack.run("exec box /evil").refused("");
        assert!(std::fs::read(attack.place.program()).unwrap() == text);
        attack.run("rm -f box").succeeded();
    });
}

#[test]
fn a_container_looks_at_what_comes_in() {
    let idea = "CVE-2016-9962: a process that joins is seen before it has given up what it has";
    attack(idea, EVERY_USER, |attack| {
        let look = "while :; do for one in /proc/[0-9]*; do
            program=$(readlink $one/exe); case \"$program\" in ''|/bin/*|/usr/bin/*|/memfd:*) ;; *) echo $one $program >> /found;; esac
            for link in $(readlink $one/cwd $one/root $one/fd/* 2>/dev/null); do case $link in
                /|/dev/null|/found|pipe:*|/proc|/proc/*|/memfd:*|/dev/pts/*) ;; *) echo $one $link >> /found;; esac; done
            grep -q layerlab $one/maps 2>/dev/null && echo $one maps >> /found
        done; done";
        with_box(attack, "FROM layerlab/base\n", &format!("{look} & {look} & wait"));
        for _ in 0..40 {
            attack.run("exec box true").succeeded();
        }
        exec(attack, "", "test ! -e /found || cat /found; test ! -e /found").succeeded();
        attack.run("rm -f box").succeeded();
    });
}

#[test]
fn the_machines_null_stays_as_it_is() {
    let idea = "the standard input of a container is the machine's /dev/null, which it changes";
    attack(idea, EVERY_USER, |attack| {
        let change = "chmod 600 /proc/self/fd/0; chown 7 /proc/self/fd/0; true";
        with_box(attack, "FROM layerlab/base\n", change);
        attack.write("again/Dockerfile", &format!("FROM layerlab/base\nRUN {change}\n"));
        attack.run("build again").succeeded();
        attack.run("rm -f box").succeeded();
        with_box(attack, "FROM layerlab/base\n", "sleep 1000");
        exec(attack, "", change).succeeded();
        exec(attack, "-d", change).succeeded();
        attack.run("rm -f box").succeeded();
    });
}
