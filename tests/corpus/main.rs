//! Conformance with cases that others wrote and observed.
//!
//! The cases lie outside this repository, in the folder that `LAYERLAB_CORPUS` names or else in
//! `../shared/corpus` beside it. Each module runs one folder of them. Without the folder nothing is tested,
//! and the output says so.

mod build;
mod cache;
mod dockerignore;
mod instructions;
mod lint;
mod oci;
mod parser;
mod printing;
mod reference;
mod report;
mod volumes;
mod words;
mod world;
