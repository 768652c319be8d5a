//! A system call filter of a file.

use crate::harness::Role;
use crate::yard::{Yard, roles};

/// As Docker's default, with two calls refused: everything else is allowed.
const PROFILE: &str = r#"{
  "defaultAction": "SCMP_ACT_ALLOW",
  "archMap": [{ "architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
              { "architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"] }],
  "syscalls": [
    { "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13, "args": null, "comment": "no folders" },
    { "names": ["symlink", "symlinkat"], "action": "SCMP_ACT_ERRNO", "excludes": { "caps": ["CAP_SYS_ADMIN"] } },
    { "names": ["nobody_has_this"], "action": "SCMP_ACT_ALLOW", "includes": { "minKernel": "4.8" } }
  ]
}"#;

const TRIED: &str = "mkdir /folder; ln -s a /link; echo done; grep -c '' /proc/self/status > /dev/null; grep Seccomp: /proc/self/status";

#[test]
fn a_filter_of_a_file_holds_for_all_that_runs_in_the_container() {
    for role in roles() {
        let yard = Yard::new(role);
        yard.0.write("filter.json", PROFILE);
        let option = "--security-opt seccomp=filter.json";
        for more in ["--rm", "--rm --security-opt no-new-privileges", "--rm -u nobody"] {
            let shown = yard.run_script(&format!("{more} {option}"), TRIED);
            assert!(shown.contains("'/folder': Permission denied"), "{role:?} {more}: {shown}");
            assert!(shown.contains("done") && shown.contains("Seccomp:\t2"), "{role:?} {more}: {shown}");
        }
        let shown = yard.run_script(&format!("--rm {option}"), TRIED);
        assert!(shown.contains("/link: Operation not permitted"), "{shown}");
        let shown = yard.run_script(&format!("--rm --cap-add SYS_ADMIN {option}"), TRIED);
        assert!(shown.contains("/folder': Permission denied") && !shown.contains("/link"), "{shown}");
        // It is kept with the container, whatever becomes of the file.
        yard.run_script(&format!("-d --name web {option}"), "sleep 1000");
        std::fs::remove_file(yard.0.path("filter.json")).unwrap();
        let shown = yard.0.command("exec web mkdir /folder").output().unwrap();
        assert!(String::from_utf8_lossy(&shown.stderr).contains("Permission denied"), "{shown:?}");
        yard.0.run("restart -t 0 web");
        let shown = yard.0.command("exec web mkdir /folder").output().unwrap();
        assert!(String::from_utf8_lossy(&shown.stderr).contains("Permission denied"), "{shown:?}");
        for known in ["builtin", "unconfined"] {
            let shown = yard.run_script(&format!("--rm --security-opt seccomp={known}"), "mkdir /folder && echo made");
            assert_eq!(shown, "made\n");
        }
        yard.0.assert_whole();
    }
}

#[test]
fn a_plan_says_which_filter_it_is() {
    let yard = Yard::new(Role::Self_);
    yard.0.write("filter.json", PROFILE);
    let told = yard.0.run("run --explain --security-opt seccomp=filter.json layerlab/base true");
    assert!(told.contains("those of a file: 3 rules, and for all other calls they are allowed"), "{told}");
}

/// What Podman has as its default has the same form.
#[test]
fn the_filter_of_another_engine_is_read() {
    let path = std::path::Path::new("/usr/share/containers/seccomp.json");
    if !path.exists() {
        return crate::harness::missing("the package golang-github-containers-common");
    }
    for role in roles() {
        let yard = Yard::new(role);
        let option = format!("--rm --security-opt seccomp={}", path.display());
        let shown =
            yard.run_script(&option, "mkdir /folder && ls -d /folder; unshare -m true; echo done; chown 1:1 /folder");
        assert!(shown.starts_with("/folder\ndone\n"), "{role:?}: {shown}");
        assert!(shown.contains("Operation not permitted"), "{shown}");
    }
}

#[test]
fn what_can_not_be_used_is_named_by_its_place() {
    let yard = Yard::new(Role::Self_);
    let mut said = String::new();
    let base = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":"#;
    for (name, text) in [
        (
            "asks.json",
            format!(
                r#"{base}[{{"names":["read"],"action":"SCMP_ACT_ALLOW"}},{{"names":["read"],"action":"SCMP_ACT_NOTIFY"}}]}}"#
            ),
        ),
        ("unknown.json", format!(r#"{base}[{{"names":["read"],"action":"SCMP_ACT_ALLOW","when":"always"}}]}}"#)),
        ("kind.json", format!("{base}[{{\"names\":[\"read\"],\n \"action\": 7}}]}}")),
        ("default.json", r#"{"defaultAction":"ALLOW"}"#.to_owned()),
        ("flag.json", r#"{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_NEW_LISTENER"]}"#.to_owned()),
        ("none.json", "{}".to_owned()),
        ("empty.json", String::new()),
        ("all.json", r#"{"defaultAction":"SCMP_ACT_ERRNO"}"#.to_owned()),
    ] {
        yard.0.write(name, &text);
        said.push_str(&yard.0.run(&format!("run --rm --security-opt seccomp={name} layerlab/base true")));
    }
    for name in ["missing.json", "", "."] {
        said.push_str(&yard.0.run(&format!("create --security-opt seccomp={name} layerlab/base true")));
    }
    insta::assert_snapshot!(said);
}
