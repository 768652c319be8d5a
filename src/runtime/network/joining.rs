//! How a container comes into its networks: it asks for a place, does something else, and waits for the answer.

use std::net::IpAddr;
use std::sync::Arc;

use super::membership::Membership;
use super::reach::{self, Entering};
use super::talk::{Ask, Attachment, Member, Tell};
use super::{BRIDGE, Connection, Mode, Neighbour, document};
use crate::container;
use crate::link::Link;
use crate::runtime::Error;
use crate::store::Lock;
use crate::world::World;

/// Gives a container its network, until what is given here is dropped by everybody who has it.
///
/// # Errors
/// As [`Joining::finish`].
pub(crate) fn join(world: &Arc<World>, mode: &Mode, member: Member, servers: &[IpAddr]) -> Result<Connection, Error> {
    begin_to_join(world, mode, member, servers).finish()
}

/// A network that a container is about to have: the keeper of the networks makes it, while we do something else.
#[must_use = "nothing comes of it before it is finished"]
pub(in crate::runtime) enum Joining {
    Joined(Result<Connection, Error>),
    Asked {
        asked: Result<Asked, Error>,
        /// Whether nobody has asked for this network in particular.
        is_default: bool,
    },
}

/// Begins to give a container its network.
pub(in crate::runtime) fn begin_to_join(
    world: &Arc<World>,
    mode: &Mode,
    member: Member,
    servers: &[IpAddr],
) -> Joining {
    Joining::Joined(Ok(Connection::without(match mode {
        Mode::Host => container::Network::Host,
        Mode::None => container::Network::None,
        Mode::Container(Neighbour { name, .. }) => {
            return Joining::Joined(Err(Error::Refused(format!(
                "only a container that stays can be in the network of container {name}"
            ))));
        }
        Mode::Networks(attachments) if attachments.is_empty() => container::Network::Wired(Vec::new()),
        Mode::Networks(attachments) => {
            let asked = Asked::begin(world, member, attachments, servers);
            return Joining::Asked { asked, is_default: attachments == &[Attachment::to(BRIDGE)] };
        }
    })))
}

impl Joining {
    /// Waits until it has it.
    ///
    /// # Errors
    /// There is no such network, or it can't be made. Where that is so with the one that nobody asked for, the container has one of its own
    /// without a way out, and is told why.
    pub(in crate::runtime) fn finish(self) -> Result<Connection, Error> {
        let (asked, is_default) = match self {
            Joining::Joined(joined) => return joined,
            Joining::Asked { asked, is_default } => (asked, is_default),
        };
        match asked.and_then(Asked::finish) {
            Err(error @ (Error::Call { .. } | Error::Refused(_) | Error::Container(_))) if is_default => {
                let note = format!("the container has a network of its own without a way out: {error}");
                let network = container::Network::Wired(Vec::new());
                Ok(Connection { note: Some(note), ..Connection::without(network) })
            }
            joined => joined,
        }
    }
}

/// A place that the keeper of the networks was asked for.
pub(in crate::runtime) struct Asked {
    id: String,
    servers: Vec<IpAddr>,
    plug: Link,
    entering: Entering,
    /// From the look whether there is such a network until others see who is in it.
    _using: Lock,
}

impl Asked {
    fn begin(
        world: &Arc<World>,
        container: Member,
        attachments: &[Attachment],
        servers: &[IpAddr],
    ) -> Result<Asked, Error> {
        let (id, servers) = (container.id.clone(), servers.to_vec());
        let question = Ask::Join { container, attachments: attachments.to_vec(), servers: servers.clone() };
        let (plug, theirs) = Link::pair().map_err(|errno| Error::Call { call: "socketpair", errno })?;
        let using = document::using(world)?;
        let entering = reach::enter(world, question, theirs.into())?;
        Ok(Asked { id, servers, plug, entering, _using: using })
    }

    fn finish(self) -> Result<Connection, Error> {
        match self.entering.answer()? {
            (link, Tell::Joined { wires }) => {
                let membership = Some(Membership::new(self.id, self.servers, link, self.plug));
                Ok(Connection { membership, ..Connection::without(container::Network::Wired(wires)) })
            }
            (_, other) => Err(reach::unexpected(&other)),
        }
    }
}
