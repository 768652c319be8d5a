//! Images whose configuration says what no builder writes.

use serde_json::{Value, json};

use crate::forge::{forge, forge_field};
use crate::harness::{Outcome, USERS, attack};

/// Runs an image whose `config.config` has one odd field, with the command `true` unless the image has its own.
fn run_with(idea: &str, field: &str, value: &Value, expect: impl Fn(&Outcome)) {
    attack(idea, USERS, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        forge_field(attack, field, value.clone());
        expect(&attack.run("run attack true"));
    });
}

fn well(outcome: &Outcome) {
    outcome.succeeded();
}

#[test]
fn a_working_directory_climbs() {
    run_with("a working directory of `..` pieces", "WorkingDir", &json!("/../../../../../../tmp"), well);
    run_with("a relative working directory", "WorkingDir", &json!("../../../x"), well);
}

#[test]
fn a_working_directory_is_a_descriptor() {
    for descriptor in 3..10 {
        let directory = format!("/proc/self/fd/{descriptor}");
        run_with(
            "CVE-2024-21626: a leaked descriptor as working directory",
            "WorkingDir",
            &json!(directory),
            |outcome| {
                outcome.refused("/proc/self/fd");
            },
        );
    }
}

#[test]
fn a_working_directory_is_another_root() {
    run_with("the root of another process as working directory", "WorkingDir", &json!("/proc/1/root/tmp"), |outcome| {
        // It is the container's own root, or refused.
        assert!(!outcome.text.contains("sentinel"));
    });
}

#[test]
fn a_variable_has_no_name_or_a_nul() {
    run_with("an environment entry without `=`", "Env", &json!(["PATH=/bin", "ODD", "=x", ""]), well);
    run_with("a NUL byte in the environment", "Env", &json!(["A=b\u{0}c"]), |outcome| {
        outcome.refused("NUL");
    });
    run_with(
        "a loader variable in the image acts inside only",
        "Env",
        &json!(["LD_PRELOAD=/evil.so", "PATH=/bin"]),
        |_| {},
    );
}

#[test]
fn a_command_is_of_the_wrong_type() {
    for (field, value) in
        [("Cmd", json!("text")), ("Env", json!({"a": "b"})), ("Labels", json!(["x"])), ("User", json!(0))]
    {
        run_with("a field of another type", field, &value, |outcome| {
            outcome.refused("");
        });
    }
    run_with("an entry point of empty words", "Entrypoint", &json!([""]), |outcome| {
        outcome.refused("");
    });
}

#[test]
fn a_history_is_longer_than_the_layers() {
    attack("a history that tells of layers that are not there", USERS, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        forge(attack, |documents| {
            documents.config["history"] = json!(vec![json!({"created_by": "x"}); 5000]);
        });
        attack.run("history attack").succeeded();
        attack.run("run attack true").succeeded();
    });
}

#[test]
fn a_volume_of_the_image_climbs() {
    run_with("a VOLUME of `..` pieces", "Volumes", &json!({"/../../../sentinel": {}, "relative/..//x/": {}}), well);
    run_with("a VOLUME over everything", "Volumes", &json!({"relative/../..": {}}), |outcome| {
        outcome.refused("the image declares a VOLUME at `/`");
    });
}

#[test]
fn an_exposed_port_is_text() {
    run_with(
        "an exposed port that is a command",
        "ExposedPorts",
        &json!({"80/tcp; reboot": {}, "99999/tcp": {}}),
        |_| {},
    );
}

#[test]
fn an_on_build_trigger_reads_the_machine() {
    attack("ONBUILD of a base image copies from outside of the context", USERS, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        let secret = attack.sentinel().join("secret").display().to_string();
        forge_field(attack, "OnBuild", json!([format!("COPY {secret} /stolen")]));
        attack.write("Dockerfile", "FROM attack\nRUN cat /stolen\n");
        let outcome = attack.build();
        outcome.refused("COPY");
        assert!(!outcome.text.contains("the sentinel's own text"), "{}", outcome.text);
    });
}

#[test]
fn an_on_build_trigger_nests() {
    for trigger in ["ONBUILD RUN true", "FROM scratch", "MAINTAINER x", "", "NOPE", "RUN <<../../x\ntext\n../../x"] {
        attack("a trigger that ONBUILD itself refuses", USERS, |attack| {
            attack.write("Dockerfile", "FROM layerlab/base\n");
            forge_field(attack, "OnBuild", json!([trigger]));
            attack.write("Dockerfile", "FROM attack\n");
            attack.run("build -t other .");
        });
    }
}

#[test]
fn a_shell_of_the_image_is_not_a_list() {
    attack("SHELL of a base image is empty or not a program", USERS, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        forge_field(attack, "Shell", json!([]));
        attack.write("Dockerfile", "FROM attack\nRUN true\n");
        attack.run("build -t other .");
        forge_field(attack, "Shell", json!(["/proc/self/exe"]));
        attack.run("build -t third .").refused("");
    });
}

#[test]
fn a_user_is_out_of_range() {
    for user in ["4294967295", "-1", "99999999999", "0x0", "root:4294967295", "root:-1", "1:2:3", "/etc/passwd", "a\nb"]
    {
        run_with("a user that no passwd has", "User", &json!(user), |outcome| {
            outcome.refused("the image has no ");
        });
    }
}

#[test]
fn a_stop_signal_is_no_signal() {
    for signal in ["SIGNOPE", "99999999999", "-9", "0", "65", "KILL; reboot"] {
        run_with("a stop signal that does not exist", "StopSignal", &json!(signal), |outcome| {
            outcome.refused("is not a signal");
        });
    }
}

#[test]
fn a_layer_list_disagrees_with_the_configuration() {
    attack("more diff ids than layers", USERS, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        forge(attack, |documents| {
            let diff_ids = documents.config["rootfs"]["diff_ids"].as_array_mut().unwrap();
            let first = diff_ids[0].clone();
            diff_ids.push(first);
        });
        attack.run("run attack true").refused("layers");
        attack.run("images").succeeded();
    });
}

#[test]
fn a_platform_is_another() {
    attack("an image that says it is for another machine", USERS, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        forge(attack, |documents| documents.config["architecture"] = json!("s390x"));
        attack.run("run attack true").refused("s390x");
    });
}
