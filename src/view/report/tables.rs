//! Tables that may be wider than a narrow page: each can be moved to and fro by itself, with the keyboard too.

use crate::view::html::Html;

/// A table with a name, the titles of its columns, and rows.
pub(super) fn table(html: &mut Html, class: &str, name: &str, titles: &[&str], rows: impl FnOnce(&mut Html)) {
    let attributes = [("class", "wide"), ("tabindex", "0"), ("role", "group"), ("aria-label", name)];
    html.element("div", &attributes, |html| {
        html.element("table", &[("class", class)], |html| {
            html.element("thead", &[], |html| {
                html.element("tr", &[], |html| {
                    titles.iter().for_each(|title| html.leaf("th", &[("scope", "col")], title))
                });
            });
            html.element("tbody", &[], rows);
        });
    });
}
