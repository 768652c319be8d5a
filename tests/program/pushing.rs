//! `push`: to a real registry, through a line that breaks, and to servers that are wrong in one way each.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::harness::{Place, missing};
use crate::pulling::session;
use crate::registry::{Asked, Doors, Fake, Line, Registry, Way, answer};

/// A place with an image of three layers, two of them its own.
fn built(names: &[&str]) -> Place {
    let place = Place::new(
        "\
//- Dockerfile
FROM layerlab/base
COPY note /note
RUN seq 1 200000 > /numbers
LABEL a=b
//- note
one
",
    );
    let names: String = names.iter().map(|name| format!(" -t {name}")).collect();
    let built = place.output(&format!("build -q{names} ."));
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    place
}

/// The session, without sizes, which depend on the machine's busybox.
fn pushed(place: &Place, host: &str, commands: &[&str]) -> String {
    let text = session(place, host, commands);
    let without_size = |line: &str| match line.rsplit_once(" size: ") {
        Some((rest, _)) => format!("{rest} size: …"),
        None => line.to_owned(),
    };
    text.lines().map(without_size).collect::<Vec<_>>().join("\n")
}

/// What a command prints.
fn printed(place: &Place, line: &str) -> String {
    let done = place.shell(line).env("L", place.program()).output().unwrap();
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// The digest in the last line of a push.
fn digest(said: &str) -> String {
    let (_, rest) = said.rsplit_once("digest: ").unwrap_or_else(|| panic!("{said}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

fn push(place: &Place, name: &str) -> String {
    digest(&printed(place, &format!("$L push {name}")))
}

/// Whether skopeo is there, which is said where it is not.
fn has_skopeo() -> bool {
    let is_there = Command::new("skopeo").arg("--version").output().is_ok();
    if !is_there {
        missing("skopeo reads what is pushed");
    }
    is_there
}

/// The bytes of a manifest, as another program gets them.
fn raw(place: &Place, name: &str) -> String {
    printed(place, &format!("skopeo inspect --tls-verify=false --raw docker://{name}"))
}

#[test]
fn an_image_is_pushed_in_dockers_words() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let host = registry.host();
    let place = built(&[&format!("{host}/me/x")]);
    insta::assert_snapshot!(pushed(
        &place,
        &host,
        &[
            &format!("$L push {host}/me/x"),
            &format!("$L push {host}/me/x:latest"),
            &format!("$L tag {host}/me/x {host}/you/y:2"),
            &format!("$L tag {host}/me/x {host}/you/y:3"),
            &format!("$L push {host}/you/y:2"),
            &format!("$L image push -a {host}/you/y"),
            &format!("$L push -q {host}/you/y:3"),
            &format!("$L push -q -a {host}/you/y"),
            "$L events --since 0 --until 1700000000 --filter event=push --format '{{.Actor.ID}}'",
            "$L push me/none",
            &format!("$L push {host}/you/y"),
            &format!("$L push -a {host}/you/y:2"),
            &format!("$L push {host}/you/y@sha256:{}", "a".repeat(64)),
            &format!("$L push --platform linux/arm64 {host}/you/y:2"),
            "$L push UPPER",
        ],
    ));
    place.assert_whole();
}

#[test]
fn what_is_built_can_be_pushed_at_once() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let host = registry.host();
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY Dockerfile /\n");
    insta::assert_snapshot!(pushed(
        &place,
        &host,
        &[
            "$L build --push .",
            &format!("$L build --push -t {host}/me/x -t {host}/me/x:2 -t {host}/you/y ."),
            &format!("$L build -q --push -t {host}/me/x:3 ."),
            &format!("$L build --progress json --push -t {host}/me/x:4 . | grep -c -v '^{{'"),
            &format!("skopeo list-tags --tls-verify=false docker://{host}/me/x | tr -d ' \\n'"),
            "$L build --push -t localhost:1/me/x .",
        ],
    ));
    place.assert_whole();
}

#[test]
fn what_is_remembered_of_layers_that_are_gone_is_forgotten() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let host = registry.host();
    let place = built(&[&format!("{host}/me/x")]);
    place.write("other/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    insta::assert_snapshot!(pushed(
        &place,
        &host,
        &[
            &format!("$L push -q {host}/me/x"),
            &format!("$L build -q -t {host}/me/y --push other"),
            "ls $LAYERLAB_HOME/distribution | wc -l",
            "$L prune --all > pruned; ls $LAYERLAB_HOME/distribution | wc -l",
            &format!("$L rmi {host}/me/x > removed; $L prune --all > pruned; ls $LAYERLAB_HOME/distribution | wc -l"),
        ],
    ));
    place.assert_whole();
}

#[test]
fn pushing_is_explained() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let host = registry.host();
    let place = built(&[&format!("{host}/me/x")]);
    printed(&place, &format!("$L push {host}/me/x"));
    let text = pushed(&place, &host, &[&format!("$L push --explain -q {host}/me/x")]);
    let begin = text.find("requests to the registry:").unwrap();
    let end = text.find("files of the store:").unwrap();
    insta::assert_snapshot!(&text[begin..end]);
}

#[test]
fn others_read_what_is_pushed() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    if !has_skopeo() {
        return;
    }
    let host = registry.host();
    let place = built(&[&format!("{host}/me/x")]);
    let digest = push(&place, &format!("{host}/me/x"));
    let id = printed(&place, &format!("$L images -q --no-trunc {host}/me/x"));
    assert_eq!(
        printed(&place, &format!("skopeo inspect --tls-verify=false --format '{{{{.Digest}}}}' docker://{host}/me/x"))
            .trim(),
        digest
    );
    // It compares every layer with both of its digests on the way.
    printed(
        &place,
        &format!("skopeo copy -q --src-tls-verify=false docker://{host}/me/x docker-archive:copy.tar:copy"),
    );
    assert!(printed(&place, "tar xOf copy.tar manifest.json").contains(id.trim().trim_start_matches("sha256:")));
    let other = Place::new("");
    printed(&other, &format!("LAYERLAB_PULL=missing $L pull -q {host}/me/x"));
    assert_eq!(printed(&other, &format!("$L images -q --no-trunc {host}/me/x")), id);
    assert_eq!(
        printed(&other, &format!("$L run --rm {host}/me/x tail -n 1 /numbers /note")),
        "==> /numbers <==\n200000\n\n==> /note <==\none\n"
    );
    other.assert_whole();
}

#[test]
fn what_came_from_a_registry_goes_as_it_came() {
    let (Some(from), Some(to)) = (Registry::start(Doors::Open), Registry::start(Doors::Open)) else { return };
    if !has_skopeo() {
        return;
    }
    let (from, to) = (from.host(), to.host());
    let place = built(&["demo"]);
    printed(&place, "$L save -o demo.tar demo");
    for (name, options) in
        [("v2s2", "--format v2s2"), ("oci", "--format oci"), ("plain", "--dest-compress=false --format oci")]
    {
        let (here, there) = (format!("{from}/a/{name}"), format!("{to}/b/{name}"));
        printed(
            &place,
            &format!("skopeo copy -q --dest-tls-verify=false {options} docker-archive:demo.tar docker://{here}"),
        );
        let other = Place::new("");
        printed(&other, &format!("$L pull -q {here} && $L tag {here} {there} && $L push {there}"));
        assert_eq!(raw(&other, &here), raw(&other, &there), "{name}");
        // With another layer on top, the layers of all have the types of one family.
        let above = format!("{to}/above/{name}");
        other.write("Dockerfile", &format!("FROM {here}\nRUN echo more > /more\n"));
        printed(&other, &format!("LAYERLAB_PULL=missing $L build -q -t {above} . && $L push {above}"));
        assert!(!raw(&other, &above).contains("vnd.docker"), "{name}");
        printed(&other, &format!("skopeo copy -q --src-tls-verify=false docker://{above} docker-archive:{name}.tar:x"));
        other.assert_whole();
    }
}

#[test]
fn an_index_is_pushed_where_all_of_it_is_here() {
    let (Some(from), Some(to)) = (Registry::start(Doors::Open), Registry::start(Doors::Open)) else { return };
    if !has_skopeo() || Command::new("curl").arg("--version").output().is_err() {
        return missing("curl puts an index into a registry");
    }
    let (from, to) = (from.host(), to.host());
    let place = Place::new(
        "//- Dockerfile\nFROM scratch\nARG TARGETARCH\nCOPY note-$TARGETARCH /note\n//- note-amd64\nthis\n//- note-arm64\nthat\n",
    );
    let mut entries = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let name = format!("{from}/a/x:{architecture}");
        printed(&place, &format!("$L build -q --platform linux/{architecture} -t {name} . && $L push {name}"));
        let manifest = raw(&place, &name);
        let digest = printed(&place, &format!("skopeo inspect --tls-verify=false --raw docker://{name} | sha256sum"));
        entries.push(format!(
            "{{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:{}\",\"size\":{},\"platform\":{{\"architecture\":\"{architecture}\",\"os\":\"linux\"}}}}",
            digest.split_whitespace().next().unwrap(),
            manifest.len()
        ));
    }
    let index_type = "application/vnd.oci.image.index.v1+json";
    // Not as we would write it: what is pushed has to have these bytes.
    place.write(
        "index",
        &format!(
            "{{ \"schemaVersion\": 2, \"mediaType\": \"{index_type}\",\n \"manifests\": [{}] }}",
            entries.join(",")
        ),
    );
    printed(
        &place,
        &format!(
            "curl -sf -X PUT -H 'Content-Type: {index_type}' --data-binary @index http://{from}/v2/a/x/manifests/all"
        ),
    );
    let other = Place::new("");
    let (here, there) = (format!("{from}/a/x:all"), format!("{to}/b/x:all"));
    let said = pushed(
        &other,
        &to,
        &[
            &format!(
                "$L pull -q --platform linux/amd64 {here} > /dev/null && $L tag {here} {there} && $L push {there}"
            ),
            &format!("$L push --platform linux/arm64 {there}"),
            &format!("$L pull -q --platform linux/arm64 {here} > /dev/null && $L push {there}"),
            &format!("$L push --platform linux/arm64 {there}-none"),
        ],
    );
    insta::assert_snapshot!(said.replace(&from, "FROM"));
    assert_eq!(raw(&other, &here), raw(&other, &there));
    printed(&other, &format!("$L push --platform linux/arm64 {there}"));
    assert_eq!(raw(&other, &there), raw(&other, &format!("{from}/a/x:arm64")));
}

#[test]
fn the_same_layer_is_always_the_same_blob() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let name = format!("{}/me/x", registry.host());
    let place = built(&[&name]);
    let digest = push(&place, &name);
    let manifest = std::fs::read_to_string(registry.blob(&digest)).unwrap();
    let memory = place.home().join("distribution");
    let forget = |host: &Registry| std::fs::remove_dir_all(host.path("data/docker/registry/v2/repositories")).unwrap();
    // The registry has lost it, we have forgotten it, both.
    forget(&registry);
    assert_eq!(push(&place, &name), digest);
    std::fs::remove_dir_all(&memory).unwrap();
    assert_eq!(push(&place, &name), digest);
    std::fs::remove_dir_all(&memory).unwrap();
    forget(&registry);
    assert_eq!(push(&place, &name), digest);
    // What is remembered is of another size than what the registry has: it is something else.
    for file in std::fs::read_dir(&memory).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace("\"size\":", "\"size\":1")).unwrap();
    }
    assert_eq!(push(&place, &name), digest);
    // What is written there is no memory at all.
    for file in std::fs::read_dir(&memory).unwrap() {
        std::fs::write(file.unwrap().path(), "[").unwrap();
    }
    assert_eq!(push(&place, &name), digest);
    assert_eq!(std::fs::read_to_string(registry.blob(&digest)).unwrap(), manifest);
    place.assert_whole();
}

#[test]
fn a_registry_may_want_to_know_who_pushes() {
    let Some(registry) = Registry::start(Doors::Password) else { return };
    let host = registry.host();
    let place = built(&[&format!("{host}/me/x")]);
    insta::assert_snapshot!(pushed(
        &place,
        &host,
        &[
            &format!("$L push {host}/me/x"),
            &format!(
                "mkdir -p ~/.docker; echo '{{\"auths\":{{\"{host}\":{{\"auth\":\"'$(printf teacher:wrong | base64)'\"}}}}}}' > ~/.docker/config.json"
            ),
            &format!("$L push {host}/me/x"),
            &format!("echo chalk | $L login -u teacher --password-stdin {host} 2>/dev/null"),
            &format!("$L push -q {host}/me/x"),
            &format!("$L logout {host}"),
            &format!("$L push -q {host}/me/x"),
        ],
    ));
}

#[test]
fn a_registry_over_tls_may_want_to_know_who_asks() {
    let Some(registry) = Registry::start(Doors::TlsAndPassword) else { return };
    let host = registry.host();
    let name = format!("{host}/me/x");
    let place = built(&[&name]);
    let settings = place.home().join("registries.toml");
    let trusts = |authority: &str| {
        let text = format!("[registry.\"{host}\"]\ncertificate = \"{}\"\n", registry.path(authority).display());
        std::fs::write(&settings, text).unwrap();
    };
    let login = |password: &str| format!("echo {password} | $L login -u teacher --password-stdin {host}");
    let (push, pull) = (format!("$L push -q {name}"), format!("$L pull -q {name}"));
    // Nobody is told a password before it is known who that is.
    let strange = pushed(&place, &host, &[&login("chalk"), &push, &pull]);
    trusts("other.crt");
    let other = pushed(&place, &host, &[&login("chalk"), &push]);
    trusts("ca.crt");
    let known = pushed(
        &place,
        &host,
        &[
            &push,
            &login("wrong"),
            &login("chalk"),
            &push,
            &format!("$L rmi {name} > /dev/null"),
            &pull,
            &format!("$L run --rm --network none {name} cat /note"),
            &format!("$L logout {host}"),
            &push,
            &pull,
        ],
    );
    insta::assert_snapshot!(format!("{strange}\n\nAnother authority.\n\n{other}\n\nIts own.\n\n{known}"));
    place.assert_whole();
}

#[test]
fn a_registry_may_take_nothing() {
    let Some(registry) = Registry::start(Doors::ReadOnly) else { return };
    let host = registry.host();
    let place = built(&[&format!("{host}/me/x")]);
    insta::assert_snapshot!(pushed(&place, &host, &[&format!("$L push -q {host}/me/x")]));
}

#[test]
fn a_pupil_pushes_to_the_teacher() {
    let teacher = Place::new("");
    let mut command = teacher.command("serve --addr 127.0.0.1:0 --writable");
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first.split(" at ").last().unwrap().split(',').next().unwrap().to_owned();
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    let place = built(&[&format!("{address}/me/x")]);
    let id = printed(&place, &format!("$L images -q --no-trunc {address}/me/x"));
    let digest = push(&place, &format!("{address}/me/x"));
    let again = printed(&place, &format!("$L push {address}/me/x"));
    assert_eq!(again.matches(": Layer already exists\n").count(), 3, "{again}");
    printed(&place, &format!("$L tag {address}/me/x {address}/you/y && $L push {address}/you/y"));
    let there = printed(&teacher, "$L images --digests --no-trunc --format '{{.ID}} {{.Digest}}'");
    assert!(
        there.lines().count() == 2 && there.lines().all(|line| line == format!("{} {digest}", id.trim())),
        "{there}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    teacher.assert_whole();
}

#[test]
fn a_push_survives_the_death_of_the_registry() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let port = registry.port;
    // Taken out at the end, because the line lives as long as the process.
    let registry = Arc::new(Mutex::new(Some(registry)));
    let other = Arc::clone(&registry);
    let line = Line::new(port, Way::ToServer, 300_000, move || {
        if let Some(registry) = &mut *other.lock().unwrap() {
            registry.kill();
            registry.start_again();
        }
    });
    let name = format!("{}/me/x", line.host());
    let place = built(&[&name]);
    let said = printed(&place, &format!("$L push {name}"));
    assert!(said.contains(": Retrying\n"), "{said}");
    let registry = registry.lock().unwrap().take().unwrap();
    assert!(registry.blob(&digest(&said)).exists());
    if has_skopeo() {
        printed(&place, &format!("skopeo copy -q --src-tls-verify=false docker://localhost:{port}/me/x dir:copy"));
    }
}

/// A registry in memory that takes one blob at a time and says how much of it it has.
#[derive(Default)]
struct Slow {
    blob: Vec<u8>,
    /// The bytes of each PATCH, and the range that it has said.
    pieces: Vec<(usize, Option<String>)>,
    kept: Vec<Vec<u8>>,
}

impl Slow {
    fn answer(&mut self, asked: &Asked) -> Vec<u8> {
        let range = |blob: &[u8]| format!("0-{}", blob.len().saturating_sub(1));
        match asked.method.as_str() {
            "HEAD" => answer("404 Not Found", &[], b""),
            "POST" => {
                self.blob.clear();
                answer("202 Accepted", &[("Location", "0?state=first")], b"")
            }
            "PATCH" => {
                let said = asked.header("content-range").map(str::to_owned);
                let begins = said.as_ref().map_or(0, |said| said.split('-').next().unwrap().parse().unwrap());
                assert_eq!(begins, self.blob.len());
                self.pieces.push((asked.body.len(), said));
                self.blob.extend_from_slice(&asked.body);
                answer("202 Accepted", &[("Location", "/v2/me/x/blobs/uploads/1?state=later")], b"")
            }
            "GET" if asked.path.contains("/uploads/") => {
                answer("204 No Content", &[("Location", "0?state=asked"), ("Range", &range(&self.blob))], b"")
            }
            "PUT" if asked.path.contains("/uploads/") => {
                assert!(asked.path.contains("?state=later&digest=sha256%3A"), "{}", asked.path);
                self.kept.push(std::mem::take(&mut self.blob));
                answer("201 Created", &[("Location", "http://elsewhere.invalid/blob")], b"")
            }
            _ => answer("201 Created", &[], b""),
        }
    }
}

#[test]
fn a_push_goes_on_where_the_line_has_broken() {
    let slow = Arc::new(Mutex::new(Slow::default()));
    let other = Arc::clone(&slow);
    let fake = Fake::start(move |asked| match asked.path.as_str() {
        "/v2/" => answer("200 OK", &[], b""),
        _ => other.lock().unwrap().answer(asked),
    });
    let line = Line::new(fake.port, Way::ToServer, 200_000, || ());
    let name = format!("{}/me/x", line.host());
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY noise /\n");
    let noise = printed(
        &place,
        "head -c 2000000 /dev/urandom | base64 > noise; $L build -q -t x . && $L tag x NAME"
            .replace("NAME", &name)
            .as_str(),
    );
    assert!(noise.starts_with("sha256:"));
    let said = printed(&place, &format!("$L push {name}"));
    assert!(said.contains(": Retrying\n"), "{said}");
    let slow = slow.lock().unwrap();
    let [(first, None), (second, Some(range)), (_, None)] = &slow.pieces[..] else { panic!("{:?}", slow.pieces) };
    assert_eq!(*range, format!("{first}-{}", first + second - 1));
    assert_eq!(slow.kept[0].len(), first + second);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&slow.kept[0]).unwrap();
    assert!(
        Command::new("gzip").arg("-t").stdin(std::fs::File::open(file.path()).unwrap()).status().unwrap().success()
    );
}

/// What a server says that is asked for something, and knows the host of another; `None`: what a registry usually says.
type Says = fn(&Asked, &str) -> Option<Vec<u8>>;

/// A registry that takes everything.
fn usual(asked: &Asked) -> Vec<u8> {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/v2/") => answer("200 OK", &[], b""),
        ("HEAD", _) => answer("404 Not Found", &[], b""),
        ("POST", _) => answer("202 Accepted", &[("Location", "/upload/1")], b""),
        ("PATCH", _) => answer("202 Accepted", &[], b""),
        _ => answer("201 Created", &[], b""),
    }
}

#[test]
fn servers_may_send_us_elsewhere_and_may_be_wrong() {
    let cases: &[(&str, Says)] = &[
        ("as usual", |_, _| None),
        ("the upload is on another server", |asked, other| {
            let location = format!("http://{other}/blobs/1?signature=secret");
            (asked.method == "POST").then(|| answer("202 Accepted", &[("Location", &location)], b""))
        }),
        ("each piece goes elsewhere", |asked, other| {
            let location = format!("http://{other}/blobs/2?signature=secret");
            (asked.method == "PATCH").then(|| answer("307 Temporary Redirect", &[("Location", &location)], b""))
        }),
        ("a link-local address", |asked, _| {
            (asked.method == "POST")
                .then(|| answer("202 Accepted", &[("Location", "http://169.254.169.254/latest/meta-data")], b""))
        }),
        ("no address", |asked, _| {
            (asked.method == "POST").then(|| answer("202 Accepted", &[("Location", "ftp://x/y")], b""))
        }),
        ("no place", |asked, _| (asked.method == "POST").then(|| answer("202 Accepted", &[], b""))),
        ("in a circle", |asked, _| {
            (asked.method == "PATCH").then(|| answer("307 Temporary Redirect", &[("Location", "/upload/1")], b""))
        }),
        ("a blob is too large", |asked, _| {
            (asked.method == "PATCH").then(|| answer("413 Payload Too Large", &[], b"<html>"))
        }),
        ("a repository that is not there", |asked, _| {
            let text = b"{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"create \\u001b[31mit first\"}]}";
            (asked.method == "POST").then(|| answer("404 Not Found", &[], text))
        }),
        ("nobody may", |asked, _| {
            let text =
                b"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"requested access to the resource is denied\"}]}";
            (asked.method == "POST").then(|| answer("403 Forbidden", &[], text))
        }),
        ("too much was asked already", |asked, _| {
            (asked.method == "POST").then(|| answer("429 Too Many Requests", &[("Retry-After", "600")], b""))
        }),
        ("it is broken", |asked, _| {
            (asked.method == "POST").then(|| answer("500 Internal Server Error", &[("Retry-After", "0")], b""))
        }),
        ("the blob is not what was said", |asked, _| {
            let text = b"{\"errors\":[{\"code\":\"DIGEST_INVALID\",\"message\":\"provided digest did not match uploaded content\"}]}";
            (asked.method == "PUT" && asked.path.starts_with("/upload/")).then(|| answer("400 Bad Request", &[], text))
        }),
        ("the manifest is not taken", |asked, _| {
            let text = b"{\"errors\":[{\"code\":\"MANIFEST_INVALID\",\"message\":\"manifest invalid\"}]}";
            asked.path.contains("/manifests/").then(|| answer("400 Bad Request", &[], text))
        }),
        ("another manifest is kept", |asked, _| {
            let header = [("Docker-Content-Digest", "sha256:abc")];
            asked.path.contains("/manifests/").then(|| answer("201 Created", &header, b""))
        }),
        ("a token that does not allow it", |asked, other| {
            if asked.path.starts_with("/token") {
                return Some(answer("200 OK", &[], b"{\"token\":\"weak\"}"));
            }
            let realm = format!("Bearer realm=\"http://{other}/token\",service=\"x\"");
            (asked.method == "POST").then(|| answer("401 Unauthorized", &[("WWW-Authenticate", &realm)], b""))
        }),
    ];
    let mut said = String::new();
    for (title, says) in cases {
        let says = *says;
        let elsewhere = Fake::start(move |asked| {
            says(asked, "none").filter(|_| asked.path.starts_with("/token")).unwrap_or_else(|| usual(asked))
        });
        let other = format!("127.0.0.1:{}", elsewhere.port);
        let inner = other.clone();
        let fake = Fake::start(move |asked| says(asked, &inner).unwrap_or_else(|| usual(asked)));
        let host = fake.host();
        let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY note /\n//- note\none\n");
        printed(&place, &format!("$L build -q -t {host}/me/x ."));
        let text = pushed(&place, &host, &[&format!("$L push -q {host}/me/x")]).replace(&other, "OTHER");
        let text = text.replace(&format!("localhost:{}", fake.port), "REGISTRY");
        let seen: Vec<String> = elsewhere
            .asked()
            .iter()
            .map(|asked| format!("{} {}", asked.method, asked.path.split("sha256").next().unwrap()))
            .collect();
        assert!(elsewhere.asked().iter().all(|asked| asked.header("authorization").is_none()));
        let text = text.lines().skip(1).collect::<Vec<_>>().join("\n");
        said.push_str(&format!("{title}\n{text}\nelsewhere: {seen:?}\n\n"));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn credentials_stay_with_the_registry() {
    let elsewhere = Fake::start(usual);
    let other = format!("http://127.0.0.1:{}/blobs/1", elsewhere.port);
    let fake = Fake::start(move |asked| match (asked.header("authorization"), asked.method.as_str()) {
        (None, _) => answer("401 Unauthorized", &[("WWW-Authenticate", "Basic realm=x")], b""),
        (Some(_), "POST") => answer("202 Accepted", &[("Location", &other)], b""),
        (Some(_), _) => usual(asked),
    });
    let host = fake.host();
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY note /\n//- note\none\n");
    printed(&place, &format!("$L build -q -t {host}/me/x ."));
    printed(&place, &format!("echo chalk | $L login -u teacher --password-stdin {host} 2>/dev/null"));
    printed(&place, &format!("$L push {host}/me/x"));
    let seen = elsewhere.asked();
    assert!(seen.iter().any(|asked| asked.method == "PATCH") && seen.iter().any(|asked| asked.method == "PUT"));
    assert!(seen.iter().all(|asked| asked.header("authorization").is_none()));
}

#[test]
fn ctrl_c_ends_a_push_that_nobody_answers() {
    let fake = Fake::start(|asked| {
        if asked.method == "PATCH" {
            loop {
                std::thread::park();
            }
        }
        usual(asked)
    });
    let host = fake.host();
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY note /\n//- note\none\n");
    printed(&place, &format!("$L build -q -t {host}/me/x ."));
    let mut child =
        place.command(&format!("push {host}/me/x")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !fake.asked().iter().any(|asked| asked.method == "POST") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(std::fs::read_dir(place.home().join("tmp")).unwrap().count(), 0);
}
