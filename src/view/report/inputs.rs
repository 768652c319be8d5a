//! What a step's key is made of, and what of it is other than in the build that the step was compared with.

use super::page::more;
use super::step::StepPart;
use super::tables::table;
use crate::cache::{Difference, Ingredient};
use crate::machine::{Decision, MissReason};
use crate::view::debugger::shorten;
use crate::view::html::Html;
use crate::view::units::count;

/// How many changed files of one ingredient are listed.
const MOST_FILES: usize = 20;

impl StepPart<'_> {
    pub(super) fn inputs(&self, html: &mut Html) {
        let (step, noted) = (self.step, self.noted);
        let decision =
            step.taken.as_ref().map(|taken| &taken.decision).or(noted.and_then(|noted| noted.decision.as_ref()));
        if let Some(Decision::Miss { reason: MissReason::Cause { build, differences }, .. }) = decision {
            html.leaf("h4", &[], &format!("What differs from {build}"));
            self.differences(html, differences);
        }
        let ingredients = step.ingredients.iter().count();
        if ingredients == 0 {
            return;
        }
        html.element("details", &[("class", "inputs")], |html| {
            let key = step.ingredients.key().short();
            html.element("summary", &[], |html| {
                html.text(&format!("What the key is made of: {} → ", count(ingredients as u64, "ingredient")));
                html.leaf("code", &[], &format!("{key}…"));
            });
            table(html, "ingredients", "Ingredients", &["Ingredient", "Value"], |html| {
                step.ingredients.iter().take(self.detail.rows).for_each(|one| self.ingredient(html, one));
            });
            more(html, "p", ingredients.saturating_sub(self.detail.rows), "ingredient");
        });
    }

    fn ingredient(&self, html: &mut Html, ingredient: &Ingredient) {
        html.element("tr", &[], |html| {
            html.leaf_within("th", &[("scope", "row")], &ingredient.kind().to_string(), self.detail.value);
            html.element("td", &[], |html| match ingredient.value() {
                empty if empty.is_empty() => html.leaf("span", &[("class", "none")], "none"),
                value => html.leaf_within("code", &[], &value, self.detail.value),
            });
        });
    }

    fn differences(&self, html: &mut Html, differences: &[Difference]) {
        let mut left_out = 0;
        table(html, "changes", "Differences", &["Ingredient", "Before", "Now"], |html| {
            for difference in differences.iter().take(self.detail.rows) {
                left_out += self.difference(html, difference);
            }
        });
        more(html, "p", left_out + differences.len().saturating_sub(self.detail.rows), "difference");
    }

    /// The rows of one ingredient; gives how many are left out.
    fn difference(&self, html: &mut Html, difference: &Difference) -> usize {
        if difference.files.is_empty() {
            let value = |value: Option<&String>| value.map(|value| shorten(value));
            self.change(
                html,
                &difference.subject.to_string(),
                value(difference.values.before()),
                value(difference.values.after()),
            );
        }
        let most = MOST_FILES.min(self.detail.rows);
        for change in difference.files.iter().take(most) {
            let values = change.attribute.values();
            let name = format!("{} · {}", change.path, change.attribute);
            self.change(html, &name, values.before().cloned(), values.after().cloned());
        }
        difference.files.len().saturating_sub(most)
    }
}
