//! A container as a printable list of operations.
//!
//! ```text
//! Sandbox + Process + Identity + Host ──plan()──▶ Plan ──spawn()──▶ Running ──wait()──▶ Exit
//!                                                  │                  │
//!                                                  │                  └──Control: signal, pause, kill
//!                                                  └──Display──▶ what is done, in what order, and why
//! ```
//!
//! The kernel knows no containers. A container is a process that entered some namespaces, got a
//! different root, gave up most of its rights and then executed a program. [`plan()`] writes these
//! operations down as data ([`Operation`]), from the first to those that remove everything again, and
//! [`spawn()`] carries out exactly that list. Nothing here needs root: see [`Identity`].
//!
//! Follows the OCI runtime specification and Docker's defaults where they say what a program finds
//! when it starts. Left out: images and their configuration (the caller's), the networks that a container has
//! cables into (whoever keeps them), limits of memory and time, and that a container of ours outlives us (see `keeper`).
//!
//! Reading order: [`Sandbox`], [`Process`], [`Operation`], [`plan()`], then `execute`, and `spawn`, `keeper`, `guard`
//! and `init`, which carry the list out in four processes; `relay` is our side of them. A further process in a container that runs: `join`,
//! and `further`, our side of it. For a manager that calls us as its runtime: `blueprint`, `follow`, `orphan`.

mod account;
mod allowance;
mod attend;
mod awaited;
mod blueprint;
mod boxes;
mod capabilities;
mod cgroup;
mod channel;
mod console;
mod control;
mod copy;
mod cpuset;
mod emulation;
mod enforced;
mod error;
mod execute;
mod explain;
mod feed;
mod files;
mod filter;
mod follow;
mod found;
mod freeze;
mod further;
mod grants;
mod groups;
mod guard;
mod heard;
mod hierarchies;
mod host;
mod identity;
mod init;
mod inside;
mod join;
mod keeper;
mod keys;
mod layout;
mod leave;
mod limits;
mod most;
mod mount;
mod mounts;
mod namespaces;
mod network;
mod networking;
mod node;
mod operation;
pub(crate) mod orphan;
mod outside;
mod patience;
mod plan;
mod prescribe;
mod prescribed;
mod process;
mod processes;
mod reaper;
mod relay;
mod resources;
mod running;
mod sandbox;
mod seccomp;
mod signals;
mod sockets;
mod space;
mod spawn;
mod stubs;
mod supervision;
mod surroundings;
mod terminal;
mod trampoline;
mod tuning;
mod userns;
mod vfork;
mod visit;
mod wishes;

pub(crate) use account::{UserIds, is_called_root, users_of};
pub(crate) use allowance::{Allowance, DeviceAt, ResourceLimit, Setting};
pub(crate) use attend::attend;
pub(crate) use awaited::{Awaited, ready};
pub(crate) use blueprint::{Blueprint, Prescription, Task, What};
pub(crate) use boxes::{Boundary, Enclosure, Row, boxes, ranges_in_words};
pub use capabilities::Capabilities;
pub use capabilities::Sets as CapabilitySets;
pub(crate) use cgroup::{Groups, check as check_limits, limit_all, name as group_name, sweep as sweep_groups};
pub(crate) use channel::Shared;
pub(crate) use console::{Raw as RawTerminal, standard_streams, window_size};
pub(crate) use control::Control;
pub(crate) use cpuset::lacking as lacking_in_cpuset;
pub(crate) use enforced::{Enforced, enforced};
pub use error::Error;
pub(crate) use error::{CARRIAGE_RETURN_HINT, Failure};
pub(crate) use feed::Feed;
pub use filter::{Answer, Architecture, Comparison, Profile, Rule, Test};
pub(crate) use follow::{follow, follow_into};
pub use freeze::Paused;
pub(crate) use freeze::{freeze_groups, is_frozen, members, thaw_groups};
pub(crate) use further::{Connected, Further, Left};
pub(crate) use groups::{end_members, ends_before, members_of, numbers_of, remove_groups, wait_for_end};
pub use heard::{Exit, Heard, Stream};
pub use hierarchies::{Cgroups, ControlGroups, Hierarchy, OwnGroup};
pub(crate) use hierarchies::{PLACE as GROUPS, groups_of, places_of};
pub use host::{Host, OverlaySupport, OverlayWish};
pub use identity::Identity;
pub(crate) use inside::{Root, Stop, Walk, below};
pub(crate) use join::{Entrance, Wanted, join};
pub(crate) use keys::DetachKeys;
pub(crate) use layout::{MASKED, READ_ONLY};
pub(crate) use leave::DEFAULT_PATH;
pub use limits::Limit;
pub(crate) use most::Most;
pub(crate) use namespaces::owner_of;
pub(crate) use network::{Plug, Plugged, named_settings as network_settings};
pub(crate) use networking::NAME_SERVER;
pub use networking::Networking;
pub use node::{Node, NodeKind};
pub use operation::Place;
pub use operation::{Device, Flags, Joining, Links, Namespace, Operation, Overlay, OverlayInterface, Phase};
pub(crate) use patience::Notice;
pub use plan::{Plan, RootKind, plan};
pub use prescribed::Prescribed;
pub use process::{Init, NewPrivileges, Process, Rights, Seccomp, Terminal};
pub(crate) use processes::{close_all_but, keep_only_over_execve, number as number_of, stand_alone};
pub(crate) use resources::{GroupSetting, Resources, Version};
pub(crate) use running::Running;
pub use sandbox::Hostname;
pub use sandbox::Local;
pub use sandbox::{
    Access, Durability, Etc, Mount, MountKind, Names, Network, Paths, Programs, Recursion, Sandbox, SecretFile, Wire,
};
pub(crate) use seccomp::{docker as docker_filter, fits, known_calls, make as make_filter};
pub(crate) use signals::Caught;
pub(crate) use sockets::{Kind as SocketKind, Sockets};
pub use space::{Space, SpaceKind};
pub(crate) use spawn::spawn_plugged;
pub use spawn::{Io, close_input, run, spawn};
pub(crate) use surroundings::{Surroundings, is_root_of_the_machine};
pub use tuning::Tuning;
pub use userns::{IdMap, Mapper, Range};
pub(crate) use visit::visit;
