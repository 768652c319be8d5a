//! ADD of git repositories: from git's own server on this machine's loopback.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Place, Role};
use crate::repository::Repositories;

/// A folder with this Dockerfile behind `FROM layerlab/base`, in which `HOST` is the server.
fn place(role: Role, server: &Repositories, instructions: &str) -> Place {
    let place = Place::of(role, "//- local\nlocal\n");
    write(&place, server, instructions);
    place
}

fn write(place: &Place, server: &Repositories, instructions: &str) {
    let text = format!("FROM layerlab/base\n{}\n", instructions.replace("HOST", &server.host()));
    place.write("Dockerfile", &text);
}

/// Runs lines of the shell with the program as `$L`, each shown behind a `$`.
pub fn session(place: &Place, server: &Repositories, lines: &[&str]) -> String {
    place.shell_session(lines, &[(&server.host(), "HOST")])
}

/// A repository with files of every kind, a tag and a branch.
fn app(server: &Repositories) -> String {
    server.make("app.git");
    for (file, text) in [
        ("README", "an app\n"),
        ("docs/en/page", "a page\n"),
        ("run.sh", "#!/bin/sh\n"),
        (".gitattributes", "windows text eol=crlf\nleft-out export-ignore\nsubst export-subst\nident ident\n"),
        ("windows", "line\n"),
        ("left-out", "here\n"),
        ("subst", "$Format:%H$\n"),
        ("ident", "$Id$\n"),
    ] {
        server.write("app.git", file, text);
    }
    let path = server.path("app.git");
    std::fs::set_permissions(path.join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("../../etc/passwd", path.join("docs/link")).unwrap();
    let commit = server.commit("app.git", "one");
    server.git("app.git", &["tag", "-a", "v1", "-m", "the first"]);
    server.git("app.git", &["checkout", "--quiet", "-b", "next"]);
    server.write("app.git", "README", "the next app\n");
    server.commit("app.git", "two");
    server.git("app.git", &["checkout", "--quiet", "main"]);
    commit
}

#[test]
fn files_of_repositories_are_added() {
    let server = Repositories::start();
    let commit = app(&server);
    for role in [Role::Self_, Role::Mapped, Role::Single] {
        let place = place(
            role,
            &server,
            &format!(
                "\
ARG BRANCH=next
ADD http://HOST/app.git /main
ADD http://HOST/app.git#$BRANCH /next/
ADD http://HOST/app.git#v1:docs /docs
ADD http://HOST/app.git?tag=v1&subdir=docs/en local /several/
ADD --chown=3:4 --chmod=600 --exclude=docs http://HOST/app.git#{commit} /commit
ADD --checksum={commit} http://HOST/app.git#refs/heads/main /checked
RUN cd /main && find . | sort | xargs stat -c '%A %u:%g %Y %n' && cat windows | od -c | head -1 && cat subst ident && readlink docs/link
RUN cat /next/README && find /docs /several /commit | sort && stat -c '%a %u:%g' /commit/README && diff -r /main /checked"
            ),
        );
        let text = session(&place, &server, &["$L build --progress plain -t demo . | grep -v '^Successfully'"]);
        insta::assert_snapshot!("files_of_repositories_are_added", text);
        place.assert_whole();
    }
}

#[test]
fn a_branch_that_has_moved_is_the_cause() {
    let server = Repositories::start();
    server.make_with("app.git", &[("a", "one\n"), ("b", "b\n")]);
    let place = place(Role::Self_, &server, "ADD http://HOST/app.git#main /app\nRUN cat /app/a");
    let mut text = session(&place, &server, &["$L plan .", "$L build -t demo ."]);
    let asked = server.asked().len();
    text += &session(&place, &server, &["$L build -t demo ."]);
    let asked_again = server.asked().split_off(asked);
    assert!(
        asked_again.iter().all(|line| !line.contains("POST /app.git/git-upload-pack") || asked_again.len() <= 2),
        "{asked_again:?}"
    );
    let asked = server.asked().len();
    text += &session(&place, &server, &["$L plan .", "LAYERLAB_PULL=never $L plan ."]);
    assert_eq!(server.asked().len(), asked, "a prediction asks nobody");
    server.write("app.git", "a", "two\n");
    server.commit("app.git", "two");
    text += &session(
        &place,
        &server,
        &["printf 'step 2\\nwhy 2\\nwhy 2 full\\nquit\\n' | $L step .", "$L build -t demo ."],
    );
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn a_commit_that_is_kept_is_asked_for_no_more() {
    let server = Repositories::start();
    let commit = server.make_with("app.git", &[("a", "one\n")]);
    server.write("app.git", "a", "two\n");
    let two = server.commit("app.git", "two");
    let place = place(Role::Self_, &server, &format!("ADD http://HOST/app.git#{commit} /app\nRUN cat /app/a"));
    let mut text = session(&place, &server, &["$L build -t demo ."]);
    let asked = server.asked().len();
    text += &session(&place, &server, &["$L plan .", "$L build --no-cache -t demo ."]);
    assert_eq!(server.asked().len(), asked);
    write(&place, &server, &format!("ADD --checksum={two} http://HOST/app.git#main /app\nRUN cat /app/a"));
    text += &session(&place, &server, &["$L build -t demo ."]);
    let asked = server.asked().len();
    server.write("app.git", "a", "three\n");
    server.commit("app.git", "three");
    text += &session(&place, &server, &["$L build -t demo ."]);
    assert_eq!(server.asked().len(), asked);
    write(&place, &server, &format!("ADD --checksum={commit} http://HOST/app.git#main /app"));
    text += &session(&place, &server, &["$L build -t demo ."]);
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn what_does_not_come_is_explained() {
    let server = Repositories::start();
    let commit = server.make_with("app.git", &[("a/b", "one\n")]);
    server.make("empty.git");
    let place = place(Role::Self_, &server, "");
    let mut text = String::new();
    for add in [
        "ADD http://HOST/app.git#gone /x".to_owned(),
        "ADD http://HOST/app.git#abc1234 /x".to_owned(),
        format!("ADD http://HOST/app.git#{} /x", "0".repeat(40)),
        "ADD http://HOST/app.git#main:gone /x".to_owned(),
        "ADD http://HOST/app.git#main:a/b /x".to_owned(),
        "ADD http://HOST/none.git /x".to_owned(),
        "ADD http://HOST/empty.git /x".to_owned(),
        "ADD http://localhost:1/app.git /x".to_owned(),
        "ADD http://169.254.169.254/app.git /x".to_owned(),
        "ADD http://me:swordfish@HOST/app.git /x".to_owned(),
        "ADD http://HOST/app.git#-x /x".to_owned(),
        "ADD git@-oProxyCommand=x:app.git /x".to_owned(),
        "ADD file:///app.git /x".to_owned(),
        "ADD --checksum=sha256:1 http://HOST/app.git /x".to_owned(),
        format!("ADD --checksum={} http://HOST/app.git /x", "1".repeat(40)),
        "ADD --keep-git-dir=false http://HOST/app.git?keep-git-dir=true /x".to_owned(),
        "COPY http://HOST/app.git /x".to_owned(),
        "COPY git@HOST:app.git /x".to_owned(),
    ] {
        write(&place, &server, &add);
        text += &format!("== {}\n", add.replace(&commit, "COMMIT"));
        text += &session(&place, &server, &["$L build -q ."]).replacen("$ $L build -q .\n", "", 1);
    }
    write(&place, &server, "ADD http://HOST/app.git /x");
    text += "== without git\n";
    text += &session(&place, &server, &["PATH=/nowhere $L build -q ."]);
    text += "== nobody may be asked\n";
    text += &session(&place, &server, &["LAYERLAB_PULL=never $L build -q ."]);
    insta::assert_snapshot!(text);
    place.assert_whole();
}

/// It lists the commit of one repository, and then sends that of another.
#[test]
fn a_server_that_sends_another_commit_than_it_has_listed_is_refused() {
    let truth = Repositories::start();
    let good = truth.make_with("good.git", &[("a", "good\n")]);
    let evil = truth.make_with("evil.git", &[("a", "evil\n")]);
    truth.git("good.git", &["tag", "-a", "v1", "-m", "one"]);
    truth.git("evil.git", &["tag", "-a", "v1", "-m", "one"]);
    let root = truth.path("");
    let (good_id, evil_id) = (good.clone(), evil.clone());
    // By the first part of the path: which of its answers are the other repository's.
    let lists = std::sync::Mutex::new(std::collections::HashMap::new());
    let liar = crate::registry::Fake::start(move |asked| {
        let (kind, rest) = asked.path[1..].split_once('/').unwrap();
        let mut to = crate::registry::Asked { path: format!("/good.git/{rest}"), ..asked.clone() };
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        let time = *lists.lock().unwrap().entry(kind.to_owned()).and_modify(|time| *time += 1).or_insert(1);
        match kind {
            // It lists another one the second time.
            "moves.git" | "moves-too.git" if time > 2 => to.path = format!("/evil.git/{rest}"),
            // It lists the same one each time, and sends the other.
            "sends.git" if body.contains("command=fetch") => {
                to.path = format!("/evil.git/{rest}");
                to.body = body.replace(&good_id, &evil_id).into_bytes();
            }
            _ => {}
        }
        crate::repository::backend(&root, &to)
    });
    let place = Place::of(Role::Self_, "//- local\nlocal\n");
    let mut text = String::new();
    for (repository, reference) in
        [("moves.git", "main"), ("moves-too.git", "v1"), ("sends.git", "main"), ("true.git", "v1")]
    {
        place.write(
            "Dockerfile",
            &format!("FROM layerlab/base\nADD http://{}/{repository}#{reference} /x\n", liar.host()),
        );
        let built = session(&place, &truth, &["$L build -q ."]).replace(&liar.host(), "LIAR");
        text += &built.replace(&good, "GOOD").replace(&evil, "EVIL");
        let kept = std::fs::read_dir(place.home().join("cache")).into_iter().flatten().flatten();
        let kept = kept.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"url-")).count();
        assert_eq!(kept, usize::from(repository == "true.git"), "{repository}");
    }
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn the_git_folder_comes_where_it_is_kept() {
    let server = Repositories::start();
    app(&server);
    let place = place(
        Role::Self_,
        &server,
        "\
ADD --keep-git-dir=true http://HOST/app.git#v1 /tag
ADD http://HOST/app.git?branch=next&keep-git-dir /branch
ADD --keep-git-dir http://HOST/app.git#main:docs /docs
ADD http://HOST/app.git /without",
    );
    let mut text = session(
        &place,
        &server,
        &[
            "$L build -q -t demo .",
            "$L run --rm demo sh -c 'cd /; find */.git -type d | sort; cat /tag/.git/HEAD /tag/.git/config'",
        ],
    );
    let container = session(
        &place,
        &server,
        &["$L create --name one demo", "$L cp one:/tag ../tag", "$L cp one:/branch ../branch"],
    );
    assert!(!container.contains("error"), "{container}");
    // What is in the image is a repository to git.
    for (folder, commands) in [
        ("tag", &["status --short --branch", "log --oneline --decorate", "fsck", "describe"][..]),
        ("branch", &["status --short", "log --oneline --decorate"]),
    ] {
        for command in commands {
            let line = format!("git -c safe.directory='*' -C ../{folder} {command}");
            text += &session(&place, &server, &[&line]);
        }
    }
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn submodules_come_too() {
    let server = Repositories::start();
    let deep = server.make_with("deep.git", &[("deep", "deep\n")]);
    server.make("lib.git");
    server.write("lib.git", "lib", "a library\n");
    add_module(&server, "lib.git", "inner", "../deep.git", &deep);
    let lib = server.commit("lib.git", "one");
    // What its branch has now is not what is taken.
    server.write("lib.git", "lib", "a newer library\n");
    server.commit("lib.git", "two");
    server.make("app.git");
    add_module(&server, "app.git", "vendor/lib", "../lib.git", &lib);
    add_module(&server, "app.git", "left", "http://localhost:1/left.git", &lib);
    server.git("app.git", &["config", "-f", ".gitmodules", "submodule.left.update", "none"]);
    server.commit("app.git", "one");
    let place = place(
        Role::Self_,
        &server,
        "\
ADD http://HOST/app.git /app
ADD http://HOST/app.git?submodules=false /alone
RUN cd / && find app alone | sort && cat /app/vendor/lib/lib",
    );
    insta::assert_snapshot!(session(&place, &server, &["$L build --progress plain . | grep '^#4 '"]));
    place.assert_whole();
}

/// Writes a submodule into the index and `.gitmodules`.
fn add_module(server: &Repositories, repository: &str, path: &str, url: &str, commit: &str) {
    let set = |key: &str, value: &str| {
        server.git(repository, &["config", "-f", ".gitmodules", &format!("submodule.{path}.{key}"), value]);
    };
    set("path", path);
    set("url", url);
    server.git(repository, &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},{path}")]);
    std::fs::create_dir_all(server.path(repository).join(path)).unwrap();
}

#[test]
fn a_token_is_told_to_its_server_alone() {
    let server = Repositories::start();
    server.make_with("app.git", &[("a", "a\n")]);
    let place = place(Role::Self_, &server, "ADD http://HOST/app.git /app");
    let text = session(
        &place,
        &server,
        &[
            "TOKEN=swordfish $L build --secret id=GIT_AUTH_TOKEN,env=TOKEN -t demo .",
            "$L build --no-cache -t demo .",
            "TOKEN=swordfish $L build --no-cache --secret id=GIT_AUTH_HEADER.example.org,env=TOKEN -t demo .",
            "TOKEN='Bearer swordfish' $L build --no-cache --secret id=GIT_AUTH_HEADER.localhost,env=TOKEN -t demo .",
            "grep -r swordfish ../home | wc -l",
        ],
    );
    assert!(text.ends_with("wc -l\n0\n"), "{text}");
    let told: Vec<Option<String>> =
        server.fake.asked().iter().map(|asked| asked.header("authorization").map(str::to_owned)).collect();
    let basic = Some("Basic eC1hY2Nlc3MtdG9rZW46c3dvcmRmaXNo".to_owned());
    assert_eq!(told.first(), Some(&basic));
    assert_eq!(told.last(), Some(&Some("Bearer swordfish".to_owned())));
    assert!(told.contains(&None));
    place.assert_whole();
}

/// A repository names its submodules as it likes. Their servers are others, be it only by the port.
#[test]
fn a_token_is_not_told_to_the_servers_of_submodules() {
    let (server, other) = (Repositories::start(), Repositories::start());
    let inner = other.make_with("inner.git", &[("inner", "inner\n")]);
    server.make("app.git");
    add_module(&server, "app.git", "inner", &format!("http://{}/inner.git", other.host()), &inner);
    server.commit("app.git", "one");
    let place = place(Role::Self_, &server, "ADD http://HOST/app.git /app");
    let built = session(&place, &server, &["TOKEN=swordfish $L build -q --secret id=GIT_AUTH_TOKEN,env=TOKEN ."]);
    assert!(built.contains("sha256:"), "{built}");
    let told = |server: &Repositories| server.fake.asked().iter().any(|asked| asked.header("authorization").is_some());
    assert!(told(&server) && !other.fake.asked().is_empty() && !told(&other));
    // An address beside the repository's own is one of the same server.
    server.make("near.git");
    add_module(&server, "near.git", "inner", &format!("../../{}/inner.git", other.host()), &inner);
    server.commit("near.git", "one");
    place.write("Dockerfile", &format!("FROM layerlab/base\nADD http://me:pw@{}/near.git /near\n", server.host()));
    let refused = session(&place, &server, &["$L build -q ."]);
    assert!(!told(&other), "{refused}");
    place.assert_whole();
}

#[test]
fn a_fetch_ends_at_once_when_it_is_to() {
    for scheme in ["http", "git"] {
        let server = crate::registry::Fake::start(|_| {
            std::thread::sleep(Duration::from_secs(600));
            Vec::new()
        });
        let place = Place::of(Role::Self_, "");
        place.write("Dockerfile", &format!("FROM layerlab/base\nADD {scheme}://{}/app.git /app\n", server.host()));
        let mut command = place.command("build -q .");
        let mut child = command
            .env("LAYERLAB_PULL", "missing")
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let own = |what: &str| {
            let found =
                std::process::Command::new("pgrep").args(["-f", &format!("{what}.*:{}/app", server.port)]).output();
            String::from_utf8(found.unwrap().stdout).unwrap()
        };
        let begun = Instant::now();
        while own("git").is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(60), "git does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        let begun = Instant::now();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::Signal::SIGINT)
            .unwrap();
        let status = child.wait().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(60), "it waits for the server");
        assert_eq!(status.code(), Some(130));
        assert_eq!(own("git"), "", "git is left");
        assert_eq!(std::fs::read_dir(place.home().join("tmp")).unwrap().count(), 0);
        place.assert_whole();
    }
}

#[test]
fn git_listens_to_nobodys_settings() {
    let server = Repositories::start();
    server.make_with("app.git", &[("a", "a\n"), (".gitattributes", "a filter=evil\n")]);
    let place = place(Role::Self_, &server, "ADD http://HOST/app.git /app\nRUN cat /app/a");
    let settings = "\
[http]
	proxy = http://localhost:1
[core]
	hooksPath = /place/hooks
	attributesFile = /place/attributes
[filter \"evil\"]
	smudge = touch ../pwned; cat
[alias]
	fetch = !touch ../pwned
[credential]
	helper = !touch ../pwned
[init]
	templateDir = /
";
    std::fs::write(place.folder().join("home/.gitconfig"), settings).unwrap();
    let text = session(
        &place,
        &server,
        &[
            "GIT_DIR=/nowhere GIT_CONFIG_GLOBAL=$HOME/.gitconfig GIT_TRACE=1 GIT_SSH_COMMAND=false $L build --progress plain . | grep '^#3 '",
        ],
    );
    insta::assert_snapshot!(text);
    assert!(!place.folder().join("pwned").exists());
    place.assert_whole();
}
