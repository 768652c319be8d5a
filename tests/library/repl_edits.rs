//! The debugger's prompt while the Dockerfile changes: edits that are right, wrong, undone or made elsewhere, and what of the session each keeps.

use std::fs;

use crate::repl::{Class, FIRST_IMAGE, TWO_STAGES, check};

#[test]
fn a_failed_run_is_tried_again_after_an_edit() {
    let class = Class::new(
        "\
//- Dockerfile
FROM alpine
RUN echo one > /one
RUN echo two; ecko three 2>/dev/null
RUN echo four
//- editor.sh
#!/bin/sh
sed -i 's/ecko/echo/' \"$1\"
",
    );
    insta::assert_snapshot!(class.session(&["."], "continue\ndiff\nrun ls /one; exit 4\nedit\nstep\ncontinue\n"));
    class.write("Dockerfile", "FROM alpine\nRUN echo one > /one\nRUN false\n");
    class.session(&["."], "continue\n");
    insta::assert_snapshot!(
        "a_step_that_failed_before",
        class.session(&["."], "break failure\ncontinue\nwhy\nstep\nwhy\n")
    );
}

#[test]
fn an_edit_that_is_wrong_keeps_what_was() {
    let class = Class::new(
        "\
//- Dockerfile
FROM scratch
COPY a /a
COPY b /b
ENV A=1
//- a
a
//- b
b
//- editor.sh
echo FORM >> \"$1\"
",
    );
    insta::assert_snapshot!(class.session(&["."], "step 2\nedit\nlist\nstep\n"));
    class.write("Dockerfile", "FROM scratch\nCOPY a /a\nCOPY b /b\n");
    class.write("editor.sh", "echo more >> \"$1\"\n");
    insta::assert_snapshot!(
        "an_edit_of_what_is_taken_goes_back",
        class.session(&["."], "step 3\nedit a\nstep\ndiff a\nedit b\nreload\nedit nothing/there\nedit .\n")
    );
    // The editor has no part of the script, and no file that is none of the build's.
    class.write("editor.sh", "cat\n");
    std::os::unix::fs::symlink("/etc/passwd", class.context().join("link")).unwrap();
    std::os::unix::fs::symlink("/nowhere", class.context().join("dangling")).unwrap();
    insta::assert_snapshot!(
        "what_is_outside_the_context_is_not_edited",
        class.session(
            &["."],
            "continue\nedit\nreload\nlaunch\nedit /etc/passwd\nedit ../x\nedit no/../../x\nedit link\nedit dangling\ncontinue\n\
             back 9\nback\n"
        )
    );
}

#[test]
fn an_edit_that_is_undone_is_in_the_cache() {
    let class = Class::new("//- Dockerfile\nFROM scratch\nCOPY a /a\nCOPY b /b\n//- a\nold\n//- b\nb\n");
    class.write("editor.sh", "if grep -q old \"$1\"; then echo new > \"$1\"; else echo old > \"$1\"; fi\n");
    insta::assert_snapshot!(class.session(&["."], "step 2\nedit a\nstep\nedit a\n"));
}

#[test]
fn an_instruction_is_put_between_those_of_the_file() {
    insta::assert_snapshot!(check("step 2\nENV MODE=small\nlist\nenv\nreload\ncontinue\n", TWO_STAGES));
}

#[test]
fn without_the_cache_a_reload_keeps_what_was_run() {
    let class = Class::new(TWO_STAGES);
    class.session(&["."], "continue\n");
    insta::assert_snapshot!(class.session(&["--no-cache", "."], "step 3\nplan\nENV B=1\nreload\nwhy 2\n"));
}

#[test]
fn what_is_edited_elsewhere_is_seen() {
    let class = Class::new(TWO_STAGES);
    class.session(&["."], "continue\n");
    // The editor stands for anybody who changes files while the session waits.
    class.write("editor.sh", "cp \"$1\" two.txt; echo more >> two.txt\n");
    insta::assert_snapshot!(
        class.session(&["."], "step 2\nwhy\nedit one.txt\nwhy\ndiff two.txt\nplan\nwhy 3 --against 1\n")
    );
}

#[test]
fn a_saved_session_makes_its_edits_again() {
    let class = Class::new(FIRST_IMAGE);
    let script = class.context().join("date-script.sh");
    let original = fs::read_to_string(&script).unwrap();
    let recorded = class
        .session(&["."], "step 2\n\n# the change\nedit date-script.sh\nedit date-script.sh\nlaunch\nsave ../saved\n");
    assert!(recorded.contains("Todays date is known\n"), "{recorded}");
    let saved = fs::read_to_string(class.context().join("../saved")).unwrap();
    let change = "(layerlab) edit date-script.sh\n@@ -1,2 +1,2 @@\n #!/bin/sh\n-echo \"Todays date is a secret\"\n+echo \"Todays date is known\"\n";
    assert!(saved.contains(change) && saved.contains("(layerlab) edit date-script.sh\n@@ -0,0 +0,0 @@\n"), "{saved}");

    fs::write(&script, &original).unwrap();
    let replayed = class.session(&[".", "--script", "../saved"], "");
    assert!(replayed.contains("Todays date is known\n") && !replayed.contains("exit code"), "{replayed}");
    // A file that is not what it was is not overwritten.
    fs::write(&script, "something else\n").unwrap();
    let refused = class.session(&[".", "--script", "../saved"], "");
    assert!(
        refused.contains("error: line 1 is not `#!/bin/sh`") && refused.contains("[exit code Some(1)]"),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(&script).unwrap(), "something else\n");
}

#[test]
fn a_renamed_stage_is_known_again() {
    let file = |name: &str, command: &str| {
        format!(
            "FROM layerlab/base AS {name}\nRUN {command}\nFROM scratch AS other\nCOPY text /\nFROM scratch\nCOPY --from={name} /u /u\nCOPY text /text\n"
        )
    };
    let class = Class::new("//- text\n1\n");
    class.write("Dockerfile", &file("a", "echo 1 > /u"));
    class.session(&["."], "continue\n");
    class.write("Dockerfile", &file("b", "echo 1 > /u"));
    insta::assert_snapshot!("renamed", class.session(&["."], "plan\n"));
    class.write("Dockerfile", &file("c", "echo 2 > /u"));
    insta::assert_snapshot!(class.session(&["."], "step\nwhy\nstep 2\nwhy\nwhy 2\n"));
}
