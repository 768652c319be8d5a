//! Named contexts: what names of a Dockerfile stand for, given with `--build-context`.

use crate::harness::{Place, Role};
use crate::registry::{Fake, answer};
use crate::repository::Repositories;

/// Runs lines of the shell with the program as `$L`, each shown behind a `$`.
fn session(place: &Place, lines: &[&str]) -> String {
    place.shell_session(lines, &[])
}

const DOCKERFILE: &str = "\
//- Dockerfile
FROM layerlab/base AS tools
RUN echo the tools of the Dockerfile > /tools
FROM other
COPY --from=files a b* /files/
RUN --mount=from=files,target=/m cat /m/a
COPY --from=tools /tools /
//- shared/a
a
//- shared/b1
b1
//- shared/b2
b2
//- shared/.dockerignore
b2
.dockerignore
//- tools/tools
the tools of a folder
";

#[test]
fn names_stand_for_folders_and_images() {
    for role in [Role::Self_, Role::Mapped, Role::Single] {
        let place = Place::of(role, DOCKERFILE);
        let options = "--build-context files=shared --build-context other=docker-image://layerlab/base";
        let mut text = session(
            &place,
            &[
                &format!("$L build --progress plain {options} -t demo . | grep -v '^Successfully'"),
                &format!("$L plan {options} ."),
                &format!("$L build {options} -t demo . | grep -v '^Successfully'"),
            ],
        );
        place.write("shared/a", "changed\n");
        text += &session(
            &place,
            &[
                &format!("printf 'step 4\\nwhy 4\\nquit\\n' | $L step {options} ."),
                // A stage that stands for something else is not built.
                &format!("$L build {options} --build-context tools=tools -t demo . | grep -v '^Successfully'"),
                "$L run --rm demo sh -c 'find /files /tools | sort; cat /tools'",
                "LAYERLAB_PULL=never $L build .",
            ],
        );
        insta::assert_snapshot!("names_stand_for_folders_and_images", text);
        place.assert_whole();
    }
}

#[test]
fn a_stage_begins_with_files() {
    let place = Place::new(
        "//- Dockerfile\nFROM root AS first\nCOPY --from=base:1 /etc/passwd /x/\nFROM scratch\nCOPY --from=first / /\n//- root/etc/file\nfile\n",
    );
    let options = "--build-context root=root --build-context base:1=docker-image://layerlab/base";
    insta::assert_snapshot!(session(
        &place,
        &[
            &format!("$L plan {options} ."),
            &format!("$L build {options} --progress plain -t demo . | grep -v '^Successfully'"),
            &format!("$L plan {options} ."),
            "$L cp $($L create demo true):/etc ../etc; cat ../etc/file",
        ]
    ));
    place.assert_whole();
}

#[test]
fn names_stand_for_images_of_a_layout() {
    let place = Place::new(
        "//- Dockerfile\nFROM alpine:3.20\nCOPY --from=alpine:3.20 /bin/busybox /copied\n//- one/Dockerfile\nFROM layerlab/base\nLABEL from=layout\n",
    );
    session(
        &place,
        &["$L build -t one:first one", "$L save --format oci-dir -o ../layout one:first", "$L rmi one:first"],
    );
    insta::assert_snapshot!(session(
        &place,
        &[
            "$L plan --build-context alpine:3.20=oci-layout://../layout .",
            "$L build --build-context alpine:3.20=oci-layout://../layout:first --progress plain -t demo . | grep -v '^Successfully'",
            "$L inspect --format '{{.Config.Labels}}' demo",
            "$L images --format '{{.Repository}}:{{.Tag}}'",
            "$L build -q --build-context alpine:3.20=oci-layout://../layout:none .",
            "$L build -q --build-context alpine:3.20=oci-layout://../layout@sha256:0000000000000000000000000000000000000000000000000000000000000000 .",
        ]
    ));
    place.assert_whole();
}

#[test]
fn names_stand_for_repositories_and_files_of_servers() {
    let server = Repositories::start();
    server.make_with("app.git", &[("docs/page", "a page\n")]);
    let files = Fake::start(|_| answer("200 OK", &[], b"a file\n"));
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base AS first\nCOPY --from=app page /\nCOPY --from=url context /\nRUN cat /page /context\nFROM app\n",
    );
    let options = format!(
        "--build-context app=http://me:swordfish@{}/app.git#main:docs --build-context url=http://{}/x",
        server.host(),
        files.host()
    );
    let text = session(
        &place,
        &[
            &format!("$L build {options} --progress plain . | grep -v '^Successfully'"),
            &format!("$L build {options} --target first --progress plain ."),
            &format!("$L plan {options} ."),
        ],
    );
    let text = text.replace(&server.host(), "HOST").replace(&files.host(), "FILES");
    insta::assert_snapshot!(text.replace(&format!("$L build {options}"), "$L build …").replace("me:swordfish@", "…"));
    assert_eq!(
        server.fake.asked()[0].header("authorization"),
        Some("Basic bWU6c3dvcmRmaXNo"),
        "the password is told to the server"
    );
}

#[test]
fn what_names_can_not_stand_for() {
    let place = Place::new("//- Dockerfile\nFROM scratch\n//- file\nfile\n");
    let mut text = String::new();
    for option in [
        "name",
        "name=",
        "=folder",
        "Name=folder",
        "name=nowhere",
        "name=alpine:3.20",
        "name=file",
        "name=target:stage",
        "name=target://stage",
        "name=docker-image://A B",
        "name=oci-layout://nowhere:tag",
        "name=file:///etc",
        "name=https://host/x.git#..",
        "name=ftp://host/x",
    ] {
        text += &session(&place, &[&format!("$L build -q --build-context '{option}' .")]);
    }
    insta::assert_snapshot!(text);
}
