//! How `git` reaches a server: at an address that was judged, so that no name can mean another one in between.
//!
//! `git` looks names up by itself. So it is told what they mean:
//!
//! ```text
//! http, https    the addresses, beside the name, for curl; or the proxy that looks it up
//! git            an address in the place of the name, which the server is told all the same
//! ssh            an address as HostName; the server's key is that of the name
//! ```

use super::Error;
use super::proxy::Proxy;
use super::repository::{Repository, Scheme};
use crate::progress::{Meter, Stopped};
use crate::registry::place::{LookUp, NamedBy, Neighbourhood, NoPlace, answering};

/// Only keys that the user has put into an agent, and only servers that the user knows.
const SSH: &str = "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentityFile=none \
                   -o ClearAllForwardings=yes -o ConnectTimeout=30 -o ServerAliveInterval=15";

/// What `git` is told of a server.
pub(super) struct Connection {
    /// Its host and port, for messages.
    pub(super) server: String,
    /// Where the repository is.
    pub(super) url: String,
    pub(super) settings: Vec<(String, String)>,
    pub(super) variables: Vec<(&'static str, String)>,
}

impl Connection {
    /// Looks a server up, and judges where it is.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Unreachable`] where it can't be asked; [`Error::Store`] where it is to stop.
    pub(super) fn to(
        repository: &Repository,
        neighbourhood: &Neighbourhood,
        named: NamedBy,
        meter: &Meter,
    ) -> Result<Connection, Error> {
        let (host, port) = (repository.host(), repository.port.unwrap_or(repository.scheme.port()));
        let server = format!("{host}:{port}");
        let no_place = |no_place| match no_place {
            NoPlace::Forbidden(reason) => Error::Forbidden { server: server.clone(), reason },
            NoPlace::NoHost => {
                Error::Unreachable { server: server.clone(), reason: "the name has no address".to_owned() }
            }
            NoPlace::Stopped => Error::Store(Stopped.into()),
        };
        let proxy = Proxy::to(repository.scheme, host);
        let look_up = proxy.as_ref().map_or(LookUp::Here, Proxy::looks_up);
        let addresses = neighbourhood.find(host, port, named, look_up, meter).map_err(no_place)?;
        let (mut url, mut settings, mut variables) = (repository.url().to_owned(), Vec::new(), Vec::new());
        match repository.scheme {
            Scheme::Http | Scheme::Https => {
                // Empty, it is none.
                settings.push(("http.proxy".to_owned(), proxy.map(Proxy::into_setting).unwrap_or_default()));
                if !addresses.is_empty() && !host.starts_with('[') {
                    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                    settings.push(("http.curloptResolve".to_owned(), format!("{server}:{}", addresses.join(","))));
                }
            }
            Scheme::Git => {
                let address = answering(&addresses, port, meter).map_err(no_place)?;
                let path = url.splitn(4, '/').nth(3).unwrap_or_default();
                url = format!("git://{}/{path}", std::net::SocketAddr::new(address, port));
                let host = if repository.port.is_some() { server.clone() } else { host.to_owned() };
                variables.push(("GIT_OVERRIDE_VIRTUAL_HOST", host));
            }
            Scheme::Ssh => {
                let address = answering(&addresses, port, meter).map_err(no_place)?;
                let name = host.trim_matches(['[', ']']);
                let name = if port == Scheme::Ssh.port() { name.to_owned() } else { format!("[{name}]:{port}") };
                // A shell reads it; the name has no quotation mark.
                variables.push(("GIT_SSH_COMMAND", format!("{SSH} -o 'HostName={address}' -o 'HostKeyAlias={name}'")));
            }
        }
        Ok(Connection { server, url, settings, variables })
    }
}
