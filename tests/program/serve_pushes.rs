//! `serve --writable`: what is pushed comes in pieces and in chunks, is proven before it has a name, and breaks off at any time.

use std::fs;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use layerlab::oci::Digest;
use nix::sys::signal::Signal;

use crate::harness::Role;
use crate::tarballs::Tar;
use crate::teacher::{Answer, PATIENCE, Teacher, place};

#[test]
fn an_image_is_pushed_in_pieces() {
    let teacher = Teacher::new(place(Role::Self_), "--writable");
    let layer = Tar::new().file("note", b"a note\n").end();
    let diff_id = Digest::of(&layer);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
    );
    // The layer in two pieces, of which the first breaks off.
    let begun = teacher.ask("POST /v2/team/note/blobs/uploads/");
    let place = begun.field("Location").unwrap().to_owned();
    let (first, rest) = layer.split_at(layer.len() / 2);
    let head = format!("PATCH {place} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", layer.len());
    let mut stream = teacher.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(first).unwrap();
    drop(stream);
    let end = Instant::now() + PATIENCE;
    let range = loop {
        let answer = teacher.ask(&format!("GET {place}"));
        let range = answer.field("Range").unwrap().to_owned();
        if range != "0-0" {
            break range;
        }
        assert!(Instant::now() < end, "nothing came of the piece");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(range, format!("0-{}", first.len() - 1));
    let piece = |from: usize| format!("PATCH {place}\nContent-Range: {from}-{}", from + rest.len() - 1);
    assert_eq!(teacher.send(&piece(first.len() + 1), rest).status, 416);
    assert_eq!(teacher.send(&piece(first.len()), &rest[1..]).refusal(), "400 SIZE_INVALID");
    assert_eq!(teacher.send(&piece(first.len()), rest).status, 202);
    // Another repository's upload is none of this one.
    assert_eq!(teacher.ask(&format!("GET {}", place.replace("note", "other"))).refusal(), "404 BLOB_UPLOAD_UNKNOWN");
    let ended = teacher.ask(&format!("PUT {place}?digest={diff_id}"));
    assert_eq!((ended.status, ended.field("Docker-Content-Digest")), (201, Some(diff_id.to_string().as_str())));
    assert_eq!(teacher.ask(&format!("GET {place}")).refusal(), "404 BLOB_UPLOAD_UNKNOWN");
    // What has another digest is not taken.
    let wrong = format!("POST /v2/team/note/blobs/uploads/?digest={}", Digest::of(b"else"));
    assert_eq!(teacher.send(&wrong, config.as_bytes()).refusal(), "400 DIGEST_INVALID");
    let described = |text: &str, kind: &str, size: usize| {
        format!(r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{text}","size":{size}}}"#)
    };
    let config_digest = Digest::of(config.as_bytes()).to_string();
    let manifest = |size: usize, layer_size: usize| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
            described(&config_digest, "config.v1+json", size),
            described(&diff_id.to_string(), "layer.v1.tar", layer_size)
        )
    };
    let put = |reference: &str, kind: &str, text: &str| {
        let kind = format!("Content-Type: application/vnd.oci.image.{kind}.v1+json");
        teacher.send(&format!("PUT /v2/team/note/manifests/{reference}\n{kind}"), text.as_bytes())
    };
    let right = manifest(config.len(), layer.len());
    // Everything that it lists has to be there, and to be what it says.
    assert_eq!(put("1", "manifest", &right).refusal(), "400 MANIFEST_BLOB_UNKNOWN");
    assert_eq!(teacher.push_blob("team/note", config.as_bytes()).status, 201);
    assert_eq!(put("1", "manifest", &manifest(config.len(), layer.len() + 1)).refusal(), "400 SIZE_INVALID");
    assert_eq!(put("1", "index", &right).refusal(), "400 MANIFEST_INVALID");
    assert_eq!(put("1", "manifest", "{").refusal(), "400 MANIFEST_INVALID");
    assert_eq!(put(&diff_id.to_string(), "manifest", &right).refusal(), "400 DIGEST_INVALID");
    let digest = Digest::of(right.as_bytes()).to_string();
    assert_eq!(put(&digest, "manifest", &right).status, 201);
    assert_eq!(teacher.ask(&format!("GET /v2/team/note/manifests/{digest}")).body, right.as_bytes());
    assert!(!teacher.place.run("images").contains("team/note"));
    // An index lists images, and nothing else.
    let listed = |parts: &[String]| format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, parts.join(","));
    let image = described(&digest, "manifest.v1+json", right.len());
    let bare = described(&diff_id.to_string(), "layer.v1.tar+gzip", layer.len());
    let mixed = listed(&[image.clone(), bare]);
    for reference in ["2".to_owned(), Digest::of(mixed.as_bytes()).to_string()] {
        assert_eq!(put(&reference, "index", &mixed).refusal(), "400 MANIFEST_INVALID");
    }
    assert_eq!(put("2", "index", &listed(&[image])).status, 201);
    assert_eq!(put("1", "manifest", &right).status, 201);
    assert_eq!(teacher.ask("GET /v2/team/note/manifests/1").body, right.as_bytes());
    assert_eq!(teacher.ask("DELETE /v2/team/note/manifests/1").refusal(), "405 UNSUPPORTED");
    assert!(teacher.place.run("images").contains("team/note"));
    // What another repository had from there goes with the last name.
    for part in [&diff_id.to_string(), &config_digest] {
        assert_eq!(teacher.ask(&format!("POST /v2/z/2/blobs/uploads/?mount={part}&from=team/note")).status, 201);
    }
    assert_eq!(teacher.ask(&format!("GET /v2/z/2/blobs/{diff_id}")).body, layer);
    teacher.place.run("rmi team/note:1 team/note:2");
    for method in ["HEAD", "GET"] {
        assert_eq!(teacher.ask(&format!("{method} /v2/z/2/blobs/{diff_id}")).status, 404);
    }
    let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json";
    let answer = teacher.send(&format!("PUT /v2/z/2/manifests/t\n{kind}"), right.as_bytes());
    assert_eq!(answer.refusal(), "400 MANIFEST_BLOB_UNKNOWN");
    let place = teacher.end();
    assert!(place.run("events --since 1 --until 0s").contains("image push"));
}

#[test]
fn an_image_that_does_not_hold_what_it_says_gets_no_name() {
    let teacher = Teacher::new(place(Role::Self_), "--writable");
    let layer = b"this is no archive";
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Digest::of(layer)
    );
    for blob in [layer.as_slice(), config.as_bytes()] {
        assert_eq!(teacher.push_blob("bad", blob).status, 201);
    }
    let part = |kind: &str, bytes: &[u8]| {
        let (digest, size) = (Digest::of(bytes), bytes.len());
        format!(r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{digest}","size":{size}}}"#)
    };
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        part("config.v1+json", config.as_bytes()),
        part("layer.v1.tar", layer)
    );
    let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json";
    let answer = teacher.send(&format!("PUT /v2/bad/manifests/1\n{kind}"), manifest.as_bytes());
    assert_eq!(answer.refusal(), "400 MANIFEST_INVALID");
    let message = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("tar") && !message.contains("/tmp"), "{message}");
    assert!(!teacher.end().run("images").contains("bad"));
}

#[test]
fn a_body_may_come_in_chunks() {
    let teacher = Teacher::new(place(Role::Self_), "--writable");
    let ask = |body: &str| {
        let mut stream = teacher.connect();
        let digest = Digest::of(b"hello, chunks");
        let head = format!(
            "POST /v2/x/blobs/uploads/?digest={digest} HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
             Expect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(body.as_bytes()).unwrap();
        Answer::read(stream).status
    };
    assert_eq!(ask("5\r\nhello\r\n8;x=y\r\n, chunks\r\n0\r\nTrailer: x\r\n\r\n"), 201);
    assert_eq!(ask("5\r\nhello8\r\n, chunks\r\n0\r\n\r\n"), 400);
    assert_eq!(ask("zz\r\n"), 400);
    assert_eq!(ask("ffffffffffffffffff\r\n"), 400);
    teacher.end();
}

#[test]
fn a_registry_that_is_killed_leaves_a_whole_store() {
    let mut teacher = Teacher::new(place(Role::Self_), "--writable");
    assert_eq!(teacher.push_blob("half", b"whole").status, 201);
    let begun = teacher.ask("POST /v2/half/blobs/uploads/");
    let head = format!("PATCH {} HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", begun.field("Location").unwrap());
    let mut stream = teacher.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[7; 100_000]).unwrap();
    assert!(fs::read_dir(teacher.place.home().join("tmp")).unwrap().count() > 0);
    teacher.signal(Signal::SIGKILL);
    teacher.child.wait().unwrap();
    let text = teacher.place.run("store verify");
    assert!(text.contains("all intact"), "{text}");
    assert_eq!(fs::read_dir(teacher.place.home().join("tmp")).unwrap().count(), 0);
    teacher.place.assert_whole();
}
