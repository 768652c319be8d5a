//! The printed plan for each identity, whole.

use layerlab::container::{
    Access, Cgroups, ControlGroups, Hierarchy, Host, Hostname, Identity, Mount, MountKind, Network, OverlaySupport,
    OwnGroup, Paths, Process, Programs, Range, Rights, Sandbox, Terminal, plan,
};

fn host() -> Host {
    let hierarchy = |name: &str, options: &str| Hierarchy { name: name.into(), options: options.into() };
    Host {
        uid: 1000,
        gid: 1000,
        overlay: OverlaySupport::Fsconfig,
        cgroups: ControlGroups {
            mounted: Cgroups::V1(vec![hierarchy("memory", "memory"), hierarchy("systemd", "none,name=systemd")]),
            own: Vec::new(),
        },
        resolver: "nameserver 192.0.2.1\n".into(),
        thermal: Vec::new(),
        below_sys: vec!["/sys/fs/cgroup".into(), "/sys/fs/cgroup/memory".into(), "/sys/kernel/debug".into()],
        oom_score: -500,
        last_capability: 40,
    }
}

/// What a container is made of.
struct Wish {
    sandbox: Sandbox,
    process: Process,
}

fn wish() -> Wish {
    let lower = vec!["/store/unpacked/b".into(), "/store/unpacked/a".into()];
    let args = vec!["/bin/sh".into(), "-c".into(), "echo hello".into()];
    let sandbox = Sandbox::new(lower, "/store/containers/1/upper".into(), "/store/containers/1/work".into());
    let mut process = Process::new(args);
    process.cwd = "/app".into();
    process.env = vec!["PATH=/bin".into()];
    Wish { sandbox, process }
}

fn mapped() -> Identity {
    let ranges =
        |outside| vec![Range { inside: 0, outside: 1000, length: 1 }, Range { inside: 1, outside, length: 65536 }];
    Identity::Mapped { uid_ranges: ranges(100_000), gid_ranges: ranges(200_000) }
}

#[test]
fn as_root() {
    let mut host = host();
    let own = |path: &str, controller: &str| OwnGroup { path: path.into(), controllers: vec![controller.into()] };
    host.cgroups.own = vec![own("/sys/fs/cgroup/pids", "pids"), own("/sys/fs/cgroup/memory/ours", "memory")];
    let mut wish = wish();
    wish.sandbox.cgroup = Some("one".into());
    insta::assert_snapshot!(plan(&wish.sandbox, &wish.process, &Identity::Root, &host));
}

#[test]
fn as_a_user_with_mapped_ids() {
    insta::assert_snapshot!(plan(&wish().sandbox, &wish().process, &mapped(), &host()));
}

#[test]
fn as_a_user_with_one_id_without_a_network() {
    let mut wish = wish();
    wish.sandbox.cgroup = Some("one".into());
    wish.sandbox.network = Network::None;
    wish.process.user = "web".into();
    insta::assert_snapshot!(plan(&wish.sandbox, &wish.process, &Identity::Single, &host()));
}

#[test]
fn where_overlayfs_is_refused_with_everything_else_asked_for() {
    let mut host = host();
    host.overlay = OverlaySupport::Refused("mount overlay on `/store`: EPERM: Operation not permitted".into());
    host.cgroups.mounted = Cgroups::V2;
    host.thermal = vec!["/sys/devices/system/cpu/cpu0/thermal_throttle".into()];
    let mut wish = wish();
    wish.sandbox.network = Network::None;
    wish.process.terminal = Terminal::Yes;
    wish.sandbox.root = Access::ReadOnly;
    wish.sandbox.extra_hosts = vec![(Hostname::parse("db").unwrap(), "192.0.2.7".parse().unwrap())];
    wish.sandbox.paths = Paths::Open;
    wish.process.rights = Rights::insecure();
    let bind = MountKind::Bind("/home/me/data".into());
    wish.sandbox.mounts = vec![
        Mount { kind: bind, target: "/data".into(), access: Access::ReadOnly },
        Mount {
            kind: MountKind::Tmpfs { options: "size=1m".into(), programs: Programs::Refused },
            target: "/run".into(),
            access: Access::ReadWrite,
        },
    ];
    insta::assert_snapshot!(plan(&wish.sandbox, &wish.process, &mapped(), &host));
}
