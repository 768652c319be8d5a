//! Where a server is that another program will connect to, and whether it may.
//!
//! The names are looked up here, and the addresses that may be asked are given to that program. Behind a proxy nobody here looks names up: then
//! only an address that stands in the request is judged.

use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::judge::{Seen, Target, literal};
use super::zone::Zone;
use crate::progress::{Meter, Work};

/// How long a name may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many addresses of a host are tried.
const ATTEMPTS: u32 = 6;
const PERIOD: Duration = Duration::from_millis(20);

/// The part of the network that a first server is in: what it names may be there, too, or be public.
#[derive(Debug, Default)]
pub(crate) struct Neighbourhood(Seen);

/// Who has named a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// A Dockerfile, or the user.
    Us,
    /// Another server.
    Others,
}

/// Who looks the name of a server up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookUp {
    Here,
    AtTheProxy,
}

/// Why a server is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    Forbidden(&'static str),
    NoHost,
    Stopped,
}

impl Neighbourhood {
    /// The addresses of a host that may be asked; none where others look it up.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub(crate) fn find(
        &self,
        host: &str,
        port: u16,
        named: NamedBy,
        look_up: LookUp,
        meter: &Meter,
    ) -> Result<Vec<IpAddr>, NoPlace> {
        let target = match named {
            NamedBy::Us => Target::Written,
            NamedBy::Others => Target::Followed,
        };
        let forbidden = |zone: Zone| NoPlace::Forbidden(zone.refusal());
        literal(host, target, &self.0).map_err(forbidden)?;
        if look_up == LookUp::AtTheProxy {
            return Ok(Vec::new());
        }
        let found = addresses(host, port, meter)?;
        let home = self.0.zone();
        let mut allowed = found.clone();
        allowed.retain(|address| target.allows(Zone::of(*address), home));
        match (allowed.first(), found.first()) {
            (Some(first), _) if target == Target::Written => self.0.note(Zone::of(*first)),
            (Some(_), _) => {}
            (None, Some(other)) => return Err(forbidden(Zone::of(*other))),
            (None, None) => return Err(NoPlace::NoHost),
        }
        Ok(allowed)
    }
}

/// The first of several addresses at which somebody answers, for a program that takes one only; where nobody does, the first of all.
///
/// # Errors
/// [`NoPlace`].
pub(crate) fn answering(addresses: &[IpAddr], port: u16, meter: &Meter) -> Result<IpAddr, NoPlace> {
    match addresses {
        [] => Err(NoPlace::NoHost),
        [only] => Ok(*only),
        [first, ..] => {
            let (first, all) = (*first, addresses.to_vec());
            let is_answered = move |address: &IpAddr| {
                TcpStream::connect_timeout(&SocketAddr::new(*address, port), PATIENCE / ATTEMPTS).is_ok()
            };
            aside(meter, move || all.into_iter().take(ATTEMPTS as usize).find(is_answered))
                .map(|found| found.unwrap_or(first))
        }
    }
}

/// The addresses of a host.
fn addresses(host: &str, port: u16, meter: &Meter) -> Result<Vec<IpAddr>, NoPlace> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    aside(meter, move || {
        let found = (bare.as_str(), port).to_socket_addrs();
        found.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
    })
}

/// Does something by a thread of its own, because the library can't be stopped.
fn aside<T: Send + 'static>(meter: &Meter, work: impl FnOnce() -> T + Send + 'static) -> Result<T, NoPlace> {
    let _task = meter.begin(Work::Waiting, None);
    let (sender, answer) = channel();
    std::thread::spawn(move || {
        // Nobody may wait any more.
        let _ = sender.send(work());
    });
    let begun = Instant::now();
    loop {
        match answer.recv_timeout(PERIOD) {
            Ok(found) => return Ok(found),
            Err(RecvTimeoutError::Disconnected) => return Err(NoPlace::NoHost),
            Err(RecvTimeoutError::Timeout) if begun.elapsed() > PATIENCE => return Err(NoPlace::NoHost),
            Err(RecvTimeoutError::Timeout) => meter.check().map_err(|_| NoPlace::Stopped)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LookUp, NamedBy, Neighbourhood, NoPlace};
    use crate::progress::Meter;

    #[test]
    fn what_others_name_is_public_or_in_the_neighbourhood() {
        let meter = Meter::new().unwrap();
        let here = Neighbourhood::default();
        let find = |host: &str, named| here.find(host, 80, named, LookUp::Here, &meter);
        let loopback = NoPlace::Forbidden("its address is this machine's");
        let link = NoPlace::Forbidden("this is where clouds hand out the credentials of a machine");
        assert_eq!(find("127.0.0.1", NamedBy::Others), Err(loopback));
        assert_eq!(find("169.254.169.254", NamedBy::Us), Err(link));
        assert_eq!(find("[::ffff:169.254.169.254]", NamedBy::Us), Err(link));
        assert!(find("127.0.0.1", NamedBy::Us).is_ok());
        assert!(find("127.0.0.2", NamedBy::Others).is_ok());
    }
}
