//! Mounts of RUN whose sources, targets and contents try to lead out of the container or of the home.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use crate::harness::{EVERY_USER, USERS, attack};

#[test]
fn the_source_of_a_mount_leads_out() {
    attack(
        "the source of a mount is a link, or climbs, out of the context, a stage or an image",
        EVERY_USER,
        |attack| {
            let sentinel = attack.sentinel().display().to_string();
            symlink(&sentinel, attack.path("absolute")).unwrap();
            symlink("../sentinel", attack.path("relative")).unwrap();
            fs::create_dir(attack.path("folder")).unwrap();
            symlink("../../sentinel", attack.path("folder/deep")).unwrap();
            for source in ["absolute", "relative", "folder/deep", "absolute/folder", "../sentinel", &sentinel] {
                let run = format!("RUN --mount=source={source},target=/m,rw ls /m/script && echo pwned > /m/script");
                attack.write("Dockerfile", &format!("FROM layerlab/base\n{run}\n"));
                attack.build().refused("build context");
            }
            let stage =
                format!("FROM layerlab/base AS a\nRUN ln -s {sentinel} /out && ln -s ../../../..{sentinel} /up\n");
            for source in ["out", "up", "/up/folder", "out/../../../../sentinel"] {
                let run = format!("RUN --mount=from=a,source={source},target=/m,rw echo pwned > /m/script");
                attack.write("Dockerfile", &format!("{stage}FROM layerlab/base\n{run}\n"));
                attack.build().refused("is");
            }
            // What is mounted has links that lead out: inside, they lead to the container's own files.
            let run = "RUN --mount=target=/m,rw ! cat /m/absolute/secret && ! cat /m/folder/deep/secret";
            attack.write("Dockerfile", &format!("FROM layerlab/base\n{run}\n"));
            attack.build().succeeded();
            attack.place.assert_whole();
        },
    );
}

#[test]
fn a_cache_is_filled_with_links() {
    attack("an earlier RUN has filled a cache with links, sockets and devices", EVERY_USER, |attack| {
        let sentinel = attack.sentinel().display().to_string();
        let fill = format!(
            "RUN --mount=type=cache,id=c,target=/c ln -s {sentinel} /c/absolute; ln -s ../../../../../../../..{sentinel} /c/up; \
             ln -s /proc/self/root /c/magic; ln -s loop /c/loop; mkfifo /c/fifo; mknod /c/disk b 254 0; chmod 700 /c; true\n"
        );
        attack.write("Dockerfile", &format!("FROM layerlab/base\n{fill}"));
        attack.build().succeeded();
        for source in ["absolute", "up", "up/folder", "magic", "loop", "../../../sentinel", "../about.json", "nothing"]
        {
            let run = format!("RUN --mount=type=cache,id=c,source={source},target=/m echo pwned > /m/script");
            attack.write("Dockerfile", &format!("FROM layerlab/base\n{fill}{run}\n"));
            attack.build().refused("while setting up").says("never out of it");
        }
        attack.write(
            "Dockerfile",
            &format!(
                "FROM layerlab/base\n{fill}RUN --mount=type=cache,id=c,target=/c ! dd if=/c/disk of=/dev/null count=1\n"
            ),
        );
        attack.build().succeeded();
        attack.run("prune --cache-mounts").succeeded().says("cache mount c");
        attack.place.assert_whole();
    });
}

#[test]
fn the_folder_of_a_cache_was_exchanged() {
    attack("the folder of a cache, or its lock, is a link to elsewhere", USERS, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\nRUN --mount=type=cache,target=/c echo pwned > /c/script\n");
        attack.build().succeeded();
        let caches = attack.place.home().join("mount-caches");
        let entries = || fs::read_dir(&caches).unwrap().map(|entry| entry.unwrap().path());
        let place = entries().find(|path| path.is_dir()).unwrap();
        fs::remove_dir_all(place.join("files")).unwrap();
        symlink(attack.sentinel(), place.join("files")).unwrap();
        attack.run("build --no-cache .").refused("ENOTDIR");
        fs::remove_file(place.join("files")).unwrap();
        let lock = entries().find(|path| path.extension().is_some_and(|end| end == "lock")).unwrap();
        fs::remove_file(&lock).unwrap();
        symlink(attack.sentinel().join("new"), &lock).unwrap();
        attack.run("build --no-cache .").refused("can't open");
    });
}

#[test]
fn a_target_leads_elsewhere() {
    attack("the target of a mount is a link of the image", EVERY_USER, |attack| {
        attack.write("s", "swordfish");
        let sentinel = attack.sentinel().display().to_string();
        for (link, refusal) in [
            (sentinel.clone(), None),
            ("../../../../../..".to_owned() + &sentinel, None),
            ("/proc/self".to_owned(), Some("leads to")),
            ("/proc/1/root".to_owned(), Some("")),
            ("/dev".to_owned(), Some("leads to")),
            ("/".to_owned(), Some("")),
        ] {
            for mount in [
                "type=secret,id=s,target=/l/s",
                "type=tmpfs,target=/l",
                "type=cache,target=/l",
                "target=/l",
                "type=secret,id=s,target=/l",
            ] {
                let text = format!("FROM layerlab/base\nRUN ln -s {link} /l\nRUN --mount={mount} true\n");
                attack.write("Dockerfile", &text);
                let outcome = attack.run("build --no-cache --secret id=s,src=s .");
                if let (Some(why), false) = (refusal, mount.ends_with("/l/s") && link == "/") {
                    outcome.refused(why);
                }
            }
        }
        attack.place.assert_whole();
    });
}

#[test]
fn a_target_is_no_path() {
    attack("the target of a mount is the root, or no name of a file", USERS, |attack| {
        for target in ["/", "", ".", "/..", "/a/../..", "../.."] {
            attack.write("Dockerfile", &format!("FROM layerlab/base\nRUN --mount=type=tmpfs,target={target} true\n"));
            attack.build().refused("invalid mount target `/`");
        }
        for target in ["a\u{1b}[31mb".to_owned(), "x".repeat(300), "/é/\u{202e}x".to_owned(), "a\0b".to_owned()] {
            attack.write("Dockerfile", &format!("FROM layerlab/base\nRUN --mount=type=tmpfs,target={target} true\n"));
            attack.build();
        }
        let many: String = (0..150).map(|number| format!("--mount=type=tmpfs,target=/m/{number} ")).collect();
        attack.write("Dockerfile", &format!("FROM layerlab/base\nRUN {many}true\n"));
        attack.build().succeeded();
    });
}

#[test]
fn a_secret_is_no_file() {
    attack("the source of a secret never ends, or nobody writes to it", USERS, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\nRUN --mount=type=secret,id=s cat /run/secrets/s\n");
        for source in ["/dev/zero".to_owned(), attack.sentinel().join("fifo").display().to_string(), "/".to_owned()] {
            attack.run(&format!("build --secret id=s,src={source} .")).refused("not a regular file");
        }
    });
}

#[test]
fn an_agent_is_asked_for_too_much() {
    attack("a command floods the socket of an agent, removes it and puts another in its place", EVERY_USER, |attack| {
        let socket = attack.place.folder().join("home/agent");
        let _agent = UnixListener::bind(&socket).unwrap();
        attack.place.give(&socket);
        attack.write(
            "Dockerfile",
            "FROM layerlab/base\nRUN --mount=type=ssh,target=/s ! rm /s; ! chmod 777 /s; ! chown 7 /s; ! mv /s /t; \
             head -c 100000 /dev/zero > /s; true\n",
        );
        attack.run(&format!("build --ssh default={} .", socket.display())).succeeded();
        attack.place.assert_whole();
    });
}
