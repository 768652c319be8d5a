//! What the keeper of the networks is asked, and what it answers.
//!
//! ```text
//! Join     ──▶   with one end of a link, at which the container's first process says `Plug`
//!          ◀── Joined, Refused
//! Rejoin   ──▶   by one that had joined a keeper that was killed, with its network     ◀── Done, Refused
//! Connect, Disconnect ──▶  by anybody, for a container that runs     ◀── Done, Refused, NotYet
//! Share    ──▶  by one that is about to enter the network of a container that runs     ◀── Done, Refused, NotYet
//! Rename   ──▶   by whoever has given a container another name      ◀── Done, Refused
//! Members  ──▶   of all networks   ◀── Member, one for each, and Done
//!          ◀── Notice: something to be told at once
//! ```
//!
//! Whoever has joined is a member for as long as the link is open: nobody has to say that it leaves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::container::Wire;

/// The names of the socket and of the lock in the folder of networks.
pub(super) const SOCKET: &str = "switch.sock";
pub(super) const LOCK: &str = "switch.lock";

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// A container wants cables into these networks.
    Join {
        container: Member,
        attachments: Vec<Attachment>,
        /// Whom to ask for names that are nobody's here; none: whom the machine asks.
        servers: Vec<IpAddr>,
    },
    /// A container that runs wants the cables again that the keeper before had put in.
    Rejoin { container: String, servers: Vec<IpAddr> },
    /// A container is to get one more cable.
    Connect { container: String, attachment: Attachment },
    /// It is to get one less.
    Disconnect { container: String, network: String },
    /// Others are about to have its network, too.
    Share { container: String },
    /// It is called something else from now on.
    Rename { container: String, name: String },
    /// Who is there.
    Members,
}

impl Ask {
    /// What is asked, in a few words, and what the keeper of the networks does then.
    pub(super) fn in_words(&self) -> (&'static str, &'static str) {
        match self {
            Ask::Join { .. } => (
                "Join",
                "it reserves addresses, and puts a cable into the container for each network when that is there",
            ),
            Ask::Rejoin { .. } => ("Rejoin", "it puts in the cables again that another keeper had put in"),
            Ask::Connect { .. } => {
                ("Connect", "it puts one more cable (veth) into the container, and gives it an address")
            }
            Ask::Disconnect { .. } => ("Disconnect", "it takes the cable out of the container"),
            Ask::Share { .. } => ("Share", "it takes the cables out when that container ends, as its network stays"),
            Ask::Rename { .. } => ("Rename", "the others on the network find the container by its new name"),
            Ask::Members => ("Members", "it says who is on which network"),
        }
    }
}

/// What is said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Tell {
    /// What its ends of the cables are to be.
    Joined {
        wires: Vec<Wire>,
    },
    Done,
    /// The container has not come to this keeper yet: it was with one that was killed.
    NotYet,
    /// One of those who are there, and its cable: however many there are, no message is long.
    Member(Member, Wire),
    Refused {
        message: String,
        hint: Option<String>,
    },
    Notice(String),
}

/// A container, as the others know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A wish for a cable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attachment {
    /// The network's name.
    pub(crate) network: String,
    /// What the container is called there beside its name.
    pub(crate) aliases: Vec<String>,
    /// `None`: any that is free.
    pub(crate) address: Option<Ipv4Addr>,
    /// The same, of IPv6.
    #[serde(default)]
    pub(crate) sixth: Option<Ipv6Addr>,
}

impl Attachment {
    /// To a network, with nothing special.
    pub(crate) fn to(network: &str) -> Attachment {
        Attachment { network: network.to_owned(), aliases: Vec::new(), address: None, sixth: None }
    }
}
