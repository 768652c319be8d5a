//! A small HTTP/1.1 server, for strangers: it knows how to wait, and for how long.
//!
//! Specification: RFC 9110 (methods, fields, ranges, conditions) and RFC 9112 (messages, chunked bodies, connections).
//!
//! ```text
//! connections ─▶ doorman: waits for the heads of requests, holds no thread for one ─▶ queue ─▶ workers: body, answer
//!                   ▲                                                                             │
//!                   └────────────────────────── a connection that is kept ◀──────────────────────┘
//! ```
//!
//! Everything that a client can make large or slow is bounded: how many connections there are, how long a head is and how long it takes to
//! come, how long a request waits for its turn, how slowly a body may come and an answer may go, how many workers one address has at a time.
//! A file goes from the disk to the network in the kernel, by sendfile(2), so that no answer is in memory unless it was made there.
//!
//! | file | what it is |
//! |---|---|
//! | `head` | the head of a request: method, path, fields |
//! | `body` | what follows it, counted or in chunks |
//! | `answer` | what is sent back |
//! | `range` | which part of a file was asked for |
//! | `connection` | one connection, and its time-outs |
//! | `server` | the doorman and the workers |
//! | `desk` | what they hand to each other |
//!
//! Left out: TLS, compression, HTTP/2, upgrades, several ranges at once, proxies' forms of a request.

mod answer;
mod body;
mod connection;
mod desk;
mod head;
mod range;
mod server;

pub(crate) use answer::{Answer, Sent};
pub(crate) use body::Body;
pub(crate) use head::{Head, Method, Plus, decode};
pub(crate) use range::{Part, Range};
pub(crate) use server::{Crew, Server, Site};

use std::net::IpAddr;

/// A request, of which the body is still to be read.
pub(crate) struct Request<'c> {
    /// What is asked for.
    pub(crate) head: &'c Head,
    /// Who asks.
    pub(crate) peer: IpAddr,
    /// What comes with it.
    pub(crate) body: Body<'c>,
}
