//! `serve` among many: a whole class at once, clients that are slow or say nothing, and what is too much.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use layerlab::oci::Digest;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::harness::{Place, Role};
use crate::teacher::{Teacher, place};

/// How much memory a process had at most, in MiB.
fn most_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn thirty_pull_at_once() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY large /\n");
    let large: Vec<u8> = (0..24_u32 << 20).map(|byte| (byte ^ (byte >> 8) ^ (byte >> 16)) as u8).collect();
    fs::write(place.path("large"), large).unwrap();
    place.run("build -q -t large .");
    let teacher = Teacher::new(place, "");
    let manifest = teacher.ask("GET /v2/large/manifests/latest").json();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
    let expected = fs::read(teacher.place.home().join("blobs/sha256").join(&layer["sha256:".len()..])).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(|| {
                let answer = teacher.ask(&format!("GET /v2/large/blobs/{layer}"));
                assert!(answer.body == expected, "{} bytes of {}", answer.body.len(), expected.len());
            });
        }
    });
    let memory = most_memory(teacher.child.id());
    assert!(memory < 256, "the registry had {memory} MiB");
    teacher.end();
}

#[test]
fn a_whole_class_pulls_at_once() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY one /\nCOPY two /\nCOPY three /\nCMD [\"/one\"]\n");
    for (name, prime) in [("one", 7_u32), ("two", 251), ("three", 65_521)] {
        let bytes: Vec<u8> = (0..3_u32 << 20).map(|byte| (byte.wrapping_mul(prime) >> 8) as u8).collect();
        fs::write(place.path(name), bytes).unwrap();
    }
    place.run("build -q -t large .");
    let id = place.run("images -q --no-trunc large");
    let teacher = Teacher::new(place, "");
    let name = format!("{}/large", teacher.address);
    let pupils: Vec<Place> = (0..30).map(|_| Place::new("")).collect();
    let children: Vec<Child> = pupils
        .iter()
        .map(|pupil| pupil.command(&format!("pull -q {name}")).stdout(Stdio::null()).spawn().unwrap())
        .collect();
    for (pupil, mut child) in pupils.iter().zip(children) {
        assert!(child.wait().unwrap().success());
        assert_eq!(pupil.run(&format!("images -q --no-trunc {name}")), id);
        pupil.assert_whole();
    }
    let memory = most_memory(teacher.child.id());
    assert!(memory < 256, "the registry had {memory} MiB");
    teacher.end();
}

#[test]
fn who_says_nothing_keeps_nobody_waiting() {
    let teacher = Teacher::new(place(Role::Self_), "");
    let mut slow: Vec<TcpStream> = (0..100).map(|_| teacher.connect()).collect();
    for stream in &mut slow[..50] {
        stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost:").unwrap();
    }
    assert_eq!(teacher.ask("GET /v2/").status, 200);
    // A connection is kept for more requests, and one may be sent before the last was answered.
    let mut stream = teacher.connect();
    let request = "GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(format!("{request}{request}").as_bytes()).unwrap();
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
    // What is no request is answered at once: a client that tries TLS first, or sends a head without end.
    for (bytes, status) in [
        (b"\x16\x03\x01\x02\x00\x01".to_vec(), " 400 "),
        (b"hello\r\n\r\n".to_vec(), " 400 "),
        (format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(20_000)).into_bytes(), " 431 "),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), " 400 "),
    ] {
        let mut stream = teacher.connect();
        stream.write_all(&bytes).unwrap();
        let mut answer = vec![0; 32];
        stream.read_exact(&mut answer).unwrap();
        assert!(String::from_utf8_lossy(&answer).contains(status), "{}", String::from_utf8_lossy(&answer));
    }
    teacher.end();
}

#[test]
fn too_much_is_not_taken() {
    let place = place(Role::Self_);
    let variables = [
        ("LAYERLAB_MAX_LAYER", "1000"),
        ("LAYERLAB_MAX_UPLOADS", "2"),
        ("LAYERLAB_MAX_UPLOADED", "1500"),
        ("LAYERLAB_MAX_MANIFEST", "600"),
    ];
    let teacher = Teacher::with(place, "--writable", &variables);
    assert_eq!(teacher.push_blob("x", &[1; 1001]).refusal(), "413 SIZE_INVALID");
    assert_eq!(teacher.push_blob("x", &[1; 1000]).status, 201);
    assert_eq!(teacher.push_blob("y", &[1; 1000]).refusal(), "507 TOOMANYREQUESTS");
    let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json";
    let answer = teacher.send(&format!("PUT /v2/x/manifests/1\n{kind}"), &[b' '; 601]);
    assert_eq!(answer.refusal(), "413 SIZE_INVALID");
    assert!(String::from_utf8_lossy(&answer.body).contains("an image manifest may have 600 bytes"));
    // What requests add to stays: then there is no room for another one.
    let begin = || teacher.ask("POST /v2/x/blobs/uploads/").field("Location").unwrap().to_owned();
    let mut busy: Vec<TcpStream> = Vec::new();
    for _ in 0..2 {
        let place = begin();
        let mut stream = teacher.connect();
        let fields = "Host: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
        stream.write_all(format!("PATCH {place} HTTP/1.1\r\n{fields}").as_bytes()).unwrap();
        stream.read_exact(&mut [0; 25]).unwrap();
        busy.push(stream);
    }
    assert_eq!(teacher.ask("POST /v2/x/blobs/uploads/").refusal(), "429 TOOMANYREQUESTS");
    drop(busy);
    teacher.wait_for_log("broke off", 2);
    assert_eq!(teacher.ask("POST /v2/x/blobs/uploads/").status, 202);
    teacher.end();
}

#[test]
fn uploads_that_never_end_give_way() {
    let teacher = Teacher::with(place(Role::Self_), "--writable", &[("LAYERLAB_MAX_UPLOADS", "3")]);
    let begin = |last: u8| {
        let begun = teacher.send_on(teacher.connect_from(last), "POST /v2/x/blobs/uploads/", b"");
        assert_eq!(begun.status, 202);
        begun.field("Location").unwrap().to_owned()
    };
    let is_there = |place: &str| teacher.ask(&format!("GET {place}")).status == 204;
    let ours = begin(2);
    let theirs: Vec<String> = (0..5).map(|_| begin(1)).collect();
    assert_eq!(theirs.iter().map(|place| is_there(place)).collect::<Vec<_>>(), [false, false, false, true, true]);
    assert!(is_there(&ours), "it has made room for an address that has more");
    // Of an upload in one go that breaks off nothing stays: it takes the place of one that rests, and leaves it free.
    for number in 1..=5 {
        let mut stream = teacher.connect();
        let target = format!("/v2/x/blobs/uploads/?digest=sha256:{}", "0".repeat(64));
        let head = format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc");
        stream.write_all(head.as_bytes()).unwrap();
        drop(stream);
        teacher.wait_for_log("broke off after 3 bytes", number);
    }
    assert!(is_there(&theirs[4]) && is_there(&ours));
    assert_eq!(teacher.send(&format!("PUT {ours}?digest={}", Digest::of(b"ours")), b"ours").status, 201);
    teacher.end();
}

#[test]
fn nobody_is_locked_out_by_one_address() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most.min(1 << 16), most).unwrap();
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY large /\n");
    fs::write(place.path("large"), vec![7; 24 << 20]).unwrap();
    place.run("build -q -t large .");
    let teacher = Teacher::new(place, "");
    let manifest = teacher.ask("GET /v2/large/manifests/latest").json();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
    let request = format!("GET /v2/large/blobs/{layer} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // They ask for a layer, and never read it. What is more than there is room for is told so at once.
    let greedy: Vec<TcpStream> = (0..600)
        .map(|_| {
            let mut stream = teacher.connect();
            let _ = stream.write_all(request.as_bytes());
            stream
        })
        .collect();
    teacher.wait_for_log("127.0.0.1 is turned away: there are too many connections", 600 - 512);
    for _ in 0..3 {
        assert_eq!(teacher.send_on(teacher.connect_from(2), "GET /v2/", b"").status, 200);
    }
    drop(greedy);
    teacher.end();
}
