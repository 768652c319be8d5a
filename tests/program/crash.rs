//! Killed at any moment, the store is whole, and the next build is as if nothing had been.

use std::time::Duration;

use crate::harness::Place;

#[test]
fn a_build_that_is_killed_leaves_a_whole_store() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nCOPY . /src\nRUN cp -r /src /copy && rm /copy/a\nRUN echo 1 > /one\nWORKDIR /deep/er\nCOPY . .\n//- a\na\n//- b/c\nc\n",
    );
    for number in 0..200 {
        place.write(&format!("many/{number}"), &"text ".repeat(200));
    }
    // From the first instant to about the whole length of a build, in uneven steps.
    for (round, milliseconds) in
        [0, 1, 2, 3, 5, 7, 9, 12, 15, 19, 23, 28, 34, 41, 50, 60, 75, 95].into_iter().enumerate()
    {
        place.write("a", &format!("round {round}\n"));
        let mut child = place.command("build --progress quiet -t killed .").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        place.assert_whole();
    }
    let last = place.run("build --progress quiet -t killed .");
    // What the killed builds left in use is gone as soon as somebody needs a container.
    let left =
        std::fs::read_dir(place.home().join("containers")).unwrap().flatten().filter(|entry| entry.path().is_dir());
    assert_eq!(left.count(), 0);
    let fresh = Place::new("");
    std::fs::remove_dir(fresh.path("")).unwrap();
    copy_tree(&place.path(""), &fresh.path(""));
    assert_eq!(fresh.run("build --progress quiet -t killed ."), last);
    place.assert_whole();
    let listed = place.run("run killed ls /copy /one");
    assert!(listed.contains("many") && !listed.contains("\na\n"), "{listed}");
}

fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}
