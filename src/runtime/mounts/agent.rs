//! An SSH agent for a RUN: a socket of our own, behind which only questions pass that an agent may be asked by strangers.
//!
//! The machine's socket itself is not mounted: it has the machine's owner and mode, so a user of the image could not use it, and the container
//! could add keys to the agent, remove them or lock it. So each message is read here; a list of the keys and a signature are asked for at the
//! agent, and everything else is refused, as BuildKit does.
//!
//! The protocol (draft-miller-ssh-agent): a length in four bytes, big-endian, then so many bytes, of which the first is the type.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::cache::set_owner;
use crate::runtime::Error;
use crate::world::World;

/// An agent that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    /// Its socket on the machine.
    pub(crate) socket: PathBuf,
    /// Of the socket in the container.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// `SSH_AGENTC_REQUEST_IDENTITIES` and `SSH_AGENTC_SIGN_REQUEST`.
const ALLOWED: [u8; 2] = [11, 13];

/// `SSH_AGENT_FAILURE`, as a whole message.
const REFUSAL: [u8; 5] = [0, 0, 0, 1, 5];

/// The longest message, as in OpenSSH.
const LONGEST: u32 = 256 << 10;

/// So many connections there may be at a time; a further one is closed.
const MOST_CONNECTIONS: usize = 16;

/// Our side of the socket. Dropped, it ends.
pub(super) struct Proxy {
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

/// Listens on a socket of this name in a folder, and passes on what comes.
///
/// # Errors
/// The socket can't be made.
pub(super) fn serve(world: &World, agent: &Agent, folder: &Path, name: &str) -> Result<Proxy, Error> {
    let path = folder.join(name);
    let failed = |operation| Error::io(operation, path.clone());
    // By a short name: the path of a socket has 107 bytes at most.
    let opened = File::open(folder).map_err(failed("open the folder of"))?;
    let short = format!("/proc/self/fd/{}/{name}", opened.as_raw_fd());
    let listener = UnixListener::bind(short).map_err(failed("listen on"))?;
    set_owner(world, &path, (agent.mode & 0o777, agent.uid, agent.gid))?;
    let (ours, theirs) =
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(|errno| Error::Call { call: "pipe2", errno })?;
    let socket = agent.socket.clone();
    let thread = thread::Builder::new().name("agent".to_owned()).spawn(move || accept(&listener, &ours, &socket));
    Ok(Proxy { stop: Some(theirs), thread: Some(thread.map_err(failed("start a thread for"))?) })
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The end of the pipe is what the thread waits for.
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // Nobody is left who could be told.
            let _ = thread.join();
        }
    }
}

/// The connections that there are, to be closed at the end.
type Connections = Arc<Mutex<Vec<(u64, UnixStream)>>>;

fn accept(listener: &UnixListener, stop: &OwnedFd, socket: &Path) {
    let connections = Connections::default();
    let locked = || connections.lock().unwrap_or_else(PoisonError::into_inner);
    let mut number = 0;
    loop {
        let mut waiting =
            [PollFd::new(listener.as_fd(), PollFlags::POLLIN), PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
        let polled = poll(&mut waiting, PollTimeout::NONE);
        if polled.is_err_and(|errno| errno != nix::errno::Errno::EINTR) || waiting[1].any() == Some(true) {
            break;
        }
        if waiting[0].any() != Some(true) {
            continue;
        }
        let Ok((stream, _)) = listener.accept() else {
            // Out of descriptors, most likely: connections will end.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let Ok(ours) = stream.try_clone() else { continue };
        if locked().len() >= MOST_CONNECTIONS {
            continue;
        }
        number += 1;
        let key = number;
        locked().push((key, ours));
        let (shared, socket) = (connections.clone(), socket.to_owned());
        let started = thread::Builder::new().name("agent".to_owned()).spawn(move || {
            // How it ended is seen at the other end.
            let _ = converse(&stream, &socket);
            let _ = stream.shutdown(std::net::Shutdown::Both);
            shared.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != key);
        });
        if started.is_err() {
            locked().retain(|(other, _)| *other != key);
        }
    }
    for (_, stream) in locked().iter() {
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
}

/// One connection, to its end.
fn converse(mut client: &UnixStream, socket: &Path) -> io::Result<()> {
    let mut agent: Option<UnixStream> = None;
    while let Some(question) = message(client)? {
        if !question.get(4).is_some_and(|kind| ALLOWED.contains(kind)) {
            client.write_all(&REFUSAL)?;
            continue;
        }
        let connected = match agent.take() {
            Some(connected) => connected,
            None => UnixStream::connect(socket)?,
        };
        let mut connected: &UnixStream = agent.insert(connected);
        connected.write_all(&question)?;
        let answer = message(connected)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        client.write_all(&answer)?;
    }
    Ok(())
}

/// The next message, with its length; `None` at the end.
fn message(mut from: &UnixStream) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let size = u32::from_be_bytes(length);
    if !(1..=LONGEST).contains(&size) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = length.to_vec();
    from.take(size.into()).read_to_end(&mut message)?;
    if message.len() as u64 != u64::from(size) + 4 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent without keys, which notes the type of each question.
    fn agent(listener: UnixListener) -> JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            let mut asked = Vec::new();
            while let Ok(Some(question)) = message(&stream) {
                asked.push(question[4]);
                (&stream).write_all(&[0, 0, 0, 5, 12, 0, 0, 0, 0]).expect("a reader");
            }
            asked
        })
    }

    #[test]
    fn only_questions_pass_that_do_no_harm() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("agent");
        let agent = agent(UnixListener::bind(&path).expect("a socket"));
        let (theirs, ours) = UnixStream::pair().expect("a pair");
        let proxy = thread::spawn(move || converse(&ours, &path));
        let ask = |kind: u8| {
            (&theirs).write_all(&[0, 0, 0, 2, kind, 0]).expect("a reader");
            message(&theirs).expect("an answer").expect("an answer")[4]
        };
        // Add a key, remove all, lock, an extension.
        assert_eq!([17, 19, 22, 27].map(ask), [5; 4]);
        assert_eq!([11, 13].map(ask), [12; 2]);
        drop(theirs);
        proxy.join().expect("no panic").expect("an end");
        assert_eq!(agent.join().expect("no panic"), [11, 13]);
    }

    #[test]
    fn a_message_without_a_bound_ends_the_connection() {
        for bytes in [&[0xff; 4][..], &[0; 4], &[0, 0, 0, 9, 11]] {
            let (theirs, ours) = UnixStream::pair().expect("a pair");
            (&theirs).write_all(bytes).expect("a reader");
            drop(theirs);
            assert!(converse(&ours, Path::new("/nowhere")).is_err());
        }
    }
}
