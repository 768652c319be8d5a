//! A conversation with one server about one repository: who we are to it, where it sends us, and patience.
//!
//! ```text
//! request ─▶ 401 with a challenge ─▶ a token, or user name and password ─▶ the same request with it
//!         ─▶ 307 to another server ─▶ the request there, without any of that
//!         ─▶ 429, 5xx, a broken connection ─▶ a pause, and the request once more
//! ```
//!
//! What a credential is shown to: the server itself, and the service of tokens that it names, over HTTPS where the server has it. Nobody
//! else: a redirect to another host, port or scheme never carries one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Error;
use super::answers::{answer_error, reason, retry_after, unreachable};
use super::challenge::{self, Challenge};
use super::credentials::Credentials;
use super::http::{Answer, Asked, Body, Failure, Http, Method, Target};
use super::settings::Endpoint;
use super::token::{self, Access};
use super::url::Url;
use crate::hidden::Hidden;
use crate::progress::{Meter, Task, Work};

/// How often a request is made that fails for a passing reason.
const ATTEMPTS: u32 = 5;
/// The first pause; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that a server may ask for and get.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often an answer may send us elsewhere.
const REDIRECTS: u32 = 5;

/// A conversation. Several threads can ask at a time.
pub(super) struct Session {
    http: Http,
    base: Url,
    /// As messages name it.
    pub(super) registry: String,
    /// The repository, as this server calls it.
    pub(super) repository: String,
    access: Access,
    credentials: Option<Credentials>,
    /// The value of the header by which we are known; with the name of another repository, that which lets a blob of it be mounted here.
    authorizations: Mutex<BTreeMap<Option<String>, Hidden>>,
    has_answered: AtomicBool,
    meter: Meter,
}

/// Why a request that was made once has no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) error: Error,
    /// Whether the next attempt may have one.
    pub(super) is_passing: bool,
    /// Whether nobody listens there.
    pub(super) is_refused: bool,
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Unanswered {
        Unanswered { error, is_passing: false, is_refused: false }
    }
}

impl Session {
    /// Begins one: finds out whether the server speaks TLS, where it need not.
    ///
    /// # Errors
    /// [`Error::Unreachable`] and [`Error::Untrusted`].
    pub(super) fn open(
        endpoint: &Endpoint,
        repository: &str,
        access: Access,
        credentials: Option<Credentials>,
        meter: &Meter,
    ) -> Result<Session, Error> {
        let http = Http::new(&endpoint.trust);
        let base = meter.interrupt().during(|| http.end(), || choose(&http, endpoint));
        meter.check().map_err(|stopped| Error::Store(stopped.into()))?;
        let base = base?;
        Ok(Session {
            http,
            base,
            registry: endpoint.name.clone(),
            repository: format!("{}{repository}", endpoint.prefix),
            access,
            credentials,
            authorizations: Mutex::default(),
            has_answered: AtomicBool::new(false),
            meter: meter.clone(),
        })
    }

    /// Ends all connections, also those that another thread waits for.
    pub(super) fn end(&self) {
        self.http.end();
    }

    /// The address of something in the repository: `manifests/latest`.
    pub(super) fn url(&self, rest: &str) -> Result<Url, Error> {
        let path = format!("{}/{rest}", self.repository);
        self.base.join(&path).ok_or_else(|| Error::Invalid { name: path, reason: "it is no address".to_owned() })
    }

    /// The address of the API itself.
    pub(super) fn root(&self) -> &Url {
        &self.base
    }

    /// Asks the server, and whom it sends us to.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Untrusted`], [`Error::Unauthorized`], [`Error::RateLimited`], [`Error::Forbidden`].
    pub(super) fn get(&self, method: &Method, url: &Url, headers: &[(&'static str, String)]) -> Result<Answer, Error> {
        let mut url = url.clone();
        let mut target = Target::Named;
        for _ in 0..=REDIRECTS {
            let answer = self.send(target, &mut || {
                let mut asked = Asked::new(method.clone(), &url);
                asked.headers.extend(headers.iter().cloned());
                Ok(asked)
            })?;
            let next = match (answer.status, answer.header("location")) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => url.join(location),
                _ => return Ok(answer),
            };
            let Some(next) = next else {
                return Err(answer_error(&url, "it sends us to what is no address of a server".to_owned()));
            };
            target = self.judge(&url, &next, target)?;
            url = next;
        }
        Err(answer_error(&url, format!("more than {REDIRECTS} redirects, one after the other")))
    }

    /// Sends a request that `make` makes, once for each attempt.
    ///
    /// # Errors
    /// As [`Session::get`], and what `make` says.
    pub(super) fn send<'a>(
        &self,
        target: Target,
        make: &mut dyn FnMut() -> Result<Asked<'a>, Error>,
    ) -> Result<Answer, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let pause = match self.send_once(target, None, make) {
                Ok(answer) => match answer.status {
                    429 | 500 | 502 | 503 | 504 if attempt < ATTEMPTS => retry_after(&answer),
                    429 => {
                        let after = retry_after(&answer);
                        let reason = reason(answer).unwrap_or_else(|| "too many requests".to_owned());
                        return Err(Error::RateLimited { registry: self.registry.clone(), reason, after });
                    }
                    _ => return Ok(answer),
                },
                // Nobody waits for a server that was never there, nor for one that is not where an answer has sent us.
                Err(Unanswered { is_passing: true, is_refused, .. })
                    if !(is_refused && target == Target::Followed)
                        && self.has_answered.load(Ordering::Relaxed)
                        && attempt < ATTEMPTS =>
                {
                    None
                }
                Err(Unanswered { error, .. }) => return Err(error),
            };
            let pause = pause.unwrap_or(PAUSE * 2_u32.pow(attempt - 1));
            if pause > LONGEST_PAUSE {
                let reason = format!("it may be asked again in {} seconds", pause.as_secs());
                return Err(Error::RateLimited { registry: self.registry.clone(), reason, after: Some(pause) });
            }
            self.pause(pause)?;
        }
    }

    /// Sends a request that `make` makes once, and once more where the server wants to know who asks. `from` is another repository that it is
    /// about as well.
    ///
    /// # Errors
    /// [`Unanswered`], where there is no answer, or only the question who asks.
    pub(super) fn send_once<'a>(
        &self,
        target: Target,
        from: Option<&str>,
        make: &mut dyn FnMut() -> Result<Asked<'a>, Error>,
    ) -> Result<Answer, Unanswered> {
        let key = from.map(str::to_owned);
        let mut is_known = false;
        loop {
            self.check()?;
            let mut asked = make()?;
            let url = asked.url.clone();
            if target == Target::Named
                && let Some(authorization) = lock(&self.authorizations).get(&key)
            {
                asked.headers.push(("authorization", String::from_utf8_lossy(authorization.reveal()).into_owned()));
            }
            match self.http.send(asked, target) {
                Ok(answer) => {
                    self.has_answered.store(true, Ordering::Relaxed);
                    match answer.status {
                        401 if target == Target::Named && !is_known => {
                            is_known = true;
                            let authorization = self.authenticate(&answer, from)?;
                            lock(&self.authorizations).insert(key.clone(), authorization);
                        }
                        401 if target == Target::Named => return Err(self.unauthorized().into()),
                        _ => return Ok(answer),
                    }
                }
                Err(failure) => {
                    self.check()?;
                    let (is_passing, is_refused) = (failure.is_passing(), failure.is_refused());
                    return Err(Unanswered { error: unreachable(&url, &self.base, failure), is_passing, is_refused });
                }
            }
        }
    }

    /// What is wrong where the status is not one of those that were hoped for.
    pub(super) fn refused(&self, url: &Url, answer: Answer) -> Error {
        let status = answer.status;
        let reason = reason(answer);
        match status {
            405 => Error::Denied {
                registry: self.registry.clone(),
                reason: "it takes no images: it is read-only, or the mirror of another".to_owned(),
            },
            413 => Error::TooLarge { registry: self.registry.clone() },
            403 => Error::Denied {
                registry: self.registry.clone(),
                reason: reason.unwrap_or_else(|| format!("access to `{}` is denied", self.repository)),
            },
            _ => {
                let said = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                answer_error(url, format!("the server answers {status}{said}"))
            }
        }
    }

    /// Waits, unless somebody wishes that it should stop.
    pub(super) fn pause(&self, duration: Duration) -> Result<(), Error> {
        let _task = self.meter.begin(Work::Waiting, None);
        self.meter.interrupt().wait(duration);
        self.check()
    }

    /// Bytes begin to go to the server, so many.
    pub(super) fn uploading(&self, total: u64) -> Task {
        self.meter.begin(Work::Uploading, Some(total))
    }

    /// Whether to go on.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.meter.check().map_err(|stopped| Error::Store(stopped.into()))
    }

    /// Where the request goes next, if it may.
    pub(super) fn judge(&self, from: &Url, to: &Url, target: Target) -> Result<Target, Error> {
        if target == Target::Named && to.is_same_server(&self.base) {
            return Ok(Target::Named);
        }
        if from.is_secure() && !to.is_secure() {
            return Err(Error::Forbidden {
                from: from.authority().to_owned(),
                to: to.authority().to_owned(),
                reason: "it is not encrypted",
            });
        }
        Ok(Target::Followed)
    }

    fn unauthorized(&self) -> Error {
        Error::Unauthorized {
            registry: self.registry.clone(),
            repository: self.repository.clone(),
            has_credentials: self.credentials.is_some(),
        }
    }

    /// Gets what the server asks for.
    fn authenticate(&self, answer: &Answer, from: Option<&str>) -> Result<Hidden, Error> {
        let challenges: Vec<Challenge> = answer.all("www-authenticate").flat_map(challenge::parse).collect();
        let bearer = challenges.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
        match (bearer, &self.credentials) {
            (Some(Challenge::Bearer { realm, service, scope }), _) => {
                let scopes = token::scopes(&self.repository, self.access, scope.as_deref(), from);
                self.token(realm, service.as_deref(), &scopes)
            }
            (_, Some(credentials)) if challenges.contains(&Challenge::Basic) => {
                credentials.basic().ok_or_else(|| self.unauthorized())
            }
            _ => Err(self.unauthorized()),
        }
    }

    /// Asks the service of tokens for one: distribution project, "Token Authentication Specification"; with an identity token, "OAuth2".
    fn token(&self, realm: &str, service: Option<&str>, scopes: &[String]) -> Result<Hidden, Error> {
        let no_address = || answer_error(&self.base, "its service of tokens has no address".to_owned());
        let url = Url::parse(realm).ok_or_else(no_address)?;
        let target = self.judge(&self.base, &url, Target::Named)?;
        let mut parameters: Vec<(&str, String)> = Vec::new();
        parameters.extend(service.map(|service| ("service", service.to_owned())));
        parameters.extend(scopes.iter().map(|scope| ("scope", scope.clone())));
        let answer = match &self.credentials {
            Some(Credentials::Identity(token)) => {
                parameters.push(("grant_type", "refresh_token".to_owned()));
                parameters.push(("client_id", "layerlab".to_owned()));
                parameters.push(("refresh_token", String::from_utf8_lossy(token.reveal()).into_owned()));
                let form = token::encoded(&parameters);
                self.once(target, &url, || Asked {
                    body: Body::Bytes(form.as_bytes()),
                    ..Asked::new(Method::POST, &url).with("content-type", "application/x-www-form-urlencoded")
                })?
            }
            credentials => {
                let separator = if url.as_str().contains('?') { '&' } else { '?' };
                let address = format!("{}{separator}{}", url.as_str(), token::encoded(&parameters));
                let address = Url::parse(&address).ok_or_else(no_address)?;
                let basic = credentials.as_ref().and_then(Credentials::basic);
                self.once(target, &url, || {
                    let asked = Asked::new(Method::GET, &address);
                    match &basic {
                        Some(basic) => asked.with("authorization", String::from_utf8_lossy(basic.reveal())),
                        None => asked,
                    }
                })?
            }
        };
        match answer.status {
            200 => {}
            400 | 401 | 403 if self.credentials.is_some() => {
                return Err(Error::BadLogin { registry: self.registry.clone() });
            }
            401 | 403 => return Err(self.unauthorized()),
            _ => return Err(self.refused(&url, answer)),
        }
        let token = token::read(answer).map_err(|error| unreachable(&url, &self.base, Failure::Io(error)))?;
        token.ok_or_else(|| answer_error(&url, "the answer has no token".to_owned()))
    }

    /// A request to the service of tokens, as often as it fails for a passing reason. Its credentials are its own.
    fn once<'a>(&self, target: Target, url: &Url, make: impl Fn() -> Asked<'a>) -> Result<Answer, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.check()?;
            let asked = make();
            match self.http.send(asked, target) {
                Ok(answer) if !matches!(answer.status, 429 | 500 | 502 | 503 | 504) || attempt == ATTEMPTS => {
                    return Ok(answer);
                }
                Err(failure)
                    if !failure.is_passing()
                        || attempt == ATTEMPTS
                        || failure.is_refused() && target == Target::Followed =>
                {
                    return Err(unreachable(url, &self.base, failure));
                }
                Ok(_) | Err(_) => self.pause(PAUSE * 2_u32.pow(attempt - 1))?,
            }
        }
    }
}

/// The first address of a server that answers. Where there is one only, nobody is asked.
fn choose(http: &Http, endpoint: &Endpoint) -> Result<Url, Error> {
    let mut failed = None;
    for base in &endpoint.bases {
        if endpoint.bases.len() == 1 {
            return Ok(base.clone());
        }
        let asked = Asked::new(Method::GET, base);
        match http.send(asked, Target::Named) {
            // One that speaks TLS says to plain HTTP that it is a bad request.
            Ok(answer) if answer.status != 400 => return Ok(base.clone()),
            Ok(_) => {}
            Err(failure) if failure.is_refused() => return Err(unreachable(base, base, failure)),
            // What the one without TLS says is about the wrong question.
            Err(failure) => drop(failed.get_or_insert((base, failure))),
        }
    }
    match failed {
        Some((base, failure)) => Err(unreachable(base, base, failure)),
        None => Err(Error::Invalid { name: endpoint.name.clone(), reason: "it has no address".to_owned() }),
    }
}

fn lock<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // It is whole even where another thread has panicked.
    value.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
