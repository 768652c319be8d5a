//! Hostile inputs: Dockerfiles, contexts, archives, images, stores and running containers that try to get out.
//!
//! Each names the advisory or the idea it comes from. It is tried as root, as a user with one id and, where the kind of user
//! matters, as a user with mapped ids; nothing outside the home may change, and the program neither hangs, panics nor grows.

mod amounts;
mod archives;
mod bare;
mod bombs;
mod cache;
mod confinement;
mod contexts;
mod debugging;
mod dockerfiles;
mod documents;
mod emulation;
mod filters;
#[allow(dead_code)]
mod forge;
// Each file uses the part that it needs.
#[allow(dead_code)]
mod harness;
mod homes;
mod ignore_files;
mod images;
mod joining;
mod loading;
mod looking;
mod mounts;
mod names;
#[path = "../program/harness.rs"]
#[allow(dead_code)]
mod place;
mod processes;
mod races;
#[path = "../program/registry.rs"]
#[allow(dead_code)]
mod registry;
mod repositories;
#[path = "../program/repository.rs"]
#[allow(dead_code)]
mod repository;
mod speaking;
mod store;
#[path = "../library/tarballs.rs"]
mod tarballs;
mod targets;
mod terminal;
mod volumes;
