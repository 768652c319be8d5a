//! The monitor: a process of ours that lives as long as a container.
//!
//! ```text
//! run, start ──fork──▶ monitor ──▶ keeper, guard, the command    (see `container`)
//!     │                   │ has the container's folder locked, writes its log and its status,
//!     │                   │ and listens at a socket in the folder
//!     └──── Session ──────┘◀──── Session of attach, stop, kill, wait, pause …
//! ```
//!
//! It is a copy of the process that starts a container, in a session of its own, with none of its descriptors but the lock and one end of
//! a [`Link`]. It survives that process. When it is killed, the kernel ends the container with it, and its lock is free: so nothing that is
//! written down can claim that the container still runs.
//!
//! Read [`starting`] for its beginning, [`talk`] for what it is asked, then [`hub`] for those who are connected; [`super::session`] is the other side.

mod again;
mod crowd;
mod exchange;
mod forward;
mod health;
mod hub;
mod inside;
mod reached;
mod served;
mod standing;
pub(crate) mod starting;
pub(crate) mod talk;
mod tidy;
mod unreached;

use std::fs::{self, File};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use self::health::{Checker, Ended};
use self::hub::Hub;
use self::reached::Reached;
use self::served::Served;
use self::standing::Standing;
use self::talk::{Ask, Failed, SOCKET, Tell};
use self::tidy::tidy;
use super::Error;
use super::care::{Again, Restart};
use super::log;
use super::ports::{self, Door};
use super::prepare::Prepared;
use super::record::{self, End, Input, Record, Run, Status, WhenEnded};
use crate::container::{self, Control, Entrance, Exit, Heard, Io};
use crate::link::{Heard as Incoming, Link, Listener};
use crate::world::World;

/// A run of a container, about to begin.
struct Turn {
    prepared: Prepared,
    record: Record,
    doors: Vec<Door>,
    /// Whoever lets it begin.
    starter: Link,
    again: Again,
}

/// Is the monitor: from before the container's beginning to after its end. Where it starts again, this process goes on as another program
/// and does not come back.
fn run(world: &Arc<World>, turn: Turn) {
    let Turn { prepared, record, doors, starter, again } = turn;
    let record = &record;
    // Nothing else is kept open: no pipes of the starter's, no lease of the store.
    let kept = prepared.folder().descriptors().into_iter().chain(prepared.connection.descriptors());
    let kept = kept.chain(doors.iter().map(Door::descriptor));
    let kept = kept.chain([starter.as_fd().as_raw_fd()]).collect();
    // One that begins anew stands alone already.
    let stood = if again.restarts == 0 { container::stand_alone(kept) } else { container::close_all_but(kept) };
    if let Err(errno) = stood {
        starter.say(&Tell::Failed(failed(&Error::Call { call: "leave the session of the command", errno })));
        return drop(tidy(world, prepared, record));
    }
    let folder = prepared.folder().path().to_path_buf();
    let starter = Arc::new(starter);
    let entrance = Entrance::of(&prepared.plan);
    let begun = Container::begin(world, &folder, record, entrance, doors, &starter, again);
    let (mut container, input) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            // Nobody has connected yet.
            starter.say(&Tell::Failed(failed(&error)));
            drop(tidy(world, prepared, record));
            return;
        }
    };
    let ended = container.live(&prepared, input);
    container.ended.tell();
    container.log.finish();
    let (status, next) = container.note(&ended);
    let (hub, standing, doors) = (container.hub.clone(), container.standing.clone(), container.reached.kept.clone());
    drop(container);
    if let Some((again, pause, end)) = next {
        // Who is far behind has until the next start to read on; then there is the log.
        hub.tell_again(status);
        let is_finished = standing.is_finished_within(pause);
        let failure = (!is_finished).then(|| again::begin_anew(world, prepared.folder(), again, &doors).to_string());
        ports::close(&doors);
        standing.note(&Status::Exited(End { error: failure, ..end }));
    }
    let given_back = tidy(world, prepared, record);
    match ended {
        Ok(_) => hub.end(status),
        Err(error) => hub.failed(failed(&error)),
    }
    drop(given_back);
}

/// A container with its monitor around it.
struct Container<'a> {
    world: &'a Arc<World>,
    folder: PathBuf,
    standing: Arc<Standing>,
    entrance: Arc<Entrance>,
    hub: Arc<Hub>,
    log: log::Writer,
    /// Where signals are written that are to be passed on.
    presses: Arc<OwnedFd>,
    passed_on: Option<OwnedFd>,
    listener: Option<Listener>,
    starter: Arc<Link>,
    started: Option<String>,
    began: Instant,
    again: Again,
    policy: Restart,
    record: Record,
    ended: Arc<Ended>,
    out_of_memory: bool,
    reached: Reached,
}

impl<'a> Container<'a> {
    /// Opens everything that it needs. Gives its standard input, too.
    fn begin(
        world: &'a Arc<World>,
        folder: &'a Path,
        record: &Record,
        entrance: Entrance,
        doors: Vec<Door>,
        starter: &Arc<Link>,
        again: Again,
    ) -> Result<(Container<'a>, Option<OwnedFd>), Error> {
        let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(|errno| Error::Call { call: "pipe2", errno });
        let (input, to_input) = match record.input {
            Input::Closed => (None, None),
            Input::Once | Input::Open => pipe().map(|(input, to_input)| (Some(input), Some(to_input)))?,
        };
        let (passed_on, presses) = pipe()?;
        let socket = folder.join(SOCKET);
        // One of a run before.
        let _ = fs::remove_file(&socket);
        let directory = File::open(folder).map_err(Error::io("open", folder))?;
        let listener = Listener::bind(&directory, SOCKET).map_err(|errno| Error::io("bind", &socket)(errno.into()))?;
        let container = Container {
            world,
            folder: folder.to_path_buf(),
            standing: Arc::new(Standing::of(world, folder, record)),
            entrance: Arc::new(entrance),
            hub: Arc::new(Hub::new(to_input, record.input)),
            log: log::Writer::open(folder, world.clock.clone(), &record.care.log)?,
            presses: Arc::new(presses),
            passed_on: Some(passed_on),
            listener: Some(listener),
            starter: starter.clone(),
            started: None,
            began: Instant::now(),
            again,
            policy: record.care.restart,
            record: record.clone(),
            ended: Arc::default(),
            out_of_memory: false,
            reached: Reached::by(doors),
        };
        Ok((container, input))
    }

    /// Runs it from its beginning to its end. Whoever has started it hears of all that happens, failures as well.
    fn live(&mut self, prepared: &Prepared, input: Option<OwnedFd>) -> Result<Exit, container::Error> {
        self.hub.connect(&self.starter);
        let mut running = match prepared.spawn(Io::Captured { input }, None) {
            Ok(running) => running,
            Err(Error::Container(error)) => return Err(error),
            Err(error) => return Err(container::Error::Within(error.to_string())),
        };
        if let Some(readable) = self.passed_on.take() {
            running.pass_on_from(readable);
        }
        let control = running.control();
        if !self.is_begun(&control) {
            // Whoever wanted it has gone.
            control.kill();
        }
        self.listen(&control);
        self.reached.connect(self.world, &prepared.connection, &control, &self.hub);
        running.start();
        running.wait(&mut |heard| match heard {
            Heard::Started => self.has_started(&control),
            Heard::Output(stream, bytes) => {
                self.log.add(stream, bytes);
                self.hub.output(stream, bytes);
            }
            // Its terminal leads to us, and not to one of ours.
            Heard::Shown(_) => {}
            Heard::OutOfMemory => {
                self.out_of_memory = true;
                self.hub.notice(
                    "note: a process of the container was killed: it had used all the memory that `--memory` allows",
                );
            }
            Heard::Notice(notice) => self.hub.notice(&notice.to_string()),
            Heard::Untidy(failure) => self.hub.notice(&format!("warning: {failure}")),
        })
    }

    /// Hears what the one who has started it wants before it begins.
    fn is_begun(&self, control: &Control) -> bool {
        loop {
            match self.starter.hear::<Ask>() {
                Incoming::Message(Ask::Begin, _) => return true,
                Incoming::Message(ask, descriptors) => {
                    self.served(control).carry_out(ask, descriptors);
                }
                Incoming::Nothing | Incoming::End => return false,
            }
        }
    }

    /// The one who has started it, to be served.
    fn served(&self, control: &Control) -> Served {
        Served {
            hub: self.hub.clone(),
            link: self.starter.clone(),
            control: control.clone(),
            presses: self.presses.clone(),
            standing: self.standing.clone(),
            entrance: self.entrance.clone(),
        }
    }

    /// Serves the one who has started it, and all who connect, each in a thread of its own.
    fn listen(&mut self, control: &Control) {
        let serve = |served: Served| {
            let _ = thread::Builder::new().name("link".to_owned()).spawn(move || served.serve());
        };
        let served = self.served(control);
        serve(served.clone());
        let Some(listener) = self.listener.take() else { return };
        let _ = thread::Builder::new().name("listener".to_owned()).spawn(move || {
            loop {
                match listener.accept() {
                    Ok(link) => {
                        let served = Served { link: Arc::new(link), ..served.clone() };
                        served.hub.connect(&served.link);
                        serve(served);
                    }
                    // Out of descriptors, most likely: connections to its ports will end.
                    Err(_) => thread::sleep(Duration::from_millis(10)),
                }
            }
        });
    }

    fn has_started(&mut self, control: &Control) {
        let ports = self.reached.open(self.world, control, &self.hub);
        let run = Run {
            started: self.world.clock.rfc3339(),
            process: control.process().unwrap_or(0),
            ports,
            restarts: self.again.restarts,
        };
        self.started = Some(run.started.clone());
        self.check_health(control);
        // Where it can't be written, the lock still tells.
        self.standing.note(&Status::Running(run));
        self.standing.tell("start", &[]);
        self.hub.started();
    }

    /// Begins to check whether it is well, where that is wanted.
    fn check_health(&self, control: &Control) {
        let Some(config) = self.record.care.health.clone() else { return };
        let checker = Checker {
            folder: self.folder.clone(),
            record: self.record.clone(),
            config,
            clock: self.world.clock.clone(),
            control: control.clone(),
            entrance: self.entrance.clone(),
            standing: self.standing.clone(),
            ended: self.ended.clone(),
        };
        checker.forget_others();
        let _ = thread::Builder::new().name("health".to_owned()).spawn(move || checker.check_all());
    }

    /// Writes down how it ended. Gives the status, and how it goes on where it starts again: one that could not be set up does not.
    fn note(&self, ended: &Result<Exit, container::Error>) -> (i32, Option<(Again, Duration, End)>) {
        let (status, error) = match ended {
            Ok(exit) => (exit.status(), None),
            Err(error) => (error.status(), Some(error.to_string())),
        };
        let finished = Some(self.world.clock.rfc3339());
        let (out_of_memory, restarts) = (self.out_of_memory, self.again.restarts);
        let end = End { started: self.started.clone(), finished, status, error, out_of_memory, restarts };
        // It may have been changed meanwhile.
        let record = record::read(self.world.home(), &self.folder).ok().flatten();
        let policy = record.map_or(self.policy, |record| record.care.restart);
        if self.started.is_some() {
            self.standing.tell("die", &[("exitCode", status.to_string())]);
        }
        let is_finished = self.standing.is_finished_within(Duration::ZERO);
        if ended.is_ok() && !is_finished && policy.applies(status, restarts) {
            let (again, pause) = self.again.next(self.began.elapsed());
            self.standing.note(&Status::Restarting(end.clone()));
            return (status, Some((again, pause, end)));
        }
        // Others may have the ports from now on.
        ports::close(&self.reached.kept);
        match self.record.when_ended {
            WhenEnded::Keep => {}
            // Nobody will ask how it stood.
            WhenEnded::Remove => return (status, None),
        }
        // Where it was told to stay before it had started again, the run before was the last one.
        self.standing.note(&Status::Exited(match record::status(self.world.home(), &self.folder) {
            Ok(Status::Restarting(before)) if is_finished && self.started.is_none() => before,
            Ok(_) | Err(_) => end,
        }));
        (status, None)
    }
}

fn failed(error: &(impl std::error::Error + 'static)) -> Failed {
    let error: &(dyn std::error::Error + 'static) = error;
    let container = error.downcast_ref::<container::Error>();
    Failed {
        message: error.to_string(),
        hint: container.and_then(container::Error::hint).map(str::to_owned),
        status: container.map_or(125, container::Error::status),
    }
}
