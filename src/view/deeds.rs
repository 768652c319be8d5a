//! What a command has done, as a list by what it is about. The numbers say in which order.

use crate::deeds::{Deed, Group};
use crate::shown::line;

/// The list. Its form is that of a container's plan.
pub(crate) fn listed(deeds: &[Deed]) -> String {
    if deeds.is_empty() {
        return "this took no operation: it has only looked\n".to_owned();
    }
    let mut text = String::new();
    for group in Group::ALL {
        let mut own = deeds.iter().enumerate().filter(|(_, deed)| deed.group == group).peekable();
        if own.peek().is_some() {
            text.push_str(&format!("{}:\n", group.title()));
        }
        for (index, deed) in own {
            text.push_str(&format!("{:3}. {}\n       {}\n", index + 1, line(&deed.what), deed.why));
        }
    }
    text
}
