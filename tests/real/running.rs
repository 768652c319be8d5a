//! What was built, run: a program that prints, a server that answers at a published port.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::bases;
use crate::builders::NAME;
use crate::place::Place;

/// What a container prints that runs to its end.
pub fn prints(place: &Place, arguments: &str) -> String {
    place.run(&format!("run --rm {NAME} {arguments}"))
}

/// Starts a container, asks at the address that is published for its port, and stops it; gives what `ask` was told.
pub fn serves(place: &Place, port: u16, ask: impl Fn(&Place, &str) -> String) -> String {
    let id = place.run(&format!("run -d --name server -p 127.0.0.1::{port} {NAME}"));
    let removed = Removed(place);
    assert_eq!(id.trim().len(), 64, "{id}");
    let address = place.run(&format!("port server {port}")).trim().to_owned();
    let answer = ask(place, &address);
    assert_eq!(place.run("stop server"), "server\n");
    drop(removed);
    answer
}

/// The container goes, also when a test fails.
struct Removed<'p>(&'p Place);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        self.0.output("rm -f server");
    }
}

/// The page at an address, as soon as there is a server.
pub fn page(place: &Place, address: &str, path: &str) -> String {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let asked = bases::done(Command::new("curl").args(["-sS", &format!("http://{address}{path}")]));
        match asked {
            Ok(bytes) => return String::from_utf8(bytes).unwrap(),
            Err(error) => assert!(Instant::now() < end, "{error}\n{}", place.run("logs server")),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
