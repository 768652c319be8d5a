//! Bad input that is not a syntax error: each with its whole message. Syntax errors are in `tests/library/syntax_errors.rs`.

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Place, Role, filter, missing};

/// Builds one Dockerfile (or runs other commands) in a place of its own, and adds what it says to the list.
struct Mistakes(String);

impl Mistakes {
    fn note(&mut self, title: &str, text: &str) {
        self.0.push_str(&format!("── {title}\n{}\n", filter(text).trim_end()));
    }

    fn build(&mut self, title: &str, dockerfile: &str, arguments: &str) {
        let place = Place::new(&format!(
            "//- Dockerfile\n{dockerfile}//- file\ncontents\n//- folder/inner\ncontents\n//- .dockerignore\n*.secret\n//- hidden.secret\nx\n"
        ));
        let text = place.run(&format!(
            "build {} {arguments} .",
            if arguments.contains("--progress") { "" } else { "--progress quiet" }
        ));
        self.note(title, &text);
        place.assert_whole();
    }
}

#[test]
fn mistakes_in_what_is_built() {
    let mut list = Mistakes(String::new());
    let base = "FROM layerlab/base\n";
    let on_base = |text: &str| format!("{base}{text}");
    list.build("an image that is not in the store", "FROM registry.example/none:1\n", "");
    list.build("an image that a stand-in could replace", "FROM alpine\n", "");
    list.build("a name that is no image name", "FROM Not/An/Image!\n", "");
    list.build("a base that expands to nothing", "ARG BASE\nFROM $BASE\n", "");
    list.build("a platform that is none", "FROM --platform=moon layerlab/base\n", "");
    list.build("no stage at all", "ARG A=1\n", "");
    list.build(
        "a target that does not exist",
        "FROM layerlab/base AS build\nFROM scratch AS final\nCOPY --from=build / /\n",
        "--target biuld",
    );
    list.build("a stage that copies from itself", "FROM layerlab/base AS one\nCOPY --from=one / /\n", "");
    list.build(
        "a stage that copies from a later one",
        "FROM scratch AS one\nCOPY --from=two / /\nFROM layerlab/base AS two\n",
        "--target one",
    );
    list.build("a stage number that does not exist", &on_base("COPY --from=7 / /\n"), "");
    list.build("a variable in --from", &on_base("ARG S=x\nCOPY --from=$S / /\n"), "");
    list.build("a source that is not in the context", &on_base("COPY missing /\n"), "");
    list.build("a source that .dockerignore leaves out", &on_base("COPY hidden.secret /\n"), "");
    list.build("a source outside of the context", &on_base("COPY ../../etc/passwd /\n"), "");
    list.build(
        "a source that is not in the stage",
        "FROM layerlab/base AS one\nFROM scratch\nCOPY --from=one /missing /\n",
        "",
    );
    list.build("a directory over a file", &on_base("COPY folder /etc/passwd\n"), "");
    list.build(
        "a file over a directory",
        &on_base("COPY file /a/x\nCOPY folder /b/\nRUN mkdir /b/file\nCOPY --link=false . /b/\n"),
        "",
    );
    list.build("a file below a file", &on_base("COPY file /etc/passwd/x\n"), "");
    list.build("a WORKDIR on a file", &on_base("WORKDIR /etc/passwd\n"), "");
    list.build(
        "an owner that does not exist",
        &on_base("COPY --chown=nobody-knows:nor-this file /\n"),
        "--progress classic",
    );
    list.build("an owner by name on an empty image", "FROM scratch\nCOPY --chown=nobody file /\n", "");
    list.build("an owner by name for a layer of its own", &on_base("COPY --link --chown=0:nobody file /\n"), "");
    list.build("a mode that is too large", &on_base("COPY --chmod=17777 file /\n"), "");
    list.build("a mode that is no mode", &on_base("COPY --chmod=rwx file /\n"), "");
    list.build("a port that is none", &on_base("EXPOSE 80/ftp\n"), "");
    list.build("a port range that ends before it begins", &on_base("EXPOSE 90-80\n"), "");
    list.build("a signal that does not exist", &on_base("STOPSIGNAL SIGNOTHING\n"), "");
    list.build("a variable that is required", &on_base("LABEL a=\"${NEEDED:?say what is needed}\"\n"), "");
    list.build("a bad wildcard", &on_base("COPY fil[ /\n"), "");
    list.build("a mount over the root", &on_base("RUN --mount=type=cache,target=/ true\n"), "");
    list.build("a URL", &on_base("ADD https://example.org/x /\n"), "");
    list.build("a command that fails", &on_base("RUN exit 3\n"), "");
    list.build("a command that goes into a file", &on_base("COPY file /app\nRUN cd \"/app\" && ls\n"), "");
    list.build("a command that is not there", &on_base("RUN no-such-command\n"), "");
    list.build("a program that is not there", &on_base("RUN [\"/no/such/program\"]\n"), "");
    list.build("a RUN on an empty image", "FROM scratch\nRUN echo hello\n", "");
    list.build("a user that does not exist", &on_base("USER nobody-knows\nRUN true\n"), "");
    list.build("a source with a slip of the keyboard", &on_base("COPY flie /\n"), "");
    list.build("a tag that is no name", base, "-t Not!A!Name");
    let place = Place::new("//- base\nFROM scratch\nONBUILD BOGUS x\n//- Dockerfile\nFROM broken\n");
    place.run("build -q -f base -t broken .");
    list.note("a trigger that is no instruction", &place.run("build -q ."));
    insta::assert_snapshot!(list.0);
}

#[test]
fn a_name_that_is_nearly_that_of_an_image_is_told() {
    let place = Place::new("");
    place.run("tag layerlab/base 127.0.0.1:9/first_image");
    let mut said = String::new();
    for name in ["127.0.0.1:9/frist_image", "127.0.0.1:9/other"] {
        let done = place.command(&format!("run {name}")).env("LAYERLAB_PULL", "missing").output().unwrap();
        said.push_str(&String::from_utf8_lossy(&done.stderr));
    }
    let number = said.matches("did you mean `127.0.0.1:9/first_image`, which is here?").count();
    assert_eq!(number, 1, "{said}");
}

#[test]
fn mistakes_around_the_build() {
    let mut list = Mistakes(String::new());
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY Dockerfile /\n//- file\nx\n//- binary\n\u{0}\n");
    std::fs::write(place.path("latin"), b"FROM scratch\n# caf\xe9\n").unwrap();
    for (title, arguments) in [
        ("no context", "build"),
        ("no context behind a name", "build -t name"),
        ("a context that is not there", "build missing"),
        ("a context that is a file", "build file"),
        ("a Dockerfile that is not there", "build -f missing ."),
        ("a Dockerfile that is a folder", "build -f . ."),
        ("a Dockerfile that is not UTF-8", "build -f latin ."),
        ("a Dockerfile with a NUL byte", "build -f binary ."),
        ("a form of progress that does not exist", "build --progress fancy ."),
        ("a flag that does not exist", "build --squash ."),
        ("a command that does not exist", "biuld ."),
        ("a short command that does not exist", "rn web"),
        ("a command that does not exist below another", "image lst"),
        ("a command of Docker's", "exec web sh"),
        ("a command of Docker's below another", "store rm x"),
        ("an image that does not exist", "history nothing"),
        ("a tag of nothing", "tag nothing else"),
        ("a file to parse that is not there", "parse missing"),
        ("an archive that is none", "import file name"),
    ] {
        list.note(title, &place.run(arguments));
    }
    place.assert_whole();
    insta::assert_snapshot!(list.0);
}

#[test]
fn mistakes_of_the_machine() {
    let mut list = Mistakes(String::new());

    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY Dockerfile /\n//- store/photos/cat.png\nmeow\n");
    list.note("a folder of other things as home", &place.run("--home store images"));
    place.write("file", "x");
    list.note("a file as home", &place.run("--home file images"));
    place.write("old/oci-layout", "{\"imageLayoutVersion\":\"7.0.0\"}");
    list.note("a layout of another version", &place.run("--home old images"));
    place.write("broken/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    place.write("broken/index.json", "{ not json");
    list.note("an index that is no JSON", &place.run("--home broken images"));
    let mut command = place.command("images");
    command.env("SOURCE_DATE_EPOCH", "yesterday");
    let output = command.output().unwrap();
    list.note("an epoch that is no number", &String::from_utf8_lossy(&output.stderr));

    place.run("build --progress quiet -t small .");
    let blobs = place.home().join("blobs/sha256");
    for blob in std::fs::read_dir(blobs).unwrap().flatten() {
        let bytes = std::fs::read(blob.path()).unwrap();
        if !bytes.starts_with(b"{") {
            std::fs::write(blob.path(), &bytes[..bytes.len() / 2]).unwrap();
        }
    }
    list.note("a layer that was cut in half", &place.run("store verify"));

    if nix::unistd::geteuid().is_root() {
        let place = Place::of(Role::Single, "//- Dockerfile\nFROM scratch\nCOPY . /\n//- private/file\nx\n");
        std::fs::set_permissions(place.path("private"), std::fs::Permissions::from_mode(0o000)).unwrap();
        list.note("a context that can't be read", &place.run("build --progress quiet ."));
        let place = Place::of(Role::Single, "//- Dockerfile\nFROM scratch\n//- home/\n");
        std::fs::set_permissions(place.path("home"), std::fs::Permissions::from_mode(0o555)).unwrap();
        list.note("a home that can't be written", &place.run("--home home/below images"));
        list.note("a disk that is full", &full_disk());
    } else {
        missing("unreadable folders and a full disk: the tests don't run as root");
    }
    insta::assert_snapshot!(list.0);
}

/// A home of two megabytes, and a file of four to copy.
fn full_disk() -> String {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY big /\n//- tiny/\n");
    std::fs::write(place.path("big"), vec![7; 4 << 20]).unwrap();
    let target = place.path("tiny");
    nix::mount::mount(Some("tmpfs"), &target, Some("tmpfs"), nix::mount::MsFlags::empty(), Some("size=2m")).unwrap();
    let text = place.run("--home tiny/home build --progress quiet .");
    let verified = place.run("--home tiny/home store verify");
    nix::mount::umount(&target).unwrap();
    format!("{text}{verified}")
}

#[test]
fn a_full_disk_has_the_same_hint_wherever_it_is_noticed() {
    if !nix::unistd::geteuid().is_root() {
        return missing("a full disk: the tests don't run as root");
    }
    for role in [Role::Self_, Role::Mapped, Role::Single] {
        // The base image takes up to five megabytes, packed and unpacked; the file fits once, but not into a layer as well.
        let place = Place::of(
            role,
            "//- Dockerfile\nFROM layerlab/base\nRUN yes | head -c 6000000 > /big\n//- second/Dockerfile\nFROM layerlab/base\nRUN yes | head -c 20000000 > /big\n//- tiny/\n",
        );
        let target = place.path("tiny");
        nix::mount::mount(
            Some("tmpfs"),
            &target,
            Some("tmpfs"),
            nix::mount::MsFlags::empty(),
            Some("size=12m,mode=777"),
        )
        .unwrap();
        let captured = place.run("--home tiny/home build --progress quiet .");
        let written = place.run("--home tiny/home build second");
        let again = place.run("--home tiny/home run layerlab/base echo fine");
        let verified = place.run("--home tiny/home store verify");
        // The keeper of its networks goes a moment after the last container.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while let Err(errno) = nix::mount::umount(&target) {
            assert!(errno == nix::errno::Errno::EBUSY && std::time::Instant::now() < end, "{errno}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert!(captured.contains("No space left on device (ENOSPC)\n --> Dockerfile:2:1"), "{role:?}: {captured}");
        assert!(captured.contains("hint: free some space on that disk"), "{role:?}: {captured}");
        assert!(written.contains("returned a non-zero code: 1"), "{role:?}: {written}");
        assert_eq!(again, "fine\n", "{role:?}");
        assert!(verified.ends_with("all intact\n"), "{role:?}: {verified}");
    }
}

#[test]
fn a_file_that_may_not_grow_is_a_message_and_no_death() {
    use std::os::unix::process::CommandExt as _;
    let place = Place::new(
        "//- Dockerfile\nFROM scratch\nCOPY big /\n//- run/Dockerfile\nFROM layerlab/base\nRUN yes | head -c 3000000 > /big\n",
    );
    std::fs::write(place.path("big"), vec![7; 4 << 20]).unwrap();
    place.run("run layerlab/base true");
    let limited = |arguments: &str| {
        let mut command = place.command(arguments);
        // SAFETY: setrlimit(2) only, between fork and exec.
        unsafe {
            command.pre_exec(|| {
                let most = 2 << 20;
                Ok(nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_FSIZE, most, most)?)
            });
        }
        let output = command.output().unwrap();
        format!("{}{:?}", String::from_utf8_lossy(&output.stderr), output.status.code())
    };
    insta::assert_snapshot!(limited("build --progress quiet .") + "\n" + &limited("build --progress quiet run"));
    place.assert_whole();
}

#[test]
fn advice_that_several_errors_have_comes_once() {
    let place = Place::new("");
    insta::assert_snapshot!(place.session(&["rm one two three", "rmi one two", "--home run rn x"]));
}
