//! What an image runs on.
//!
//! Specification: OCI image specification, image-index.md, "platform"; names are those of Go's GOOS and GOARCH.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An operating system and a processor, written `linux/amd64` or `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The processor: `amd64`, `arm64`, …
    pub architecture: String,
    /// The operating system: `linux`.
    pub os: String,
    /// A variant of the processor: `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// The platform of this machine.
    pub fn host() -> Platform {
        let (architecture, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", None),
            "x86" => ("386", None),
            "aarch64" => ("arm64", None),
            "arm" => ("arm", Some("v7")),
            "powerpc64" if cfg!(target_endian = "little") => ("ppc64le", None),
            "powerpc64" => ("ppc64", None),
            "loongarch64" => ("loong64", None),
            other => (other, None),
        };
        Platform {
            architecture: architecture.to_string(),
            os: "linux".to_string(),
            variant: variant.map(str::to_string),
        }
    }

    /// Whether a machine's processor and kernel execute programs of this platform by themselves: those of the same
    /// processor in an older variant, and of the smaller one that it contains.
    pub(crate) fn runs_on(&self, machine: &Platform) -> bool {
        let pair = (machine.architecture.as_str(), self.architecture.as_str());
        let is_too_new = match (level(&machine.variant), level(&self.variant)) {
            (Some(has), Some(needs)) => pair.0 == pair.1 && needs > has,
            _ => false,
        };
        let is_contained = matches!(pair, ("amd64", "386") | ("arm64", "arm"));
        self.os == machine.os && (pair.0 == pair.1 || is_contained) && !is_too_new
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    /// Reads `os/architecture`, `os/architecture/variant`, or one of the two words alone: the other is then this machine's.
    /// Other common names of a processor are understood.
    fn from_str(text: &str) -> Result<Platform, PlatformError> {
        let malformed = || PlatformError::Malformed(text.to_owned());
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        let well_formed = |part: &&str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        if !parts.iter().all(well_formed) {
            return Err(malformed());
        }
        let host = Platform::host();
        let (os, architecture, variant) = match parts.as_slice() {
            [os] if OSES.contains(&normalise_os(os)) => (*os, host.architecture.as_str(), None),
            [architecture] => (host.os.as_str(), *architecture, None),
            [os, architecture] => (*os, *architecture, None),
            [os, architecture, variant] => (*os, *architecture, Some(*variant)),
            _ => return Err(malformed()),
        };
        let os = normalise_os(os).to_owned();
        let (architecture, variant) = normalise(architecture, variant);
        let unknown = |part: &str| PlatformError::Unknown { text: text.to_owned(), part: part.to_owned() };
        if !OSES.contains(&os.as_str()) {
            return Err(unknown(&os));
        }
        if !ARCHITECTURES.contains(&architecture.as_str()) {
            return Err(unknown(&architecture));
        }
        let numbers_variants = ["amd64", "arm", "arm64"].contains(&architecture.as_str());
        if variant.is_some() && numbers_variants && level(&variant).is_none() {
            return Err(unknown(parts.last().unwrap_or(&"")));
        }
        Ok(Platform { architecture, os, variant })
    }
}

/// The operating systems that images are made for: those of Go's GOOS.
const OSES: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
];

/// The processors that images are made for: those of Go's GOARCH.
const ARCHITECTURES: &[&str] = &[
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64",
    "s390x", "wasm",
];

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// It does not have the form of one.
    #[error("`{0}` is not a platform")]
    Malformed(String),
    /// A part of it is the name of nothing.
    #[error("`{text}` is not a platform: there is no `{part}`")]
    Unknown {
        /// The whole text.
        text: String,
        /// What is unknown.
        part: String,
    },
}

impl PlatformError {
    /// What would be one.
    pub(crate) fn hint(&self) -> String {
        match self {
            PlatformError::Malformed(_) => "a platform is written `linux/amd64` or `linux/arm/v7`".to_owned(),
            PlatformError::Unknown { .. } => {
                let names: Vec<String> = ARCHITECTURES.iter().map(|name| format!("`linux/{name}`")).collect();
                format!("the platforms of Linux are {}", names.join(", "))
            }
        }
    }
}

/// The number in a variant: 7 of `v7`, 8.2 of `v8.2`.
fn level(variant: &Option<String>) -> Option<(u32, u32)> {
    let number = variant.as_deref()?.strip_prefix('v')?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn normalise_os(os: &str) -> &str {
    if os == "macos" { "darwin" } else { os }
}

/// Gives a processor its one name: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `armhf` is `arm/v7`.
fn normalise(architecture: &str, variant: Option<&str>) -> (String, Option<String>) {
    let (architecture, variant) = match (architecture, variant) {
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("i386", _) => ("386", None),
        ("aarch64" | "arm64", None | Some("8" | "v8" | "v8.0")) => ("arm64", None),
        ("aarch64" | "arm64", Some("9" | "9.0" | "v9.0")) => ("arm64", Some("v9")),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", None | Some("7")) => ("arm", Some("v7")),
        ("armel", _) => ("arm", Some("v6")),
        ("arm", Some("5")) => ("arm", Some("v5")),
        ("arm", Some("6")) => ("arm", Some("v6")),
        ("arm", Some("8")) => ("arm", Some("v8")),
        other => other,
    };
    let variant = if architecture == "amd64" && variant == Some("v1") { None } else { variant };
    (architecture.to_string(), variant.map(str::to_string))
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_read_as_people_write_them() {
        let host = Platform::host();
        let read = |text: &str| text.parse::<Platform>().map_or_else(|error| error.to_string(), |one| one.to_string());
        for (text, expected) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("Linux/AMD64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("windows/amd64", "windows/amd64"),
            ("macos/arm64", "darwin/arm64"),
            ("amd64", "linux/amd64"),
            ("arm64", "linux/arm64"),
            ("linux", &format!("linux/{}", host.architecture)),
            ("linux/foo", "`linux/foo` is not a platform: there is no `foo`"),
            ("moon/amd64", "`moon/amd64` is not a platform: there is no `moon`"),
            ("moon", "`moon` is not a platform: there is no `moon`"),
            ("linux/arm/x7", "`linux/arm/x7` is not a platform: there is no `x7`"),
            ("", "`` is not a platform"),
            ("linux/", "`linux/` is not a platform"),
            ("linux/amd64/v1/x", "`linux/amd64/v1/x` is not a platform"),
            ("linux/*", "`linux/*` is not a platform"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_machine_runs_its_own_and_older_programs() {
        let platform = |text: &str| text.parse::<Platform>().expect("valid");
        let runs = |machine: &str, image: &str| platform(image).runs_on(&platform(machine));
        for (machine, image) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/amd64", "linux/amd64/v3"),
            ("linux/amd64", "linux/386"),
            ("linux/arm/v7", "linux/arm/v6"),
            ("linux/arm64", "linux/arm/v7"),
        ] {
            assert!(runs(machine, image), "{machine} {image}");
        }
        for (machine, image) in [
            ("linux/amd64", "linux/arm64"),
            ("linux/amd64", "windows/amd64"),
            ("linux/arm/v6", "linux/arm/v7"),
            ("linux/386", "linux/amd64"),
        ] {
            assert!(!runs(machine, image), "{machine} {image}");
        }
    }
}
