//! `--format`, `--filter`, `prune` by kinds, `system df`, `events`, `info` and `version`, as scripts use them.

use super::harness::Place;

/// The standard output of a command line, which has to succeed.
fn out(place: &Place, line: &str) -> String {
    let done = place.shell(&line.replace("docker", &format!("{} docker", place.program().display()))).output().unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{line}: {errors}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// The exit code and what is said of a command line that fails.
fn failure(place: &Place, line: &str) -> (i32, String) {
    let done = place.shell(&line.replace("docker", &format!("{} docker", place.program().display()))).output().unwrap();
    (done.status.code().unwrap(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn lists_are_shown_as_a_template_wants_them() {
    let place = Place::new("");
    out(&place, "docker create --name one -l kind=a -l more=b,c layerlab/base sleep 100");
    out(&place, "docker create --name two --entrypoint sh layerlab/base -c 'exit 3'");
    for (line, expected) in [
        (
            "docker ps -a --format '{{.Names}}: {{.Image}} {{.Command}}'",
            "two: layerlab/base \"sh -c 'exit 3'\"\none: layerlab/base \"sleep 100\"\n",
        ),
        ("docker ps -a -f name=one --format '{{.Label \"kind\"}} {{.Label \"more\"}} {{.State}}'", "a b,c created\n"),
        (
            "docker ps -a --format 'table {{.Names}}\\t{{.Label \"kind\"}}\\t{{upper .State}}'",
            "NAMES   kind   STATE\ntwo            CREATED\none     a      CREATED\n",
        ),
        ("docker ps -a -f label=kind=a --format '{{json .Names}}'", "\"one\"\n"),
        ("docker ps -a -f ancestor=layerlab/base -f name=^t -q | wc -l", "1\n"),
        ("docker ps -a -f 'name=^/?one$' 2>/dev/null | wc -l", "0\n"),
        ("docker ps -f status=created --format '{{.Names}}'", "two\none\n"),
        ("docker ps -a -n 1 --format '{{.Names}}'", "two\n"),
        ("docker ps -a -n 0 --format '{{.Names}}' | wc -l", "2\n"),
        ("docker ps -a -s --format '{{.Size}}' | sed 's/l .*/l/' | uniq", "0B (virtual\n"),
        (
            "docker inspect -f '{{.Path}} {{.Args}} {{.Config.Entrypoint}} {{join .Config.Cmd \" \"}}' two",
            "sh [-c exit 3] [sh] -c exit 3\n",
        ),
        ("docker inspect -f '{{.Config.Labels.kind}} {{.Config.Labels.none}}' one", "a <no value>\n"),
        (
            "docker inspect --type image -f '{{index .RepoTags 0}} {{.Os}}' layerlab/base",
            "layerlab/base:latest linux\n",
        ),
        ("docker images --format '{{.Repository}}:{{.Tag}}'", "layerlab/base:latest\n"),
        ("docker history -q layerlab/base | wc -l", "1\n"),
        ("docker version --format '{{.Client.Os}}'", "linux\n"),
        ("docker info --format '{{.Containers}} {{.ContainersRunning}} {{.Images}}'", "2 0 1\n"),
        (
            "docker system df --format '{{.Type}} {{.TotalCount}} {{.Active}}'",
            "Images 1 1\nContainers 2 0\nLocal Volumes 0 0\nBuild Cache 0 0\n",
        ),
        ("docker system df -v | grep -c 'space usage'", "3\n"),
    ] {
        assert_eq!(out(&place, line), expected, "{line}");
    }
}

#[test]
fn mistakes_in_formats_and_filters_have_a_place() {
    let place = Place::new("");
    out(&place, "docker create --name one layerlab/base");
    for (line, said) in [
        ("docker ps -a --format '{{.Wrong}}'", "1 | {{.Wrong}}\n  |    ^^^^^"),
        ("docker ps --format '{{'", "the format is not a template"),
        ("docker ps --format '{{if .Names}}'", "`if` has no `end`"),
        ("docker ps -f wrong=1", "the filters here are"),
        ("docker ps -f status=asleep", "the states are"),
        ("docker inspect -f '{{.Nothing}}' one", "there is no field `Nothing` here"),
        ("docker inspect one nosuch", "nothing is called `nosuch`"),
        ("docker inspect one nosuch", "hint: `docker ps -a`, `docker images`"),
        ("docker events --since yesterday", "is not a time"),
    ] {
        let (status, errors) = failure(&place, line);
        assert_eq!(status, 1, "{line}: {errors}");
        assert!(errors.contains(said), "{line}: {errors}");
    }
    let (_, said) = failure(&place, "docker ps -a -q --format '{{.Names}}'");
    assert!(said.starts_with("WARNING: Ignoring custom format"), "{said}");
}

#[test]
fn what_happens_is_written_down_and_followed() {
    let place = Place::new("");
    out(&place, "docker run --name one layerlab/base true");
    out(&place, "docker tag layerlab/base other; docker rename one two; docker rmi other; docker rm two");
    let told = out(&place, "docker events --since 5m --until 0s --format '{{.Type}} {{.Action}}'");
    let expected = "container create\ncontainer start\ncontainer die\nimage tag\ncontainer rename\nimage untag\ncontainer destroy\n";
    assert_eq!(told, expected);
    let only =
        "docker events --since 5m --until 0s -f type=container -f event=die --format '{{.Actor.Attributes.exitCode}}'";
    assert_eq!(out(&place, only), "0\n");
    // It follows, and ends by itself.
    let line = "docker events --until 2099-01-01T00:00:00Z --format '{{.Action}}' > told & sleep 1; docker volume create vol; \
                sleep 1; kill $!; cat told";
    assert_eq!(out(&place, line), "vol\ncreate\n");
}

#[test]
fn room_is_made_by_kinds() {
    let place = Place::new("//- Dockerfile\nFROM layerlab/base\nRUN echo a > /a\n");
    out(&place, "docker build -q .");
    out(&place, "docker create --name one layerlab/base");
    out(&place, "docker create --name two -v /data layerlab/base");
    let asked = out(&place, "docker system prune --volumes < /dev/null");
    let expected = "WARNING! This will remove:\n  - all stopped containers\n  \
                    - all networks not used by at least one container\n  - all anonymous volumes not used by at least one container\n  \
                    - all dangling images\n  - all build cache not used for 30 days\n";
    assert!(asked.starts_with(expected), "{asked}");
    let (_, said) = failure(&place, "docker system prune -f --volumes --filter until=24h");
    assert!(said.contains("`--volumes` and the filter `until` exclude each other"), "{said}");
    assert_eq!(out(&place, "docker container prune -f --filter label=none"), "Total reclaimed space: 0B\n");
    let gone = out(&place, "docker system prune -f --volumes");
    for part in
        ["Deleted Containers:\n", "Deleted Volumes:\n", "Deleted Images:\ndeleted: sha256:", "Total reclaimed space: "]
    {
        assert!(gone.contains(part), "{gone}");
    }
    assert_eq!(out(&place, "docker ps -a -q; docker volume ls -q; docker images -q | wc -l"), "1\n");
}

#[test]
fn networks_are_like_everything_else() {
    let place = Place::new("");
    out(&place, "docker network create --label kind=a own");
    out(
        &place,
        "docker create --name one --network own --domainname example.org layerlab/base true; docker network connect bridge one",
    );
    for (line, expected) in [
        ("docker network ls --format '{{.Name}} {{.Driver}}'", "bridge bridge\nhost host\nnone null\nown bridge\n"),
        ("docker network ls -f label=kind -f type=custom --format '{{.Label \"kind\"}}'", "a\n"),
        ("docker network inspect -f '{{.Name}} {{.Driver}}' own host", "own bridge\nhost host\n"),
        ("docker inspect -f '{{.Scope}}' own", "local\n"),
        ("docker inspect --type network -f '{{.Driver}}' none", "null\n"),
        ("docker ps -a -f network=bridge --format '{{.Names}}'", "one\n"),
        ("docker ps -a -f network=own --format '{{.Names}}'", "one\n"),
        ("docker inspect -f '{{.Config.Domainname}} {{.HostConfig.Privileged}}' one", "example.org false\n"),
        ("docker network prune -f", ""),
        ("docker rm one; echo y | docker network prune | tail -3", "one\nDeleted Networks:\nown\n\n"),
        (
            "docker events --since 5m --until 0s -f type=network --format '{{.Action}} {{.Actor.Attributes.name}}'",
            "create own\ndestroy own\n",
        ),
    ] {
        let shown = out(&place, line);
        let shown = shown.split("[y/N] ").last().unwrap();
        let expected = expected.strip_prefix("one\n").filter(|_| line.starts_with("docker rm")).unwrap_or(expected);
        assert_eq!(shown, expected, "{line}");
    }
    place.assert_whole();
}

#[test]
fn images_that_are_pruned_are_events() {
    let place = Place::new("");
    out(&place, "docker tag layerlab/base other; docker image prune -a -f");
    let told = out(&place, "docker events --since 5m --until 0s -f type=image --format '{{.Action}}'");
    assert_eq!(told, "tag\nuntag\nuntag\ndelete\n");
}

#[test]
fn the_help_has_groups() {
    let place = Place::new("");
    let help = out(&place, "docker --help");
    for part in [
        "Usage: docker [OPTIONS] <COMMAND>",
        "\nCommon Commands:\n  run ",
        "\nManagement Commands:\n",
        "\nStep by step:\n  step ",
    ] {
        assert!(help.contains(part), "{help}");
    }
}

#[test]
fn a_shell_completes_names() {
    let place = Place::new("");
    out(&place, "docker create --name one layerlab/base && docker volume create data && docker network create net");
    for (line, expected) in [
        ("sto", "stop\nstore"),
        ("rm o", "one"),
        ("run --rm lay", "layerlab/base:latest"),
        ("tag lay", "layerlab/base:latest"),
        ("volume rm d", "data"),
        ("network rm n", "net"),
        ("exec o", "one"),
    ] {
        let words = line.split(' ').count();
        let program = place.program().display().to_string();
        let line = format!("_CLAP_COMPLETE_INDEX={words} {program} -- layerlab {line}");
        let mut shell = place.shell(&line);
        let offered = shell.env("LAYERLAB_COMPLETE", "bash").env("_CLAP_IFS", "\n").output().unwrap();
        let offered = String::from_utf8_lossy(&offered.stdout);
        assert_eq!(offered, expected, "{line}");
    }
    let script = out(&place, "docker completion bash");
    assert!(script.contains("complete -o ") && script.contains(" docker"), "{script}");
    assert_eq!(failure(&place, "docker completion ksh").0, 1);
    out(&place, "docker man pages");
    let page = std::fs::read_to_string(place.path("pages/docker-run.1")).unwrap();
    assert!(page.contains("Run a command in a new container"), "{page}");
}
