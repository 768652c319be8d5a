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

use std::io::Read as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;

use super::Error;
use super::answers::{answer_error, reason, retry_after, unreachable};
use super::challenge::{self, Challenge};
use super::credentials::Credentials;
use super::http::{Answer, Asked, Body, Failure, Http, Method, Target};
use super::settings::Endpoint;
use super::url::{Url, escaped};
use crate::hidden::Hidden;
use crate::progress::{Meter, Work};

/// How often a request is made that fails for a passing reason.
const ATTEMPTS: u32 = 5;
/// The first pause; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that a server may ask for and get.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often an answer may send us elsewhere.
const REDIRECTS: u32 = 5;
/// The most bytes of a token's document.
const LONGEST_TOKEN: u64 = 1 << 20;

/// What is wanted in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Pull,
    Push,
}

/// A conversation. Several threads can ask at a time.
pub(super) struct Session {
    http: Http,
    base: Url,
    /// As messages name it.
    pub(super) registry: String,
    /// The repository, as this server calls it.
    pub(super) repository: String,
    access: Access,
    /// Another repository from which blobs may be mounted.
    mounted_from: Mutex<Option<String>>,
    credentials: Option<Credentials>,
    /// The value of the header by which we are known.
    authorization: Mutex<Option<Hidden>>,
    has_answered: AtomicBool,
    meter: Meter,
}

/// What a service of tokens answers.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
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
        let base = choose(&http, endpoint)?;
        Ok(Session {
            http,
            base,
            registry: endpoint.name.clone(),
            repository: format!("{}{repository}", endpoint.prefix),
            access,
            mounted_from: Mutex::default(),
            credentials,
            authorization: Mutex::default(),
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

    /// From now on tokens allow to read this repository as well. A token that is there is given up.
    pub(super) fn mount_from(&self, repository: &str) {
        let mut mounted = lock(&self.mounted_from);
        if mounted.as_deref() != Some(repository) {
            *mounted = Some(repository.to_owned());
            lock(&self.authorization).take();
        }
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
        let (mut attempt, mut is_known) = (0, false);
        loop {
            attempt += 1;
            self.check()?;
            let mut asked = make()?;
            let url = asked.url.clone();
            if target == Target::Named
                && let Some(authorization) = &*lock(&self.authorization)
            {
                asked.headers.push(("authorization", String::from_utf8_lossy(authorization.reveal()).into_owned()));
            }
            let pause = match self.http.send(asked, target) {
                Ok(answer) => {
                    self.has_answered.store(true, Ordering::Relaxed);
                    match answer.status {
                        401 if target == Target::Named && !is_known => {
                            is_known = true;
                            attempt -= 1;
                            self.authenticate(&answer)?;
                            continue;
                        }
                        401 if target == Target::Named => return Err(self.unauthorized()),
                        429 | 500 | 502 | 503 | 504 if attempt < ATTEMPTS => retry_after(&answer),
                        429 => {
                            let after = retry_after(&answer);
                            let reason = reason(answer).unwrap_or_else(|| "too many requests".to_owned());
                            return Err(Error::RateLimited { registry: self.registry.clone(), reason, after });
                        }
                        _ => return Ok(answer),
                    }
                }
                // Nobody waits for a server that was never there.
                Err(failure)
                    if failure.is_passing() && self.has_answered.load(Ordering::Relaxed) && attempt < ATTEMPTS =>
                {
                    None
                }
                Err(failure) => {
                    self.check()?;
                    return Err(unreachable(&url, &self.base, failure));
                }
            };
            let pause = pause.unwrap_or(PAUSE * 2_u32.pow(attempt - 1));
            if pause > LONGEST_PAUSE {
                let reason = format!("it may be asked again in {} seconds", pause.as_secs());
                return Err(Error::RateLimited { registry: self.registry.clone(), reason, after: Some(pause) });
            }
            self.pause(pause)?;
        }
    }

    /// What is wrong where the status is not one of those that were hoped for.
    pub(super) fn refused(&self, url: &Url, answer: Answer) -> Error {
        let status = answer.status;
        let reason = reason(answer);
        match status {
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

    /// Whether to go on.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.meter.check().map_err(|stopped| Error::Store(stopped.into()))
    }

    /// Where the request goes next, if it may.
    fn judge(&self, from: &Url, to: &Url, target: Target) -> Result<Target, Error> {
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
    fn authenticate(&self, answer: &Answer) -> Result<(), Error> {
        let challenges: Vec<Challenge> = answer.all("www-authenticate").flat_map(challenge::parse).collect();
        let bearer = challenges.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
        let authorization = match (bearer, &self.credentials) {
            (Some(Challenge::Bearer { realm, service, scope }), _) => {
                self.token(realm, service.as_deref(), scope.as_deref())?
            }
            (_, Some(credentials)) if challenges.contains(&Challenge::Basic) => {
                credentials.basic().ok_or_else(|| self.unauthorized())?
            }
            _ => return Err(self.unauthorized()),
        };
        *lock(&self.authorization) = Some(authorization);
        Ok(())
    }

    /// Asks the service of tokens for one: distribution project, "Token Authentication Specification"; with an identity token, "OAuth2".
    fn token(&self, realm: &str, service: Option<&str>, scope: Option<&str>) -> Result<Hidden, Error> {
        let no_address = || answer_error(&self.base, "its service of tokens has no address".to_owned());
        let url = Url::parse(realm).ok_or_else(no_address)?;
        let target = self.judge(&self.base, &url, Target::Named)?;
        let mut parameters: Vec<(&str, String)> = Vec::new();
        parameters.extend(service.map(|service| ("service", service.to_owned())));
        parameters.extend(self.scopes(scope).into_iter().map(|scope| ("scope", scope)));
        let answer = match &self.credentials {
            Some(Credentials::Identity(token)) => {
                parameters.push(("grant_type", "refresh_token".to_owned()));
                parameters.push(("client_id", "layerlab".to_owned()));
                parameters.push(("refresh_token", String::from_utf8_lossy(token.reveal()).into_owned()));
                let form = encoded(&parameters);
                self.once(target, &url, || Asked {
                    body: Body::Bytes(form.as_bytes()),
                    ..Asked::new(Method::POST, &url).with("content-type", "application/x-www-form-urlencoded")
                })?
            }
            credentials => {
                let separator = if url.as_str().contains('?') { '&' } else { '?' };
                let address = format!("{}{separator}{}", url.as_str(), encoded(&parameters));
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
        let mut text = Vec::new();
        let read = answer.into_body().take(LONGEST_TOKEN).read_to_end(&mut text);
        read.map_err(|error| unreachable(&url, &self.base, Failure::Io(error)))?;
        // What is in it is as good as a password, so nothing of it is quoted.
        let token: Option<Token> = serde_json::from_slice(&text).ok();
        let token = token.and_then(|token| token.token.or(token.access_token));
        let token = token.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
        let token = token.ok_or_else(|| answer_error(&url, "the answer has no token".to_owned()))?;
        Ok(Hidden::new(format!("Bearer {token}").into_bytes()))
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
                Err(failure) if !failure.is_passing() || attempt == ATTEMPTS => {
                    return Err(unreachable(url, &self.base, failure));
                }
                Ok(_) | Err(_) => self.pause(PAUSE * 2_u32.pow(attempt - 1))?,
            }
        }
    }

    /// What a token has to allow.
    fn scopes(&self, asked: Option<&str>) -> Vec<String> {
        if self.repository.is_empty() {
            return asked.map(str::to_owned).into_iter().collect();
        }
        let actions = match self.access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        let own = format!("repository:{}:{actions}", self.repository);
        let mounted = lock(&self.mounted_from).as_ref().map(|from| format!("repository:{from}:pull"));
        std::iter::once(own).chain(mounted).collect()
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

fn encoded(parameters: &[(&str, String)]) -> String {
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    pairs.join("&")
}

fn lock<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // It is whole even where another thread has panicked.
    value.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
