//! A real browser that a test drives: Chromium without a window, asked over two pipes in its DevTools protocol.
//!
//! Each message is JSON that ends with a zero byte; an answer has the number of what was asked. <https://chromedevtools.github.io/devtools-protocol/>

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

/// The browser with one page. Dropped, it is gone.
pub struct Browser {
    child: Child,
    ask: File,
    answers: BufReader<File>,
    asked: u64,
    /// The page, as the protocol calls it.
    session: String,
    /// What it told by itself.
    told: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a page. `None` where there is no Chromium.
    pub fn open(url: &str) -> Option<Browser> {
        let profile = tempfile::tempdir().unwrap();
        let (theirs_to_read, ask) = nix::unistd::pipe().unwrap();
        let (answers, theirs_to_write) = nix::unistd::pipe().unwrap();
        let mut command = Command::new("chromium");
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1000,700",
        ]);
        command.args(["--remote-debugging-pipe", &format!("--user-data-dir={}", profile.path().display())]);
        // The wrapper of Debian's package is a script: the browser is to be killed with it.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        given(&mut command, [(theirs_to_read, 3), (theirs_to_write, 4)]);
        let child = command.spawn().ok()?;
        drop(command);
        let (ask, answers) = (File::from(ask), BufReader::new(File::from(answers)));
        let mut browser =
            Browser { child, ask, answers, asked: 0, session: String::new(), told: Vec::new(), _profile: profile };
        let target = browser.asks("Target.createTarget", &json!({"url": url}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.asks("Target.attachToTarget", &attach)["sessionId"].as_str().unwrap().to_owned();
        Some(browser)
    }

    fn asks(&mut self, method: &str, parameters: &Value) -> Value {
        self.asked += 1;
        let mut message = json!({"id": self.asked, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.as_str().into();
        }
        self.ask.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut bytes = Vec::new();
            assert!(self.answers.read_until(0, &mut bytes).unwrap() > 0, "the browser has gone");
            bytes.pop();
            let message: Value = serde_json::from_slice(&bytes).unwrap();
            if message["id"] == self.asked {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.told.extend(Some(message).filter(|message| message["method"].is_string()));
        }
    }

    /// From now on it tells what it asks for on the network, and what goes wrong in the page.
    pub fn listens(&mut self) {
        for domain in ["Page", "Network", "Runtime", "Log"] {
            self.asks(&format!("{domain}.enable"), &json!({}));
        }
        self.told.clear();
    }

    /// What it told under these names, in the order in which it happened.
    pub fn told(&self, methods: &[&str]) -> Vec<&Value> {
        self.told.iter().filter(|message| methods.iter().any(|method| message["method"] == *method)).collect()
    }

    /// How wide the page is, and which colours and which medium its reader has.
    pub fn looks(&mut self, width: u32, scheme: &str, medium: &str) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.asks("Emulation.setDeviceMetricsOverride", &metrics);
        let features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")];
        let features = features.map(|(name, value)| json!({"name": name, "value": value}));
        self.asks("Emulation.setEmulatedMedia", &json!({"media": medium, "features": features}));
    }

    /// Whether pages have their scripts.
    pub fn scripts(&mut self, are_run: bool) {
        self.asks("Emulation.setScriptExecutionDisabled", &json!({"value": !are_run}));
    }

    /// Opens a page and waits until it is there.
    pub fn opens(&mut self, url: &str) {
        // The same page at another place of it would not be loaded again.
        for url in ["about:blank", url] {
            self.goes_to(url);
            self.waits_for(&format!("location.href === '{url}' && document.readyState === 'complete'"));
        }
    }

    /// A key by its name, such as `ArrowRight`.
    pub fn types_key(&mut self, key: &str, number: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let key = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": number});
            self.asks("Input.dispatchKeyEvent", &key);
        }
    }

    /// The value of an expression in the page; what it promises, when it keeps it.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.asks("Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub fn waits_for(&mut self, expression: &str) {
        self.tries_until(&format!("Boolean({expression})"), |_| ());
    }

    /// Does something, again every few seconds, until an expression in the page has a value that is neither empty nor false. Gives the value.
    pub fn tries_until(&mut self, expression: &str, mut does: impl FnMut(&mut Browser)) -> Value {
        let end = Instant::now() + Duration::from_secs(240);
        let mut next = Instant::now();
        loop {
            let value = self.value(expression);
            if !(value.is_null() || value == false || value == "") {
                return value;
            }
            if Instant::now() > end {
                self.takes_a_picture(&std::env::temp_dir().join("layerlab-browser.png"));
                panic!("never so: {expression}; {}", self.value("document.body.innerText"));
            }
            if Instant::now() >= next {
                does(self);
                next = Instant::now() + Duration::from_secs(5);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub fn goes_to(&mut self, url: &str) {
        self.asks("Page.navigate", &json!({"url": url}));
    }

    /// Enter, with Shift held down.
    pub fn types_shift_enter(&mut self) {
        for kind in ["rawKeyDown", "keyUp"] {
            let key =
                json!({"type": kind, "modifiers": 8, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13});
            self.asks("Input.dispatchKeyEvent", &key);
        }
    }

    /// A PNG of what is to be seen.
    pub fn takes_a_picture(&mut self, file: &Path) {
        let picture = self.asks("Page.captureScreenshot", &json!({}));
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Lets a command have descriptors under numbers that it knows.
fn given(command: &mut Command, descriptors: [(OwnedFd, i32); 2]) {
    // Away from the numbers that they are to get.
    let descriptors = descriptors.map(|(descriptor, number)| {
        let moved = nix::fcntl::fcntl(&descriptor, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(10)).unwrap();
        // SAFETY: the kernel has just made it for us.
        (unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(moved) }, number)
    });
    // SAFETY: dup2(2) is safe between fork and exec, see signal-safety(7).
    unsafe {
        command.pre_exec(move || {
            for (descriptor, number) in &descriptors {
                if nix::libc::dup2(descriptor.as_raw_fd(), *number) == -1 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
}
