//! The debugger without a face: driven as data alone. No output is captured here, and nothing of a terminal is there.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use layerlab::container::Identity;
use layerlab::debugger::{
    self, Against, Changed, Compare, Compared, Debugger, Editable, Enter, Error, Exit, Going, Mistakes, Outlook, Place,
    Reason, Said, Setting, StepStatus, Stopped, Streams, Tense, Typed,
};
use layerlab::machine::{Acted, BuildName, ChangeKind, Decision, Event, EventKind, MissReason, Options};
use layerlab::source::SourceFile;
use layerlab::store::{Home, Store};
use layerlab::upkeep::verify;
use layerlab::world::{Clock, World};

/// A home and a context folder.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(files: &[(&str, &str)]) -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(desk.context()).unwrap();
        for (name, text) in files {
            fs::write(desk.context().join(name), text).unwrap();
        }
        desk
    }

    fn context(&self) -> std::path::PathBuf {
        self.folder.path().join("context")
    }

    fn try_open(&self, mistakes: Mistakes) -> Result<Debugger, Error> {
        let path = self.context().join("Dockerfile");
        let dockerfile = fs::read_to_string(&path).ok();
        let home = Home::open(self.folder.path().join("home")).unwrap();
        let store = Store::open(&home).unwrap();
        Debugger::new(Setting {
            world: Arc::new(World { store, clock: Clock::stopped(1_763_900_000), identity: Identity::detect() }),
            options: Options { stand_ins: true, ..Options::default() },
            folder: self.context(),
            dockerfile: dockerfile.map(|text| (SourceFile::new("Dockerfile", text), Some(path))),
            mistakes,
        })
    }

    fn open(&self) -> Debugger {
        self.try_open(Mistakes::Refused).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let home = Home::open(self.folder.path().join("home")).unwrap();
            let report = verify(&Store::open(&home).unwrap());
            assert!(report.is_whole(), "{:?}", report.findings);
        }
    }
}

const TWO_STAGES: &str = "\
FROM scratch AS build
COPY one.txt /one.txt
COPY two.txt \\
     /two.txt

FROM scratch
COPY --from=build /one.txt /kept/
ENV MODE=full
";

fn two_stages() -> Desk {
    Desk::new(&[("Dockerfile", TWO_STAGES), ("one.txt", "1\n"), ("two.txt", "1\n2\n3\n")])
}

fn deaf(_: &Event) {}

/// Where a motion stopped: how many steps are taken.
fn taken(stopped: Result<Stopped, Error>, reason: Reason) -> usize {
    let stopped = stopped.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(stopped.reason, reason);
    stopped.position.taken
}

#[test]
fn it_moves_and_says_where_it_is() {
    let desk = two_stages();
    let mut debugger = desk.open();
    let mut told = Vec::new();
    let stopped = debugger.step(2, &mut |event| told.push(event.clone())).unwrap();
    assert_eq!(stopped.reason, Reason::Step);
    let next = stopped.position.next.unwrap();
    assert_eq!((next.number, next.total, next.stage.as_str(), next.lines), (3, 6, "build", (3, 4)));
    // Every event of a step says which step it is of.
    let started: Vec<usize> = told
        .iter()
        .filter(|event| event.kind == EventKind::StepStarted)
        .filter_map(|event| Some(event.step.as_ref()?.number))
        .collect();
    assert_eq!(started, [1, 2]);

    assert_eq!(taken(debugger.next(&mut deaf), Reason::Step), 3);
    assert_eq!(taken(debugger.goto(2, &mut deaf), Reason::Step), 1);
    assert_eq!(taken(debugger.goto(5, &mut deaf), Reason::Step), 4);
    assert_eq!(taken(debugger.back(3), Reason::Step), 1);
    assert_eq!(taken(debugger.restart(), Reason::Step), 0);
    assert!(matches!(debugger.back(1), Err(Error::AtBeginning)));
    assert!(debugger.goto(7, &mut deaf).is_err() && debugger.finished().is_none());
    assert_eq!(taken(debugger.go_on(&mut deaf), Reason::Done), 6);
    assert!(debugger.finished().is_some() && debugger.position().next.is_none());
    assert!(matches!(debugger.step(1, &mut deaf), Err(Error::NothingLeft)));

    let tagged = debugger.tag("lab/two:1", &mut deaf).unwrap();
    assert_eq!((tagged.reference.familiar().as_str(), tagged.after_step), ("lab/two:1", None));
}

#[test]
fn it_breaks_where_it_is_told_to() {
    let desk = two_stages();
    let mut debugger = desk.open();
    let ids: Vec<usize> = [Place::Line(4), Place::Stage("stage-1".into()), Place::Text("mode".into())]
        .map(|place| debugger.break_at(place, None).unwrap().id)
        .into();
    assert_eq!(ids, [1, 2, 3]);
    // Line 4 goes on with the instruction of line 3; line 5 is empty, so it means line 6.
    let line = |line| debugger.steps_at(&Place::Line(line)).iter().map(|step| step.number).collect::<Vec<_>>();
    assert_eq!([line(1), line(3), line(4), line(5), line(6)], [[1], [3], [3], [4], [4]]);
    assert!(matches!(debugger.break_at(Place::Line(9), None), Err(Error::NoStepBelow { line: 9 })));
    assert!(matches!(debugger.break_at(Place::Stage("no".into()), None), Err(Error::NoStage { .. })));

    assert_eq!(taken(debugger.go_on(&mut deaf), Reason::Breakpoint(1)), 2);
    assert_eq!(taken(debugger.go_on(&mut deaf), Reason::Breakpoint(2)), 3);
    debugger.disable_breakpoint(3).unwrap();
    debugger.delete_breakpoint(1).unwrap();
    assert!(matches!(debugger.delete_breakpoint(1), Err(Error::NoBreakpoint(1))));
    assert_eq!(taken(debugger.go_on(&mut deaf), Reason::Done), 6);
    debugger.restart().unwrap();
    debugger.enable_breakpoint(3).unwrap();
    debugger.disable_breakpoint(2).unwrap();
    assert_eq!(taken(debugger.go_on(&mut deaf), Reason::Breakpoint(3)), 5);
    debugger.delete_breakpoints();

    // Everything is in the cache but what was changed: a miss stops it when the cache was asked, and before it is executed.
    fs::write(desk.context().join("two.txt"), "1\n").unwrap();
    let id = debugger.break_at(Place::Miss, None).unwrap().id;
    debugger.restart().unwrap();
    let stopped = debugger.go_on(&mut deaf).unwrap();
    assert_eq!((stopped.reason, stopped.position.taken), (Reason::Breakpoint(id), 2));
    assert!(stopped.position.is_missed && debugger.files_after(3).is_err());
    assert_eq!(taken(debugger.go_on(&mut deaf), Reason::Done), 6);
}

#[test]
fn steps_and_stages_are_rows() {
    let desk = two_stages();
    let mut debugger = desk.open();
    debugger.go_on(&mut deaf).unwrap();
    fs::write(desk.context().join("two.txt"), "other\n").unwrap();
    debugger.goto(3, &mut deaf).unwrap();
    debugger.break_at(Place::Step(5), None).unwrap();
    let rows = debugger.steps_foreseen();
    let status: Vec<StepStatus> = rows.iter().map(|row| row.status).collect();
    use StepStatus::{Next, Taken, ToCome};
    assert_eq!(status, [Taken, Taken, Next, ToCome, ToCome, ToCome]);
    let letters: String = rows
        .iter()
        .map(|row| match &row.outlook {
            Outlook::Decided(Decision::Hit { .. }) => '✓',
            Outlook::Decided(Decision::Miss { .. }) => '✗',
            Outlook::Kept => '=',
            Outlook::Decided(Decision::NotCached { .. }) => '-',
            Outlook::Decided(Decision::Unknown { .. }) | Outlook::Unforeseen | Outlook::NotAsked => '?',
        })
        .collect();
    assert_eq!(letters, "-✗✗-?✓");
    assert_eq!(rows[4].breakpoints, [1]);
    assert!(debugger.steps()[3].outlook == Outlook::NotAsked);
    let stages: Vec<_> = debugger
        .stages()
        .into_iter()
        .map(|stage| (stage.name, stage.taken, stage.total, stage.next.is_some()))
        .collect();
    assert_eq!(stages, [("build".to_owned(), 2, 3, true), ("stage-1".to_owned(), 0, 3, true)]);
}

#[test]
fn states_are_looked_at_and_compared() {
    let desk = two_stages();
    let mut debugger = desk.open();
    assert!(matches!(debugger.files(), Err(Error::NoState)));
    debugger.step(3, &mut deaf).unwrap();
    let files = debugger.files().unwrap();
    let names: Vec<String> = files.list("/").unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["one.txt", "two.txt"]);
    assert_eq!(files.cat("two.txt").unwrap(), b"1\n2\n3\n");
    assert!(files.walk("/", 1).unwrap().is_cut);
    assert!(matches!(files.cat("/"), Err(Error::Directory(_))));

    let Compared::States { paths, .. } = debugger.compare(&Compare::States(1, 3)).unwrap() else { panic!() };
    let changes: Vec<(ChangeKind, String)> = paths.iter().map(|change| (change.kind, change.path)).collect();
    assert_eq!(changes, [(ChangeKind::Added, "/one.txt".into()), (ChangeKind::Added, "/two.txt".into())]);
    fs::write(desk.context().join("two.txt"), "1\n3\n").unwrap();
    let file = Compare::File { path: "two.txt".into(), states: None };
    let Compared::File { before, after } = debugger.compare(&file).unwrap() else { panic!() };
    assert_eq!((before.bytes.as_deref(), after.bytes.as_deref()), (Some(&b"1\n2\n3\n"[..]), Some(&b"1\n3\n"[..])));

    debugger.restart().unwrap();
    debugger.go_on(&mut deaf).unwrap();
    let state = debugger.state(None).unwrap();
    assert_eq!(state.image().config.env.last().unwrap(), "MODE=full");
    assert!(debugger::env(&state).iter().any(|variable| variable.name == "MODE" && variable.is_in_image));
    assert_eq!((debugger::layers(&state).len(), debugger::history(&state).len()), (1, 2));
    // What was looked up stays as it was, whatever the debugger does.
    assert_eq!(files.cat("/two.txt").unwrap(), b"1\n2\n3\n");
}

#[test]
fn an_edit_goes_back_and_says_why() {
    let desk = two_stages();
    let mut debugger = desk.open();
    debugger.go_on(&mut deaf).unwrap();
    debugger.goto(4, &mut deaf).unwrap();
    fs::write(desk.context().join("two.txt"), "1\n2\n").unwrap();
    let refreshed = debugger.context_changed("two.txt", &mut deaf).unwrap();
    assert_eq!((&refreshed.changed, refreshed.back), (&Changed::File("two.txt".into()), 1));

    let why = debugger.why(None).unwrap().unwrap();
    assert_eq!((why.step.number, why.tense), (3, Tense::WouldBe));
    let Decision::Miss { reason: MissReason::Cause { build: BuildName { number: 1, .. }, differences }, .. } =
        &why.decision
    else {
        panic!("{why:?}")
    };
    assert_eq!(differences.iter().map(|one| one.files.len()).collect::<Vec<_>>(), [1]);
    let lines: Vec<_> = why.lines.iter().map(|count| (count.path.as_str(), count.added, count.removed)).collect();
    assert_eq!(lines, [("two.txt", 0, 1)]);
    assert!(why.after.iter().any(|following| following.step.number == 5));
    assert_eq!(debugger.why_against(Some(2), 1).unwrap(), Some(Against::Same));
    assert!(matches!(debugger.why_against(None, 9), Err(Error::NoBuild { number: 9, .. })));

    // A text that is wrong changes nothing.
    let before = debugger.position();
    let Err(Error::Dockerfile(failure)) = debugger.edit("FROM scratch\nCOYP a b\n", &mut deaf) else { panic!() };
    assert_eq!(failure.source.line_column(failure.diagnostics[0].span().unwrap().start), (2, 1));
    assert_eq!((debugger.position(), &*debugger.source().text), (before, TWO_STAGES));

    let refreshed = debugger.edit(TWO_STAGES.replace("one.txt /one.txt", "one.txt /first"), &mut deaf).unwrap();
    assert_eq!((refreshed.changed, refreshed.back), (Changed::Dockerfile, 1));
    assert_eq!((debugger.position().taken, debugger.has_typed()), (1, true));
    assert_eq!(debugger.editable(None).unwrap(), Editable::InMemory);
}

#[test]
fn a_step_that_moved_is_affected_though_it_hits() {
    let desk = Desk::new(&[("Dockerfile", "FROM scratch\nLABEL a=b\nCOPY f /\nCMD x\n"), ("f", "1\n")]);
    let mut debugger = desk.open();
    debugger.go_on(&mut deaf).unwrap();
    let refreshed = debugger.edit("FROM scratch\nCOPY f /\nLABEL a=b\nCMD x\n", &mut deaf).unwrap();
    let retaken: Vec<usize> = refreshed.retaken.iter().map(|step| step.number).collect();
    assert_eq!((refreshed.back, retaken, refreshed.is_without_effect()), (0, vec![2, 3], false));
    assert!(debugger.finished().is_none());
}

#[test]
fn a_failure_is_data_and_is_tried_again() {
    let desk = Desk::new(&[("Dockerfile", "FROM scratch\nCOPY missing.txt /\n")]);
    let mut debugger = desk.open();
    let stopped = debugger.go_on(&mut deaf).unwrap();
    // A front end in another process gets the same.
    let json = serde_json::to_value(&stopped).unwrap();
    assert_eq!((&json["position"]["next"]["lines"][0], &json["position"]["taken"]), (&2.into(), &1.into()));
    let message = &json["reason"]["failed"][0];
    assert_eq!((&message["severity"], &message["line"]), (&"error".into(), &2.into()), "{message}");
    let Reason::Failed(failure) = stopped.reason else { panic!("{:?}", stopped.reason) };
    assert_eq!((stopped.position.taken, failure.diagnostics.len()), (1, 1));
    assert_eq!(failure.source.line_column(failure.diagnostics[0].span().unwrap().start).0, 2);
    fs::write(desk.context().join("missing.txt"), "here\n").unwrap();
    assert_eq!(taken(debugger.go_on(&mut deaf), Reason::Done), 2);
    assert!(matches!(
        Desk::new(&[("Dockerfile", "FORM scratch\n")]).try_open(Mistakes::Refused),
        Err(Error::Dockerfile(_))
    ));
}

#[test]
fn a_text_that_is_being_edited_is_stepped_through_up_to_its_mistake() {
    let text = "FROM scratch\nCOPY one.txt /\n# a comment\nCOYP one.txt /two\nENV A=1\n";
    let desk = Desk::new(&[("Dockerfile", text), ("one.txt", "1\n")]);
    assert!(matches!(desk.try_open(Mistakes::Refused), Err(Error::Dockerfile(_))));
    let mut debugger = desk.try_open(Mistakes::StoppedAt).unwrap_or_else(|error| panic!("{error}"));
    let stopped = debugger.go_on(&mut deaf).unwrap();
    let Reason::Failed(failure) = stopped.reason else { panic!("{:?}", stopped.reason) };
    assert_eq!((stopped.position.taken, &*failure.source.text, &*debugger.source().text), (2, text, text));
    assert_eq!(failure.source.line_column(failure.diagnostics[0].span().unwrap().start), (4, 1));
    assert!(debugger.finished().is_none() && debugger.files().unwrap().cat("/one.txt").is_ok());
    assert!(matches!(debugger.type_in("ENV B=1", &mut deaf), Err(Error::Dockerfile(_))));

    let refreshed = debugger.edit(text.replace("COYP", "COPY"), &mut deaf).unwrap();
    assert_eq!((refreshed.back, debugger.position().taken), (0, 2));
    assert_eq!(taken(debugger.go_on(&mut deaf), Reason::Done), 4);
}

#[test]
fn a_notebook_types_instructions_in() {
    let desk = Desk::new(&[("one.txt", "1\n")]);
    let mut debugger = desk.open();
    assert!(!debugger.is_begun() && matches!(debugger.step(1, &mut deaf), Err(Error::Empty)));
    assert_eq!(debugger.type_in("ARG BASE=scratch", &mut deaf).unwrap(), Typed::BeforeFrom);
    let typed = |debugger: &mut Debugger, text: &str| match debugger.type_in(text, &mut deaf).unwrap() {
        Typed::Took(stopped) => (stopped.reason == Reason::Done, stopped.position.taken),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(typed(&mut debugger, "FROM $BASE"), (true, 1));
    assert_eq!(typed(&mut debugger, "COPY one.txt /"), (true, 2));
    assert_eq!(typed(&mut debugger, "COPY two.txt /"), (false, 2));
    assert!(matches!(debugger.type_in("CPOY a b", &mut deaf), Err(Error::Dockerfile(_))));
    assert_eq!(debugger.source().text, "ARG BASE=scratch\nFROM $BASE\nCOPY one.txt /\n");
    assert_eq!(debugger.explain(Some("copy")).unwrap().keyword, "COPY");
    debugger.write(&desk.context().join("Dockerfile")).unwrap();
    assert_eq!(taken(desk.open().go_on(&mut deaf), Reason::Done), 2);
}

/// Waits for what a program prints.
fn wait_for(going: &Going, text: &str) {
    let mut printed = Vec::new();
    while !String::from_utf8_lossy(&printed).contains(text) {
        match going.events.recv().expect("it is still under way").kind {
            EventKind::Output { bytes, .. } => printed.extend_from_slice(&bytes),
            _ => continue,
        }
    }
}

/// Whether a program that prints all the time is silent for some turns of its clock.
fn is_silent(going: &Going) -> bool {
    // What was on its way when it was paused.
    while going.events.try_recv().is_ok() {}
    going.events.recv_timeout(Duration::from_millis(200)).is_err()
}

#[test]
fn a_run_is_paused_and_goes_on() {
    let endless = "FROM layerlab/base\nRUN while :; do echo tick; sleep 0.01; done\n";
    let desk = Desk::new(&[("Dockerfile", endless)]);
    let debugger = desk.open();
    assert_eq!(debugger.control().pause().unwrap(), Acted::OnNothing);
    let going = Going::start(debugger, Debugger::go_on);
    wait_for(&going, "tick");
    let begun = Instant::now();
    assert_eq!(going.control().pause().unwrap(), Acted::OnContainer);
    println!("a RUN was paused within {:?}", begun.elapsed());
    assert!(is_silent(&going) && is_silent(&going));
    assert_eq!(going.control().resume().unwrap(), Acted::OnContainer);
    wait_for(&going, "tick");
    // What is paused can be stopped, too.
    going.control().pause().unwrap();
    let begun = Instant::now();
    going.control().interrupt().request();
    let (debugger, stopped) = going.finish();
    println!("a RUN that was paused was cancelled within {:?}", begun.elapsed());
    assert_eq!(taken(stopped, Reason::Interrupted), 1);
    assert_eq!(debugger.control().resume().unwrap(), Acted::OnNothing);
}

#[test]
fn a_run_goes_on_in_another_thread_until_it_is_stopped() {
    let desk = Desk::new(&[("Dockerfile", "FROM layerlab/base\nRUN echo kept > /kept\nRUN echo begun; sleep 1000\n")]);
    let mut debugger = desk.open();
    assert_eq!(taken(debugger.step(2, &mut deaf), Reason::Step), 2);
    let files = debugger.files().unwrap();

    let going = Going::start(debugger, Debugger::go_on);
    wait_for(&going, "begun");
    assert!(!going.is_finished());
    // A state can be looked at while the machine is at work.
    assert_eq!(files.cat("/kept").unwrap(), b"kept\n");
    let cancelled = Instant::now();
    going.control().interrupt().request();
    let (mut debugger, stopped) = going.finish();
    println!("a RUN was cancelled within {:?}", cancelled.elapsed());
    assert_eq!(taken(stopped, Reason::Interrupted), 2);

    // The wish is fulfilled: what comes next is not stopped by it.
    let mut printed = Vec::new();
    let mut listen = |said: Said<'_>| {
        if let Said::Output(_, bytes) = said {
            printed.extend_from_slice(bytes);
        }
    };
    let enter = Enter::Command("cat /kept; exit 3".into());
    let exit = debugger.enter(&enter, Streams::Captured, &mut listen).unwrap();
    assert_eq!((exit, &*printed), (Exit::Ended { status: 3, advice: None }, &b"kept\n"[..]));
    debugger.edit("FROM layerlab/base\nRUN echo kept > /kept\nRUN echo done\n", &mut deaf).unwrap();
    assert_eq!(taken(debugger.go_on(&mut deaf), Reason::Done), 3);
}
