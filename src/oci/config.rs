//! The image configuration: what to run, in which environment, and of which layers the file system is made.
//!
//! Specification: OCI image specification, config.md; `Healthcheck`, `OnBuild` and `Shell` are Docker's additions
//! (docker image specification v1.2), which every builder writes. Fields that are empty are left out when written;
//! `null` is read as empty. Left out: the host-specific fields of old Docker images (`Hostname`, `Domainname`,
//! `AttachStdin`, …), which are dropped on reading.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::DiffId;

/// The whole configuration document; its digest is the image's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When the image was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) author: Option<String>,
    /// The processor, as in [`super::Platform`].
    #[serde(default)]
    pub architecture: String,
    /// The operating system.
    #[serde(default)]
    pub(crate) os: String,
    /// The variant of the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<String>,
    /// How to run a container.
    #[serde(default, deserialize_with = "null_default")]
    pub config: ContainerConfig,
    /// The layers, by diff id.
    pub rootfs: RootFs,
    /// One entry for each instruction that made the image, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub history: Vec<History>,
}

impl ImageConfig {
    /// A configuration with no layer, for the given platform: what `FROM scratch` starts with.
    pub fn empty(platform: &super::Platform) -> ImageConfig {
        ImageConfig {
            created: None,
            author: None,
            architecture: platform.architecture.clone(),
            os: platform.os.clone(),
            variant: platform.variant.clone(),
            config: ContainerConfig::default(),
            rootfs: RootFs::default(),
            history: Vec::new(),
        }
    }

    /// The platform that the configuration names.
    pub(crate) fn platform(&self) -> super::Platform {
        super::Platform { os: self.os.clone(), architecture: self.architecture.clone(), variant: self.variant.clone() }
    }
}

/// How to run a container of the image. An empty field is absent in the JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// `user`, `uid`, `user:group`, `uid:gid` …; empty is root.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub(crate) user: String,
    /// Ports as `80/tcp`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// `NAME=value`, in the order of definition.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub env: Vec<String>,
    /// The program, in front of `cmd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entrypoint: Option<Vec<String>>,
    /// The default command or arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Paths that hold data outside the image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub(crate) volumes: BTreeMap<String, Empty>,
    /// The working directory; empty is `/`.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub(crate) working_dir: String,
    /// Free key-value pairs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
    /// The signal that asks the program to end, such as `SIGQUIT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// How to find out whether the program is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) healthcheck: Option<HealthConfig>,
    /// Instructions for images that are built on this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub(crate) on_build: Vec<String>,
    /// The shell of instructions in shell form, when it is not `/bin/sh -c`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shell: Option<Vec<String>>,
    /// Windows only: `cmd` is one string that is already escaped.
    #[serde(default, skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub(crate) args_escaped: bool,
}

/// How to find out whether the program is well. Times are nanoseconds; 0 means "inherit" and is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HealthConfig {
    /// `[]` inherits, `["NONE"]` disables, `["CMD", …]` executes, `["CMD-SHELL", text]` uses the shell.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub(crate) test: Vec<String>,
    /// Between two checks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) interval: i64,
    /// A check that takes longer has failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) timeout: i64,
    /// Failures in this time after the start don't count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) start_period: i64,
    /// Between two checks in the start period.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) start_interval: i64,
    /// So many failures in a row make the container unhealthy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) retries: i64,
}

/// The layers of the image, lowest first, by the digests of their uncompressed archives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// One for each layer of the manifest.
    #[serde(deserialize_with = "null_default")]
    pub diff_ids: Vec<DiffId>,
}

impl Default for RootFs {
    fn default() -> RootFs {
        RootFs { kind: "layers".to_string(), diff_ids: Vec::new() }
    }
}

/// What one instruction did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Which tool, by convention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether the instruction made no layer.
    #[serde(default, skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub empty_layer: bool,
}

/// The value of a set that JSON writes as an object: `{"80/tcp":{}}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// Reads `null` as the type's empty value: Go programs write `null` for an empty list or map.
pub(super) fn null_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
