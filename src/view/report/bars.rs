//! Lengths, drawn as SVG: it is printed where backgrounds are not, and needs no style of its own for each length. A bar says nothing that does not
//! stand beside it in words, so it is not read aloud.

use crate::view::html::Html;

/// A part of a bar: its class, where it begins, and how long it is, in thousandths of the whole.
pub(super) type Part = (&'static str, u64, u64);

/// A bar. What has any length is seen.
pub(super) fn bar(html: &mut Html, parts: &[Part]) {
    html.element("svg", &[("class", "bar"), ("aria-hidden", "true"), ("focusable", "false")], |html| {
        html.void("rect", &[("class", "track"), ("width", "100%"), ("height", "100%"), ("rx", "3")]);
        for (class, start, length) in parts {
            let (start, length) = ((*start).min(995), (*length).max(5));
            let (x, width) = (percent(start), percent(length.min(1000 - start)));
            html.void("rect", &[("class", class), ("x", &x), ("width", &width), ("height", "100%"), ("rx", "3")]);
        }
    });
}

/// What bars are filled with besides colours, once in a page: stripes, which are told from a colour by everybody.
pub(super) fn fillings(html: &mut Html) {
    html.element("svg", &[("class", "defs"), ("aria-hidden", "true"), ("focusable", "false")], |html| {
        html.element("defs", &[], |html| {
            let attributes = [("id", "hatch"), ("width", "6"), ("height", "6"), ("patternUnits", "userSpaceOnUse")];
            html.element("pattern", &attributes, |html| {
                html.void("rect", &[("width", "6"), ("height", "6")]);
                html.void("path", &[("d", "M-1 1l2-2M0 6l6-6M5 7l2-2")]);
            });
        });
    });
}

/// A part of a whole in thousandths.
pub(super) fn thousandths(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 1000 / u128::from(whole.max(1))).min(1000) as u64
}

fn percent(thousandths: u64) -> String {
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}
