//! Lists of processors and of memory nodes, as cpuset(7) writes them: `0-2,4`.

use std::fs;
use std::path::Path;

use super::hierarchies::ControlGroups;
use super::resources::Resources;

/// No machine has more of either.
const MOST: u32 = 1 << 16;

/// The list with numbers that the machine does not have, and all that it has: `--cpuset-cpus`, `99`, `0-1`. `None` where there is no such thing.
pub(crate) fn lacking<'a>(host: &ControlGroups, resources: &'a Resources) -> Option<(&'static str, &'a str, String)> {
    let own = host.own.iter().find(|own| own.controllers.iter().any(|one| one == "cpuset"))?;
    let wanted = [("--cpuset-cpus", &resources.cpus, "cpus"), ("--cpuset-mems", &resources.nodes, "mems")];
    wanted.into_iter().find_map(|(option, list, name)| {
        let list = list.as_deref().filter(|list| !list.is_empty())?;
        let available = available(&own.path, name)?;
        (!is_within(list, &available)).then_some((option, list, available))
    })
}

/// What a group may give to those below it; `None` where that is not known.
fn available(group: &Path, name: &str) -> Option<String> {
    // The first is that of version 2.
    let read = |file: String| fs::read_to_string(group.join(file)).ok();
    let text = read(format!("cpuset.{name}.effective")).or_else(|| read(format!("cpuset.{name}")))?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn is_within(list: &str, available: &str) -> bool {
    let Some(available) = numbers(available) else { return true };
    numbers(list).is_some_and(|wanted| wanted.iter().all(|number| available.contains(number)))
}

/// The numbers of a list; `None` for what is no list.
fn numbers(list: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= MOST {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::is_within;

    #[test]
    fn a_list_has_nothing_that_is_not_there() {
        assert!(["0", "0-3", "1,3", "2-2,0"].into_iter().all(|list| is_within(list, "0-3")));
        assert!(["4", "0-4", "3-1", "1,,2", "-", "0-99999999"].into_iter().all(|list| !is_within(list, "0-3")));
        assert!(!is_within("1", "0,2-3") && is_within("0,2", "0,2-3"));
    }
}
