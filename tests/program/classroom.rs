//! A teacher who gives a cache of steps to a student, for tests of what is in it.

use std::fs;
use std::path::PathBuf;

use layerlab::oci::Digest;
use layerlab::store::{Home, Store};
use layerlab::upkeep::verify;
use serde_json::{Value, json};

use crate::harness::{Place, filter};

/// Two stages; each of the RUNs leaves something else whenever it runs.
pub const FILES: &str = "\
//- class/Dockerfile
FROM layerlab/base AS tools
WORKDIR /tools
COPY tool .
RUN cat tool /proc/sys/kernel/random/uuid > made
FROM layerlab/base
COPY --from=tools /tools/made /made
COPY task /task
RUN cat /proc/sys/kernel/random/uuid > /id
LABEL course=one
//- class/tool
tool
//- class/task
task
";

/// A teacher and a student, who have a home each, and a folder with the same files.
pub struct Class {
    pub place: Place,
}

impl Class {
    pub fn new(files: &str) -> Class {
        let class = Class { place: Place::new(files) };
        class.shell("cp -r class student");
        class
    }

    pub fn home(&self, who: &str) -> PathBuf {
        self.place.folder().join("homes").join(who)
    }

    pub fn done(&self, line: &str) -> std::process::Output {
        let program = self.place.program().display().to_string();
        let as_one = |who: &str| format!("env LAYERLAB_HOME={} {program}", self.home(who).display());
        let mut shell = self.place.shell(&format!("{line} 2>&1"));
        shell.env("T", as_one("teacher")).env("S", as_one("student")).env("OTHER", as_one("other"));
        shell.env("C", self.cache().display().to_string()).output().unwrap()
    }

    /// What a line for the shell prints: `$T` is the teacher's program, `$S` the student's, `$C` a folder for a cache.
    pub fn shell(&self, line: &str) -> String {
        let done = self.done(line);
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{line}: {text}");
        text
    }

    /// The session of several lines.
    pub fn session(&self, host: &str, lines: &[&str]) -> String {
        let mut text = String::new();
        for line in lines {
            text.push_str(&format!("$ {}\n", line));
            let done = self.done(line);
            text.push_str(&String::from_utf8_lossy(&done.stdout));
            if let Some(code) = done.status.code().filter(|code| *code != 0) {
                text.push_str(&format!("[exit code {code}]\n"));
            }
        }
        let text = text.replace(&self.place.folder().display().to_string(), "/place");
        // Identifiers that nobody can foresee compress to one byte more or less.
        let without_size = |line: &str| match line.rsplit_once(" layers, ") {
            Some((rest, _)) => format!("{rest} layers, …\n"),
            None => format!("{line}\n"),
        };
        let text: String = text.lines().map(without_size).collect();
        filter(&if host.is_empty() { text } else { text.replace(host, "REGISTRY") })
    }

    pub fn cache(&self) -> PathBuf {
        self.place.folder().join("cache")
    }

    /// What the RUNs of an image have left.
    pub fn made(&self, who: &str, image: &str) -> String {
        self.shell(&format!("${who} run --rm {image} cat /made /id"))
    }

    pub fn assert_whole(&self) {
        for home in fs::read_dir(self.place.folder().join("homes")).unwrap() {
            let report = verify(&Store::open(&Home::open(home.unwrap().path()).unwrap()).unwrap());
            assert!(report.is_whole(), "{report:#?}");
        }
    }

    /// The documents of the cache in the folder: its manifest, and its records.
    pub fn documents(&self) -> (Value, Value) {
        let read = |path: PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
        let blob = |digest: &Value| self.blob(digest.as_str().unwrap());
        let index = read(self.cache().join("index.json"));
        let manifest = read(blob(&index["manifests"][0]["digest"]));
        let document = read(blob(&manifest["config"]["digest"]));
        (manifest, document)
    }

    pub fn blob(&self, digest: &str) -> PathBuf {
        self.cache().join("blobs/sha256").join(digest.trim_start_matches("sha256:"))
    }

    /// Writes other documents in the place of these, with the right digests.
    pub fn forge(&self, mut manifest: Value, document: &Value) {
        let put = |value: &Value| {
            let bytes = serde_json::to_vec(value).unwrap();
            let digest = Digest::of(&bytes).to_string();
            fs::write(self.blob(&digest), &bytes).unwrap();
            (digest, bytes.len())
        };
        let (digest, size) = put(document);
        manifest["config"]["digest"] = json!(digest);
        manifest["config"]["size"] = json!(size);
        let (digest, size) = put(&manifest);
        let entry = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size});
        let index =
            json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]});
        fs::write(self.cache().join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    }
}
