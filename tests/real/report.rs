//! The report of a build in a real browser: it loads nothing and has no fault, can be used with the keyboard, without its script, on paper and on a
//! telephone, and axe-core, which knows the rules of accessibility (WCAG), finds nothing.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::place::{Place, missing};

/// Where `.ci/test` puts it, below `target/`.
const AXE: &str = "tools/axe-core-4.10.3/axe.min.js";

/// Twelve steps in three stages, with a file that a later layer hides.
const FILES: &str = "\
//- site/Dockerfile
FROM layerlab/base AS build
ENV FLAGS=\"-O2 -g\"
COPY src/ /src/
RUN echo compiling with $FLAGS; dd if=/dev/zero of=/src/objects bs=1k count=300; cat /src/* > /site
RUN rm /src/objects && echo removed >&2
FROM layerlab/base AS docs
COPY docs/ /docs/
FROM layerlab/base
LABEL org.opencontainers.image.title=\"a site\"
COPY --from=build /site /usr/bin/site
COPY --from=docs /docs /srv/docs
CMD [\"/usr/bin/site\"]
//- site/src/main.c
int main;
//- site/docs/index.html
<h1>hello</h1>
//- failing/Dockerfile
FROM layerlab/base
RUN echo before; ls /nowhere
RUN echo never
";

/// Those that count as heard by the browser when a page has a fault.
const FAULTS: &[&str] = &["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"];

/// A page of this machine in the browser, with axe-core.
struct Reader {
    browser: Browser,
    axe: String,
    pictures: Option<PathBuf>,
}

impl Reader {
    /// `None` where it can't be tried, which is said.
    fn begin() -> Option<Reader> {
        let axe = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?.join(AXE);
        let Ok(axe) = std::fs::read_to_string(&axe) else {
            missing(&format!("a report in a browser: there is no {}; `.ci/test` brings it with npm", axe.display()));
            return None;
        };
        let Some(mut browser) = Browser::open("about:blank") else {
            missing("a report in a browser: there is no chromium");
            return None;
        };
        browser.listens();
        let pictures = std::env::var_os("LAYERLAB_PICTURES").map(PathBuf::from);
        Some(Reader { browser, axe, pictures })
    }

    fn value(&mut self, expression: &str) -> Value {
        self.browser.value(expression)
    }

    /// What axe-core finds in the page as it is now.
    fn faults(&mut self) -> Value {
        let axe = self.axe.clone();
        self.value(&format!("{axe}; 0"));
        self.value(
            "axe.run().then(found => found.violations.map(fault => [fault.impact, fault.id, fault.nodes.map(node => node.html)]))",
        )
    }

    fn picture(&mut self, name: &str) {
        if let Some(folder) = &self.pictures {
            self.browser.takes_a_picture(&folder.join(name));
        }
    }

    /// Waits until these steps are to be seen, and no others: what was not drawn yet is not told of.
    fn sees(&mut self, steps: impl IntoIterator<Item = usize>) {
        let steps: Vec<String> = steps.into_iter().map(|number| format!("step-{number}")).collect();
        self.browser.waits_for(&format!(
            "[...document.querySelectorAll('article.step')].filter(one => one.querySelector('h3').checkVisibility({{contentVisibilityAuto: true}})).map(one => one.id).join(' ') === '{}'",
            steps.join(" ")
        ));
    }

    /// Nothing was asked for but these pages, and nothing went wrong.
    fn has_loaded_only(&self, pages: &[&str]) {
        for request in self.browser.told(&["Network.requestWillBeSent"]) {
            let url = request["params"]["request"]["url"].as_str().unwrap();
            assert!(pages.contains(&url), "{url}");
        }
        assert_eq!(self.browser.told(FAULTS), Vec::<&Value>::new());
    }
}

/// The report of a build, as an address.
fn report(place: &Place, folder: &str) -> String {
    place.output(&format!("build -q -t {folder} --report {folder}.html {folder}"));
    format!("file://{}", place.path(&format!("{folder}.html")).canonicalize().unwrap().display())
}

#[test]
fn a_report_can_be_read_by_everybody() {
    let Some(mut reader) = Reader::begin() else { return };
    let place = Place::new(FILES);
    let (built, failed) = (report(&place, "site"), report(&place, "failing"));
    for (name, url) in [("built", &built), ("failed", &failed)] {
        for scheme in ["light", "dark"] {
            for width in [1280, 360] {
                reader.browser.looks(width, scheme, "");
                reader.browser.opens(url);
                reader.picture(&format!("{name}-{scheme}-{width}.png"));
                assert_eq!(reader.faults(), json!([]), "{name}, {scheme}, {width}");
                // With all of it on the page, opened.
                reader.value("document.getElementById('all').click(), document.querySelectorAll('details').forEach(one => one.open = true)");
                assert_eq!(reader.faults(), json!([]), "{name}, {scheme}, {width}, opened");
                let root = "document.documentElement";
                assert_eq!(reader.value(&format!("{root}.scrollWidth <= {root}.clientWidth")), true, "{name}, {width}");
            }
        }
    }
    reader.has_loaded_only(&[&built, &failed, "about:blank"]);
}

#[test]
fn a_report_shows_one_state_after_another() {
    let Some(mut reader) = Reader::begin() else { return };
    let place = Place::new(FILES);
    let (built, failed) = (report(&place, "site"), report(&place, "failing"));
    reader.browser.looks(1280, "light", "");
    reader.browser.opens(&built);
    reader.sees([1]);
    // The slider by its keys, and what it says.
    reader.value("document.getElementById('at').focus()");
    reader.browser.types_key("ArrowRight", 39);
    reader.sees([2]);
    let said = reader.value("document.getElementById('at').getAttribute('aria-valuetext')");
    assert_eq!(said, "Step 2: ENV FLAGS=\"-O2 -g\", ✗ miss");
    reader.browser.types_key("End", 35);
    reader.sees([12]);
    assert_eq!(reader.value("location.hash"), "#step-12");
    // The keys of the page, a button, a link.
    reader.value("document.activeElement.blur()");
    reader.browser.types_key("ArrowLeft", 37);
    reader.sees([11]);
    reader.value("document.getElementById('back').click()");
    reader.sees([10]);
    reader.value("document.querySelector('.timeline a[href=\"#step-5\"]').click()");
    reader.browser.waits_for("location.hash === '#step-5'");
    reader.sees([5]);
    reader.picture("state.png");
    let removed = reader.value("document.querySelector('#step-5 li.removed').innerText");
    assert!(removed.as_str().unwrap().contains("307.2 kB stay in a lower layer"), "{removed}");
    reader.value("document.getElementById('all').click()");
    reader.sees(1..=12);
    // A link from elsewhere; a build that failed begins where it did.
    reader.browser.opens(&format!("{built}#step-7"));
    reader.sees([7]);
    reader.browser.opens(&failed);
    reader.sees([2]);
    // On paper there is all of it, opened.
    reader.browser.looks(794, "dark", "print");
    reader.sees(1..=3);
    reader.picture("paper.png");
    assert_eq!(
        reader.value("document.querySelector('.setup li').checkVisibility({contentVisibilityAuto: true})"),
        true
    );
    assert_eq!(reader.value("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
    reader.has_loaded_only(&[&built, &failed, &format!("{built}#step-7"), "about:blank"]);
    // The page may not ask anybody for anything.
    assert_eq!(reader.value("fetch('data:,x').then(() => 'asked', () => 'refused')"), "refused");
}

#[test]
fn a_report_says_where_steps_are_left_out() {
    let Some(mut reader) = Reader::begin() else { return };
    let place = Place::new("//- many/\n");
    let labels: String = (3..=600).map(|number| format!("LABEL step{number}=x\n")).collect();
    place.write("many/Dockerfile", &format!("FROM layerlab/base\nRUN echo 1 > /one\n{labels}"));
    let many = report(&place, "many");
    reader.browser.looks(360, "dark", "");
    reader.browser.opens(&many);
    let where_ = "document.getElementById('where').textContent";
    assert_eq!(reader.value(where_), "1 of 600");
    reader.value("document.getElementById('at').focus()");
    reader.browser.types_key("End", 35);
    assert_eq!(reader.value(where_), "600 of 600");
    reader.browser.types_key("ArrowLeft", 37);
    let before_last = reader.value(where_);
    assert_ne!(before_last, "599 of 600");
    // Between the two, where all are below one another, and in the timeline.
    let gaps = "[...document.querySelectorAll('.gap')].filter(one => one.checkVisibility()).map(one => one.innerText.split(':')[0]).join()";
    let (before_last, _) = before_last.as_str().unwrap().split_once(' ').unwrap();
    let left_out = format!("Steps {}–599 left out", before_last.parse::<usize>().unwrap() + 1);
    assert_eq!(reader.value(gaps), left_out.as_str());
    reader.value(
        "document.getElementById('all').click(), document.querySelector('.gap').scrollIntoView({block: 'center'})",
    );
    reader.picture("left-out.png");
    assert_eq!(reader.value(gaps), format!("{left_out},{left_out}").as_str());
    let height = "document.querySelector('.timeline .gap').getBoundingClientRect().height";
    assert_eq!(reader.value(&format!("{height} < 100")), true, "it has the whole width");
    reader.has_loaded_only(&[&many, "about:blank"]);
}

#[test]
fn a_report_is_whole_without_its_script() {
    let Some(mut reader) = Reader::begin() else { return };
    let place = Place::new(FILES);
    let built = report(&place, "site");
    reader.browser.looks(360, "light", "");
    reader.browser.scripts(false);
    reader.browser.opens(&built);
    reader.sees(1..=12);
    assert_eq!(reader.value("document.getElementById('slider').checkVisibility()"), false);
    reader.picture("without-script.png");
    reader.has_loaded_only(&[&built, "about:blank"]);
}
