//! ADD of URLs: from a server on this machine's loopback that says what a test wants.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::harness::{Place, Role};
use crate::registry::{Asked, Fake, answer};

const NOTE: &[u8] = b"a note\n";
/// `NOTE`'s digest.
const DIGEST: &str = "sha256:037279912cb60d7be67228853b057cc642443b4ce29b8a5a5bfbb68234b0b962";
const DATE: (&str, &str) = ("Last-Modified", "Tue, 15 Nov 1994 08:12:31 GMT");

/// A server with a note at every path.
fn notes() -> Fake {
    Fake::start(|_| answer("200 OK", &[DATE], NOTE))
}

/// A folder with this Dockerfile behind `FROM layerlab/base`, in which `HOST` is the server.
fn place(role: Role, server: &Fake, instructions: &str) -> Place {
    let place = Place::of(role, &format!("//- Dockerfile\nFROM layerlab/base\n{instructions}\n//- local\nlocal\n"));
    write(&place, server, instructions);
    place
}

fn write(place: &Place, server: &Fake, instructions: &str) {
    let text = format!("FROM layerlab/base\n{}\n", instructions.replace("HOST", &server.host()));
    place.write("Dockerfile", &text);
}

/// Runs lines of the shell with the program as `$L`, each shown behind a `$`.
fn session(place: &Place, server: &Fake, lines: &[&str]) -> String {
    place.shell_session(lines, &[(&server.host(), "HOST")])
}

/// What the server was asked: the path, and with which conditions.
fn asked(server: &Fake) -> Vec<String> {
    let line = |asked: &Asked| {
        let conditions = ["if-none-match", "if-modified-since", "range", "if-range"];
        let conditions = conditions.iter().filter_map(|name| Some(format!(" {name}: {}", asked.header(name)?)));
        format!("{} {}{}", asked.method, asked.path, conditions.collect::<String>())
    };
    server.asked().iter().map(line).collect()
}

#[test]
fn files_of_urls_are_added() {
    for role in [Role::Self_, Role::Mapped, Role::Single] {
        let server = notes();
        let instructions = format!(
            "\
ARG FOLDER=files
ADD http://HOST/$FOLDER/note.txt /a/
ADD http://HOST/x.txt?y=/z http://HOST/b%20c/ http://HOST /b/
ADD http://HOST/x local <<document /c/
text
document
ADD --link --chown=0:0 --chmod=u=rw,go=r http://HOST/note.txt /d
ADD --checksum={DIGEST} http://HOST/note.txt /e/f/g
RUN stat -c '%n %a %u:%g %Y' /a/note.txt /b/* /c/* /d /e/f/g && cat /a/note.txt /b/* /c/* /d /e/f/g"
        );
        let place = place(role, &server, &instructions);
        let text = session(
            &place,
            &server,
            &[
                "$L build --progress plain -t demo . | grep -v '^Successfully'",
                "$L history --no-trunc --format '{{.CreatedBy}}' demo",
            ],
        );
        insta::assert_snapshot!("files_of_urls_are_added", text);
        assert!(server.asked().iter().all(|asked| asked.header("authorization").is_none()));
        place.assert_whole();
    }
}

#[test]
fn a_url_is_asked_whether_it_has_changed() {
    let content = Arc::new(Mutex::new("one"));
    let now = Arc::clone(&content);
    let server = Fake::start(move |asked| {
        let content = *now.lock().unwrap();
        let tag = format!("\"{content}\"");
        if asked.header("if-none-match") == Some(&tag) {
            return answer("304 Not Modified", &[("ETag", &tag)], b"");
        }
        answer("200 OK", &[("ETag", &tag), DATE], content.as_bytes())
    });
    let place = place(Role::Self_, &server, "ADD http://HOST/data /data\nRUN cat /data");
    let mut text = session(
        &place,
        &server,
        &["$L plan .", "$L build -t demo .", "$L plan .", "$L build -t demo .", "LAYERLAB_PULL=never $L plan ."],
    );
    assert_eq!(asked(&server).len(), 2, "a prediction asks nobody");
    *content.lock().unwrap() = "three";
    text +=
        &session(&place, &server, &["printf 'step 2\\nwhy\\nwhy 2 full\\nquit\\n' | $L step .", "$L build -t demo ."]);
    text += &asked(&server).join("\n");
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn a_download_goes_on_where_it_has_broken_off() {
    // Half of the file comes, and then what is asked for; by the first letter of the path the server can say less of the file.
    let whole: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let sum = layerlab::oci::Digest::of(&whole).to_string();
    let times = Mutex::new(std::collections::HashMap::new());
    let server = Fake::start(move |asked| {
        let mut times = times.lock().unwrap();
        let time = times.entry(asked.path.clone()).or_insert(0);
        *time += 1;
        let headers: &[(&str, &str)] = match asked.path.as_str() {
            "/tag" => &[("ETag", "\"one\"")],
            "/weak" => &[("ETag", "W/\"one\"")],
            "/date" => &[DATE],
            "/changed" if *time == 1 => &[("ETag", "\"zero\"")],
            "/changed" => &[("ETag", "\"one\"")],
            "/shrunk" => &[("ETag", "\"one\"")],
            "/other" => &[("ETag", "\"one\"")],
            _ => &[],
        };
        let from =
            asked.header("range").map(|range| range.trim_start_matches("bytes=").trim_end_matches('-').to_owned());
        let is_same = headers.iter().any(|(_, value)| asked.header("if-range") == Some(value));
        match from.filter(|_| is_same).and_then(|from| from.parse::<usize>().ok()) {
            Some(_) if asked.path == "/shrunk" => answer("416 Range Not Satisfiable", &[], b""),
            Some(from) => {
                let first = if asked.path == "/other" { from + 1 } else { from };
                let range = format!("bytes {first}-{}/{}", whole.len() - 1, whole.len());
                let headers: Vec<_> = headers.iter().copied().chain([("Content-Range", range.as_str())]).collect();
                answer("206 Partial Content", &headers, &whole[from..])
            }
            None if *time == 1 => {
                let all = answer("200 OK", headers, &whole);
                all[..all.len() - whole.len() / 2].to_vec()
            }
            None => answer("200 OK", headers, &whole),
        }
    });
    let place = place(Role::Self_, &server, "");
    let mut text = String::new();
    for path in ["tag", "weak", "date", "none", "changed", "shrunk", "other"] {
        write(&place, &server, &format!("ADD --checksum={sum} http://HOST/{path} /data"));
        text += &session(&place, &server, &["$L build -q . | wc -l"]);
    }
    let asked = asked(&server).iter().map(|line| format!("{line}\n")).collect::<String>();
    insta::assert_snapshot!(text + &asked);
    place.assert_whole();
}

/// The first half comes, and then there is another file at the same URL, whose server says so in one way or in none.
#[test]
fn a_file_that_has_changed_meanwhile_comes_anew() {
    let (before, now) = ([b'1'; 100_000], [b'2'; 100_000]);
    let times = Mutex::new(std::collections::HashMap::new());
    let server = Fake::start(move |asked| {
        let mut times = times.lock().unwrap();
        let time = times.entry(asked.path.clone()).or_insert(0);
        *time += 1;
        if *time == 1 {
            let tag: &[(&str, &str)] = if asked.path == "/date" { &[DATE] } else { &[("ETag", "\"one\"")] };
            return answer("200 OK", tag, &before)[..50_000].to_vec();
        }
        let from = asked.header("range").and_then(|range| range["bytes=".len()..].trim_end_matches('-').parse().ok());
        let Some(from) = from.filter(|_| asked.path != "/heeds") else { return answer("200 OK", &[], &now) };
        let range = format!("bytes {from}-{}/{}", now.len() - 1, now.len());
        let mut headers = vec![("Content-Range", range.as_str())];
        match asked.path.as_str() {
            "/ignores" => headers.push(("ETag", "\"two\"")),
            "/weakens" => headers.push(("ETag", "W/\"one\"")),
            "/date" => headers.push(("Last-Modified", "Tue, 15 Nov 1994 09:00:00 GMT")),
            _ => {}
        }
        answer("206 Partial Content", &headers, &now[from..])
    });
    let place = place(Role::Self_, &server, "");
    for path in ["heeds", "ignores", "weakens", "says-nothing", "date"] {
        write(&place, &server, &format!("ADD http://HOST/{path} /data"));
        let text = session(
            &place,
            &server,
            &["$L build -q -t demo . > /dev/null; $L run --rm demo sh -c 'tr -d 2 < /data | wc -c; wc -c < /data'"],
        );
        assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), ["0", "100000"], "{path}: {text}\n{:?}", asked(&server));
    }
    place.assert_whole();
}

#[test]
fn a_download_is_told_of() {
    let server = Fake::start(|asked| match asked.header("if-none-match") {
        Some(_) => answer("304 Not Modified", &[], b""),
        None => answer("200 OK", &[("ETag", "\"one\"")], NOTE),
    });
    let place = place(Role::Self_, &server, "ADD http://HOST/note?token=secret /note");
    let json = "$L build --progress json . | grep -o '\"type\":\"downloaded\".*'";
    let text = session(
        &place,
        &server,
        &[
            "$L build .",
            "$L build .",
            json,
            "$L build --progress plain . | grep '#2'",
            "printf 'step 2\\nquit\\n' | $L step .",
            "LAYERLAB_PULL=never $L build . | grep note",
        ],
    );
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn a_checksum_decides_what_is_used() {
    let server = notes();
    let checked = format!("ADD --checksum={DIGEST} http://HOST/note /note");
    let place = place(Role::Self_, &server, &checked);
    let mut text = session(&place, &server, &["$L plan .", "$L build -q .", "$L plan .", "$L build -q ."]);
    assert_eq!(asked(&server), ["GET /note"], "what is kept is used");
    let wrong = DIGEST.replace("0372", "0373");
    for instruction in [
        format!("ADD --checksum={wrong} http://HOST/note /note"),
        format!("ADD --checksum={wrong} http://HOST/other /note"),
        format!("ARG D={wrong}\nADD --checksum=$D \\\n  http://HOST/note /note"),
        "ADD --checksum=sha256:12 http://HOST/note /note".to_owned(),
        format!("ADD --checksum=sha512:{} http://HOST/note /note", "0".repeat(128)),
        format!("ADD --checksum={wrong} local /note"),
        format!("ARG SOURCE=local\nADD --checksum={wrong} $SOURCE /note"),
        format!("ADD --checksum={wrong} http://HOST/note http://HOST/other /note/"),
    ] {
        write(&place, &server, &instruction);
        text += &session(&place, &server, &["$L build -q ."]);
    }
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn answers_that_are_no_file_are_errors() {
    let place = Place::new("//- local\nlocal\n");
    let server = Fake::start(|asked| match asked.path.as_str() {
        "/moved" => answer("302 Found", &[("Location", "/there/file")], b""),
        "/there/file" => answer("200 OK", &[], NOTE),
        "/loop" => answer("302 Found", &[("Location", "/loop")], b""),
        "/private" => answer("302 Found", &[("Location", "http://10.1.2.3/")], b""),
        "/wire" => answer("302 Found", &[("Location", "http://169.254.169.254/latest/")], b""),
        "/nowhere" => answer("302 Found", &[("Location", "ftp://host/")], b""),
        "/large" => answer("200 OK", &[], &[b'x'; 5000]),
        "/endless" => [&b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"[..], &[b'x'; 5000]].concat(),
        "/short" => b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nshort".to_vec(),
        "/unchanged" => answer("304 Not Modified", &[], b""),
        "/broken" => answer("500 Internal Server Error", &[], b""),
        "/odd" => b"hello\r\n\r\n".to_vec(),
        _ => answer("404 Not Found", &[], b""),
    });
    let mut text = String::new();
    let paths = [
        "moved",
        "loop",
        "private",
        "wire",
        "nowhere",
        "large",
        "endless",
        "short",
        "unchanged",
        "broken",
        "odd",
        "none",
    ];
    let local = paths.iter().map(|path| format!("http://HOST/{path}"));
    let others =
        ["http://169.254.169.254/latest/meta-data", "http://[fe80::1]/x", "http://user:secret@HOST/x", "http://"];
    for url in local.chain(others.map(str::to_owned)) {
        write(&place, &server, &format!("COPY local /\nADD local {url} /files/"));
        text += &session(&place, &server, &["LAYERLAB_MAX_DOWNLOAD=4K $L build -q ."]);
    }
    // Variables are expanded before it is known what a word is.
    write(&place, &server, "ARG URL=http://user:secret@HOST/x\nADD $URL /x");
    text += &session(&place, &server, &["$L build -q ."]);
    insta::assert_snapshot!(text);
    assert_eq!(std::fs::read_dir(place.home().join("tmp")).unwrap().count(), 0, "nothing is left of what broke off");
    place.assert_whole();
}

#[test]
fn without_a_network_what_is_kept_will_do() {
    let server = notes();
    let place = place(Role::Self_, &server, "ADD http://HOST/note /note");
    let mut text = session(
        &place,
        &server,
        &[
            "LAYERLAB_PULL=never $L build -q .",
            "LAYERLAB_PULL=never $L plan .",
            "$L build -q .",
            "LAYERLAB_PULL=never $L build -q .",
        ],
    );
    assert_eq!(asked(&server), ["GET /note"]);
    // Nobody listens there.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    place.write("Dockerfile", &format!("FROM layerlab/base\nADD http://127.0.0.1:{gone}/note /note\n"));
    text += &session(&place, &server, &["$L build -q ."]).replace(&gone.to_string(), "PORT");
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn archives_of_urls_are_unpacked_where_that_is_asked_for() {
    let place = Place::new("//- pack/file\nfrom the archive\n");
    let tar = Command::new("tar").args(["-czf", "pack.tar.gz", "pack"]).current_dir(place.path("")).status();
    assert!(tar.unwrap().success());
    let bytes = std::fs::read(place.path("pack.tar.gz")).unwrap();
    let server = Fake::start(move |asked| answer("200 OK", &[], if asked.path == "/note" { NOTE } else { &bytes }));
    write(
        &place,
        &server,
        "\
ADD http://HOST/pack.tar.gz pack.tar.gz /a/
ADD --unpack=false http://HOST/pack.tar.gz pack.tar.gz /b/
ADD --unpack=true http://HOST/pack.tar.gz http://HOST/note /c/
RUN find /a /b /c -type f | sort && cat /c/pack/file",
    );
    insta::assert_snapshot!(session(
        &place,
        &server,
        &["$L build -q -t demo .", "$L run --rm demo sh -c 'find /a /b /c -type f | sort; cat /c/pack/file'"]
    ));
    assert_eq!(asked(&server), ["GET /pack.tar.gz", "GET /note"], "each URL is asked once");
    place.assert_whole();
}

#[test]
fn downloads_go_with_the_cache() {
    let server = notes();
    let place = place(Role::Self_, &server, "ADD http://HOST/note /note");
    let kept = || {
        std::fs::read_dir(place.home().join("cache"))
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("url-"))
            .count()
    };
    session(&place, &server, &["$L build -q -t demo ."]);
    let blob = place.home().join("blobs/sha256").join(DIGEST.trim_start_matches("sha256:"));
    assert!(blob.exists() && kept() == 1);
    session(&place, &server, &["$L prune", "$L build -q -t demo ."]);
    assert!(blob.exists() && kept() == 1, "it is kept for the next build");
    session(&place, &server, &["$L prune --all"]);
    assert!(!blob.exists() && kept() == 0);
    session(&place, &server, &["$L build -q -t demo ."]);
    // What was damaged comes again.
    std::fs::write(&blob, "damaged").unwrap();
    session(&place, &server, &["$L build -q -t demo ."]);
    assert_eq!(std::fs::read(&blob).unwrap(), NOTE);
    place.assert_whole();
}

#[test]
fn a_download_ends_at_once_when_it_is_to() {
    let (asked, is_asked) = std::sync::mpsc::channel();
    let server = Fake::start(move |_| {
        asked.send(()).unwrap();
        std::thread::sleep(Duration::from_secs(600));
        Vec::new()
    });
    let place = place(Role::Self_, &server, "ADD http://HOST/note /note");
    let mut command = place.command("build -q .");
    let mut child = command
        .env("LAYERLAB_PULL", "missing")
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    is_asked.recv().unwrap();
    let begun = Instant::now();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::Signal::SIGINT).unwrap();
    let status = child.wait().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60), "it waits for the server");
    assert_eq!(status.code(), Some(130));
    place.assert_whole();
}
