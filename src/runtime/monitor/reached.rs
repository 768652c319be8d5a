//! Where a container is reached: its published ports, and the networks that it is in.
//!
//! The doors are open before it begins, so that nobody else takes them; they are served when its command is executed. What there is to say
//! of ports that nobody answers at, and of networks that change, goes to those who see the container.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::exchange::Refused;
use super::hub::Hub;
use super::inside::Inside;
use super::{forward, unreached};
use crate::container::Control;
use crate::runtime::network::Connection;
use crate::runtime::ports::{Bound, Door, Kept};
use crate::world::World;

/// The ways into a container.
pub(super) struct Reached {
    /// Where it is reached, until that is served.
    doors: Vec<Door>,
    /// The same, for as long as they are open.
    pub(super) kept: Vec<Kept>,
    /// Its address on a network, when it begins.
    address: Option<IpAddr>,
}

impl Reached {
    pub(super) fn by(doors: Vec<Door>) -> Reached {
        let kept = doors.iter().map(Door::kept).collect();
        Reached { doors, kept, address: None }
    }

    /// Joins it to its networks, and passes on what there is to say of them.
    pub(super) fn connect(&mut self, world: &Arc<World>, connection: &Connection, control: &Control, hub: &Arc<Hub>) {
        self.address = connection.address();
        if let Some(note) = &connection.note {
            hub.notice(&format!("warning: {note}"));
        }
        let Some(mut notices) = connection.listener() else { return };
        let (hub, control, world) = (hub.clone(), control.clone(), world.clone());
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

    /// Lets in whoever comes to a published port. Says which those are.
    pub(super) fn open(&mut self, world: &World, control: &Control, hub: &Arc<Hub>) -> Vec<Bound> {
        let doors = std::mem::take(&mut self.doors);
        let bound = doors.iter().filter_map(|door| door.bound().ok()).collect();
        if doors.is_empty() {
            return bound;
        }
        match Inside::of(control, &world.identity, self.address) {
            Ok(inside) => {
                if let Err(error) = forward::serve(doors, &Arc::new(inside), &explainer(control, hub)) {
                    hub.notice(&format!("warning: the published ports can't be reached: {error}"));
                }
            }
            Err(error) => hub.notice(&format!("warning: the published ports can't be reached: {error}")),
        }
        bound
    }
}

/// Says, once for each port, why nobody answers there.
fn explainer(control: &Control, hub: &Arc<Hub>) -> Refused {
    let (hub, control, told) = (hub.clone(), control.clone(), Mutex::new(BTreeSet::new()));
    Arc::new(move |port, door| {
        let is_new = told.lock().unwrap_or_else(PoisonError::into_inner).insert(port);
        let why = control.process().filter(|_| is_new).and_then(|process| unreached::why(process, port, door));
        if let Some(why) = why {
            hub.notice(&format!("note: {why}"));
        }
    })
}
