//! The answers: what each call is told, and what is done in the kernel's place before.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;

use super::super::capabilities::Capabilities;
use super::calls::{Call, Form, Naming, Numbered, Sort, Width};
use super::files::{Maker, Owned};
use super::ids::{Change, Credentials, Power};
use super::listener::{Answer, Asked, Listener};
use super::table::Table;
use super::target::{Machine, Target};

/// The first number that a process may carry. One that carries none of ours is what the first process of its entrance was.
pub(super) const FIRST: u64 = 0x6c61_6200_0000;

/// As many groups a process may have. The kernel allows 64 times as many.
const MOST_GROUPS: u64 = 1024;

/// The processes that came into the container with one filter: its own, or a further one with its descendants.
pub(super) struct Entrance {
    pub(crate) listener: Listener,
    /// The number of the credentials that the first of them began with.
    initial: usize,
    /// What root of the container may do.
    capabilities: Capabilities,
    maker: Maker,
}

/// Where all calls are answered.
pub(super) struct Desk {
    machine: Machine,
    calls: Numbered,
    table: Mutex<Table>,
}

impl Desk {
    pub(crate) fn open() -> Result<Desk, Errno> {
        Ok(Desk { machine: Machine::open()?, calls: Numbered::new(), table: Mutex::default() })
    }

    /// Somebody comes in, as this user.
    ///
    /// # Errors
    /// EAGAIN, where there are too many different users.
    pub(crate) fn admit(
        &self,
        listener: OwnedFd,
        root: &OwnedFd,
        initial: Credentials,
        capabilities: Capabilities,
    ) -> Result<Entrance, Errno> {
        let initial = self.table().number_of(initial)?;
        Ok(Entrance { listener: Listener::new(listener), initial, capabilities, maker: Maker::of(root) })
    }

    /// Whether nothing of a container's has to be looked at for an answer: its memory and its files may lie in a file system that it serves
    /// itself, and then it decides how long that takes.
    pub(crate) fn is_quick(&self, asked: &Asked) -> bool {
        match self.calls.find(asked).map(|form| form.call) {
            None | Some(Call::Get(_) | Call::GetEffective(_)) => true,
            Some(Call::GetThree(_) | Call::Set(..) | Call::GetGroups | Call::SetGroups | Call::GiveFile(_)) => false,
            Some(Call::Look(..) | Call::LookWithMask | Call::ListAttributes(_) | Call::KeepCapabilities) => false,
        }
    }

    /// Answers a call.
    pub(crate) fn answer(&self, entrance: &Entrance, asked: &Asked) {
        let answer = match self.calls.find(asked) {
            Some(form) => Answering::new(self, entrance, asked, form).answer().unwrap_or_else(Answer::Refused),
            None => Answer::Kernel,
        };
        entrance.listener.answer(asked, answer);
    }

    /// Answers a call for which nobody has time: all are busy with what a container does not let them finish.
    pub(crate) fn put_off(&self, entrance: &Entrance, asked: &Asked) {
        let answer = match self.calls.find(asked).map(|form| form.call) {
            Some(Call::Look(..) | Call::LookWithMask | Call::ListAttributes(_)) | None => Answer::Kernel,
            Some(_) => Answer::Refused(Errno::EAGAIN),
        };
        entrance.listener.answer(asked, answer);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic ends this process.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call.
struct Answering<'a> {
    desk: &'a Desk,
    entrance: &'a Entrance,
    asked: &'a Asked,
    form: Form,
    target: Target<'a>,
    /// Who the process believes to be.
    now: Credentials,
}

impl<'a> Answering<'a> {
    fn new(desk: &'a Desk, entrance: &'a Entrance, asked: &'a Asked, form: Form) -> Answering<'a> {
        let target = Target::new(&desk.machine, asked.thread);
        let number = target.carried().and_then(|carried| usize::try_from(carried.checked_sub(FIRST)?).ok());
        let table = desk.table();
        let known = number.and_then(|number| table.get(number)).or_else(|| table.get(entrance.initial));
        let now = known.cloned().unwrap_or_else(|| Credentials::new(0, 0, Vec::new()));
        drop(table);
        Answering { desk, entrance, asked, form, target, now }
    }

    fn answer(&self) -> Result<Answer, Errno> {
        let ids = |sort| if sort == Sort::User { self.now.user } else { self.now.group };
        let told = |id| Ok(Answer::Value(self.form.width.told(id).into()));
        match self.form.call {
            Call::Get(sort) => told(ids(sort).real),
            Call::GetEffective(sort) => told(ids(sort).effective),
            Call::GetThree(sort) => {
                let memory = self.target.memory()?;
                self.still_waits()?;
                let ids = ids(sort);
                for (address, id) in self.asked.args.iter().zip([ids.real, ids.effective, ids.saved]) {
                    memory.write(*address, &self.form.width.bytes(id))?;
                }
                Ok(Answer::Value(0))
            }
            Call::Set(sort, change) => self.set(sort, change),
            Call::GetGroups => self.tell_groups(),
            Call::SetGroups => {
                if self.power("SETGID") == Power::None {
                    return Err(Errno::EPERM);
                }
                let next = Credentials { groups: self.groups()?.into(), ..self.now.clone() };
                self.become_those(next).map(|()| Answer::Value(0))
            }
            Call::GiveFile(naming) => self.give(naming),
            // Whatever is in the way, the kernel knows better what to say of it.
            Call::Look(naming, place) => Ok(self.look(naming, place).unwrap_or(Answer::Kernel)),
            Call::LookWithMask => Ok(self.look_with_mask().unwrap_or(Answer::Kernel)),
            Call::ListAttributes(naming) => Ok(self.list(naming).unwrap_or_else(|errno| match errno {
                Errno::ERANGE => Answer::Refused(errno),
                _ => Answer::Kernel,
            })),
            Call::KeepCapabilities => {
                if let Some(program) = self.target.program() {
                    let keeping = &mut self.desk.table().keeping;
                    let has_any = self.now.user.effective == 0 || keeping.keeps(program);
                    keeping.note(program, has_any && self.asked.args[1] != 0);
                }
                Ok(Answer::Kernel)
            }
        }
    }

    fn set(&self, sort: Sort, change: Change) -> Result<Answer, Errno> {
        let mut next = self.now.clone();
        let (capability, field) = match sort {
            Sort::User => ("SETUID", &mut next.user),
            Sort::Group => ("SETGID", &mut next.group),
        };
        let before = field.files;
        let args = [0, 1, 2].map(|place| self.form.width.id(self.asked.args[place]));
        *field = change.apply(*field, args, self.power(capability))?;
        let value = if change == Change::Files { self.form.width.told(before).into() } else { 0 };
        self.become_those(next).map(|()| Answer::Value(value))
    }

    /// chown(2) and its kin.
    fn give(&self, naming: Naming) -> Result<Answer, Errno> {
        let (file, place) = Owned::named(&self.target, naming, &self.asked.args)?;
        self.still_waits()?;
        let written = file.written();
        let before = self.entrance.maker.owner_of(&file, written);
        let id = |place: usize| self.form.width.id(self.asked.args[place]);
        let wanted = (id(place), id(place + 1));
        if !self.now.may_give(before, wanted, self.now.power(self.entrance.capabilities.has("CHOWN"))) {
            return Err(Errno::EPERM);
        }
        file.give(written, before, wanted).map(|()| Answer::Value(0))
    }

    /// stat(2) and its kin: where the kernel would tell the right owner, it does.
    fn look(&self, naming: Naming, place: usize) -> Result<Answer, Errno> {
        let (file, _) = Owned::named(&self.target, naming, &self.asked.args)?;
        match self.entrance.maker.owner_of(&file, file.written()) {
            owner if file.is_really(owner) => Ok(Answer::Kernel),
            owner => self.put(place, &file.stat(owner, self.form.abi)?),
        }
    }

    /// As [`Answering::look`], for statx(2).
    fn look_with_mask(&self) -> Result<Answer, Errno> {
        let (file, _) = Owned::named(&self.target, Naming::At { flags: 2 }, &self.asked.args)?;
        let (flags, mask) = (self.asked.args[2] as i32, self.asked.args[3] as u32);
        match self.entrance.maker.owner_of(&file, file.written()) {
            owner if file.is_really(owner) => Ok(Answer::Kernel),
            owner => self.put(4, &file.statx(owner, flags, mask)?),
        }
    }

    /// listxattr(2) and its kin.
    fn list(&self, naming: Naming) -> Result<Answer, Errno> {
        let (file, _) = Owned::named(&self.target, naming, &self.asked.args)?;
        let Some(names) = file.attributes() else { return Ok(Answer::Kernel) };
        let (count, room) = (names.len() as u64, self.asked.args[2]);
        if room != 0 && room < count {
            return Err(Errno::ERANGE);
        }
        if room != 0 {
            self.put(1, &names)?;
        }
        Ok(Answer::Value(count as i64))
    }

    /// Writes a structure where an argument points to.
    fn put(&self, place: usize, structure: &[u8]) -> Result<Answer, Errno> {
        let memory = self.target.memory()?;
        self.still_waits()?;
        memory.write(self.asked.args[place], structure)?;
        Ok(Answer::Value(0))
    }

    /// What the process may do for which it takes this capability.
    fn power(&self, capability: &str) -> Power {
        let keeps = || self.target.program().is_some_and(|program| self.desk.table().keeping.keeps(program));
        match self.now.power(self.entrance.capabilities.has(capability)) {
            Power::None if keeps() && self.target.has(capability) => Power::Full,
            power => power,
        }
    }

    fn tell_groups(&self) -> Result<Answer, Errno> {
        let groups = &self.now.groups;
        match self.asked.args[0] as i32 {
            0 => {}
            room if i64::from(room) < groups.len() as i64 => return Err(Errno::EINVAL),
            _ => {
                let memory = self.target.memory()?;
                self.still_waits()?;
                let bytes: Vec<u8> = groups.iter().flat_map(|group| self.form.width.bytes(*group)).collect();
                memory.write(self.asked.args[1], &bytes)?;
            }
        }
        Ok(Answer::Value(groups.len() as i64))
    }

    /// The list of a setgroups(2).
    fn groups(&self) -> Result<Vec<u32>, Errno> {
        let count = self.asked.args[0] & 0xffff_ffff;
        if count > MOST_GROUPS {
            return Err(Errno::EINVAL);
        }
        let size = self.form.width.size();
        let mut bytes = vec![0; count as usize * size];
        if count > 0 {
            self.target.read(self.asked.args[1], &mut bytes)?;
        }
        let group = |bytes: &[u8]| match (self.form.width, bytes) {
            (Width::Whole, [a, b, c, d]) => u32::from_ne_bytes([*a, *b, *c, *d]),
            (Width::Half, [a, b]) => u16::from_ne_bytes([*a, *b]).into(),
            (Width::Whole | Width::Half, _) => unreachable!("it was cut into pieces of the width"),
        };
        let mut groups: Vec<u32> = bytes.chunks_exact(size).map(group).collect();
        groups.sort_unstable();
        Ok(groups)
    }

    /// Has the process carry the number of these credentials.
    fn become_those(&self, next: Credentials) -> Result<(), Errno> {
        let number = self.desk.table().number_of(next)?;
        self.still_waits()?;
        self.target.carry(FIRST + number as u64)
    }

    fn still_waits(&self) -> Result<(), Errno> {
        self.entrance.listener.still_waits(self.asked)
    }
}
