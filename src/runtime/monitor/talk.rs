//! What a monitor is asked, and what it answers.
//!
//! ```text
//! Begin    ──▶   by the one who has started it, behind its Attach
//! Attach   ──▶   with three descriptors: what is read, where output and errors go
//! Signal   ──▶                     ◀── Done, Refused
//! Press, Resize ──▶                    (no answer)
//! Pause, Resume, Hold ──▶          ◀── Done, Refused
//! Finish, Limit ──▶                ◀── Done, Refused
//! Exec     ──▶   with six          ◀── Done, Refused
//!                                  ◀── Started, Failed: to whoever has started it
//!                                  ◀── Notice: something to be told at once
//!                                  ◀── Ended, Again: to everybody who is still connected
//! ```

use serde::{Deserialize, Serialize};

use crate::container::Resources;

/// The name of the monitor's socket in the container's folder.
pub(crate) const SOCKET: &str = "monitor.sock";

/// What is asked of a monitor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// Connects the streams that come with it to the container.
    Attach {
        /// Whether it takes input from the first of them.
        reads: bool,
    },
    /// Sends a signal to process 1.
    Signal(i32),
    /// Passes a signal on that somebody in the foreground got, as a key of a terminal makes it.
    Press(u8),
    /// Gives the container's terminal another size.
    Resize {
        rows: u16,
        columns: u16,
    },
    /// Answered with a descriptor of the container's first process.
    First,
    Pause,
    Resume,
    /// Stops it for as long as the one who asks is connected, and anybody else who has asked for that; one that is paused stays so.
    Hold,
    /// Changes what the container may use.
    Limit(Resources),
    /// It does not start again by itself when it has ended, whatever its policy.
    Finish,
    /// Makes a further process, whose descriptors come with it; see [`exec`](crate::runtime::exec).
    Exec {
        /// The size that its terminal begins with.
        window: Option<(u16, u16)>,
    },
    /// Lets the container run: said once, by the one who has started the monitor.
    Begin,
}

impl Ask {
    /// What is asked, in a few words, and what the monitor does then.
    pub(crate) fn in_words(&self) -> (String, &'static str) {
        let (what, why) = match self {
            Ask::Attach { .. } => ("Attach", "it writes the container's output to the three streams that come with it"),
            Ask::Signal(_) => ("Signal", "it sends the signal to process 1, by pidfd_send_signal(2)"),
            Ask::Press(_) => ("Press", "it passes the signal on as a key of the container's terminal"),
            Ask::Resize { .. } => ("Resize", "it gives the container's terminal this size"),
            Ask::First => {
                ("First", "it answers with a descriptor of process 1, which no other process can get the number of")
            }
            Ask::Pause => ("Pause", "it freezes all processes: by their control group, or with SIGSTOP"),
            Ask::Resume => ("Resume", "it lets all processes go on"),
            Ask::Hold => {
                ("Hold", "it stops all processes for as long as we are connected, so that their files do not change")
            }
            Ask::Limit(_) => ("Limit", "it writes the limits to the files of the container's control groups"),
            Ask::Finish => ("Finish", "it does not start the container again when that has ended"),
            Ask::Exec { .. } => ("Exec", "it makes a process in the container, of what comes with it: see below"),
            Ask::Begin => ("Begin", "it lets the container's command begin"),
        };
        match self {
            Ask::Signal(number) => (format!("{what}({number})"), why),
            _ => (what.to_owned(), why),
        }
    }
}

/// What a monitor says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Tell {
    /// The command was executed.
    Started,
    /// It was not, or the container can't be set up.
    Failed(Failed),
    Done,
    Refused(String),
    Notice(String),
    /// Nobody reads the standard output that was given.
    Broken,
    /// The container has ended with this status, and everything about it is written down.
    Ended(i32),
    /// A run of it has ended with this status, and the next one begins after a pause, unless somebody says otherwise.
    Again(i32),
}

/// Why a container was not started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The exit status that Docker gives for it.
    pub(crate) status: i32,
}
