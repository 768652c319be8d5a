//! Git repositories of somebody who wants out of them, or in here.

use std::io::Write as _;
use std::process::Command;

use crate::harness::{Attack, Outcome, ROOT, USERS, attack};
use crate::registry::Fake;
use crate::repository::Repositories;

/// A repository whose one commit has a tree of these lines, as git-mktree(1) reads them.
fn with_tree(server: &Repositories, lines: &str) {
    server.git_with("evil.git", &["mktree", "--missing"], b"");
    let tree = server.git_with("evil.git", &["mktree", "--missing"], format!("{lines}\n").as_bytes());
    let commit = server.git("evil.git", &["commit-tree", "-m", "evil", &tree]);
    server.git("evil.git", &["update-ref", "refs/heads/main", &commit]);
}

fn blob(server: &Repositories, text: &str) -> String {
    server.git_with("evil.git", &["hash-object", "-w", "--stdin"], text.as_bytes())
}

fn tree(server: &Repositories, lines: &str) -> String {
    server.git_with("evil.git", &["mktree", "--missing"], format!("{lines}\n").as_bytes())
}

fn evil() -> Repositories {
    let server = Repositories::start();
    server.make("evil.git");
    server
}

/// Builds with an ADD of it.
fn add(attack: &mut Attack, server: &Repositories, variables: &[(&str, &str)]) -> Outcome {
    attack.write("Dockerfile", &format!("FROM scratch\nADD http://{}/evil.git#main /x\n", server.host()));
    let mut command = attack.place.command("build --no-cache -t attack .");
    command.env("LAYERLAB_PULL", "missing").envs(variables.iter().copied());
    attack.run_command(command)
}

#[test]
fn a_repository_has_names_that_lead_out_of_it() {
    attack("names of a tree that are paths, or git's own (CVE-2014-9390, CVE-2019-1353)", USERS, |attack| {
        let server = evil();
        let file = blob(&server, "evil\n");
        let inner = tree(&server, &format!("100644 blob {file}\tsentinel"));
        let above = tree(&server, &format!("040000 tree {inner}\t.."));
        for lines in [
            format!("040000 tree {inner}\t.."),
            format!("040000 tree {above}\t.."),
            format!("040000 tree {above}\tfolder"),
            format!("100644 blob {file}\t.."),
            format!("040000 tree {inner}\t."),
            format!("040000 tree {inner}\t.git"),
            format!("040000 tree {inner}\t.GiT"),
            format!("100644 blob {file}\t.git"),
            format!("120000 blob {file}\t.git"),
        ] {
            with_tree(&server, &lines);
            add(attack, &server, &[]).refused("can't be checked out: no file is called");
        }
        for lines in [format!("100644 blob {file}\t.wh.etc"), format!("040000 tree {inner}\t.wh..wh..opq")] {
            with_tree(&server, &lines);
            add(attack, &server, &[]).refused("names that begin with `.wh.` stand for deleted files");
        }
        attack.place.assert_whole();
    });
}

#[test]
fn a_repository_writes_through_its_own_link() {
    attack("a link and a folder of one name, so that a file lands behind the link (CVE-2024-32002)", USERS, |attack| {
        let server = evil();
        let target = blob(&server, &attack.sentinel().display().to_string());
        let file = blob(&server, "evil\n");
        let inner = tree(&server, &format!("100644 blob {file}\tsecret"));
        with_tree(&server, &format!("120000 blob {target}\tlink\n040000 tree {inner}\tlink"));
        // Whichever of the two is left, it is left in the layer.
        add(attack, &server, &[]);
        with_tree(&server, &format!("120000 blob {target}\tlink\n100644 blob {file}\tafter"));
        add(attack, &server, &[]).succeeded();
        attack.run("diff --name-only scratch attack");
        attack.place.assert_whole();
    });
}

#[test]
fn a_repository_names_others_that_are_none() {
    attack(
        "submodules at programs, options, files and services (CVE-2017-1000117, CVE-2018-17456, CVE-2022-39253)",
        USERS,
        |attack| {
            let server = evil();
            let pwned = attack.sentinel().join("pwned");
            let commit = "1".repeat(40);
            for (url, why) in [
                (format!("ext::sh -c touch% {}", pwned.display()), "is not the address of a repository on a server"),
                (format!("--upload-pack=touch {}", pwned.display()), "is not the address of a repository on a server"),
                (format!("-u./{}", pwned.display()), "is not the address of a repository on a server"),
                ("file:///etc".to_owned(), "are reached over `https`, `http`, `ssh` and `git` only"),
                (attack.sentinel().display().to_string(), "is not the address of a repository on a server"),
                ("../../../../../etc".to_owned(), "leads out of the server"),
                ("ssh://-oProxyCommand=touch/x".to_owned(), "an impossible one"),
                ("x@-oProxyCommand=touch:x".to_owned(), "is empty"),
                (
                    "http://169.254.169.254/latest/meta-data".to_owned(),
                    "this is where clouds hand out the credentials of a machine",
                ),
                ("http://10.0.0.1/x".to_owned(), "its address is of a private network"),
                ("http://[::ffff:10.0.0.1]/x".to_owned(), "its address is of a private network"),
                ("http://0x7f000001/x".to_owned(), "its address is not that of one machine"),
                ("https://localhost/\u{1b}]0;x".to_owned(), "git says"),
            ] {
                let modules = format!(
                    "[submodule \"m\"]\n\tpath = m\n\turl = \"{url}\"\n\tupdate = \"!touch {}\"\n",
                    pwned.display()
                );
                let modules = blob(&server, &modules);
                with_tree(&server, &format!("100644 blob {modules}\t.gitmodules\n160000 commit {commit}\tm"));
                let outcome = add(attack, &server, &[]);
                assert!(!outcome.status.success() && !outcome.text.contains('\u{1b}'), "{url}: {}", outcome.text);
                if !why.starts_with("git says") && !why.starts_with("is empty") {
                    outcome.refused(why);
                }
                assert!(!pwned.exists(), "{url}");
            }
            attack.place.assert_whole();
        },
    );
}

#[test]
fn a_repository_is_larger_than_it_looks() {
    attack("trees in trees, many files, large files, and itself as its submodule (git bomb)", ROOT, |attack| {
        let server = evil();
        let file = blob(&server, &"x".repeat(1 << 20));
        let lines = |entry: &str| (0..10).map(|number| format!("{entry}\t{number}")).collect::<Vec<_>>().join("\n");
        let mut level = tree(&server, &lines(&format!("100644 blob {file}")));
        for _ in 0..9 {
            level = tree(&server, &lines(&format!("040000 tree {level}")));
        }
        with_tree(&server, &format!("040000 tree {level}\tbomb"));
        add(attack, &server, &[]).refused("has more than 1000000 files, the limit for an archive");
        with_tree(&server, &lines(&format!("100644 blob {file}")));
        add(attack, &server, &[("LAYERLAB_MAX_ARCHIVE_SIZE", "4M")]).refused("LAYERLAB_MAX_ARCHIVE_SIZE");
        with_tree(&server, &format!("100644 blob {file}\tfile"));
        let mut deep = tree(&server, &format!("100644 blob {file}\tfile"));
        for _ in 0..600 {
            deep = tree(&server, &format!("040000 tree {deep}\td"));
        }
        with_tree(&server, &format!("040000 tree {deep}\td"));
        add(attack, &server, &[]).refused("directories deep");
        let noise: String =
            (0..200_000_u64).map(|number| format!("{:x}\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let noise = blob(&server, &noise);
        with_tree(&server, &format!("100644 blob {noise}\tnoise"));
        add(attack, &server, &[("LAYERLAB_MAX_REPOSITORY", "64K")]).refused("LAYERLAB_MAX_REPOSITORY");
        // A commit that has itself inside is one that nobody can make; one that has many others is not.
        let modules = blob(&server, "[submodule \"m\"]\n\tpath = m\n\turl = ./\n");
        let mut inner = server.git("evil.git", &["rev-parse", "main"]);
        for _ in 0..12 {
            with_tree(&server, &format!("100644 blob {modules}\t.gitmodules\n160000 commit {inner}\tm"));
            inner = server.git("evil.git", &["rev-parse", "main"]);
            server.git("evil.git", &["tag", &format!("t{inner}")]);
        }
        add(attack, &server, &[]).refused("is one too many");
        attack.place.assert_whole();
    });
}

/// What a small answer unfolds to, or what never ends, takes as much memory as `git` is given, and the build says which limit that is.
#[test]
fn a_repository_fills_the_memory() {
    attack("an object of which git keeps all in memory, and a list of references without an end", ROOT, |attack| {
        let small = [("LAYERLAB_MAX_GIT_MEMORY", "192M")];
        let server = evil();
        let tree = server.git_with("evil.git", &["mktree"], b"");
        // The tests' own process stays small: what it starts is counted with its memory.
        let commit = format!(
            "head -c 256M /dev/zero | tr '\\0' x | git -c user.name=x -c user.email=x@example.org commit-tree -F - {tree}"
        );
        let made = Command::new("sh").args(["-c", &commit]).current_dir(server.path("evil.git")).output().unwrap();
        let commit = String::from_utf8(made.stdout).unwrap();
        server.git("evil.git", &["update-ref", "refs/heads/main", commit.trim()]);
        add(attack, &server, &small).refused("LAYERLAB_MAX_GIT_MEMORY");
        // As servers without the second version of the protocol have it: all that there is, whatever was asked for.
        let many = Fake::talking(|_, mut stream| {
            let id = "1".repeat(40);
            let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
            let mut piece = String::from("HTTP/1.1 200 OK\r\nConnection: close\r\n");
            piece +=
                "Content-Type: application/x-git-upload-pack-advertisement\r\n\r\n001e# service=git-upload-pack\n0000";
            piece += &line(&format!("{id} refs/heads/main\0side-band-64k shallow\n"));
            let mut number = 0;
            while stream.write_all(piece.as_bytes()).is_ok() {
                let names = number..number + 1000;
                piece = names.map(|name| line(&format!("{id} refs/heads/{name:09}/{}\n", "x".repeat(100)))).collect();
                number += 1000;
            }
        });
        attack.write("Dockerfile", &format!("FROM scratch\nADD http://{}/evil.git#main /x\n", many.host()));
        let mut command = attack.place.command("build --no-cache -t attack .");
        command.env("LAYERLAB_PULL", "missing").envs(small);
        attack.run_command(command).refused("LAYERLAB_MAX_GIT_MEMORY");
        attack.place.assert_whole();
    });
}
