//! The inner ends of connections to a container's ports: from its own address to itself.
//!
//! A container's address changes while it runs, and the one before may be another container's by then. So an end is bound to an address that
//! the container has just now, and is connected to that same one: where it is the container's no more, the kernel refuses to send from it,
//! and whoever has it now is never reached. Which addresses there are the kernel says of the network that the socket is in.
//!
//! Left out: a port does not go back to the address that it led to at first, where the container has another one by then.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::socket::{SockaddrIn, bind, setsockopt, sockopt::IpBindAddressNoPort};

use crate::container::{Control, Identity, SocketKind, Sockets};

/// As many addresses of a container are looked at.
const MOST_ADDRESSES: usize = 64;

/// Makes sockets in a container's network.
pub(super) struct Inside {
    control: Control,
    identity: Identity,
    sockets: Mutex<Sockets>,
    /// Where its ports are: at its address on a network, or without one at its loopback.
    address: Mutex<Ipv4Addr>,
}

impl Inside {
    /// For ports that are at this address at first.
    ///
    /// # Errors
    /// The container does not run, or no process can be made.
    pub(super) fn of(
        control: &Control,
        identity: &Identity,
        address: Option<IpAddr>,
    ) -> Result<Inside, crate::container::Error> {
        let address = match address {
            Some(IpAddr::V4(address)) => address,
            Some(IpAddr::V6(_)) | None => Ipv4Addr::LOCALHOST,
        };
        let sockets = Mutex::new(Sockets::of(control, identity)?);
        Ok(Inside { control: control.clone(), identity: identity.clone(), sockets, address: Mutex::new(address) })
    }

    /// A socket that is bound to an address of the container's, and that address with a port: what it is to be connected to.
    ///
    /// # Errors
    /// What the kernel says; EADDRNOTAVAIL where the container has no address.
    pub(super) fn end(&self, kind: SocketKind, port: u16) -> Result<(OwnedFd, SocketAddrV4), Errno> {
        let socket = self.make(kind)?;
        let address = self.present(&addresses(&socket)?).ok_or(Errno::EADDRNOTAVAIL)?;
        // The port is chosen when it is connected: many connections may share one.
        setsockopt(&socket, IpBindAddressNoPort, &true)?;
        bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(address, 0)))?;
        Ok((socket, SocketAddrV4::new(address, port)))
    }

    /// The address that ports lead to, of those that the container has.
    fn present(&self, all: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        let mut address = held(&self.address);
        if !all.contains(&address) {
            *address = *all.iter().find(|other| !other.is_loopback())?;
        }
        Some(*address)
    }

    /// A new socket; by another helper, where somebody has killed the one before.
    fn make(&self, kind: SocketKind) -> Result<OwnedFd, Errno> {
        let mut sockets = held(&self.sockets);
        match sockets.make(kind) {
            Err(Errno::ESRCH) => {
                *sockets = Sockets::of(&self.control, &self.identity).map_err(|_| Errno::ESRCH)?;
                sockets.make(kind)
            }
            made => made,
        }
    }
}

/// The addresses in the network of a socket, in the order of its interfaces. See netdevice(7), SIOCGIFCONF.
fn addresses(socket: &OwnedFd) -> Result<Vec<Ipv4Addr>, Errno> {
    // SAFETY: all of it are numbers and addresses, for which zero is a value.
    let mut found: [libc::ifreq; MOST_ADDRESSES] = unsafe { std::mem::zeroed() };
    let mut list = libc::ifconf {
        ifc_len: size_of_val(&found) as libc::c_int,
        ifc_ifcu: libc::__c_anonymous_ifc_ifcu { ifcu_req: found.as_mut_ptr() },
    };
    // SAFETY: the kernel writes no more than `ifc_len` bytes to `found`, which outlives the call.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFCONF as _, &raw mut list) })?;
    let count = usize::try_from(list.ifc_len).unwrap_or(0) / size_of::<libc::ifreq>();
    let address = |one: &libc::ifreq| {
        // SAFETY: the kernel has written addresses of AF_INET, the only ones that this call tells; any bytes are one.
        let address: libc::sockaddr_in = unsafe { std::mem::transmute(one.ifr_ifru.ifru_addr) };
        Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes())
    };
    Ok(found.iter().take(count).map(address).collect())
}

/// What a panic leaves behind here is whole.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
