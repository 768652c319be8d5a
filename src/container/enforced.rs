//! Which limits hold for a container that runs: what was asked for, and what the kernel says now.
//!
//! The values are read from the files of its control groups, see cgroups(7): whoever may write there could have changed them since.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use super::hierarchies::groups_of;
use super::resources::{Resources, Version};

/// A limit of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Enforced {
    /// The option that has asked for it.
    pub(crate) option: &'static str,
    /// What was asked for, in the words of the file.
    pub(crate) asked: String,
    /// The file that says so; `None` where the kernel has none of these.
    pub(crate) file: Option<PathBuf>,
    /// What is in it now; `None` where that can't be read.
    pub(crate) value: Option<String>,
}

/// The limits of a container, by a process of it.
pub(crate) fn enforced(process: i32, resources: &Resources) -> Vec<Enforced> {
    let groups = groups_of(process);
    let is_unified = groups.iter().any(|group| group.join("cgroup.controllers").exists());
    let settings = resources.settings_with_swap(if is_unified { Version::Two } else { Version::One });
    let enforced = settings.into_iter().map(|setting| {
        let mut files = groups
            .iter()
            .flat_map(|group| setting.files.iter().map(|(name, asked)| (group.join(name.as_ref()), asked)));
        let found = files.find(|(file, _)| file.exists());
        let usual = || setting.files.first().map_or_else(String::new, |(_, asked)| asked.clone());
        let asked = found.as_ref().map_or_else(usual, |(_, asked)| (*asked).clone());
        let file = found.map(|(file, _)| file);
        let value = file.as_ref().and_then(|file| fs::read_to_string(file).ok()).map(|text| text.trim().to_owned());
        Enforced { option: setting.option, asked, file, value }
    });
    enforced.collect()
}
