//! What is there when a page ends, and who has to remove it.

use super::about::About;
use super::finding::{Finding, Subject};
use super::form::limited;
use super::page::Page;

/// What is there that somebody would have to remove: names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Leftovers {
    /// Containers that run.
    pub(crate) running: Vec<String>,
    /// Containers that have ended.
    pub(crate) ended: Vec<String>,
    pub(crate) volumes: Vec<String>,
    pub(crate) processes: Vec<String>,
}

impl Leftovers {
    /// What is said of it, but of what the page leaves on purpose.
    pub(crate) fn findings(&self, page: &Page, about: Option<&About>) -> Vec<Finding> {
        let line = page.text.lines().count().max(1);
        let kept = about.map(|about| about.leaves.as_slice()).unwrap_or_default();
        let unkept = |names: &[String]| {
            let names: Vec<String> =
                names.iter().filter(|name| !kept.contains(name)).map(|name| format!("`{}`", limited(name))).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let mut findings = Vec::new();
        let mut add = |finding: Option<Finding>| findings.extend(finding);
        add(unkept(&self.running).map(|names| {
            let hint = "end the page with `docker rm -f NAME`, or say `leaves: NAME` in its block `lesson`";
            Finding::fault(Subject::End, line, format!("still running when the page ends: {names}"), hint)
        }));
        add(unkept(&self.processes).map(|names| {
            let hint = "end what the page has started in the background";
            Finding::fault(Subject::End, line, format!("processes that go on when the page ends: {names}"), hint)
        }));
        for (kind, names, command) in [
            ("containers that have ended", &self.ended, "docker rm NAME"),
            ("volumes", &self.volumes, "docker volume rm NAME"),
        ] {
            add(unkept(names).map(|names| {
                let hint = format!("end the page with `{command}`, or say `leaves: NAME` in its block `lesson`");
                Finding::warning(Subject::End, line, format!("{kind} are left: {names}"), hint)
            }));
        }
        findings
    }
}
