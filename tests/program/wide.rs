//! Images with digests of SHA-512, which some tools can make: loaded, kept, served, pulled, pushed, and refused where they are wrong.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Place, Role};
use crate::pulling::session;
use crate::registry::{Fake, answer};
use crate::teacher::Teacher;

fn sha512(bytes: &[u8]) -> String {
    use std::io::Write as _;
    let mut sum = Command::new("sha512sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    sum.stdin.take().unwrap().write_all(bytes).unwrap();
    let text = String::from_utf8(sum.wait_with_output().unwrap().stdout).unwrap();
    format!("sha512:{}", text.split(' ').next().unwrap())
}

/// The documents and the layer of an image of which all digests are SHA-512, the manifest first.
struct Wide {
    manifest: Vec<u8>,
    blobs: Vec<Vec<u8>>,
}

impl Wide {
    fn new() -> Wide {
        let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY note /note\nCMD [\"/note\"]\n//- note\none\n");
        place.run("build -q -t demo .");
        place.run("save --format oci-dir -o narrow demo");
        let read = |digest: &Value| {
            let hex = digest.as_str().unwrap().trim_start_matches("sha256:").to_owned();
            fs::read(place.path(&format!("narrow/blobs/sha256/{hex}"))).unwrap()
        };
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let index = json(&fs::read(place.path("narrow/index.json")).unwrap());
        let mut manifest = json(&read(&index["manifests"][0]["digest"]));
        let layer = read(&manifest["layers"][0]["digest"]);
        let mut config = json(&read(&manifest["config"]["digest"]));
        config["rootfs"]["diff_ids"][0] = sha512(&layer).into();
        let config = serde_json::to_vec(&config).unwrap();
        manifest["config"]["digest"] = sha512(&config).into();
        manifest["config"]["size"] = config.len().into();
        manifest["layers"][0]["digest"] = sha512(&layer).into();
        let manifest = serde_json::to_vec(&manifest).unwrap();
        Wide { blobs: vec![manifest.clone(), config, layer], manifest }
    }

    /// As a layout.
    fn write(&self, place: &Place, name: &str) {
        fs::create_dir_all(place.path(&format!("{name}/blobs/sha512"))).unwrap();
        for blob in &self.blobs {
            let hex = sha512(blob);
            fs::write(place.path(&format!("{name}/blobs/sha512/{}", &hex["sha512:".len()..])), blob).unwrap();
        }
        let entry = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": sha512(&self.manifest),
            "size": self.manifest.len(),
            "annotations": { "org.opencontainers.image.ref.name": "wide" },
        });
        let index = json!({ "schemaVersion": 2, "manifests": [entry] });
        fs::write(place.path(&format!("{name}/index.json")), index.to_string()).unwrap();
        fs::write(place.path(&format!("{name}/oci-layout")), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
    }
}

/// The same text where the digests of this image are told by their algorithm.
fn short(text: &str) -> String {
    let mut parts = text.split("sha512:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        format!("{text}sha512:<{digits} digits>{}", &part[digits..])
    })
}

#[test]
fn an_image_by_sha512_is_loaded_and_saved() {
    let (wide, place) = (Wide::new(), Place::new(""));
    wide.write(&place, "wide");
    let digest = sha512(&wide.manifest);
    let text = session(
        &place,
        "nowhere",
        &[
            "$L load -i wide",
            "$L inspect --format '{{.Id}} {{.Digest}} {{.RootFS.Layers}}' wide",
            &format!("$L inspect --format '{{{{.RepoTags}}}}' {digest}"),
            &format!("$L inspect --format '{{{{.RepoTags}}}}' anything@{digest}"),
            &format!("$L inspect --format '{{{{.RepoTags}}}}' {}", &digest["sha512:".len()..][..12]),
            "echo 'FROM wide' > Dockerfile; echo 'WORKDIR /below' >> Dockerfile; $L build -q -t below .",
            "$L create --name cc below > id; $L export cc | tar t; $L rm cc",
            "$L store verify | sed 's/[0-9.]* [kM]*B/SIZE/'",
            "$L save -o wide.tar wide && tar tf wide.tar | cut -c 1-24",
            "$L push -q wide oci:copy:x; ls copy/blobs",
            "$L rmi below wide | wc -l; ls $LAYERLAB_HOME/blobs/sha512 | wc -l",
            "$L load -i wide.tar",
            "$L pull oci:copy:x",
            "$L store verify | sed 's/[0-9.]* [kM]*B/SIZE/'",
        ],
    );
    insta::assert_snapshot!(short(&text));
    place.assert_whole();
}

#[test]
fn an_image_by_sha512_goes_from_machine_to_machine() {
    let (wide, place) = (Wide::new(), Place::of(Role::Self_, ""));
    wide.write(&place, "wide");
    place.run("load -i wide");
    let digest = sha512(&wide.manifest);
    let (teacher, writable) = (Teacher::new(place, ""), Teacher::new(Place::new(""), "--writable"));
    let (pupil, host, other) = (Place::new(""), teacher.address.clone(), writable.address.clone());
    fs::create_dir_all(pupil.home()).unwrap();
    let text = session(
        &pupil,
        &host,
        &[
            &format!("$L pull {host}/wide@{digest} | grep -v ^…"),
            &format!("$L pull {host}/wide | grep -v ^…"),
            &format!("$L inspect --format '{{{{.RepoTags}}}} {{{{.RepoDigests}}}}' {host}/wide"),
            &format!(
                "$L pull {host}/wide@{}",
                digest.replace("sha512:", "sha512:00").chars().take(135).collect::<String>()
            ),
            &format!("$L tag {host}/wide {other}/wide:1"),
            &format!("$L push {other}/wide:1 | tail -n 1"),
            "$L store verify | sed 's/[0-9.]* [kM]*B/SIZE/'",
        ],
    );
    insta::assert_snapshot!(short(&text.replace(&other, "OTHER")));
    pupil.assert_whole();
    teacher.end();
    let end = writable.end();
    assert!(
        fs::read_dir(end.home().join("blobs/sha512")).unwrap().count() >= 2,
        "layer and configuration came as they were"
    );
}

#[test]
fn what_has_another_sha512_is_refused() {
    let wide = Wide::new();
    let digest = sha512(&wide.manifest);
    let kind = ("Content-Type", "application/vnd.oci.image.manifest.v1+json");
    let served: Vec<(String, Vec<u8>)> = wide.blobs.iter().map(|blob| (sha512(blob), blob.clone())).collect();
    let layer = served[2].0.clone();
    let fake = Fake::start(move |asked| {
        let last = asked.path.rsplit('/').next().unwrap_or_default();
        let wrong = asked.path.contains("/manifest/");
        match served.iter().find(|(digest, _)| digest == last) {
            Some((_, blob)) if asked.path.contains("/manifests/") && !wrong => answer("200 OK", &[kind], blob),
            Some((_, blob)) if asked.path.contains("/manifests/") => {
                answer("200 OK", &[kind], &[blob, &b" "[..]].concat())
            }
            Some((name, blob)) if *name == layer => answer("200 OK", &[], &blob.to_ascii_uppercase()),
            Some((_, blob)) => answer("200 OK", &[], blob),
            None => answer("200 OK", &[], b"{}"),
        }
    });
    let (place, host) = (Place::new("//- broken/oci-layout\n{\"imageLayoutVersion\":\"1.0.0\"}\n"), fake.host());
    wide.write(&place, "broken");
    let hex = &sha512(&wide.blobs[2])["sha512:".len()..];
    fs::write(place.path(&format!("broken/blobs/sha512/{hex}")), "else").unwrap();
    fs::create_dir_all(place.home()).unwrap();
    let text = session(
        &place,
        &host,
        &[
            &format!("$L pull -q {host}/layer/x@{digest}"),
            &format!("$L pull -q {host}/manifest/x@{digest}"),
            "$L load -i broken",
            "$L images -q -a",
        ],
    );
    insta::assert_snapshot!(short(&text));
    place.assert_whole();
}
