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

#[test]
fn links_of_a_container_lead_a_copy_out() {
    let idea = "cp: the source or the destination is a link out of the container, a descriptor, a pipe";
    attack(idea, EVERY_USER, |attack| {
        let secret = attack.sentinel().join("secret").display().to_string();
        let folder = attack.sentinel().join("folder").display().to_string();
        let own = std::path::Path::new(&folder).parent().unwrap().display().to_string();
        let dockerfile = format!(
            "FROM layerlab/base\nRUN ln -s /../../../../..{secret} /secret && ln -s {secret} /direct && ln -s {folder} /folder \\\n\
             && ln -s /proc/self/root{secret} /magic && ln -s /proc/self/cwd /here && ln -s /proc/1/root /root1 && mkfifo /pipe \\\n\
             && mkdir -p {own} && echo inside > {secret} && mkdir {folder} && mkdir /deep && ln -s / /deep/up\n"
        );
        with_box(attack, &dockerfile, "sleep 1000");
        attack.write("evil", "evil\n");
        for running in [true, false] {
            if !running {
                attack.run("kill box").succeeded();
            }
            for source in ["/secret", "/direct"] {
                attack.run(&format!("cp -L box:{source} copy")).succeeded();
                let copied = std::fs::read_to_string(attack.path("copy")).unwrap();
                assert_eq!(copied, if running { "inside\n" } else { "evil\n" }, "{source}");
                std::fs::remove_file(attack.path("copy")).unwrap();
            }
            for source in
                ["/magic", "/here/x", "/root1/etc/passwd", "/proc/self/fd/3", "/proc/self/exe", "/proc/self/cwd/x"]
            {
                attack.run(&format!("cp -L box:{source} copy")).refused("");
            }
            // Into the container's own folder of that name, not into ours.
            for target in ["/secret", "/direct", "/folder", "/deep/up/../../../../../../tmp"] {
                attack.run(&format!("cp evil box:{target}")).succeeded();
            }
            for target in ["/here/x", "/magic", "/root1/tmp", "/proc/self/fd/1"] {
                attack.run(&format!("cp evil box:{target}")).refused("");
            }
            attack.run("cp box:/pipe copied-pipe").succeeded();
            std::fs::remove_file(attack.path("copied-pipe")).unwrap();
            attack.run("diff box").succeeded();
        }
        attack.run("rm -f box").succeeded();
        std::fs::remove_file(attack.path("evil")).unwrap();
    });
}

#[test]
fn folders_become_links_while_they_are_copied() {
    let idea = "cp, diff, commit, export: a folder is exchanged for a link out of the container while it is read";
    attack(idea, EVERY_USER, |attack| {
        let folder = attack.sentinel().display().to_string();
        let dockerfile =
            format!("FROM layerlab/base\nRUN mkdir -p /a/b/c && touch /a/b/secret /a/b/c/f && ln -s {folder} /link\n");
        let race = "mkdir -p /a/b; while :; do mv /a/b /a/x; ln -s /link /a/b; echo changed > /a/f; rm /a/b; mv /a/x /a/b; done";
        attack.write("in/b/secret", "evil\n").write("in/b/c/f", "evil\n");
        with_box(attack, &dockerfile, race);
        for round in 0..12 {
            attack.run("cp -q box:/a out");
            attack.run("cp -q box:/a/b/secret out-secret");
            attack.run("cp -q in/. box:/a");
            attack.run("diff box");
            attack.run(&format!("commit box copy{}", round % 3));
            attack.run("export -o files.tar box");
            for name in ["out", "out-secret", "files.tar"] {
                let found = std::process::Command::new("grep")
                    .args(["-r", "the sentinel's own text"])
                    .arg(attack.path(name))
                    .output();
                assert!(found.unwrap().stdout.is_empty(), "{name} has a file of the machine");
                let _ = std::fs::remove_dir_all(attack.path(name)).or_else(|_| std::fs::remove_file(attack.path(name)));
            }
        }
        attack.run("rm -f box").succeeded();
        std::fs::remove_dir_all(attack.path("in")).unwrap();
    });
}

#[test]
fn an_archive_for_a_container_leads_out() {
    let idea = "cp -: an archive with `..`, absolute names, links to folders outside";
    attack(idea, EVERY_USER, |attack| {
        with_box(attack, "FROM layerlab/base\n", "sleep 1000");
        let sentinel = attack.sentinel().display().to_string();
        for make in [
            "mkdir d; cd d; echo evil > ../x; tar cPf ../evil.tar ../x".to_owned(),
            format!("mkdir d; cd d; ln -s {sentinel} l; tar cf ../evil.tar l; rm l; mkdir l; echo evil > l/secret; tar rf ../evil.tar l/secret"),
            "mkdir d; cd d; ln -s /proc/self/cwd l; tar cf ../evil.tar l; rm l; mkdir l; echo evil > l/secret; tar rf ../evil.tar l/secret".to_owned(),
        ] {
            let program = attack.place.program().display().to_string();
            let mut command = attack.place.shell(&format!("rm -rf d x evil.tar; ({make}); {program} cp - box:/tmp < evil.tar; status=$?; rm -rf d x evil.tar; exit $status"));
            command.current_dir(attack.path(""));
            let outcome = attack.run_command(command);
            assert!(!outcome.status.success(), "{make}: {}", outcome.text);
            exec(attack, "", "rm -rf /tmp/*").succeeded();
        }
        attack.run("rm -f box").succeeded();
    });
}
