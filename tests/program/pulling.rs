//! `pull`, and every command that pulls: from a real registry, and from servers that are wrong in one way each.

use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::harness::{Place, filter};
use crate::registry::{Asked, Doors, Fake, Line, Registry, Way, answer};

/// An image of two layers, in a registry under this name, put there by skopeo.
fn fill(registry: &Registry, name: &str, login: Option<&str>) {
    let place = Place::new(
        "\
//- Dockerfile
FROM layerlab/base
COPY note /note
RUN echo two > /two
CMD [\"cat\", \"/note\", \"/two\"]
//- note
one
",
    );
    place.run("build -q -t demo .");
    place.run("save -o demo.tar demo");
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["copy", "-q", "--dest-tls-verify=false"]);
    if let Some(login) = login {
        skopeo.args(["--dest-creds", login]);
    }
    skopeo.arg(format!("docker-archive:{}", place.path("demo.tar").display()));
    skopeo.arg(format!("docker://{}/{name}", registry.host()));
    let done = skopeo.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A place that may ask registries.
fn place(files: &str) -> Place {
    let place = Place::new(files);
    std::fs::create_dir_all(place.home()).unwrap();
    place
}

/// Runs commands that may ask registries, each shown behind a `$`, with the registry's port and ids replaced.
pub fn session(place: &Place, host: &str, commands: &[&str]) -> String {
    let mut text = String::new();
    for line in commands {
        text.push_str(&format!("$ {line}\n"));
        let mut shell = place.shell(&format!("{line} 2>&1"));
        shell.env("LAYERLAB_PULL", "missing").env("L", place.program());
        let done = shell.output().unwrap();
        text.push_str(&String::from_utf8_lossy(&done.stdout));
        if let Some(code) = done.status.code().filter(|code| *code != 0) {
            text.push_str(&format!("[exit code {code}]\n"));
        }
    }
    let text = text.replace(host, "REGISTRY").replace(&place.folder().display().to_string(), "/place");
    sorted(&filter(&text))
}

/// Layers come in any order: lines that begin with an id are sorted where they stand together.
fn sorted(text: &str) -> String {
    let (mut lines, mut layers): (Vec<&str>, Vec<&str>) = Default::default();
    for line in text.lines() {
        if line.starts_with("…: ") {
            layers.push(line);
            continue;
        }
        layers.sort_unstable();
        lines.append(&mut layers);
        lines.push(line);
    }
    layers.sort_unstable();
    lines.append(&mut layers);
    lines.join("\n")
}

#[test]
fn an_image_is_pulled_and_used() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    fill(&registry, "school/demo", None);
    let (place, host) = (place(""), registry.host());
    let name = format!("{host}/school/demo");
    insta::assert_snapshot!(session(
        &place,
        &host,
        &[
            &format!("$L pull {name}"),
            &format!("$L pull {name}:latest"),
            &format!("$L pull -q {name}"),
            &format!("$L run --rm {name}"),
            "$L images --format '{{.Repository}} {{.Tag}}'",
            &format!("$L pull {name}:none"),
            &format!("$L pull --platform linux/arm64 {name}"),
            &format!("$L pull -a {name}"),
            &format!("$L pull -a {name}:latest"),
            &format!(
                "$L pull -q {name}@$(skopeo inspect --tls-verify=false --format '{{{{.Digest}}}}' docker://{name})"
            ),
            &format!("$L pull -q {name}@sha256:{}", "0".repeat(64)),
            "$L pull UPPER",
            "$L store verify | sed 's/[0-9.]* MB/SIZE/'",
        ],
    ));
    place.assert_whole();
}

#[test]
fn what_is_missing_is_pulled() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    fill(&registry, "school/demo", None);
    let host = registry.host();
    let files = format!(
        "\
//- Dockerfile
FROM {host}/school/demo
COPY --from={host}/school/demo /two /copied
RUN --mount=from={host}/school/demo,target=/mnt cat /mnt/note /copied
//- lines
step
quit
"
    );
    let place = place(&files);
    insta::assert_snapshot!(session(
        &place,
        &host,
        &[
            "$L plan .",
            "$L build .",
            "$L plan .",
            &format!("$L rmi {host}/school/demo > /dev/null"),
            "$L step . < lines",
            &format!("$L run --rm --pull never {host}/school/other"),
            &format!("$L run --rm --pull often {host}/school/demo"),
            &format!("$L create --name c {host}/school/demo > /dev/null; $L rm c"),
        ],
    ));
    place.assert_whole();
}

#[test]
fn the_policy_says_when_a_registry_is_asked() {
    let Some(mut registry) = Registry::start(Doors::Open) else { return };
    fill(&registry, "school/demo", None);
    let (place, host) = (place(""), registry.host());
    let run = |when: &str| format!("$L run --rm --pull {when} {host}/school/demo");
    let first = session(&place, &host, &[&run("never"), &run("missing"), &run("newer"), &run("always")]);
    registry.kill();
    let then = session(&place, &host, &[&run("missing"), &run("newer"), &run("always")]);
    insta::assert_snapshot!(format!("{first}\n\nThe registry is gone.\n\n{then}"));
    place.assert_whole();
}

#[test]
fn a_registry_may_want_to_know_who_asks() {
    let Some(registry) = Registry::start(Doors::Password) else { return };
    fill(&registry, "school/demo", Some("teacher:chalk"));
    let (place, host) = (place(""), registry.host());
    let name = format!("{host}/school/demo");
    insta::assert_snapshot!(session(
        &place,
        &host,
        &[
            &format!("$L pull {name}"),
            &format!("echo wrong | $L login -u teacher --password-stdin {host}"),
            &format!("$L login -u teacher -p chalk {host}"),
            &format!("echo chalk | $L login -u teacher --password-stdin {host}"),
            "stat -c %a $HOME/.docker/config.json",
            "cat $HOME/.docker/config.json",
            &format!("$L login {host}"),
            &format!("$L pull -q {name}"),
            &format!("$L logout {host}"),
            &format!("$L logout {host}"),
            &format!("$L pull {name}"),
            &format!("$L login --password-stdin {host}"),
            &format!("$L login {host} < /dev/null"),
        ],
    ));
    place.assert_whole();
}

#[test]
fn credentials_come_from_where_others_keep_them() {
    let Some(registry) = Registry::start(Doors::Password) else { return };
    fill(&registry, "school/demo", Some("teacher:chalk"));
    let place = place(
        "\
//- bin/docker-credential-school
#!/bin/sh
read server
echo \"$1 $server\" >> asked
case $1 in get) echo '{\"Username\":\"teacher\",\"Secret\":\"chalk\"}';; esac
//- broken/docker-credential-school
#!/bin/sh
echo no keyring; exit 1
",
    );
    let host = registry.host();
    let name = format!("{host}/school/demo");
    place.write("helped/config.json", &format!("{{\"credHelpers\":{{\"{host}\":\"school\"}}}}"));
    place.write("auth.json", &format!("{{\"auths\":{{\"{host}/school\":{{\"auth\":\"dGVhY2hlcjpjaGFsaw==\"}}}}}}"));
    place.write("garbled/config.json", "{\"auths\": secret");
    insta::assert_snapshot!(session(
        &place,
        &host,
        &[
            &format!("chmod +x bin/* broken/*; DOCKER_CONFIG=helped PATH=$PWD/bin:$PATH $L pull -q {name}"),
            "cat asked",
            &format!("REGISTRY_AUTH_FILE=auth.json $L pull -q {name}"),
            &format!("DOCKER_CONFIG=helped PATH=$PWD/broken:$PATH $L pull -q {name}"),
            &format!("DOCKER_CONFIG=helped $L pull -q {name}"),
            &format!("DOCKER_CONFIG=garbled $L pull -q {name}"),
        ],
    ));
}

#[test]
fn what_is_kept_wrong_can_be_replaced() {
    let Some(registry) = Registry::start(Doors::Password) else { return };
    fill(&registry, "school/demo", Some("teacher:chalk"));
    let (place, host) = (place(""), registry.host());
    place.write("docker/config.json", &format!("{{\"auths\":{{\"{host}\":{{\"auth\":\"???\"}}}}}}"));
    insta::assert_snapshot!(session(
        &place,
        &host,
        &[
            &format!("DOCKER_CONFIG=docker $L pull -q {host}/school/demo"),
            &format!("DOCKER_CONFIG=docker $L login {host} < /dev/null"),
            &format!("DOCKER_CONFIG=docker $L login -p chalk {host} < /dev/null"),
            &format!("echo chalk | DOCKER_CONFIG=docker $L login -u teacher --password-stdin {host}"),
            &format!("DOCKER_CONFIG=docker $L pull -q {host}/school/demo"),
        ],
    ));
}

#[test]
fn a_wrong_proxy_is_named() {
    let place = place("//- Dockerfile\nFROM scratch\nADD http://files.example/x /\n");
    let said = session(
        &place,
        "nowhere",
        &[
            "HTTPS_PROXY=http://me:secret@localhost:1 $L pull registry.example/x",
            "HTTPS_PROXY=http://me:secret@localhost:1 NO_PROXY=localhost $L pull localhost:1/x",
            "HTTP_PROXY=http://me:secret@localhost:1 $L build -q .",
        ],
    );
    insta::assert_snapshot!(said);
    assert!(!said.replace("me:secret@localhost:1 ", "").contains("secret"), "{said}");
}

#[test]
fn a_registry_may_have_its_own_authority() {
    let Some(registry) = Registry::start(Doors::Tls) else { return };
    let (place, host) = (place(""), registry.host());
    let settings = place.home().join("registries.toml");
    let authority = registry.path("ca.crt").display().to_string();
    let pull = format!("$L pull {host}/none");
    let strange = session(&place, &host, &[&pull]);
    std::fs::write(&settings, format!("[registry.\"{host}\"]\ncertificate = \"{authority}\"\n")).unwrap();
    let known = session(&place, &host, &[&pull]);
    std::fs::write(&settings, format!("[registry.\"{host}\"]\ninsecure = true\n")).unwrap();
    let insecure = session(&place, &host, &[&pull]);
    std::fs::write(&settings, format!("[registry.\"{host}\"]\nblocked = true\n")).unwrap();
    let blocked = session(&place, &host, &[&pull]);
    std::fs::write(&settings, format!("[registry.\"{host}\"]\ncertificate = \"none.crt\"\n")).unwrap();
    let none = session(&place, &host, &[&pull]);
    std::fs::write(&settings, "[registry.\"a\"]\nmirror = \"b\"\n").unwrap();
    let misspelt = session(&place, &host, &[&pull]);
    insta::assert_snapshot!(format!("{strange}\n{known}\n{insecure}\n{blocked}\n{none}\n{misspelt}"));
}

#[test]
fn mirrors_are_asked_first() {
    let Some(mirror) = Registry::start(Doors::Open) else { return };
    fill(&mirror, "library/demo", None);
    let (place, host) = (place(""), mirror.host());
    let settings = format!("[registry.\"docker.io\"]\nmirrors = [\"localhost:1\", \"http://{host}\"]\n");
    std::fs::write(place.home().join("registries.toml"), settings).unwrap();
    insta::assert_snapshot!(session(&place, &host, &["$L pull demo", "$L run --rm docker.io/library/demo"]));
    place.assert_whole();
}

#[test]
fn a_pull_goes_on_where_the_server_has_broken_off() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    fill(&registry, "school/demo", None);
    // A server in front of it that sends half of each blob once, and then ranges.
    let (port, seen) = (registry.port, std::sync::Mutex::new(Vec::<String>::new()));
    let fake = Fake::start(move |asked| {
        let from = asked
            .header("range")
            .and_then(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse::<usize>().ok());
        let (status, headers, body) = forward(port, asked);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut seen = seen.lock().unwrap();
        if !asked.path.contains("/blobs/") || body.len() < 1000 || from.is_some() || seen.contains(&asked.path) {
            return answer(&status, &headers, &body);
        }
        seen.push(asked.path.clone());
        let whole = answer(&status, &headers, &body);
        whole[..whole.len() - body.len() / 2].to_vec()
    });
    let (place, host) = (place(""), fake.host());
    insta::assert_snapshot!(session(&place, &host, &[&format!("$L pull {host}/school/demo")]));
    assert!(fake.asked().iter().any(|asked| asked.header("range").is_some()), "{:#?}", fake.asked());
    place.assert_whole();
}

#[test]
fn a_pull_survives_the_death_of_the_registry() {
    const SIZE: usize = 4 << 20;
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let (port, host) = (registry.port, registry.host());
    let teacher = Place::new("//- Dockerfile\nFROM scratch\nCOPY noise /\n");
    let made = format!(
        "head -c {SIZE} /dev/urandom > noise; $L build -q -t {host}/me/x . > /dev/null && $L push -q {host}/me/x"
    );
    session(&teacher, &host, &[&made]);
    // Taken out at the end, because the line lives as long as the process.
    let registry = Arc::new(Mutex::new(Some(registry)));
    let other = Arc::clone(&registry);
    let line = Line::new(port, Way::FromServer, SIZE / 2, move || {
        if let Some(registry) = &mut *other.lock().unwrap() {
            registry.kill();
            registry.start_again();
        }
    });
    let (place, host) = (place(""), line.host());
    insta::assert_snapshot!(session(&place, &host, &[&format!("$L pull {host}/me/x")]));
    assert_eq!(place.run(&format!("images -q {host}/me/x")), teacher.run("images -q"));
    // What had come did not come again.
    assert!(line.came() < SIZE + SIZE / 4, "{} bytes of {SIZE}", line.came());
    place.assert_whole();
    drop(registry.lock().unwrap().take());
}

/// Asks the real registry the same, and gives its answer.
fn forward(port: u16, asked: &Asked) -> (String, Vec<(String, String)>, Vec<u8>) {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-D", "-", "-X", &asked.method]);
    for name in ["range", "accept"] {
        if let Some(value) = asked.header(name) {
            curl.args(["-H", &format!("{name}: {value}")]);
        }
    }
    let done = curl.arg(format!("http://localhost:{port}{}", asked.path)).output().unwrap();
    let end = done.stdout.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&done.stdout[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split_once(' ').unwrap().1.to_owned();
    let kept = ["content-type", "docker-content-digest", "content-range"];
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.filter(|(name, _)| kept.contains(&name.to_ascii_lowercase().as_str()));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (status, headers, done.stdout[end + 4..].to_vec())
}

/// A server that is wrong in one way, by the first word of the repository's name.
fn wrong(asked: &Asked) -> Vec<u8> {
    const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}}"#;
    let digest = |bytes: &[u8]| layerlab::oci::Digest::of(bytes).to_string();
    let manifest = |layer: &str, size: usize, media: &str| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"{media}","digest":"{layer}","size":{size}}}]}}"#,
            digest(CONFIG.as_bytes()),
            CONFIG.len(),
        )
    };
    const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
    const KIND: (&str, &str) = ("Content-Type", "application/vnd.oci.image.manifest.v1+json");
    let name = asked.path.strip_prefix("/v2/").unwrap_or_default().split('/').next().unwrap_or_default();
    let layer = digest(b"layer");
    let is = |part: &str| asked.path.contains(part);
    match name {
        "" => answer("200 OK", &[], b"{}"),
        "status401" => answer("401 Unauthorized", &[("WWW-Authenticate", "Basic realm=\"x\"")], b""),
        "status403" => {
            answer("403 Forbidden", &[], br#"{"errors":[{"code":"DENIED","message":"pay first \u001b[31m"}]}"#)
        }
        "status429" => answer("429 Too Many Requests", &[("Retry-After", "600")], b"{}"),
        "status500" => answer("500 Internal Server Error", &[("Retry-After", "0")], b"broken"),
        "gone" if is("/manifests/") => {
            answer("307 Temporary Redirect", &[("Location", "http://localhost:1/elsewhere")], b"")
        }
        "cloud" if is("/manifests/") => {
            answer("307 Temporary Redirect", &[("Location", "http://100.100.100.200/latest")], b"")
        }
        "layers" if is("/manifests/") => {
            let one = manifest(&layer, 5, PLAIN);
            let (front, entry) = one.split_once("\"layers\":[").unwrap();
            let entry = entry.trim_end_matches("]}");
            let many = vec![entry; 1001].join(",");
            answer("200 OK", &[KIND], format!("{front}\"layers\":[{many}]}}").as_bytes())
        }
        "loop" => answer("307 Temporary Redirect", &[("Location", &asked.path)], b""),
        "inward" if is("/manifests/") => {
            answer("307 Temporary Redirect", &[("Location", "http://169.254.169.254/latest")], b"")
        }
        "astray" if is("/manifests/") => answer("307 Temporary Redirect", &[("Location", "gopher://x")], b""),
        "realm" => answer(
            "401 Unauthorized",
            &[("WWW-Authenticate", "Bearer realm=\"http://10.1.2.3/token\",service=\"x\"")],
            b"",
        ),
        "digest" if is("/manifests/") => answer(
            "200 OK",
            &[KIND, ("Docker-Content-Digest", &digest(b"other"))],
            manifest(&layer, 5, PLAIN).as_bytes(),
        ),
        "html" if is("/manifests/") => answer("200 OK", &[("Content-Type", "text/html")], b"<html>welcome</html>"),
        "schema1" if is("/manifests/") => {
            answer("200 OK", &[("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")], b"{}")
        }
        "huge" if is("/manifests/") => answer("200 OK", &[KIND], &vec![b' '; 5 << 20]),
        "foreign" if is("/manifests/") => {
            let media = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
            answer("200 OK", &[KIND], manifest(&layer, 5, media).as_bytes())
        }
        // An index that calls a manifest an index.
        "kind" if is("/manifests/latest") => {
            let good = manifest(&layer, 5, PLAIN);
            let index = format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{}","size":{},"platform":{{"os":"linux","architecture":"amd64"}}}}]}}"#,
                digest(good.as_bytes()),
                good.len()
            );
            answer("200 OK", &[("Content-Type", "application/vnd.oci.image.index.v1+json")], index.as_bytes())
        }
        // An index, a manifest, and a configuration that say of what they list that it has another size.
        "indexsize" if is("/manifests/latest") => {
            let index = format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"{}","digest":"{}","size":5,"platform":{{"os":"linux","architecture":"amd64"}}}}]}}"#,
                KIND.1,
                digest(manifest(&layer, 5, PLAIN).as_bytes()),
            );
            answer("200 OK", &[("Content-Type", "application/vnd.oci.image.index.v1+json")], index.as_bytes())
        }
        "configsize" if is("/manifests/") => {
            let lie = manifest(&layer, 5, PLAIN).replace(&format!("\"size\":{}", CONFIG.len()), "\"size\":7");
            answer("200 OK", &[KIND], lie.as_bytes())
        }
        "endless" if is("/manifests/") => answer("200 OK", &[KIND], manifest(&layer, 1 << 50, PLAIN).as_bytes()),
        "platform" if is("/manifests/") => {
            let index = format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"{}","digest":"{layer}","size":5,"platform":{{"os":"plan9","architecture":"amd64"}}}}]}}"#,
                KIND.1
            );
            answer("200 OK", &[("Content-Type", "application/vnd.oci.image.index.v1+json")], index.as_bytes())
        }
        _ if is("/manifests/") => answer("200 OK", &[KIND], manifest(&layer, 5, PLAIN).as_bytes()),
        _ if is(&digest(CONFIG.as_bytes())) && name != "noconfig" => answer("200 OK", &[], CONFIG.as_bytes()),
        "content" => answer("200 OK", &[], b"LAYER"),
        "long" => answer("200 OK", &[], b"layers"),
        "short" => answer("200 OK", &[], b"lay"),
        "range" => match asked.header("range") {
            None => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlay".to_vec(),
            Some(_) => answer("206 Partial Content", &[("Content-Range", "bytes 1-4/5")], b"ayer"),
        },
        "diffid" => answer("200 OK", &[], b"layer"),
        _ => answer("404 Not Found", &[], br#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#),
    }
}

#[test]
fn servers_that_are_wrong_leave_nothing() {
    let fake = Fake::start(wrong);
    let (place, host) = (place(""), fake.host());
    let commands: Vec<String> = [
        "status401",
        "status403",
        "status429",
        "status500",
        "loop",
        "gone",
        "inward",
        "cloud",
        "astray",
        "realm",
        "digest",
        "html",
        "schema1",
        "huge",
        "foreign",
        "kind",
        "indexsize",
        "configsize",
        "endless",
        "layers",
        "platform",
        "noconfig",
        "noblob",
        "content",
        "long",
        "short",
        "range",
        "diffid",
    ]
    .iter()
    .map(|name| format!("$L pull -q {host}/{name}/x"))
    .collect();
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    insta::assert_snapshot!(session(&place, &host, &commands));
    // No name, and no blob but documents that were whole.
    assert_eq!(session(&place, &host, &["$L images -q -a"]), "$ $L images -q -a");
    for folder in ["tmp", "expanded"] {
        let left = std::fs::read_dir(place.home().join(folder)).unwrap().count();
        assert_eq!(left, 0, "{folder}");
    }
    place.assert_whole();
}

#[test]
fn no_credential_goes_along_to_another_server() {
    let other = Fake::start(|_| answer("404 Not Found", &[], b""));
    let to = format!("http://{}/elsewhere", other.host());
    let fake = Fake::start(move |asked| match asked.header("authorization") {
        None => answer("401 Unauthorized", &[("WWW-Authenticate", "Basic realm=\"x\"")], b""),
        Some(_) => answer("307 Temporary Redirect", &[("Location", &to)], b""),
    });
    let (place, host) = (place(""), fake.host());
    let auth = "dGVhY2hlcjpjaGFsaw==";
    place.write("docker/config.json", &format!("{{\"auths\":{{\"{host}\":{{\"auth\":\"{auth}\"}}}}}}"));
    let said = session(&place, &host, &[&format!("DOCKER_CONFIG=docker $L pull --explain {host}/x/y")]);
    assert!(!said.contains(auth) && !said.contains("chalk"), "{said}");
    let sent = fake.asked().iter().filter(|asked| asked.header("authorization").is_some()).count();
    assert!(sent > 0, "the registry itself was told who asks");
    let asked = other.asked();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked.header("authorization").is_none()), "{asked:#?}");
}

#[test]
fn a_layer_that_is_not_the_image_s_is_refused_where_the_right_one_is_here() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    fill(&registry, "school/demo", None);
    let (place, host) = (place(""), registry.host());
    session(&place, &host, &[&format!("$L pull -q {host}/school/demo")]);
    let whole = |arguments: &[&str]| {
        let done = Command::new("curl").arg("-s").args(arguments).output().unwrap();
        done.stdout
    };
    let kind = "application/vnd.docker.distribution.manifest.v2+json";
    let address = format!("http://{host}/v2/school/demo/manifests/latest");
    let manifest: serde_json::Value =
        serde_json::from_slice(&whole(&["-H", &format!("Accept: {kind}"), &address])).unwrap();
    let config = manifest["config"]["digest"].as_str().unwrap().to_owned();
    let config = whole(&[&format!("http://{host}/v2/school/demo/blobs/{config}")]);
    let wrong = b"not an archive at all";
    let mut forged = manifest.clone();
    let layer = layerlab::oci::Digest::of(wrong);
    forged["layers"][0]["digest"] = layer.to_string().into();
    forged["layers"][0]["size"] = wrong.len().into();
    let forged = serde_json::to_vec(&forged).unwrap();
    let fake = Fake::start(move |asked| match asked.path.rsplit('/').next() {
        Some("latest") => answer("200 OK", &[("Content-Type", kind)], &forged),
        Some(name) if name == layer.to_string() => answer("200 OK", &[], wrong),
        Some(name) if name.starts_with("sha256:") => answer("200 OK", &[], &config),
        Some(_) | None => answer("200 OK", &[], b"{}"),
    });
    let said = session(&place, &fake.host(), &[&format!("$L pull -q {}/evil/demo", fake.host())]);
    assert!(said.contains("[exit code 1]"), "{said}");
    place.assert_whole();
}

#[test]
fn ctrl_c_ends_whatever_a_pull_waits_for() {
    use nix::sys::signal::{Signal, kill};
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let (accepted, seen) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Whoever comes is heard and gets no answer.
        let all: Vec<_> = silent.incoming().flatten().inspect(|_| accepted.send(()).unwrap_or_default()).collect();
        drop(all);
    });
    let place = place(
        "\
//- bin/docker-credential-asleep
#!/bin/sh
exec sleep 600
//- helped/config.json
{\"credsStore\":\"asleep\"}
",
    );
    let shell = |line: String| {
        let mut shell = place.shell(&line);
        shell.env("LAYERLAB_PULL", "missing").env("L", place.program());
        shell.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    let first = shell(format!("exec $L pull 127.0.0.1:{port}/x"));
    seen.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    let second =
        shell(format!("chmod +x bin/*; exec env DOCKER_CONFIG=helped PATH=$PWD/bin:$PATH $L pull 127.0.0.1:{port}/x"));
    // Until it has begun to wait for its helper.
    let begun = std::time::Instant::now();
    let waits = || {
        let children = format!("/proc/{0}/task/{0}/children", second.id());
        std::fs::read_to_string(children).is_ok_and(|text| !text.trim().is_empty())
    };
    while !waits() && begun.elapsed() < std::time::Duration::from_secs(60) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    for mut child in [first, second] {
        kill(nix::unistd::Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
        let begun = std::time::Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < std::time::Duration::from_secs(60), "it goes on after Ctrl-C");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    place.assert_whole();
}
