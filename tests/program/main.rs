//! The program as people run it: the built binary, its whole output, its exit codes, and the store it leaves.

mod crash;
mod harness;
mod images;
mod mistakes;
mod modes;
mod running;
mod transcripts;
