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
//!
//! Left out for now: health checks.

mod again;
mod forward;
mod hub;
mod served;
mod standing;
pub(crate) mod starting;
pub(crate) mod talk;
mod unreached;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use self::hub::Hub;
use self::served::Served;
use self::standing::Standing;
use self::talk::{Ask, Failed, SOCKET, Tell};
use super::care::{Again, Restart};
use super::events;
use super::log;
use super::network::Connection;
use super::ports::{self, Door};
use super::prepare::Prepared;
use super::record::{self, End, Input, Record, Run, Status, WhenEnded};
use super::volume::going;
use super::{Error, names};
use crate::container::{self, Control, Entrance, Exit, Heard, Io, Sockets};
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
        return tidy(world, prepared, record);
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
            tidy(world, prepared, record);
            return;
        }
    };
    let doors: Vec<i32> = container.doors.iter().map(Door::descriptor).collect();
    let ended = container.live(&prepared, input);
    // Others may have the ports from now on.
    ports::close(&doors);
    container.log.finish();
    let (status, next) = container.note(&ended);
    let (hub, standing) = (container.hub.clone(), container.standing.clone());
    drop(container);
    if let Some((again, pause, end)) = next {
        // Who is far behind has until the next start to read on; then there is the log.
        hub.tell_end(status);
        let is_finished = standing.is_finished_within(pause);
        let failure = (!is_finished).then(|| again::begin_anew(world, prepared.folder(), again).to_string());
        standing.note(&Status::Exited(End { error: failure, ..end }));
    }
    tidy(world, prepared, record);
    match ended {
        Ok(_) => hub.end(status),
        Err(error) => hub.failed(failed(&error)),
    }
}

/// Gives the container back: its folder and its name are gone, or its lock is free.
fn tidy(world: &World, prepared: Prepared, record: &Record) {
    // Those who listen for its notices may take their time.
    prepared.connection.end();
    let mut folder = prepared.into_folder();
    match record.when_ended {
        WhenEnded::Keep => {}
        WhenEnded::Remove => {
            // It may have another name by now.
            let now = record::read(world.home(), folder.path()).ok().flatten();
            folder.discard();
            // Before the folder: who is killed in between leaves a container, which the next command clears away.
            let _ = going::remove_anonymous(world, record);
            let now = now.as_ref().unwrap_or(record);
            events::of_container(world.home(), &world.clock, now.subject(), "destroy", &[]);
            names::release(world.home(), &now.name, &record.id);
        }
    }
    drop(folder);
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
    out_of_memory: bool,
    /// Where it is reached, until that is served.
    doors: Vec<Door>,
    /// Where its ports are: at its address on a network, or without one at its loopback.
    address: IpAddr,
    /// The helper in its network, for as long as it runs.
    sockets: Option<Arc<Sockets>>,
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
            out_of_memory: false,
            doors,
            sockets: None,
            address: Ipv4Addr::LOCALHOST.into(),
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
        self.address = prepared.connection.address().unwrap_or(self.address);
        self.hear_of_networks(&prepared.connection, &control);
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

    /// Passes on what there is to say of its networks.
    fn hear_of_networks(&self, connection: &Connection, control: &Control) {
        if let Some(note) = &connection.note {
            self.hub.notice(&format!("warning: {note}"));
        }
        let Some(mut notices) = connection.listener() else { return };
        let (hub, control, world) = (self.hub.clone(), control.clone(), self.world.clone());
        let _ = thread::Builder::new().name("networks".to_owned()).spawn(move || {
            loop {
                while let Some(notice) = notices.next() {
                    hub.notice(&format!("note: {notice}"));
                }
                // The keeper of the networks was killed, or else the container has ended.
                let Some(network) = control.network().filter(|_| notices.is_wanted()) else { return };
                match notices.rejoin(&world, &network) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => return hub.notice(&format!("warning: the container has lost its networks: {error}")),
                }
            }
        });
    }

    /// Lets in whoever comes to a published port.
    fn open_doors(&mut self, control: &Control) {
        let doors = std::mem::take(&mut self.doors);
        if doors.is_empty() {
            return;
        }
        match Sockets::of(control, &self.world.identity) {
            Ok(sockets) => {
                let sockets = Arc::new(sockets);
                forward::serve(doors, &sockets, self.address, &self.explainer(control));
                self.sockets = Some(sockets);
            }
            Err(error) => self.hub.notice(&format!("warning: the published ports can't be reached: {error}")),
        }
    }

    /// Says, once for each port, why nobody answers there.
    fn explainer(&self, control: &Control) -> Arc<dyn Fn(SocketAddr, u16) + Send + Sync> {
        let (hub, control, told) = (self.hub.clone(), control.clone(), Mutex::new(BTreeSet::new()));
        Arc::new(move |to, door| {
            let is_new = told.lock().unwrap_or_else(PoisonError::into_inner).insert(to);
            let why = control.process().filter(|_| is_new).and_then(|process| unreached::why(process, to, door));
            if let Some(why) = why {
                hub.notice(&format!("note: {why}"));
            }
        })
    }

    fn has_started(&mut self, control: &Control) {
        let ports = self.doors.iter().filter_map(|door| door.bound().ok()).collect();
        self.open_doors(control);
        let run = Run {
            started: self.world.clock.rfc3339(),
            process: control.process().unwrap_or(0),
            ports,
            restarts: self.again.restarts,
        };
        self.started = Some(run.started.clone());
        // Where it can't be written, the lock still tells.
        self.standing.note(&Status::Running(run));
        self.standing.tell("start", &[]);
        self.hub.started();
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
