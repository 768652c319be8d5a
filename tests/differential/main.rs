//! Random builds, compared: with a peer that builds the same Dockerfile, and with a build of our own that has no cache.
//!
//! ```text
//! seed ─▶ case: context + ignore file + Dockerfile ─┬─▶ built here ────────┐
//!                                                   └─▶ built by buildah ──┴─▶ the same tree, the same configuration
//!
//! case ─▶ built twice: everything from the cache
//! case ─▶ one change ─┬─▶ built again ───────┐
//!                     └─▶ built afresh ──────┴─▶ the same image; and what the change can't reach came from the cache
//! ```
//!
//! The same seed gives the same cases. `LAYERLAB_DIFFERENTIAL=N` tries N cases, `LAYERLAB_SEED=S` begins elsewhere. A case that fails is
//! made as small as it stays failing, and printed with its seed.

mod case;
mod change;
mod docker;
mod generate;
mod known;
mod ours;
mod peer;
#[path = "../program/harness.rs"]
#[allow(dead_code)]
mod place;
mod random;
#[path = "../program/registry.rs"]
#[allow(dead_code)]
mod registry;
mod shrink;
mod tree;

use case::Case;
use generate::Audience;
// As the shared modules call it.
use place as harness;
use random::Random;

/// Where the cases of a run without LAYERLAB_SEED begin.
const SEED: u64 = 20_240_229;

/// How many cases a run without LAYERLAB_DIFFERENTIAL tries: with the peer, which takes a second for each; alone, which takes
/// some ten builds; and as another user.
const WITH_PEER: u64 = 30;
const ALONE: u64 = 200;
const AS_A_USER: u64 = 40;

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is `{text}`")))
}

/// Tries cases for an audience until one fails.
fn try_cases(count: u64, audience: Audience, check: impl Fn(&Case, &mut Random) -> Result<(), String>) {
    let first = number("LAYERLAB_SEED", SEED);
    for seed in first..first + number("LAYERLAB_DIFFERENTIAL", count) {
        let case = generate::case(&mut Random::new(seed), audience);
        // What is chosen while checking must be chosen alike for each smaller case.
        let fails = |case: &Case| check(case, &mut Random::new(seed ^ 0x5eed)).err();
        if let Some(problem) = fails(&case) {
            let (case, problem) = shrink::smallest(case, problem, fails);
            panic!("seed {seed}: {problem}\n{case}\nagain: LAYERLAB_SEED={seed} LAYERLAB_DIFFERENTIAL=1\n");
        }
    }
}

#[test]
fn a_peer_builds_the_same() {
    if !ours::busybox_is_there() {
        return place::missing("builds beside a peer: there is no static /bin/busybox");
    }
    let ours = ours::Bench::new();
    let Some(peer) = peer::Peer::find(&ours) else { return };
    try_cases(WITH_PEER, Audience::Peer, |case, _| {
        known::compare(case, ours.build(case, ours::Cache::Ask), peer.build(case))
    });
}

#[test]
fn a_rebuild_equals_a_fresh_build() {
    if !ours::busybox_is_there() {
        return place::missing("rebuilds: there is no static /bin/busybox");
    }
    let (bench, fresh) = (ours::Bench::new(), ours::Bench::new());
    try_cases(ALONE, Audience::Ourselves, |case, random| change::check(case, random, &bench, &fresh));
    for bench in [bench, fresh] {
        assert_eq!(bench.damage(), Vec::<String>::new());
    }
}

#[test]
fn a_user_with_one_id_builds_the_same() {
    if !nix::unistd::geteuid().is_root() {
        return place::missing("the same builds as another user: only root can become one");
    }
    try_cases(AS_A_USER, Audience::AnyUser, |case, _| {
        let [ours, theirs] = [place::Role::Self_, place::Role::Single].map(|role| {
            let place = place::Place::of(role, "");
            case.lay_out(&place.path(""));
            if role != place::Role::Self_ {
                place.give(&place.path(""));
            }
            let (first, again) = (place.output("build -q ."), place.run("build --progress json ."));
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let reached = first.status.success();
            place.assert_whole();
            if reached && again.contains("\"verdict\":\"miss\"") {
                return format!("a second build missed: {again}");
            }
            if reached { text(&first.stdout) } else { format!("failed: {}", text(&first.stderr)) }
        });
        if ours == theirs { Ok(()) } else { Err(format!("root: {ours}\nuser: {theirs}")) }
    });
}
