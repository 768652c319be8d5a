//! RUN's mounts: what a command sees, what of it stays, and which step runs again.

use std::os::unix::net::UnixListener;

use crate::harness::{Place, Role};

const EVERYBODY: [Role; 3] = [Role::Self_, Role::Mapped, Role::Single];

/// What the RUNs of a build have printed, a part for each step, and how the build ended.
fn output(place: &Place, arguments: &str) -> String {
    let output = place.output(&format!("build --progress json {arguments}"));
    let mut text = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        match event["type"].as_str().unwrap() {
            "step_started" => text.push_str("--\n"),
            "output" => text.push_str(event["bytes"].as_str().unwrap()),
            "step_failed" => text.push_str(&format!("failed: {}\n", event["message"].as_str().unwrap())),
            "warning" => text.push_str(&format!("warning: {}\n", event["message"])),
            _ => {}
        }
    }
    if !output.status.success() {
        text.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    place.assert_whole();
    text
}

/// Builds on the base image, as each sort of user: all see the same.
fn everywhere(instructions: &str, files: &str, arguments: &str) -> String {
    let seen = EVERYBODY.map(|role| {
        let place = Place::of(role, &format!("//- Dockerfile\nFROM layerlab/base\n{instructions}{files}"));
        output(&place, arguments)
    });
    assert_eq!(seen[0], seen[1], "root sees the same as a user with mapped ids");
    assert_eq!(seen[0], seen[2], "root sees the same as a user with one id");
    seen[0].clone()
}

#[test]
fn files_of_the_context_are_seen_and_leave_no_trace() {
    let files = "//- .dockerignore\nsecret\n//- secret\nno\n//- src/a\none\n//- src/b\ntwo\n";
    let whole = "RUN --mount=target=/context cat /context/src/a; ls -a /context; touch /context/x; true\n";
    insta::assert_snapshot!(everywhere(whole, files, "."));
    let several = "WORKDIR /work\nRUN --mount=source=src,target=rel --mount=source=src/a,target=rel/b,rw \\\n  cat rel/a rel/b; echo new > rel/b; cat rel/b; stat -c '%a %u:%g' rel rel/a\nRUN ls -a /work / | grep -v '^[a-z]*$'; true\n";
    insta::assert_snapshot!(everywhere(several, files, "."));
}

#[test]
fn files_of_a_stage_can_be_changed_without_effect() {
    let instructions = "RUN mkdir -p /out/d && echo made > /out/d/f && ln -s d/f /out/link && chmod 750 /out/d\n\
        FROM layerlab/base AS second\n\
        RUN --mount=from=first,source=/out,target=/m,rw cat /m/link; stat -c '%a %n' /m/d; echo more >> /m/d/f; cat /m/d/f\n\
        RUN --mount=from=first,source=/out/link,target=/m cat /m; [ -f /m ]\n";
    let place = Place::new(&format!("//- Dockerfile\nFROM layerlab/base AS first\n{instructions}"));
    insta::assert_snapshot!(output(&place, "--no-cache ."));
}

#[test]
fn a_cache_is_found_again() {
    let instructions = "RUN --mount=type=cache,target=/c echo one >> /c/n\n\
        RUN --mount=type=cache,target=/c --mount=type=cache,id=/c,target=/same,ro \\\n  echo two >> /c/n; cat /same/n; touch /same/x 2>&1; ls -ld /c | cut -c 1-10\n";
    insta::assert_snapshot!(everywhere(instructions, "", "."));
    let others = "RUN --mount=type=cache,target=/c echo one >> /c/n\n\
        RUN --mount=type=cache,target=/d ls /d | wc -l\n\
        RUN --mount=type=cache,id=/c,target=/d,mode=0700 ls /d | wc -l; stat -c %a /d\n";
    insta::assert_snapshot!(everywhere(others, "", "."));
}

#[test]
fn a_cache_begins_with_files_of_a_stage() {
    let instructions = "RUN mkdir -p /seed/d && echo seed > /seed/d/f\n\
        FROM layerlab/base\n\
        RUN --mount=type=cache,from=first,source=/seed,target=/c cat /c/d/f; echo more >> /c/d/f\n\
        RUN --mount=type=cache,id=/c,from=first,source=/seed,target=/other cat /other/d/f\n";
    let place = Place::new(&format!("//- Dockerfile\nFROM layerlab/base AS first\n{instructions}"));
    insta::assert_snapshot!(output(&place, "."));
}

#[test]
fn caches_are_listed_and_removed() {
    let dockerfile =
        "//- Dockerfile\nFROM layerlab/base\nRUN --mount=type=cache,target=/c,sharing=locked echo one > /c/n\n";
    for role in EVERYBODY {
        let place = Place::of(role, dockerfile);
        place.output("build -t kept .");
        assert!(place.run("store size").contains("cache mounts"));
        assert!(!place.run("prune -n").contains("cache mount"), "it was used just now");
        let foreseen = place.run("prune -n --cache-mounts");
        assert!(foreseen.contains("cache mount /c") && foreseen.contains("Would be reclaimed"), "{foreseen}");
        let removed = place.run("prune --cache-mounts");
        assert!(removed.contains("cache mount /c") && removed.contains("Total reclaimed space"), "{removed}");
        assert_eq!(std::fs::read_dir(place.home().join("mount-caches")).unwrap().count(), 0);
        place.assert_whole();
    }
}

#[test]
fn memory_is_limited_and_empty_again() {
    let instructions = "RUN --mount=type=tmpfs,target=/t,size=1m \\\n  printf '#!/bin/sh\\necho runs\\n' > /t/s && chmod +x /t/s && /t/s && \
        { dd if=/dev/zero of=/t/big bs=1k count=2048 2>/dev/null || echo full; }\n\
        RUN --mount=type=tmpfs,target=/t ls /t | wc -l; ls -ld /t | cut -c 1-10\n";
    insta::assert_snapshot!(everywhere(instructions, "", "--no-cache ."));
}

#[test]
fn a_secret_is_a_file_or_a_variable() {
    let instructions = "USER 0\nWORKDIR /w\nENV TOKEN=public\nRUN --mount=type=secret,id=one --mount=type=secret,id=two,env=TOKEN --mount=type=secret,id=one,target=here,mode=0640 \\\n  cat /run/secrets/one; echo $TOKEN; stat -c '%a %s' here /run/secrets/one; echo x > here; true\n";
    insta::assert_snapshot!(everywhere(
        instructions,
        "//- s1\nswordfish\n//- s2\nherring\n",
        "--secret id=one,src=s1 --secret id=two,src=s2 ."
    ));
    let absent = "RUN --mount=type=secret,id=one --mount=type=ssh ls /run /run/secrets 2>&1; echo $SSH_AUTH_SOCK\nRUN ls -A /run\n";
    insta::assert_snapshot!(everywhere(absent, "", "."));
}

#[test]
fn what_is_required_has_to_be_given() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN --mount=type=secret,id=one,required true\n\
         //- ssh/Dockerfile\nFROM layerlab/base\nRUN --mount=type=ssh,required=true true\n\
         //- optional/Dockerfile\nFROM layerlab/base\nRUN --mount=type=secret,id=one cat /run/secrets/one\n\
         //- folder/x\n1\n",
    );
    insta::assert_snapshot!(place.session(&[
        "build -q .",
        "build -q ssh",
        "build -q optional",
        "build -q --secret id=one,src=missing .",
        "build -q --secret id=one,src=folder .",
        "build -q --secret id=one,source=x,env=y .",
        "build -q --secret src=x .",
        "build -q --secret identity=x .",
        "build -q --ssh default=Dockerfile .",
        "build -q --ssh default .",
    ]));
}

#[test]
fn a_large_secret_is_refused() {
    let place = Place::new("//- Dockerfile\nFROM layerlab/base\nRUN --mount=type=secret,id=s wc -c < /run/secrets/s\n");
    place.write("s", &"x".repeat(500 << 10));
    assert_eq!(output(&place, "--secret id=s,src=s ."), "--\n--\n512000\n");
    place.write("s", &"x".repeat((500 << 10) + 1));
    insta::assert_snapshot!(place.session(&["build -q --secret id=s,src=s ."]));
}

#[test]
fn the_key_has_what_buildkit_has_in_it() {
    let base = "//- Dockerfile\nFROM layerlab/base\n";
    let run = |mounts: &str| format!("RUN {mounts} echo x > /made\n");
    let cached = |place: &Place, arguments: &str| {
        let output = place.output(&format!("build --progress json {arguments}"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text.lines().any(|line| line.contains("\"outcome\":\"cached\""))
    };
    let place = Place::new(&format!("{base}//- a\n1\n//- b\n2\n//- s\n1\n"));
    let dockerfile = |mounts: &str| place.write("Dockerfile", &format!("FROM layerlab/base\n{}", run(mounts)));
    dockerfile("--mount=source=a,target=/a");
    assert!(!cached(&place, "."));
    place.write("b", "3");
    assert!(cached(&place, "."), "what is not mounted does not count");
    place.write("a", "2");
    assert!(!cached(&place, "."), "what is mounted does");
    dockerfile("--mount=source=a,target=/other");
    assert!(!cached(&place, "."), "and so does where");
    dockerfile("--mount=type=secret,id=s");
    assert!(!cached(&place, "--secret id=s,src=s ."));
    place.write("s", "2");
    assert!(cached(&place, "--secret id=s,src=s ."), "a value does not count");
    assert!(cached(&place, "."), "nor whether there is one");
    dockerfile("--mount=type=secret,id=t");
    assert!(!cached(&place, "."), "the id does");
    dockerfile("--mount=type=cache,target=/c");
    assert!(!cached(&place, "."));
    dockerfile("--mount=type=cache,target=/c,id=/c");
    assert!(cached(&place, "."), "the usual id is the usual one");
    dockerfile("--mount=type=cache,target=/c,id=x");
    assert!(!cached(&place, "."));
    dockerfile("--mount=type=cache,target=/c,id=y");
    assert!(cached(&place, "."), "one unusual id is as good as another");
    dockerfile("--mount=type=cache,target=/c,id=y,mode=0700");
    assert!(!cached(&place, "."), "an owner counts");
}

#[test]
fn why_names_the_mount() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN --mount=source=a,target=/a --mount=type=secret,id=s cat /a\n//- a\n1\n",
    );
    place.output("build -t x .");
    place.write("a", "2");
    place.write("Dockerfile", "FROM layerlab/base\nRUN --mount=source=a,target=/a --mount=type=secret,id=t cat /a\n");
    insta::assert_snapshot!(place.run("plan ."));
    place.write("script", "step\nwhy\nexplain\n");
    insta::assert_snapshot!(place.run("step --script script ."));
}

/// RUN's socket is ours, with the mode and the owner that are asked for; what passes through it is tried beside `runtime/mounts/agent.rs`.
#[test]
fn an_agent_has_a_socket() {
    for role in EVERYBODY {
        let place = Place::of(
            role,
            "//- Dockerfile\nFROM layerlab/base\nRUN --mount=type=ssh,required --mount=type=ssh,target=/s,mode=0666 \\\n  stat -c '%F %a %n' /run/buildkit/* /s; echo $SSH_AUTH_SOCK\n",
        );
        let _listener = UnixListener::bind(place.path("agent")).unwrap();
        place.give(&place.path("agent"));
        insta::assert_snapshot!("an_agent_has_a_socket", output(&place, "--ssh default=agent ."));
    }
}

#[test]
fn rights_and_devices_have_to_be_there() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN --security=insecure grep -E 'CapEff|Seccomp:' /proc/self/status\n\
         //- device/Dockerfile\nFROM layerlab/base\nRUN --device=vendor.com/gpu=all,required true\n\
         //- without/Dockerfile\nFROM layerlab/base\nRUN --device=vendor.com/gpu=all --security=sandbox echo runs\n",
    );
    insta::assert_snapshot!(place.session(&["build -q .", "build -q device", "build without"]));
    assert!(output(&place, "--allow security.insecure .").contains("Seccomp:\t0"));
}

/// Every file below a folder, and the argument vectors and environments of processes that run the program, hold no secret.
fn assert_nowhere(place: &Place, secret: &str) {
    let found = std::process::Command::new("grep").args(["-rlaF", secret]).arg(place.home()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "the secret is in the home");
}

#[test]
fn a_secret_is_nowhere_but_in_the_command() {
    const SECRET: &str = "swordfish-4711-herring";
    let dockerfile = "//- Dockerfile\nFROM layerlab/base\n\
        RUN --mount=type=cache,target=/go --mount=type=secret,id=file,required --mount=type=secret,id=variable,env=TOKEN \\\n  \
          wc -c < /run/secrets/file; echo ${#TOKEN}; echo waiting; while [ ! -f /go/now ]; do sleep 0.05; done\n\
        RUN --mount=type=secret,id=file --mount=type=secret,id=variable,env=TOKEN false\n";
    for role in EVERYBODY {
        let place = Place::of(role, dockerfile);
        place.write("s", SECRET);
        place.write(".dockerignore", "s\nenv\n");
        let arguments = "build -t x --progress json --secret id=file,src=s --secret id=variable,env=GIVEN .";
        let mut command = place.command(arguments);
        command.env("GIVEN", SECRET).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        let caches = place.home().join("mount-caches");
        let files = || {
            let entries = std::fs::read_dir(&caches).into_iter().flatten().flatten();
            entries.map(|entry| entry.path().join("files")).find(|path| path.is_dir())
        };
        let begun = std::time::Instant::now();
        let files = loop {
            match files() {
                Some(files) if std::fs::read_dir(place.home().join("containers")).unwrap().count() > 0 => break files,
                _ if begun.elapsed().as_secs() > 60 => panic!("no container"),
                _ => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
        };
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_nowhere(&place, SECRET);
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let ours = String::from_utf8_lossy(&line).contains("--secret");
            assert!(!ours || !String::from_utf8_lossy(&line).contains(SECRET));
        }
        std::fs::write(files.join("now"), "").unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("waiting") && said.contains("22"), "{said}");
        assert!(!said.contains(SECRET), "{said}");
        assert_nowhere(&place, SECRET);
        place.write("script", "step\nstep\nwhy\nexplain\nstep\nkeys\ninspect\nsave saved\nlaunch --explain true\n");
        let mut debugger =
            place.command("step --script script --secret id=file,src=s --secret id=variable,env=GIVEN .");
        let session = debugger.env("GIVEN", SECRET).output().unwrap();
        let said = String::from_utf8_lossy(&session.stdout) + String::from_utf8_lossy(&session.stderr);
        assert!(said.contains("returned a non-zero code") && !said.contains(SECRET), "{said}");
        assert_nowhere(&place, SECRET);
        let saved = std::fs::read_to_string(place.path("saved")).unwrap_or_default();
        assert!(!saved.contains(SECRET));
        place.assert_whole();
    }
}
