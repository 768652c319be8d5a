//! `RUN --device=…`: a name and whether it is required, separated by commas.

use serde::Serialize;

use super::list;
use super::mount::{MountError, truth};
use super::word::Word;

/// `RUN --device=…`: a device that the container may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The whole value of the flag.
    pub(crate) text: Word,
    /// The name as a CDI device or class.
    pub(crate) name: String,
    /// Whether the build fails without it.
    pub(crate) required: bool,
}

impl Device {
    /// Reads the value of `--device`: a name, `name=…`, `required`, `required=…`.
    ///
    /// # Errors
    /// A key that does not exist, a value that is missing, a second name.
    pub fn parse(text: Word) -> Result<Self, MountError> {
        let fields = list::split(&text.raw)?;
        let mut device = Device { text, name: String::new(), required: false };
        for field in fields {
            let (key, value) = match field.split_once('=') {
                Some((key, value)) => (key.to_lowercase(), Some(value.to_owned())),
                None => (field.to_lowercase(), None),
            };
            match (key.as_str(), value) {
                ("required", None) => device.required = true,
                ("required", Some(value)) => device.required = truth(&key, value)?,
                ("name", Some(_)) if !device.name.is_empty() => {
                    return Err(MountError::DeviceNamedTwice);
                }
                ("name", Some(value)) => device.name = value,
                // The name of a device may itself hold an equals sign.
                _ if device.name.is_empty() => device.name = field,
                (_, None) => return Err(MountError::NoValue(field)),
                (_, Some(_)) => return Err(MountError::Key { key, field }),
            }
        }
        Ok(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_name() {
        let device = Device::parse(Word::new("vendor.com/gpu=all,required")).expect("valid");
        assert_eq!((device.name.as_str(), device.required), ("vendor.com/gpu=all", true));
        let twice = Device::parse(Word::new("name=a,name=b"));
        assert_eq!(twice, Err(MountError::DeviceNamedTwice));
    }
}
