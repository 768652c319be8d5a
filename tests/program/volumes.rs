//! Volumes: folders of the machine, kept folders, memory; what comes into them, what they hide, and when they go.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::harness::{Place, Role, missing};

/// An image with files at a place of a volume.
const DOCKERFILE: &str = "\
//- Dockerfile
FROM layerlab/base
RUN mkdir -p /data/deep && echo first > /data/deep/note && ln -s deep/note /data/link && ln /data/deep/note /data/hard \\
 && chmod 4755 /data/deep/note && chmod 1770 /data
//- more/Dockerfile
FROM layerlab/base
RUN mkdir /data && echo from the image > /data/note
VOLUME /data /empty
//- html/index.html
hello from the machine
";

/// Tries something as each of the users that there are.
fn as_everybody(files: &str, test: impl Fn(&Place)) {
    for role in [Role::Self_, Role::Mapped, Role::Single] {
        if role != Role::Self_ && !nix::unistd::geteuid().is_root() {
            missing("another user");
            continue;
        }
        let place = Place::of(role, files);
        if role != Role::Self_ {
            place.give(&place.path(""));
        }
        test(&place);
        place.assert_whole();
        let verified = place.run("store verify");
        assert!(verified.contains(": all intact"), "{role:?}: {verified}");
    }
}

fn lines(place: &Place, arguments: &str) -> Vec<String> {
    let text = place.run(arguments);
    assert!(!text.contains("exit code"), "{arguments}: {text}");
    text.lines().map(str::to_owned).collect()
}

fn inspected(place: &Place, arguments: &str) -> Value {
    let document: Value = serde_json::from_str(&place.run(arguments)).unwrap();
    document[0].clone()
}

#[test]
fn a_new_volume_has_the_files_of_the_image() {
    as_everybody(DOCKERFILE, |place| {
        place.run("build -q -t image .");
        let look = "stat -c '%a %n' /data /data/deep/note; cat /data/link; test /data/hard -ef /data/deep/note && echo one file";
        let text =
            place.shell(&format!("{} run --rm -v pages:/data image sh -c \"{look}\"", place.program().display()));
        let output = { text }.output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "1770 /data\n4755 /data/deep/note\nfirst\none file\n",
            "{output:?}"
        );
        // It is not removed with the container, nor filled again.
        place.run("run --rm -v pages:/data image rm /data/link");
        place.run("run --rm -v pages:/data image cp /etc/hostname /data/mine");
        assert_eq!(lines(place, "run --rm -v pages:/elsewhere image ls /elsewhere"), ["deep", "hard", "mine"]);
        assert_eq!(lines(place, "volume ls"), ["DRIVER   VOLUME NAME", "local    pages"]);
        // Where nothing is to be copied, nothing is.
        let bare = place.run("run --rm -v bare:/data:nocopy image ls -A /data");
        assert!(
            bare.starts_with("note: what is mounted at /data hides 3 files") && bare.lines().count() == 1,
            "{bare}"
        );
        // Another may fill it now.
        assert_eq!(lines(place, "run --rm -v bare:/data image ls /data"), ["deep", "hard", "link"]);
        place.run("run --rm -v bare:/data:ro image touch /data/x");
        assert!(place.run("run --rm -v bare:/data:ro image touch /data/x").contains("Read-only file system"));
        place.run("volume rm pages bare");
        assert_eq!(
            fs::read_dir(place.home().join("volumes")).unwrap().flatten().filter(|e| e.file_name() != ".lock").count(),
            0
        );
    });
}

#[test]
fn owners_come_into_a_volume_where_there_are_several() {
    if !nix::unistd::geteuid().is_root() {
        return missing("another user");
    }
    for role in [Role::Self_, Role::Mapped] {
        let place = Place::of(
            role,
            "//- Dockerfile\nFROM layerlab/base\nCOPY --chown=70:71 Dockerfile /data/file\nRUN chown 7:8 /data && chmod 700 /data\n",
        );
        place.run("build -q -t image .");
        let text = place.run("run --rm -v own:/data image stat -c %u:%g /data /data/file");
        assert_eq!(text, "7:8\n70:71\n", "{role:?}");
        // Who may not look into it may use it again, and remove it.
        assert_eq!(place.run("run --rm -v own:/data image stat -c %u:%g /data/file"), "70:71\n");
        assert_eq!(place.run("volume rm own"), "own\n");
        place.assert_whole();
    }
}

#[test]
fn a_volume_of_the_image_has_no_name_and_goes_with_its_container() {
    as_everybody(DOCKERFILE, |place| {
        place.run("build -q -t image more");
        assert_eq!(place.run("run --rm image cat /data/note"), "from the image\n");
        assert_eq!(lines(place, "volume ls -q").len(), 0, "--rm takes them away");
        place.run("run --name one image sh -c touch\u{a0}");
        place.run("run --name two image touch /data/changed");
        let names = lines(place, "volume ls -q");
        assert_eq!(names.len(), 4);
        assert!(names.iter().all(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())));
        assert_eq!(lines(place, "volume ls -q -f dangling=true").len(), 0);
        // Each has its own, and has it at its next start.
        assert_eq!(lines(place, "run --rm --volumes-from two layerlab/base ls /data"), ["changed", "note"]);
        assert_eq!(lines(place, "run --rm --volumes-from one layerlab/base ls /data"), ["note"]);
        place.run("rm two");
        assert_eq!(lines(place, "volume ls -q -f dangling=true").len(), 2, "rm leaves them");
        place.run("rm -v one");
        assert_eq!(lines(place, "volume ls -q").len(), 2, "rm -v does not");
        assert!(place.run("volume prune -f").starts_with("Deleted Volumes:\n"));
        assert_eq!(lines(place, "volume ls -q").len(), 0);
        // One by request, with and without `--rm`; what another has, too, stays.
        place.run("create --name keeper -v /scratch layerlab/base true");
        place.run("create --name guest --volumes-from keeper:ro layerlab/base touch /scratch/x");
        assert!(place.run("start -a guest").contains("Read-only"));
        place.run("rm -v keeper");
        assert_eq!(lines(place, "volume ls -q").len(), 1);
        place.run("rm -v guest");
        assert_eq!(lines(place, "volume ls -q").len(), 0);
        // Whoever names a place has that, and no volume beside it.
        place.run("run --name three -v given:/data --tmpfs /empty image true");
        assert_eq!(lines(place, "volume ls -q"), ["given"]);
    });
}

#[test]
fn a_folder_of_the_machine_is_mounted_as_it_is_written() {
    as_everybody(DOCKERFILE, |place| {
        let shown = "hello from the machine\n";
        let (html, base) = (place.path("html"), "layerlab/base");
        for source in [html.display().to_string(), "./html".into(), "html/../html/.".replace("html/..", "./html/..")] {
            assert_eq!(place.run(&format!("run --rm -v {source}:/x {base} cat /x/index.html")), shown, "{source}");
        }
        assert_eq!(place.run(&format!("run --rm -v .:/x {base} cat /x/html/index.html")), shown);
        assert_eq!(place.run(&format!("run --rm -v ./html/index.html:/one:ro {base} cat /one")), shown);
        assert_eq!(
            place.run(&format!("run --rm --mount type=bind,src=./html,dst=/x,readonly {base} cat /x/index.html")),
            shown
        );
        // What is missing is made, but not where that is not wanted.
        place.run(&format!("run --rm -v ./new/deep:/x {base} touch /x/made"));
        assert!(place.path("new/deep/made").exists());
        let strict = place.run(&format!("run --rm --mount type=bind,source=./nothing,target=/x {base} true"));
        assert!(strict.contains("nothing`: there is no such file or folder") && strict.contains("125"), "{strict}");
        assert!(!place.path("nothing").exists());
        place.run(&format!("run --rm --mount type=bind,source=./wanted,target=/x,bind-create-src {base} true"));
        assert!(place.path("wanted").is_dir());
        // A relative path needs its dot.
        let name = place.run(&format!("run --rm -v html/sub:/x {base} true"));
        assert!(name.contains("is not the name of a volume") && name.contains("begins with `/`, `./`"), "{name}");
        assert!(
            place
                .run(&format!("run --rm -v ./html:/x --mount target=/x {base} true"))
                .contains("duplicate mount point: /x")
        );
    });
}

#[test]
fn memory_is_mounted() {
    as_everybody(DOCKERFILE, |place| {
        let text = place.run("run --rm --tmpfs /run:size=64k,mode=700 layerlab/base stat -f -c %T:%b /run");
        assert_eq!(text, "tmpfs:16\n");
        let text = place
            .run("run --rm --mount type=tmpfs,target=/m,tmpfs-size=1m,tmpfs-mode=0711 layerlab/base stat -c %a /m");
        assert_eq!(text, "711\n");
        let script = "cp /bin/busybox /t/true; /t/true && echo runs";
        let run = |options: &str| {
            let program = place.program();
            let line = format!("{} run --rm --tmpfs /t{options} layerlab/base sh -c '{script}'", program.display());
            String::from_utf8(place.shell(&line).output().unwrap().stdout).unwrap()
        };
        assert_eq!(run(""), "");
        assert!(run(":exec").ends_with("runs\n"));
        let wrong = place.run("run --rm --tmpfs /t:suid layerlab/base true");
        assert!(wrong.contains("`suid` is not an option"), "{wrong}");
        let text = place.run("run --rm --tmpfs /run:size=1MB,mode=700 layerlab/base stat -f -c %T:%b /run");
        assert_eq!(text, "tmpfs:256\n");
        assert_eq!(place.run("run --rm --tmpfs /run:size=1% layerlab/base true"), "");
        for option in ["size=12x", "size=", "size", "size=a%", "mode=9", "uid=root"] {
            let wrong = place.run(&format!("run --rm --tmpfs /t:{option} layerlab/base true"));
            assert!(wrong.contains(&format!("`{option}` can't be understood\nhint: a size is written")), "{wrong}");
        }
    });
}

#[test]
fn what_a_mount_hides_is_said() {
    let place = Place::new(DOCKERFILE);
    place.run("build -q -t image more");
    let text = place.run("run --rm -v ./html:/data image true");
    assert_eq!(
        text,
        "note: what is mounted at /data hides 1 file of the image (note): `layerlab run --rm --entrypoint ls image -A /data` shows it\n"
    );
    assert_eq!(place.run("run --rm --entrypoint ls image -A /data"), "note\n");
    let text = place.run("run --rm --tmpfs /etc image true");
    assert!(text.contains("hides 4 files of the image (") || text.contains("files of the image ("), "{text}");
    for quiet in ["-v pages:/data", "-v ./html:/new", "-v ./html/index.html:/data/note", ""] {
        assert_eq!(place.run(&format!("run --rm {quiet} image true")), "", "{quiet}");
    }
}

#[test]
fn volumes_have_commands() {
    let place = Place::new(DOCKERFILE);
    let text = place.session(&[
        "volume ls",
        "volume create --label kind=data --label empty pages",
        "volume create pages",
        "volume create x",
        "volume create a/b",
        "volume create --driver nfs far",
        "volume ls",
        "volume ls --format json",
        "volume ls -q --filter label=kind=data",
        "volume ls -q --filter name=age --filter driver=local",
        "volume ls -q --filter name=nothing",
        "volume ls -q --filter size=3",
        "volume inspect pages nothing",
        "run --rm layerlab/base true",
        "create --name web -v pages:/pages layerlab/base true",
        "create --name db --mount source=pages,target=/p,readonly layerlab/base true",
        "volume rm pages nothing",
        "volume rm --force nothing",
        "volume prune --all --force",
        "rm web db",
        "volume prune",
        "volume prune --force",
        "volume prune --all --force --filter label!=kind",
        "volume prune --all --force --filter label=kind",
        "volume ls",
    ]);
    insta::assert_snapshot!(crate::harness::filter(&text));
    place.assert_whole();
}

#[test]
fn a_container_says_what_is_mounted_in_it() {
    let place = Place::new(DOCKERFILE);
    place.run("build -q -t image more");
    place.run(
        "create --name all -v ./html:/html:ro -v pages:/data --mount type=tmpfs,target=/t --tmpfs /u:size=1m image true",
    );
    let container = inspected(&place, "inspect all");
    let mounts = container["Mounts"].as_array().unwrap();
    let by_target = |target: &str| mounts.iter().find(|mount| mount["Destination"] == target).unwrap();
    assert_eq!(by_target("/html")["Type"], "bind");
    assert_eq!(by_target("/html")["Source"], "/place/work/html");
    assert_eq!((&by_target("/html")["RW"], &by_target("/html")["Mode"]), (&Value::from(false), &Value::from("ro")));
    assert_eq!((&by_target("/data")["Type"], &by_target("/data")["Name"]), (&"volume".into(), &"pages".into()));
    let source =
        by_target("/data")["Source"].as_str().unwrap().replace("/place", &place.folder().display().to_string());
    let data = fs::read_to_string(format!("{source}/note")).unwrap();
    assert_eq!(data, "from the image\n");
    assert_eq!(by_target("/empty")["Name"].as_str().unwrap().len(), 64);
    assert_eq!(by_target("/t")["Type"], "tmpfs");
    assert_eq!(mounts.len(), 5);
}

#[test]
fn nothing_is_made_by_a_look() {
    let place = Place::new(DOCKERFILE);
    place.run("build -q -t image more");
    let text = place.run("run --explain=list -v ./missing:/x -v pages:/pages image true");
    assert!(text.contains("for /data") && text.contains("for /pages") && text.contains("missing for /x"), "{text}");
    assert!(!place.path("missing").exists());
    assert_eq!(lines(&place, "volume ls -q").len(), 0);
}

#[test]
fn what_a_killed_command_leaves_is_cleared() {
    let place = Place::new(DOCKERFILE);
    place.run("build -q -t image more");
    let mut child = place.command("run --rm --name gone image sleep 60").spawn().unwrap();
    while place.run("ps -q").is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(lines(&place, "volume ls -q").len(), 2);
    // The monitor, and whoever waits for it.
    let pid = inspected(&place, "inspect gone")["State"]["Pid"].as_i64().unwrap();
    let mut process = pid;
    loop {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse::<i64>().unwrap();
        if parent <= 1 || parent == i64::from(child.id()) || parent == i64::from(std::process::id()) {
            break;
        }
        process = parent;
    }
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process as i32), nix::sys::signal::Signal::SIGKILL).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    while !place.run("ps -q").is_empty() {}
    place.run("create layerlab/base true");
    assert_eq!(lines(&place, "volume ls -q").len(), 0, "the next container's making clears them away");
    // A removal, and a filling, that were stopped half-way.
    let volumes = place.home().join("volumes");
    fs::create_dir_all(volumes.join(".1-0.tmp/data/x")).unwrap();
    place.run("run --rm -v pages:/data image true");
    assert!(!volumes.join(".1-0.tmp").exists());
    fs::remove_file(volumes.join("pages/data/note")).unwrap();
    fs::create_dir(volumes.join("pages/filling")).unwrap();
    fs::write(volumes.join("pages/filling/half"), "").unwrap();
    assert_eq!(lines(&place, "run --rm -v pages:/data image ls /data"), ["note"]);
    fs::create_dir(volumes.join("pages/filled")).unwrap();
    fs::write(volumes.join("pages/filled/rest"), "").unwrap();
    fs::write(volumes.join("pages/filled/note"), "not this one").unwrap();
    fs::remove_file(volumes.join("pages/data/note")).unwrap();
    fs::write(volumes.join("pages/data/note"), "mine\n").unwrap();
    place.run("run --rm -v pages:/data image true");
    assert_eq!(lines(&place, "run --rm -v pages:/data image cat /data/note"), ["mine"]);
    place.run("volume rm pages");
    assert_eq!(fs::metadata(&volumes).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_volume_is_filled_whole_however_often_that_is_stopped() {
    let place = Place::new(DOCKERFILE);
    for number in 0..150 {
        place.write(&format!("many/{number}"), &format!("{number}\n"));
    }
    place.write("Dockerfile", "FROM layerlab/base\nCOPY many /data\n");
    place.run("build -q -t image .");
    for milliseconds in [0, 4, 8, 12, 16, 20, 25, 30, 40, 60] {
        let mut child = place.command("create -v pages:/data image true").spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(place.run("store verify").contains(": all intact"));
    }
    assert_eq!(place.run("run --rm -v pages:/data image sh -c pwd"), "/\n");
    let data = place.home().join("volumes/pages/data");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 150);
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), path.file_name().unwrap().to_str().unwrap());
    }
    place.assert_whole();
}
