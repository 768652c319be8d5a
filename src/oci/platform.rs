//! What an image runs on.
//!
//! Specification: OCI image specification, image-index.md, "platform"; names are those of Go's GOOS and GOARCH.

use std::fmt;

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
    /// processor, and of the smaller one that it contains.
    pub fn runs_on(&self, machine: &Platform) -> bool {
        let pair = (machine.architecture.as_str(), self.architecture.as_str());
        self.os == machine.os && (pair.0 == pair.1 || matches!(pair, ("amd64", "386") | ("arm64", "arm")))
    }

    /// Reads `os/architecture` or `os/architecture/variant`; common other names of a processor are understood.
    /// Returns `None` for another shape.
    pub fn parse(text: &str) -> Option<Platform> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (*os, *architecture, None),
            [os, architecture, variant] => (*os, *architecture, Some(*variant)),
            _ => return None,
        };
        let well_formed = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        if ![Some(os), Some(architecture), variant].into_iter().flatten().all(well_formed) {
            return None;
        }
        let (architecture, variant) = normalise(&architecture.to_ascii_lowercase(), variant);
        Some(Platform { architecture, os: os.to_ascii_lowercase(), variant })
    }
}

/// Gives a processor its one name: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `armhf` is `arm/v7`.
fn normalise(architecture: &str, variant: Option<&str>) -> (String, Option<String>) {
    let (architecture, variant) = match (architecture, variant) {
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("i386", variant) => ("386", variant),
        ("aarch64" | "arm64", None | Some("8" | "v8")) => ("arm64", None),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", None) | ("arm", None | Some("7")) => ("arm", Some("v7")),
        ("armel", None) => ("arm", Some("v6")),
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
