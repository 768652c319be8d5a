//! Images in the store: listing, describing, naming and removing them, and bringing them in and out.

pub(in crate::cli) mod history;
pub(in crate::cli) mod import;
pub(in crate::cli) mod inspect;
pub(in crate::cli) mod list;
pub(in crate::cli) mod load;
pub(in crate::cli) mod remove;
pub(in crate::cli) mod save;
pub(in crate::cli) mod tag;
