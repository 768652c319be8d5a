//! The program as people run it: the built binary, its whole output, its exit codes, and the store it leaves.

mod adding;
mod adding_repositories;
mod apart;
mod archives;
mod bundle;
mod bundles;
mod bundles_apart;
mod cache;
mod checking;
mod class;
mod containers;
mod crash;
mod emulated;
mod exec;
mod explaining;
mod files;
mod film;
mod filters;
mod formats;
mod grading;
mod handover;
// Other tests use it, too, and other parts of it.
#[allow(dead_code)]
mod harness;
mod health;
mod homes;
mod images;
mod learning;
mod lessons;
mod limits;
mod load;
mod managers;
mod mdbook;
mod mistakes;
mod modes;
mod mounts;
mod moved;
mod moving;
mod named_contexts;
mod nameless;
mod neighbours;
mod networks;
mod nginx;
mod packs;
mod page;
mod pictures;
mod placing;
mod pty;
mod pulling;
mod pushing;
mod recording;
// Other tests use it, too, and other parts of it.
#[allow(dead_code)]
mod registry;
mod remote_contexts;
mod removing;
mod report;
mod repository;
mod repository_digests;
mod restarts;
mod running;
mod screens;
mod serve;
mod sharing;
mod sixth;
mod sources;
#[path = "../library/tarballs.rs"]
mod tarballs;
mod terminal;
mod transcripts;
mod transports;
mod tutorial;
mod tutorial_registry;
mod verifying;
mod volumes;
mod wide;
