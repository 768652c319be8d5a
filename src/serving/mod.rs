//! The store as a registry: what others pull from this machine.
//!
//! Specification: OCI distribution specification 1.1.
//!
//! ```text
//! a request ─▶ route: what is asked for ─▶ shelf: the images with names ─▶ give: documents, layers from the disk to the network
//!                       └─▶ accept: blobs that are pushed ─▶ deliveries: what has no name yet ─▶ naming: an image of the store
//! ```
//!
//! Only what a name leads to is given, and only below that name: a blob is found in a repository or not at all. Reading holds nothing: an
//! image that is removed while somebody pulls it is gone, and a file that is open is sent to its end.
//!
//! | file | what it is |
//! |---|---|
//! | `route` | the target of a request → what is asked for |
//! | `shelf` | the images that have names, by repository |
//! | `give` | manifests, blobs, lists |
//! | `accept` | uploads of blobs |
//! | `deliveries` | what was pushed and has no name yet |
//! | `naming` | a manifest is pushed: the image is proven and gets its name |
//! | `refusal` | why not: the specification's codes |
//! | `visit` | a request and its outcome, for whoever watches |
//! | `addresses` | the addresses by which this machine is reached |
//! | `hosts` | the names by which it is asked |
//!
//! Left out: who somebody is, TLS, compressing layers, deleting.

mod accept;
mod addresses;
mod deliveries;
mod give;
mod hosts;
mod naming;
mod refusal;
mod route;
mod shelf;
mod visit;

pub(crate) use addresses::addresses;
pub(crate) use hosts::Hosts;
pub(crate) use refusal::Refusal;
pub(crate) use route::{Asked, Repository, Which};
pub(crate) use visit::{Named, Visit};

use std::net::IpAddr;
use std::sync::Mutex;

use deliveries::Deliveries;
use refusal::Code;
use shelf::Shelves;

use crate::http::{Answer, Head, Method, Request, Sent, Site};
use crate::store::{self, Store};
use crate::world::World;

/// The methods where something can be pushed.
const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH";

/// What others may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Pull.
    Read,
    /// Push, too.
    Write,
}

/// A store that answers as a registry.
pub(crate) struct Registry<'w> {
    store: &'w Store,
    hosts: Hosts,
    shelves: Shelves,
    /// Held by whoever reads a layer to prove it.
    proving: Mutex<()>,
    /// Held by whoever proves an image that was pushed.
    naming: Mutex<()>,
    /// What was pushed; `None` where nothing can be.
    deliveries: Option<Deliveries<'w>>,
    /// Who is told of each request.
    watcher: &'w (dyn Fn(&Visit) + Sync),
}

impl<'w> Registry<'w> {
    /// A registry that gives what the store has, and takes what is pushed where that is allowed.
    ///
    /// # Errors
    /// [`store::Error::Io`] where something could be pushed and the home can't be written to.
    pub(crate) fn new(
        world: &'w World,
        hosts: Hosts,
        access: Access,
        watcher: &'w (dyn Fn(&Visit) + Sync),
    ) -> Result<Registry<'w>, store::Error> {
        let deliveries = match access {
            Access::Read => None,
            Access::Write => Some(Deliveries::new(&world.store, &world.clock)?),
        };
        let (shelves, proving, naming) = Default::default();
        Ok(Registry { store: &world.store, hosts, shelves, proving, naming, deliveries, watcher })
    }

    /// The names of the images that it has, as people type them.
    ///
    /// # Errors
    /// What reading the list of images says.
    pub(crate) fn names(&self) -> Result<Vec<String>, crate::store::Error> {
        Ok(self.shelves.now(self.store)?.names().into_iter().map(str::to_owned).collect())
    }

    fn grant(&self, request: &mut Request<'_>, asked: &Asked) -> Result<(Answer, Option<Named>), Refusal> {
        let head = request.head;
        if let Some(host) = head.field("host").filter(|host| !self.hosts.has(host)) {
            let message = format!(
                "`{host}` is no name of this machine, and nobody else reaches this registry: a server in front of it has to send \
                 `Host: localhost`"
            );
            return Err(Refusal::new(Code::Denied, message).with_status(421));
        }
        if head.field("origin").is_some() {
            // A page that a browser has open may not use the registry of whoever looks at it.
            return Err(Refusal::new(Code::Denied, "this registry does not talk to web pages"));
        }
        if matches!(head.method, Method::Get | Method::Head) && !matches!(asked, Asked::Uploads(_) | Asked::Upload(..))
        {
            return Ok((self.give(head, asked)?, None));
        }
        let Some(deliveries) = &self.deliveries else {
            let message = "images can be pulled from this registry, not pushed or deleted";
            return Err(Refusal::new(Code::Unsupported, message).with("Allow", "GET, HEAD"));
        };
        let answer = match (&head.method, asked) {
            (Method::Put, Asked::Manifest(repository, which)) => {
                return self.push(deliveries, request, repository, which);
            }
            (Method::Post, Asked::Uploads(repository)) => self.begin_upload(deliveries, request, repository)?,
            (Method::Patch, Asked::Upload(repository, id)) => {
                self.add_to_upload(deliveries, request, repository, id)?
            }
            (Method::Put, Asked::Upload(repository, id)) => {
                let digest = route::wanted(head)?;
                self.end_upload(deliveries, request, repository, id, &digest)?
            }
            (Method::Get | Method::Head, Asked::Upload(repository, id)) => self.upload(deliveries, repository, id)?,
            (Method::Delete, Asked::Upload(repository, id)) => {
                deliveries.cancel(repository, id)?;
                Answer::empty(204)
            }
            (Method::Delete, _) => {
                let message = "nothing is deleted through this registry: `layerlab rmi` does it where the store is";
                return Err(Refusal::new(Code::Unsupported, message).with("Allow", ALLOWED));
            }
            (method, _) => {
                let message = format!("there is no {} here", method.name());
                return Err(Refusal::new(Code::Unsupported, message).with("Allow", ALLOWED));
            }
        };
        Ok((answer, None))
    }

    fn give(&self, head: &Head, asked: &Asked) -> Result<Answer, Refusal> {
        match asked {
            Asked::Page | Asked::Uploads(_) | Asked::Upload(..) => self.page(),
            Asked::Version => Ok(Answer::bytes(200, "application/json", b"{}".to_vec())),
            Asked::Catalog => self.catalog(head),
            Asked::Tags(repository) => self.tags(head, repository),
            Asked::Manifest(repository, which) => self.manifest(head, repository, which),
            Asked::Blob(repository, digest) => self.blob(head, repository, digest),
            Asked::Referrers(..) => Ok(self.referrers()),
        }
    }

    /// What people see who open the address in a browser.
    fn page(&self) -> Result<Answer, Refusal> {
        let mut text = "A registry of images, served by layerlab.\n".to_owned();
        for name in self.shelves.now(self.store)?.names() {
            text += &format!("  {name}\n");
        }
        Ok(Answer::bytes(200, "text/plain; charset=utf-8", text.into_bytes()))
    }
}

impl Site for Registry<'_> {
    type Note = Visit;

    fn answer(&self, request: &mut Request<'_>) -> (Answer, Self::Note) {
        let asked = Asked::of(request.head);
        let answer = asked.as_ref().map_err(Clone::clone).and_then(|asked| self.grant(request, asked));
        let mut visit = Visit {
            peer: request.peer,
            method: request.head.method.clone(),
            target: request.head.target.clone(),
            asked: asked.ok(),
            status: 0,
            refusal: None,
            named: None,
            bytes: 0,
            is_whole: false,
        };
        let answer = match answer {
            Ok((answer, named)) => {
                visit.named = named;
                answer
            }
            Err(refusal) => {
                let answer = refusal.answer();
                visit.refusal = Some(refusal);
                answer
            }
        };
        visit.status = answer.status;
        (answer.with("Docker-Distribution-Api-Version", "registry/2.0"), visit)
    }

    fn answered(&self, visit: Self::Note, sent: &Sent) {
        (self.watcher)(&Visit { bytes: sent.bytes, is_whole: sent.is_whole, ..visit });
    }

    fn misunderstood(&self, peer: IpAddr, status: u16, reason: &'static str) {
        (self.watcher)(&Visit::misunderstood(peer, status, reason));
    }
}
