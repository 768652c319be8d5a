//! `RUN --device`: devices are described by files (CDI, the Container Device Interface), of which few machines have any.
//!
//! None is passed to a RUN yet. One that is required is an error with its reason; without one that is not, the RUN goes on, as in BuildKit where the
//! machine lacks it.

use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Device, rules};
use crate::machine::Error;
use crate::machine::noted::Noted;

/// Where descriptions lie, by the specification of CDI.
const FOLDERS: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];

/// Refuses what is required, and tells of what is left out.
///
/// # Errors
/// A device is required.
pub(super) fn check(devices: &[Device], noted: &Noted) -> Result<(), Error> {
    for device in devices {
        let name = &device.name;
        let (why, hint) = match is_described() {
            false => (
                "this machine describes no device",
                "descriptions (CDI) are looked for in `/etc/cdi` and `/var/run/cdi`",
            ),
            true => {
                ("devices are not passed to RUN yet", "do what needs the device outside the build, and COPY the result")
            }
        };
        if device.required {
            let message = format!("RUN requires the device `{name}`, but {why}");
            return Err(Diagnostic::new(&rules::DEVICE_NOT_FOUND, message).hint(hint).into());
        }
        let message = format!("RUN goes without the device `{name}`: {why}");
        noted.warn(Diagnostic::new(&rules::DEVICE_LEFT_OUT, message));
    }
    Ok(())
}

/// Whether the machine has any description of a device.
fn is_described() -> bool {
    let mut entries = FOLDERS.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    entries.any(|entry| {
        let path = entry.path();
        Path::new(&path).extension().is_some_and(|end| ["json", "yaml", "yml"].iter().any(|known| end == *known))
    })
}
