//! A report has at most so many bytes, whatever was built: what is left out is what says least, and is counted.

use crate::harness::Place;
use crate::page::Element;
use crate::report::page;

/// How many steps the page has, and that its parts agree on that and on what is left out.
fn steps_shown(page: &Element, total: usize) -> usize {
    let articles = page.all().into_iter().filter(|element| element.name == "article").count();
    let timeline = page.find("timeline");
    let rows = timeline.all().into_iter().filter(|element| element.attribute("class") == Some("n")).count() - 1;
    assert_eq!(page.find("at").attribute("max"), Some(articles.to_string().as_str()));
    assert_eq!(page.find("slider").attribute("data-total"), Some(total.to_string().as_str()));
    for part in [timeline, page.find("steps")] {
        let gaps =
            part.all().into_iter().filter(|one| one.attribute("class").is_some_and(|class| class.ends_with("gap")));
        let left_out: usize = gaps.map(|gap| left_out(&gap.text())).sum();
        assert_eq!(articles + left_out, total);
    }
    assert_eq!(rows, articles);
    articles
}

/// How many steps `Steps 5–41 left out: …` says.
fn left_out(gap: &str) -> usize {
    let (numbers, _) = gap.split_once(" left out: ").unwrap();
    match numbers.trim_start_matches("Steps ").split_once('–') {
        Some((first, last)) => last.parse::<usize>().unwrap() - first.parse::<usize>().unwrap() + 1,
        None => 1,
    }
}

/// A Dockerfile of as many steps, of which one in the middle fails, with a large layer before it.
fn failing_in_the_middle(steps: usize) -> String {
    let mut dockerfile = String::from("FROM layerlab/base\n");
    for number in 2..=steps {
        dockerfile.push_str(&match number {
            number if number == steps / 3 => "RUN dd if=/dev/zero of=/large bs=1k count=300\n".to_owned(),
            number if number == steps / 2 => "RUN echo so far; exit 3\n".to_owned(),
            number => format!("LABEL step{number}=\"<&>\"\n"),
        });
    }
    dockerfile
}

#[test]
fn a_report_of_many_steps_shows_the_most_important() {
    for steps in [400, 1000, 5000] {
        let place = Place::new("");
        place.write("Dockerfile", &failing_in_the_middle(steps));
        let said = place.run("build -q --report ../out.html .");
        assert!(said.contains("exit"), "{said}");
        let page = page(&place, "../out.html");
        let shown = steps_shown(&page, steps);
        assert!(shown >= 200, "{shown} of {steps}");
        let step = |number: usize| page.find(&format!("step-{number}")).text();
        let failed = step(steps / 2);
        assert!(failed.contains("‼ failed") && failed.contains("so far"), "{failed}");
        assert!(page.find(&format!("line-{}", steps / 2)).text().contains("exit 3"));
        assert!(step(steps / 3).contains("/large") && step(steps / 3).contains("+ added large"));
        assert!(step(1).contains(&format!("Step 1 of {steps}")));
        assert!(step(steps).contains(&format!("Step {steps} of {steps}")));
    }
}

#[test]
fn a_report_is_bounded_whatever_was_built() {
    let place = Place::new("");
    let mut dockerfile = String::from("FROM layerlab/base\n");
    dockerfile.push_str(&format!(
        "RUN mkdir -p /many && cd /many && for name in $(seq 1 40); do mkdir $name; (cd $name && seq 1 500 | sed 's/$/{}/' | xargs touch); done\n",
        "<\\&\"".repeat(40)
    ));
    dockerfile.push_str("RUN seq 1 200000 | sed 's/$/<<<<<<<<<</'\nRUN rm -r /many\n");
    for number in 0..600 {
        dockerfile.push_str(&format!("LABEL step{number}=\"{}\"\n", "<&>".repeat(200)));
    }
    place.write("Dockerfile", &dockerfile);
    let said = place.run("build -q --report ../out.html .");
    assert!(said.starts_with("sha256:"), "{said}");
    let page = page(&place, "../out.html");
    steps_shown(&page, 604);
    let files = page.find("step-2").text();
    assert!(files.contains("+ 20041 added") && files.contains("more changes"), "{files}");
    assert!(page.find("step-3").text().contains("left out …"));
    assert!(page.find("step-4").text().contains("removed"));
    assert!(page.find("step-604").text().contains("Step 604 of 604"));
}

#[test]
fn long_texts_of_every_kind_do_not_make_a_report_large() {
    let place = Place::new("");
    // Quotes take six bytes each in a page; a letter without a width is a long text in no cells.
    let (quotes, accents) = ("'\"<&>".repeat(400), "\u{301}".repeat(4000));
    let mut dockerfile = format!("ARG LONG=\"{accents}\"\n");
    for stage in 0..150 {
        let name = format!("s{stage}{}", "x".repeat(900));
        dockerfile
            .push_str(&format!("FROM layerlab/base AS {name}\nLABEL a=\"{accents}\" b='{}'\n", "<&>".repeat(900)));
        dockerfile.push_str(&format!("ENV v{stage}=\"{}\"\n# {quotes}{accents}\n", "&".repeat(3000)));
    }
    let from: String =
        (0..150).map(|stage| format!("COPY --from=s{stage}{} /bin/busybox /b{stage}\n", "x".repeat(900))).collect();
    dockerfile
        .push_str(&format!("FROM layerlab/base\n{from}RUN echo '{}' >&2; exit 1 # {accents}\n", "<&>".repeat(5000)));
    place.write("Dockerfile", &dockerfile);
    place.run("build -q --report ../out.html .");
    let page = page(&place, "../out.html");
    steps_shown(&page, 601 + 1);
    assert!(page.find("step-602").text().contains("‼ failed"));
}
