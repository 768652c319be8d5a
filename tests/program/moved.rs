//! A base image whose tag has moved in the registry: who says so, and where.

use crate::harness::Place;
use crate::pulling::session;
use crate::registry::{Doors, Registry};

/// Pushes another image under the same name.
fn push(place: &Place, name: &str, note: &str) {
    place.write("base/Dockerfile", "FROM scratch\nCOPY note /note\n");
    place.write("base/note", note);
    place.run(&format!("build -q -t {name} --push base"));
}

/// A place that builds on that name.
fn place(name: &str) -> Place {
    let place = Place::new("//- own\nown\n//- lines\nstep\nwhy 1\nwhy 2\nstep\nwhy\nquit\n");
    place.write("Dockerfile", &format!("FROM {name} AS base\nCOPY own /own\nFROM base\nWORKDIR /work\nLABEL a=b\n"));
    std::fs::create_dir_all(place.home()).unwrap();
    place
}

#[test]
fn a_base_that_moved_is_the_reason() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let (teacher, host) = (Place::new(""), registry.host());
    let name = format!("{host}/school/base");
    push(&teacher, &name, "one");
    let place = place(&name);
    let build = "$L build --pull --progress json . | grep '\"type\":\"decided\"' | grep -o '\"verdict.*'";
    let first = session(&place, &host, &["$L build --pull .", "$L build --pull . | grep -c moved", "$L plan ."]);
    push(&teacher, &name, "two");
    let pulled =
        session(&place, &host, &["$L plan --pull=never .", "$L build --pull .", "$L build --pull . | grep -c moved"]);
    push(&teacher, &name, "three");
    let debugged = session(&place, &host, &["$L step --pull=always . < lines"]);
    let built = session(&place, &host, &[build]);
    push(&teacher, &name, "four");
    let beforehand = session(&place, &host, &[&format!("$L pull -q {name}"), "$L plan .", "$L build --fail-on-miss ."]);
    insta::assert_snapshot!(
        [first, pulled, debugged, built, beforehand]
            .join("\n\nThe tag moves.\n\n")
            .replace("The tag moves.\n\n$ $L build --pull --progress", "$ $L build --pull --progress")
    );
    place.assert_whole();
}

#[test]
fn a_base_that_moved_with_the_same_files_is_no_reason() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let (teacher, host) = (Place::new(""), registry.host());
    let name = format!("{host}/school/base");
    push(&teacher, &name, "one");
    let place = place(&name);
    session(&place, &host, &["$L build --pull ."]);
    teacher.write("base/Dockerfile", "FROM scratch\nCOPY note /note\nLABEL more=x\n");
    teacher.run(&format!("build -q -t {name} --push base"));
    insta::assert_snapshot!(session(&place, &host, &["$L build --pull .", "$L step . < lines"]));
    place.assert_whole();
}
