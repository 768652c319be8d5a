//! Who is who, and code run inside the user namespace.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use layerlab::container::{Error, Identity};

use crate::harness::{Container, everyone, only};

#[test]
fn the_identity_is_detected() {
    everyone("identity::the_identity_is_detected", || {
        let expected = std::env::var("LAYERLAB_TEST_ROLE").unwrap_or_default();
        match Identity::detect() {
            Identity::Root => assert_eq!(expected, ""),
            Identity::Mapped { uid_ranges, .. } => {
                assert_eq!(expected, "mapped");
                let shown: Vec<String> = uid_ranges.iter().map(ToString::to_string).collect();
                assert_eq!(shown, ["0→1000×1", "1→100000×65536"]);
            }
            Identity::Single => assert_eq!(expected, "single"),
        }
    });
}

#[test]
fn the_container_runs_as_root_of_its_own() {
    everyone("identity::the_container_runs_as_root_of_its_own", || {
        let container = Container::new("id -u; id -g; id -un; touch /tmp/x; stat -c %u:%g /tmp/x");
        assert_eq!(container.output(), "0\n0\nroot\n0:0\n");
        let owner = std::fs::metadata(container.sandbox.upper.join("tmp/x")).unwrap().uid();
        assert_eq!(owner, nix::unistd::Uid::effective().as_raw());
    });
}

fn named_users() {
    let run = |user: &str| {
        let script = "id; pwd; echo $HOME; echo x > /tmp/x && stat -c %u:%g /tmp/x; echo seen > /dev/stdout";
        let container = Container::new(script).with(|container| container.process.user = user.to_owned());
        let tmp = container.sandbox.lower[0].join("tmp");
        std::fs::set_permissions(tmp, PermissionsExt::from_mode(0o1777)).unwrap();
        container.output()
    };
    let web = "uid=33(web) gid=33(web) groups=33(web),44(media)\n/\n/srv\n33:33\nseen\n";
    assert_eq!(run("web"), web);
    assert_eq!(run("33"), web);
    let media = "uid=33(web) gid=44(media) groups=44(media)\n/\n/srv\n33:44\nseen\n";
    assert_eq!(run("web:media"), media);
    assert_eq!(run("5000:5001"), "uid=5000 gid=5001 groups=5001\n/\n/\n5000:5001\nseen\n");
}

#[test]
fn a_named_user_is_looked_up_in_the_image() {
    only("identity::a_named_user_is_looked_up_in_the_image", "root", named_users);
}

#[test]
fn a_named_user_works_with_mapped_ids() {
    only("identity::a_named_user_works_with_mapped_ids", "mapped", named_users);
}

#[test]
fn with_one_id_a_named_user_is_refused_with_a_hint() {
    only("identity::with_one_id_a_named_user_is_refused_with_a_hint", "single", || {
        let error =
            Container::new("id").with(|container| container.process.user = "web".into()).run().result.unwrap_err();
        assert_eq!(
            error.to_string(),
            "setresgid(33): EINVAL: Invalid argument (while setting up: setgroups, setresgid, setresuid)"
        );
        assert!(error.hint().is_some_and(|hint| hint.contains("/etc/subuid")), "{:?}", error.hint());
        assert_eq!(error.status(), 125);
    });
}

#[test]
fn an_unknown_user_is_an_error() {
    everyone("identity::an_unknown_user_is_an_error", || {
        let error =
            Container::new("id").with(|container| container.process.user = "nobody".into()).run().result.unwrap_err();
        assert_eq!(error.to_string(), "the image has no user `nobody` in its `/etc/passwd`");
        assert_eq!(error.status(), 125);
    });
}

#[test]
fn a_closure_runs_as_root_of_the_namespace() {
    everyone("identity::a_closure_runs_as_root_of_the_namespace", || {
        let identity = Identity::detect();
        let answer = identity.within(|| (nix::unistd::Uid::effective().as_raw(), "a result".to_owned())).unwrap();
        assert_eq!(answer, (0, "a result".to_owned()));
        let large: Vec<u32> = identity.within(|| (0..300_000).collect()).unwrap();
        assert_eq!(large.len(), 300_000);
    });
}

#[test]
fn a_closure_that_panics_or_dies_is_an_error() {
    for role in ["mapped", "single"] {
        only("identity::a_closure_that_panics_or_dies_is_an_error", role, || {
            let identity = Identity::detect();
            let panicked: Result<(), Error> = identity.within(|| panic!("on purpose"));
            assert_eq!(panicked.unwrap_err().to_string(), "the process inside the user namespace panicked: on purpose");
            let died: Result<(), Error> = identity.within(|| std::process::abort());
            assert_eq!(died.unwrap_err().to_string(), "the process inside the user namespace was killed by SIGABRT");
        });
    }
}

#[test]
fn files_of_mapped_users_can_be_removed() {
    everyone("identity::files_of_mapped_users_can_be_removed", || {
        let container = Container::new(
            "mkdir -p /tmp/a/b; touch /tmp/a/b/c; chown 33 /tmp/a /tmp/a/b; chmod 0 /tmp/a /tmp/a/b; true",
        );
        container.run().result.unwrap();
        let tmp = container.sandbox.upper.join("tmp");
        assert!(tmp.exists());
        container.identity.remove_dir_all(&tmp).unwrap();
        assert!(!tmp.exists());
        container.identity.remove_dir_all(&tmp).expect("nothing to remove is no error");
    });
}
