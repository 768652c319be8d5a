//! The tutorial's chapter about notebooks, with a real one: a Jupyter server is pulled and run, a browser opens the address that it prints, a cell is
//! run, and Ctrl-C ends it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::bases::{self, Mirror};
use crate::browser::Browser;
use crate::place::{Place, Role, missing};
use crate::pty::Pty;

const IMAGE: &str = "jupyter/tensorflow-notebook";

/// One cell, and the kernel that is to run it.
const NOTEBOOK: &str = r#"{"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "cells": [{"cell_type": "code", "id": "one", "metadata": {}, "outputs": [], "execution_count": null,
        "source": "import getpass, os; print('six times seven is', 6 * 7, 'for', getpass.getuser(), os.getuid())"}]}"#;

/// Where the cell is, what it has printed when it has run well, and what the page asks.
const CELL: &str = "document.querySelector('.jp-Notebook .jp-Cell .cm-content')";
const PRINTED: &str = "document.querySelector('.jp-OutputArea-output')?.innerText.match(/^six times.*/)?.[0]";
const ASKED: &str = "document.querySelector('.jp-Dialog .jp-mod-accept')";

/// A place where `docker` is Layerlab.
fn place(mirror: &Mirror, role: Role) -> Place {
    let place = Place::of(role, "");
    let bin = place.folder().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(place.program(), bin.join("docker")).unwrap();
    std::fs::create_dir_all(place.home()).unwrap();
    std::fs::write(place.home().join("registries.toml"), mirror.settings()).unwrap();
    if role != Role::Self_ {
        place.give(&place.home());
    }
    place
}

fn command(place: &Place, line: &str) -> Command {
    let mut command = place.shell(line);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", place.folder().join("bin").display())).env("LAYERLAB_PULL", "missing");
    command
}

/// A line typed by somebody, with what it prints.
fn typed(place: &Place, line: &str) -> String {
    let output = command(place, line).output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{line}: {said}");
    said
}

/// Reads a terminal until a text has come.
fn until(terminal: &Pty, seen: &mut String, text: &str) {
    let end = Instant::now() + Duration::from_secs(120);
    while !seen.contains(text) {
        let left = end.saturating_duration_since(Instant::now());
        let piece = terminal.output.recv_timeout(left).unwrap_or_else(|_| panic!("no `{text}` in: {seen}"));
        seen.push_str(&String::from_utf8_lossy(&piece));
    }
}

/// Waits until what runs on a terminal has ended by itself, and reads the rest; gives its exit code.
fn end(terminal: &mut Pty, seen: &mut String) -> Option<i32> {
    let last = Instant::now() + Duration::from_secs(120);
    loop {
        // It has ended before its last words are read.
        let ended = terminal.child.try_wait().unwrap();
        while let Ok(piece) = terminal.output.recv_timeout(Duration::from_millis(20)) {
            seen.push_str(&String::from_utf8_lossy(&piece));
        }
        if let Some(status) = ended {
            return status.code();
        }
        assert!(Instant::now() < last, "it does not end: {seen}");
    }
}

/// Waits until the server answers: it prints its address before that.
fn serves(port: u16) {
    let end = Instant::now() + Duration::from_secs(120);
    let address = format!("http://127.0.0.1:{port}/api");
    while let Err(error) = bases::done(Command::new("curl").args(["-sSf", &address])) {
        assert!(Instant::now() < end, "{error}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The address with its token that the server prints for who is on this machine, with the port that is published for it.
fn address(seen: &str, port: u16) -> String {
    let (_, rest) = seen.split_once("http://127.0.0.1:8888/tree?token=").unwrap();
    let token: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    assert_eq!(token.len(), 48, "{seen}");
    format!("http://127.0.0.1:{port}/tree?token={token}")
}

/// Opens the address in a browser, makes a notebook, runs a cell of it and reads what it prints.
fn reads_a_notebook(address: &str, pictures: Option<&PathBuf>) {
    let Some(mut browser) = Browser::open(address) else {
        return missing("a notebook in a browser: there is no chromium");
    };
    let picture = |browser: &mut Browser, name: &str| {
        if let Some(folder) = pictures {
            browser.takes_a_picture(&folder.join(name));
        }
    };
    browser.waits_for("document.querySelector('.jp-DirListing')");
    picture(&mut browser, "tree.png");
    let (origin, _) = address.split_once("/tree").unwrap();
    let written = browser.value(&format!(
        "fetch('/api/contents/first.ipynb', {{method: 'PUT', body: JSON.stringify({{type: 'notebook', content: {NOTEBOOK}}}),
            headers: {{'X-XSRFToken': document.cookie.match(/_xsrf=([^;]*)/)[1]}}}}).then(answer => answer.status)"
    ));
    assert_eq!(written, 201);
    browser.goes_to(&format!("{origin}/notebooks/first.ipynb"));
    browser.waits_for(CELL);
    browser.waits_for("document.querySelector('.jp-Notebook-ExecutionIndicator[data-status=idle]')");
    // A page that is still being made takes the focus away again. A notebook whose kernel is slow asks which one it is to start, and starts
    // it anew, which interrupts the cell. A reader would press the keys once more.
    let printed = browser.tries_until(PRINTED, |browser| {
        if browser.value(&format!("{ASKED} ? ({ASKED}.click(), true) : ({CELL}?.focus(), false)")) == false {
            browser.types_shift_enter();
        }
    });
    picture(&mut browser, "cell.png");
    assert_eq!(printed, "six times seven is 42 for jovyan 1000");
}

#[test]
fn a_notebook_is_pulled_opened_in_a_browser_and_ended_by_ctrl_c() {
    let Some(mirror) = Mirror::with(&["jupyter/tensorflow-notebook:latest"]) else { return };
    let pictures = std::env::var_os("LAYERLAB_PICTURES").map(PathBuf::from);
    for role in [Role::Self_, Role::Mapped, Role::Single] {
        let place = place(&mirror, role);
        let pulled = typed(&place, &format!("docker pull {IMAGE}"));
        let lines: Vec<&str> = pulled.lines().collect();
        assert_eq!(lines[..2], ["Using default tag: latest", "latest: Pulling from jupyter/tensorflow-notebook"]);
        assert_eq!(lines.iter().filter(|line| line.ends_with(": Pull complete")).count(), 5, "{pulled}");
        assert!(pulled.contains("Status: Downloaded newer image for jupyter/tensorflow-notebook:latest"), "{pulled}");

        // Without a terminal of its own, the server ends at once.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut terminal = Pty::start(command(&place, &format!("docker run --rm -p {port}:8888 {IMAGE}")), (160, 24));
        let mut seen = String::new();
        until(&terminal, &mut seen, "http://127.0.0.1:8888/tree?token=");
        until(&terminal, &mut seen, "\n");
        reads_a_notebook(&address(&seen, port), pictures.as_ref());
        terminal.type_keys("\x03");
        end(&mut terminal, &mut seen);
        assert!(seen.contains("Interrupted"), "{seen}");

        // With one, it asks.
        let mut terminal =
            Pty::start(command(&place, &format!("docker run -it --rm -p {port}:8888 {IMAGE}")), (160, 24));
        let mut seen = String::new();
        until(&terminal, &mut seen, "http://127.0.0.1:8888/tree?token=");
        serves(port);
        // It waits five seconds for the answer, which is there before on a busy machine too.
        terminal.type_keys("\x03y\n");
        assert_eq!(end(&mut terminal, &mut seen), Some(0), "{seen}");
        assert!(
            seen.contains("Shut down this Jupyter server (y/[n])?") && seen.contains("Shutdown confirmed"),
            "{seen}"
        );

        place.assert_no_container_is_left();
        assert_eq!(typed(&place, "docker ps -a -q"), "");
        place.assert_whole();
    }
}
