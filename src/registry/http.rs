//! Requests over HTTP, one at a time. The only file that knows the library which makes them.
//!
//! A request is data ([`Asked`]), and so is the answer ([`Answer`]), whatever its status: what a status means is said by who has asked.
//! Redirects are not followed here, because whether a credential may go along is not a question of HTTP.
//!
//! | bound | how much |
//! |---|---|
//! | a name is looked up, a connection is made | 20 seconds |
//! | the head of an answer comes | 60 seconds, or as long as the request says |
//! | a server says whether it wants a large body at all | 1 second, then it is sent |
//! | two pieces of a body come | 60 seconds |
//! | the head of an answer | 64 KiB |
//!
//! Proxies are those of the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`. Certificates are the machine's, and those
//! that the settings name.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
pub(super) use ureq::http::Method;
use ureq::http::{Request, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;

pub(super) use super::judge::Target;
use super::judge::{self, Judge, Refusal, Seen};
use super::url::Url;
use super::zone::Zone;
use crate::deeds::{self, Group};

/// How long a connection may take, its name included.
const CONNECTING: Duration = Duration::from_secs(20);
/// How long nothing may come or go.
const STALLED: Duration = Duration::from_secs(60);
/// The most bytes of an answer's head.
const HEAD: usize = 64 << 10;

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body<'a>,
    /// How long the head of the answer may take after the request was sent.
    pub(super) patience: Duration,
    /// What it is for, where that is not told by what is asked for.
    pub(super) why: Option<&'static str>,
}

/// What is sent along.
pub(super) enum Body<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// So many bytes of a stream.
    Stream(Box<dyn Read + 'a>, u64),
}

impl<'a> Asked<'a> {
    /// A request without a body.
    pub(super) fn new(method: Method, url: &'a Url) -> Asked<'a> {
        Asked { method, url, headers: Vec::new(), body: Body::Nothing, patience: STALLED, why: None }
    }

    /// The same with one more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Asked<'a> {
        self.headers.push((name, value.into()));
        self
    }
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: ureq::http::HeaderMap,
    body: ureq::Body,
}

impl Answer {
    /// The first header of a name, where it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers of a name that are text.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// How many bytes the body has, where the answer says so.
    pub(super) fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The status with what it is called: `404 Not Found`.
    pub(super) fn status_text(&self) -> String {
        StatusCode::from_u16(self.status).map_or_else(|_| self.status.to_string(), |status| status.to_string())
    }

    /// The body as a stream.
    pub(super) fn into_body(self) -> impl Read + Send {
        self.body.into_with_config().limit(u64::MAX).reader()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The server could not be reached, or the connection broke.
    #[error("{0}")]
    Io(io::Error),
    /// The name has no address.
    #[error("the name has no address")]
    NoHost,
    /// Nothing came for too long.
    #[error("no answer within the time allowed ({0})")]
    Timeout(String),
    /// The certificate or the handshake is wrong.
    #[error("{0}")]
    Tls(String),
    /// An answer has named an address that it must not.
    #[error("{}", .0.refusal())]
    Forbidden(Zone),
    /// It is not HTTP.
    #[error("{0}")]
    Protocol(String),
    /// The proxy of the environment does not lead there.
    #[error("{failure}, by way of the proxy {proxy}")]
    Proxy {
        /// Its address, without a user name and a password.
        proxy: String,
        /// What has failed.
        failure: Box<Failure>,
    },
}

impl Failure {
    /// Whether it may be another the next time.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Failure::Io(error) => error.kind() != io::ErrorKind::NotConnected,
            Failure::Timeout(_) => true,
            Failure::NoHost | Failure::Tls(_) | Failure::Forbidden(_) | Failure::Protocol(_) => false,
            Failure::Proxy { failure, .. } => failure.is_passing(),
        }
    }

    /// Whether nobody listens there.
    pub(super) fn is_refused(&self) -> bool {
        match self {
            Failure::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
            Failure::Proxy { failure, .. } => failure.is_refused(),
            Failure::NoHost | Failure::Timeout(_) | Failure::Tls(_) | Failure::Forbidden(_) | Failure::Protocol(_) => {
                false
            }
        }
    }
}

/// Connections to a registry and to where it sends us.
#[derive(Debug)]
pub(super) struct Http {
    named: Agent,
    followed: Agent,
    home: Arc<Seen>,
}

/// Which certificates are good.
#[derive(Clone, Debug, Default)]
pub(super) enum Trust {
    /// The machine's.
    #[default]
    Machine,
    /// These (DER), beside the machine's.
    Also(Vec<Vec<u8>>),
    /// Any: the settings say that the registry is insecure.
    Any,
}

impl Http {
    /// For a server that the user has named.
    pub(super) fn new(trust: &Trust) -> Http {
        Http::first_to(Target::Named, trust)
    }

    /// For a server that a Dockerfile has named.
    pub(super) fn written() -> Http {
        Http::first_to(Target::Written, &Trust::Machine)
    }

    fn first_to(first: Target, trust: &Trust) -> Http {
        let (home, config) = (Arc::new(Seen::default()), config(trust));
        let agent = |target| Agent::with_parts(config.clone(), DefaultConnector::new(), Judge::new(target, &home));
        Http { named: agent(first), followed: agent(Target::Followed), home: Arc::clone(&home) }
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// [`Failure`], where there is no answer.
    pub(super) fn send(&self, asked: Asked<'_>, target: Target) -> Result<Answer, Failure> {
        judge::literal(asked.url.host(), target, &self.home).map_err(Failure::Forbidden)?;
        note(&asked);
        let agent = match target {
            Target::Named | Target::Written => &self.named,
            Target::Followed => &self.followed,
        };
        let proxy = proxy_of(agent, asked.url);
        let mut request = Request::builder().method(asked.method).uri(asked.url.as_str());
        for (name, value) in asked.headers {
            request = request.header(name, value);
        }
        let wrong = |error: ureq::http::Error| Failure::Protocol(error.to_string());
        let answer = match asked.body {
            Body::Nothing => agent.run(configured(agent, request.body(()).map_err(wrong)?, asked.patience)),
            Body::Bytes(bytes) => agent.run(configured(agent, request.body(bytes).map_err(wrong)?, asked.patience)),
            Body::Stream(mut stream, length) => {
                let body = ureq::SendBody::from_reader(&mut stream);
                // A server that wants to know who we are first, or sends us elsewhere, says so before all of it has come.
                let request = request.header("content-length", length).header("expect", "100-continue");
                let request = request.body(body).map_err(wrong)?;
                agent.run(configured(agent, request, asked.patience))
            }
        };
        let told = |error| match (failure(error), proxy) {
            (failure @ (Failure::Io(_) | Failure::NoHost | Failure::Timeout(_) | Failure::Tls(_)), Some(proxy)) => {
                Failure::Proxy { proxy, failure: Box::new(failure) }
            }
            (failure, _) => failure,
        };
        let (head, body) = answer.map_err(told)?.into_parts();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    /// Ends all connections, also those that somebody waits for in another thread. Nothing can be sent afterwards.
    pub(super) fn end(&self) {
        self.named.clone().shutdown();
        self.followed.clone().shutdown();
    }
}

/// The proxy of the environment by which a request goes.
fn proxy_of(agent: &Agent, url: &Url) -> Option<String> {
    let proxy = agent.config().proxy()?;
    let uri = url.as_str().parse().ok()?;
    let scheme = proxy.uri().scheme_str().unwrap_or("http");
    (!proxy.is_no_proxy(&uri)).then(|| format!("{scheme}://{}:{}", proxy.host(), proxy.port()))
}

fn configured<S: ureq::AsSendBody>(agent: &Agent, request: Request<S>, patience: Duration) -> Request<S> {
    let a_read = Some(patience.max(STALLED));
    agent.configure_request(request).timeout_recv_response(Some(patience)).timeout_per_read(a_read).build()
}

fn config(trust: &Trust) -> Config {
    let mut tls = TlsConfig::builder();
    tls = match trust {
        Trust::Any => tls.disable_verification(true),
        Trust::Machine => tls.root_certs(roots(&[])),
        Trust::Also(more) => tls.root_certs(roots(more)),
    };
    Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("layerlab/", env!("CARGO_PKG_VERSION")))
        // A layer is hashed as it is stored; nobody may compress it on the way.
        .accept_encoding("identity")
        .timeout_resolve(Some(CONNECTING))
        .timeout_connect(Some(CONNECTING))
        .timeout_per_read(Some(STALLED))
        .timeout_per_write(Some(STALLED))
        .max_response_header_size(HEAD)
        .input_buffer_size(256 << 10)
        .output_buffer_size(256 << 10)
        .build()
}

/// The certificates of the machine, with these. One that can't be read is passed over: the others may do.
fn roots(more: &[Vec<u8>]) -> RootCerts {
    let machine = rustls_native_certs::load_native_certs().certs;
    let machine = machine.iter().map(|certificate| ureq::tls::Certificate::from_der(certificate).to_owned());
    let more = more.iter().map(|certificate| ureq::tls::Certificate::from_der(certificate).to_owned());
    RootCerts::Specific(Arc::new(machine.chain(more).collect()))
}

/// The certificates of a text in PEM form, as DER.
pub(super) fn certificates(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(text) {
        if let ureq::tls::PemItem::Certificate(certificate) = item.ok()? {
            found.push(certificate.der().to_vec());
        }
    }
    Some(found)
}

fn failure(error: ureq::Error) -> Failure {
    match error {
        ureq::Error::Io(error) => match error.downcast::<Refusal>() {
            Ok(Refusal(zone)) => Failure::Forbidden(zone),
            // The library passes what TLS says of a certificate on as data that is not valid.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Failure::Tls(error.to_string()),
            Err(error) => Failure::Io(error),
        },
        ureq::Error::Timeout(which) => Failure::Timeout(which.to_string()),
        ureq::Error::HostNotFound => Failure::NoHost,
        ureq::Error::Rustls(error) => Failure::Tls(error.to_string()),
        ureq::Error::Tls(reason) => Failure::Tls(reason.to_owned()),
        ureq::Error::ConnectProxyFailed(reason) => Failure::Io(io::Error::other(format!("it refuses ({reason})"))),
        ureq::Error::ConnectionFailed => Failure::Io(io::ErrorKind::ConnectionRefused.into()),
        other => Failure::Protocol(other.to_string()),
    }
}

/// Tells whoever listens of a request. What is behind `?` may be a secret.
fn note(asked: &Asked<'_>) {
    let usual = match (&asked.method, asked.url.as_str()) {
        (&Method::HEAD, url) if url.contains("/blobs/") => "is this blob there already?",
        (&Method::HEAD, _) => "which digest does the name have?",
        (&Method::GET, url) if url.contains("/manifests/") => "the manifest lists the configuration and the layers",
        (&Method::GET, url) if url.contains("/blobs/") => "a blob, hashed while it comes",
        (&Method::GET, url) if url.ends_with("/v2/") => "does it speak the API, and over TLS?",
        (&Method::GET, _) => "a token, or where the registry has sent us",
        (&Method::POST, url) if url.contains("mount=") => "may a blob of another repository be used here?",
        (&Method::POST, url) if url.contains("/uploads/") => "begin to upload a blob",
        (&Method::PATCH, _) => "a piece of the blob",
        (&Method::PUT, url) if url.contains("/manifests/") => "give the image its name",
        (&Method::PUT, _) => "the blob is whole",
        _ => "a token",
    };
    let line = || format!("{} {}", asked.method, asked.url);
    deeds::note(Group::Requests, line, asked.why.unwrap_or(usual));
}

impl std::fmt::Debug for Body<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Body::Nothing => formatter.write_str("Nothing"),
            Body::Bytes(bytes) => write!(formatter, "{} bytes", bytes.len()),
            Body::Stream(_, length) => write!(formatter, "a stream of {length} bytes"),
        }
    }
}
