//! Registries: who we are to them.

pub(in crate::cli) mod login;
pub(in crate::cli) mod logout;
