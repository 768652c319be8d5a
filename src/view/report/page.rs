//! The page as a whole: what was built and how that went, a list of its parts, the parts, and what is left out.

use super::verdict::Kind;
use super::{MOST_BYTES, Report, bars};
use crate::debugger::Reviewed;
use crate::hidden::SHORTEST;
use crate::view::html::Html;
use crate::view::units::{count, hits_and_misses, listed, moment, size, time};
use crate::view::warning;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// How many lines of a command that failed stand beside its message.
const LAST_LINES: usize = 5;

/// How many warnings are listed.
const MOST_WARNINGS: usize = 20;

impl Report<'_> {
    /// All of it.
    pub(super) fn page(&self) -> String {
        let title = format!("{} · Layerlab", self.title());
        let html = Html::document(&title, (STYLE, SCRIPT), &self.mask, |html| {
            html.leaf("a", &[("class", "skip"), ("href", "#steps")], "Skip to the steps");
            bars::fillings(html);
            html.element("header", &[("class", "page")], |html| self.head(html));
            html.element("nav", &[("class", "parts"), ("aria-label", "Parts of this report")], |html| {
                html.element("ul", &[], |html| {
                    for (place, name) in self.parts() {
                        let place = format!("#{place}");
                        html.element("li", &[], |html| html.leaf("a", &[("href", &place)], name));
                    }
                });
            });
            html.element("main", &[("id", "main")], |html| {
                self.timeline(html);
                self.dockerfile(html);
                self.steps(html);
                self.layers(html);
                if self.has_remarks() {
                    self.remarks(html);
                }
            });
            html.element("footer", &[("class", "page")], |html| self.foot(html));
        });
        html.into_text()
    }

    /// What the page is called.
    fn title(&self) -> String {
        let name = self.review.image.as_ref().and_then(|image| image.names.first());
        match (self.failed(), name) {
            (Some(step), _) => format!("Failed at step {}", step.step.number),
            (None, Some(name)) => name.clone(),
            (None, None) if self.review.image.is_some() => "An image without a name".to_owned(),
            (None, None) => format!("{} of {} steps", self.taken(), self.review.steps.len()),
        }
    }

    fn parts(&self) -> Vec<(&'static str, &'static str)> {
        let mut parts = vec![
            ("timeline", "Timeline"),
            ("dockerfile", "Dockerfile"),
            ("steps", "Steps and states"),
            ("layers", "Layers"),
        ];
        if self.has_remarks() {
            parts.push(("remarks", "Remarks"));
        }
        parts
    }

    fn taken(&self) -> usize {
        self.review.steps.iter().filter(|step| step.taken.is_some()).count()
    }

    fn head(&self, html: &mut Html) {
        let build = self.review.image.as_ref().map(|image| image.build).or(self.notes.build);
        let build = build.map_or_else(|| "Build report".to_owned(), |build| format!("Build {build}"));
        html.leaf("p", &[("class", "over")], &build);
        html.leaf("h1", &[], &self.title());
        match (self.failed(), &self.review.image) {
            (Some(step), _) => self.failure(html, step),
            (None, Some(_)) => html.leaf("p", &[("class", "outcome good")], "✓ The image is built."),
            (None, None) => {
                html.leaf("p", &[("class", "outcome")], "· No image is written: the build did not come to its end.");
            }
        }
        html.element("dl", &[("class", "facts")], |html| self.facts(html));
    }

    /// What went wrong, and where.
    fn failure(&self, html: &mut Html, step: &Reviewed) {
        let notes = self.notes.of(&step.step);
        let message = notes.and_then(|notes| notes.failure.as_ref()).map(|failed| &failed.message);
        html.element("div", &[("class", "outcome bad")], |html| {
            html.element("p", &[], |html| {
                html.text("‼ No image is written: ");
                self.link_to_step(html, step.step.number, &format!("step {}", step.step.number));
                html.text(" failed.");
            });
            html.element("pre", &[("class", "message")], |html| {
                html.lines_within(&self.without_home(message.map_or("", String::as_str)), self.room.most.output);
            });
            let last =
                notes.map(|notes| notes.printed.last_lines(LAST_LINES, &self.mask)).filter(|last| !last.is_empty());
            if let Some(last) = last {
                html.leaf("p", &[], "The last that it printed:");
                html.element(
                    "pre",
                    &[("class", "printed"), ("tabindex", "0"), ("aria-label", "Last lines of the output")],
                    |html| {
                        html.lines_within(&last, self.room.most.output);
                    },
                );
            }
        });
    }

    fn facts(&self, html: &mut Html) {
        let review = self.review;
        if let Some(image) = &review.image
            && image.names.len() > 1
        {
            fact(html, "Names", |html| html.text(&listed(&image.names)));
        }
        let of = |kind: Kind| self.verdicts.iter().filter(|verdict| verdict.kind == kind).count();
        let mut stages: Vec<&str> = review.steps.iter().map(|step| step.step.stage.as_str()).collect();
        stages.dedup();
        let (steps, stages) = (count(review.steps.len() as u64, "step"), count(stages.len() as u64, "stage"));
        let not_reached = match of(Kind::NotReached) {
            0 => String::new(),
            number => format!(", {number} not reached"),
        };
        fact(html, "Steps", |html| html.text(&format!("{steps} in {stages}{not_reached}")));
        fact(html, "Cache", |html| html.text(&hits_and_misses(of(Kind::Hit), of(Kind::Miss))));
        fact(html, "Time", |html| html.text(&time(self.notes.milliseconds.unwrap_or_else(|| self.whole()))));
        fact(html, "Size", |html| html.text(&size(review.bytes)));
        fact(html, "Platform", |html| html.text(&review.platform));
        fact(html, "When", |html| html.leaf("time", &[("datetime", &review.time)], &utc(&review.time)));
        if let Some((files, bytes, excluded)) = self.notes.context {
            let excluded = if excluded == 0 { String::new() } else { format!(", {excluded} excluded") };
            let files = count(files, "file");
            fact(html, "Context", |html| html.text(&format!("{files}, {}{excluded}", size(bytes))));
        }
        if let Some(image) = &review.image {
            fact(html, "Image", |html| html.leaf("code", &[("class", "digest")], &image.id.to_string()));
            fact(html, "Manifest", |html| html.leaf("code", &[("class", "digest")], &image.manifest.to_string()));
        }
    }

    fn has_remarks(&self) -> bool {
        !(self.notes.warnings.is_empty() && self.notes.remarks.is_empty() && self.review.left_out.is_empty())
    }

    fn remarks(&self, html: &mut Html) {
        section(html, "remarks", "Remarks", |html| {
            html.element("ul", &[("class", "remarks")], |html| {
                let detail = self.room.most;
                let warnings = MOST_WARNINGS.min(detail.rows);
                for (step, warning) in self.notes.warnings.iter().take(warnings) {
                    html.element("li", &[], |html| {
                        html.leaf("b", &[("class", "badge miss")], "! warning");
                        html.text(" ");
                        html.text_within(&warning::text(warning), detail.sentence);
                        if let Some(step) = step.filter(|step| *step <= self.review.steps.len()) {
                            html.text(" (");
                            self.link_to_step(html, step, &format!("step {step}"));
                            html.text(")");
                        }
                    });
                }
                more(html, "li", self.notes.warnings.len().saturating_sub(warnings), "warning");
                for remark in &self.notes.remarks {
                    html.leaf_within("li", &[], remark, detail.sentence);
                }
                for stage in self.review.left_out.iter().take(detail.rows) {
                    html.element("li", &[], |html| {
                        html.text("stage ");
                        html.leaf_within("code", &[], &stage.name, detail.value);
                        html.text(&format!(" ({}) is not needed for the target", count(stage.steps as u64, "step")));
                    });
                }
                more(html, "li", self.review.left_out.len().saturating_sub(detail.rows), "unneeded stage");
            });
        });
    }

    /// What the page is, and what is in it and what is not: it is made to be handed on.
    fn foot(&self, html: &mut Html) {
        html.leaf("h2", &[], "About this page");
        let version = env!("CARGO_PKG_VERSION");
        let bytes = size(MOST_BYTES as u64);
        for text in [
            format!("Written by Layerlab {version}. This page loads nothing and sends nothing. It has at most {bytes}; where something is shortened or left out, it says by how much."),
            "Whoever has it can read the Dockerfile, what commands printed, build arguments and variables with their values, and the names of \
             files, but not what is in them."
                .to_owned(),
            format!(
                "Masked (•••): secrets that commands were given, and the values of arguments and variables whose names suggest a secret \
                 (API_TOKEN, DB_PASSWORD) or that are addresses with a password, and passwords and tokens in addresses. Not masked: a value of less than {SHORTEST} bytes, and what a command \
                 has made of one, such as its base64."
            ),
        ] {
            html.leaf("p", &[], &text);
        }
    }
}

/// A part of the page.
pub(super) fn section(html: &mut Html, id: &'static str, title: &str, inside: impl FnOnce(&mut Html)) {
    let heading = format!("{id}-title");
    html.element("section", &[("id", id), ("aria-labelledby", &heading)], |html| {
        html.leaf("h2", &[("id", &heading)], title);
        inside(html);
    });
}

/// A name with its value, for a `dl`.
pub(super) fn fact(html: &mut Html, name: &str, value: impl FnOnce(&mut Html)) {
    html.element("div", &[], |html| {
        html.leaf("dt", &[], name);
        html.element("dd", &[], value);
    });
}

/// That a list goes on.
pub(super) fn more(html: &mut Html, element: &'static str, number: usize, what: &str) {
    if number > 0 {
        html.leaf(element, &[("class", "more")], &format!("and {}", count(number as u64, &format!("more {what}"))));
    }
}

/// `2026-11-28 17:06:14 UTC`.
fn utc(time: &str) -> String {
    moment(time).replace(" +0000 UTC", " UTC")
}
