//! Checks of OCI documents that go beyond "it deserialises".
//!
//! Specification: the field rules of the OCI image specification (descriptor.md, manifest.md, image-index.md, config.md,
//! image-layout.md). Each function takes the document's bytes and returns what is wrong with it, one sentence a finding;
//! an empty list means valid. Foreign documents may use any registered digest algorithm here, also where the rest of the
//! program could not read the blob.

use serde_json::Value;

/// Checks the text of an image manifest.
pub fn manifest(text: &[u8]) -> Vec<String> {
    document(text, |value, findings| {
        schema_version(value, findings);
        media_type_field(value, "mediaType", Presence::Optional, findings);
        media_type_field(value, "artifactType", Presence::Optional, findings);
        required(value, "config", findings, descriptor_at);
        match value.get("layers") {
            Some(Value::Array(layers)) => each(layers, "layers", findings, descriptor_at),
            Some(_) => findings.push("`layers` is not a list".to_string()),
            None => findings.push("`layers` is missing".to_string()),
        }
        optional(value, "subject", findings, descriptor_at);
        annotations(value, findings);
    })
}

/// Checks the text of an image index.
pub fn index(text: &[u8]) -> Vec<String> {
    document(text, |value, findings| {
        schema_version(value, findings);
        media_type_field(value, "mediaType", Presence::Optional, findings);
        media_type_field(value, "artifactType", Presence::Optional, findings);
        match value.get("manifests") {
            Some(Value::Array(manifests)) => each(manifests, "manifests", findings, |value, place, findings| {
                descriptor_at(value, place, findings);
                optional(value, "platform", findings, |platform, _, findings| {
                    for field in ["architecture", "os"] {
                        if !platform.get(field).is_some_and(Value::is_string) {
                            findings.push(format!("`{place}.platform.{field}` is not a string"));
                        }
                    }
                });
            }),
            Some(_) => findings.push("`manifests` is not a list".to_string()),
            None => findings.push("`manifests` is missing".to_string()),
        }
        optional(value, "subject", findings, descriptor_at);
        annotations(value, findings);
    })
}

/// Checks the text of one descriptor.
pub fn descriptor(text: &[u8]) -> Vec<String> {
    document(text, |value, findings| descriptor_at(value, "descriptor", findings))
}

/// Checks the text of the file `oci-layout`.
pub fn layout(text: &[u8]) -> Vec<String> {
    document(text, |value, findings| match value.get("imageLayoutVersion").and_then(Value::as_str) {
        Some("1.0.0") => {}
        Some(version) => findings.push(format!("`imageLayoutVersion` is `{version}`, not `1.0.0`")),
        None => findings.push("`imageLayoutVersion` is missing or not a string".to_string()),
    })
}

/// Checks the text of an image configuration.
pub fn config(text: &[u8]) -> Vec<String> {
    document(text, |value, findings| {
        for field in ["architecture", "os"] {
            match value.get(field) {
                Some(Value::String(_)) => {}
                Some(_) => findings.push(format!("`{field}` is not a string")),
                None => findings.push(format!("`{field}` is missing")),
            }
        }
        for field in ["created", "author", "variant"] {
            string_field(value, field, field, findings);
        }
        if let Some(created) = value.get("created").and_then(Value::as_str)
            && !is_time(created)
        {
            findings.push(format!("`created` is not an RFC 3339 time: `{created}`"));
        }
        optional(value, "config", findings, |config, _, findings| container_config(config, findings));
        required(value, "rootfs", findings, |rootfs, _, findings| {
            if rootfs.get("type").and_then(Value::as_str) != Some("layers") {
                findings.push("`rootfs.type` is not `layers`".to_string());
            }
            match rootfs.get("diff_ids") {
                Some(Value::Array(diff_ids)) => {
                    each(diff_ids, "rootfs.diff_ids", findings, |value, place, findings| {
                        if !value.as_str().is_some_and(is_digest) {
                            findings.push(format!("`{place}` is not a digest"));
                        }
                    })
                }
                _ => findings.push("`rootfs.diff_ids` is missing or not a list".to_string()),
            }
        });
        optional(value, "history", findings, |history, _, findings| match history {
            Value::Array(entries) => each(entries, "history", findings, |entry, place, findings| {
                for field in ["created", "created_by", "author", "comment"] {
                    string_field(entry, field, &format!("{place}.{field}"), findings);
                }
                if entry.get("empty_layer").is_some_and(|empty| !empty.is_boolean()) {
                    findings.push(format!("`{place}.empty_layer` is not true or false"));
                }
            }),
            _ => findings.push("`history` is not a list".to_string()),
        });
    })
}

fn container_config(config: &Value, findings: &mut Findings) {
    for field in ["User", "WorkingDir", "StopSignal"] {
        string_field(config, field, &format!("config.{field}"), findings);
    }
    for field in ["Volumes", "ExposedPorts", "Labels"] {
        optional(config, field, findings, |set, field, findings| match set {
            Value::Object(members) => {
                for (name, member) in members {
                    let valid = if field == "Labels" { member.is_string() } else { member.is_object() };
                    if !valid {
                        findings.push(format!("`config.{field}` has a wrong value for `{name}`"));
                    }
                }
            }
            _ => findings.push(format!("`config.{field}` is not an object")),
        });
    }
    for field in ["Env", "Entrypoint", "Cmd", "OnBuild", "Shell"] {
        optional(config, field, findings, |list, field, findings| match list {
            Value::Array(items) => {
                for item in items {
                    match item.as_str() {
                        None => findings.push(format!("`config.{field}` has an item that is not a string")),
                        Some(text) if field == "Env" && !text.contains('=') => {
                            findings.push(format!("`config.Env` has `{text}`, which is not of the form `NAME=value`"));
                        }
                        Some(_) => {}
                    }
                }
            }
            _ => findings.push(format!("`config.{field}` is not a list")),
        });
    }
}

fn descriptor_at(value: &Value, place: &str, findings: &mut Findings) {
    if !value.is_object() {
        findings.push(format!("`{place}` is not a descriptor"));
        return;
    }
    let mut own = Findings::default();
    media_type_field(value, "mediaType", Presence::Required, &mut own);
    media_type_field(value, "artifactType", Presence::Optional, &mut own);
    match value.get("digest").map(|digest| digest.as_str().is_some_and(is_digest)) {
        Some(true) => {}
        Some(false) => own.push("`digest` is not a digest".to_string()),
        None => own.push("`digest` is missing".to_string()),
    }
    match value.get("size") {
        Some(size) if size.as_u64().is_some_and(|size| i64::try_from(size).is_ok()) => {}
        Some(_) => own.push("`size` is not a whole number".to_string()),
        None => own.push("`size` is missing".to_string()),
    }
    optional(value, "urls", &mut own, |urls, _, findings| match urls {
        Value::Array(urls) => {
            for url in urls {
                if !url.as_str().is_some_and(is_absolute_uri) {
                    findings.push(format!("`urls` has {url}, which is not a URI"));
                }
            }
        }
        _ => findings.push("`urls` is not a list".to_string()),
    });
    optional(value, "data", &mut own, |data, _, findings| {
        if !data.as_str().is_some_and(is_base64) {
            findings.push("`data` is not base64".to_string());
        }
    });
    annotations(value, &mut own);
    findings.add_all(own, place);
}

/// The most that is said of one document: more help nobody, and a document has room for millions.
const MOST: usize = 50;

/// What is wrong with a document, as far as it is told.
#[derive(Default)]
struct Findings {
    told: Vec<String>,
    more: usize,
}

impl Findings {
    fn push(&mut self, finding: String) {
        if self.told.len() < MOST {
            self.told.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Adds what is wrong with a part.
    fn add_all(&mut self, part: Findings, place: &str) {
        part.told.into_iter().for_each(|finding| self.push(format!("{place}: {finding}")));
        self.more += part.more;
    }

    fn told(mut self) -> Vec<String> {
        if self.more > 0 {
            self.told.push(format!("and {} more", self.more));
        }
        self.told
    }
}

fn document(text: &[u8], check: impl FnOnce(&Value, &mut Findings)) -> Vec<String> {
    match serde_json::from_slice::<Value>(text) {
        Err(error) => vec![format!("not JSON: {error}")],
        Ok(value) if !value.is_object() => vec!["not a JSON object".to_string()],
        Ok(value) => {
            let mut findings = Findings::default();
            check(&value, &mut findings);
            findings.told()
        }
    }
}

fn schema_version(value: &Value, findings: &mut Findings) {
    if value.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
        findings.push("`schemaVersion` is not 2".to_string());
    }
}

enum Presence {
    Required,
    Optional,
}

fn media_type_field(value: &Value, field: &str, presence: Presence, findings: &mut Findings) {
    match (value.get(field), presence) {
        (None, Presence::Optional) => {}
        (None, Presence::Required) => findings.push(format!("`{field}` is missing")),
        (Some(text), _) if text.as_str().is_some_and(is_media_type) => {}
        (Some(text), _) => findings.push(format!("`{field}` is {text}, which is not a media type")),
    }
}

fn string_field(value: &Value, field: &str, place: &str, findings: &mut Findings) {
    if value.get(field).is_some_and(|text| !text.is_string() && !text.is_null()) {
        findings.push(format!("`{place}` is not a string"));
    }
}

fn annotations(value: &Value, findings: &mut Findings) {
    optional(value, "annotations", findings, |annotations, _, findings| match annotations {
        Value::Object(pairs) if pairs.values().all(Value::is_string) => {}
        _ => findings.push("`annotations` is not a map from strings to strings".to_string()),
    });
}

fn required(value: &Value, field: &str, findings: &mut Findings, check: impl Fn(&Value, &str, &mut Findings)) {
    match value.get(field) {
        Some(member) => check(member, field, findings),
        None => findings.push(format!("`{field}` is missing")),
    }
}

fn optional(value: &Value, field: &str, findings: &mut Findings, check: impl Fn(&Value, &str, &mut Findings)) {
    match value.get(field) {
        None | Some(Value::Null) => {}
        Some(member) => check(member, field, findings),
    }
}

fn each(values: &[Value], field: &str, findings: &mut Findings, check: impl Fn(&Value, &str, &mut Findings)) {
    for (position, value) in values.iter().enumerate() {
        check(value, &format!("{field}[{position}]"), findings);
    }
}

/// A date, a time and an offset from UTC (RFC 3339), up to the last second of the year 9999.
fn is_time(text: &str) -> bool {
    jiff::fmt::temporal::Pieces::parse(text).is_ok_and(|pieces| {
        pieces.time().is_some() && pieces.offset().is_some() && pieces.time_zone_annotation().is_none()
    })
}

/// `type/subtype`, each at most 127 characters and beginning with a letter or digit (RFC 6838, section 4.2).
pub(crate) fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        name.len() <= 127
            && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

/// `algorithm:encoded` of any algorithm; of the registered ones also the length is checked.
pub(crate) fn is_digest(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else {
        return false;
    };
    let is_component =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_hex = |length: usize| {
        encoded.len() == length && encoded.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    algorithm.split(['+', '.', '_', '-']).all(is_component)
        && match algorithm {
            "sha256" | "blake3" => is_hex(64),
            "sha512" => is_hex(128),
            _ => {
                !encoded.is_empty()
                    && encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"=_-".contains(&byte))
            }
        }
}

/// A URI with a scheme (RFC 3986, section 3), without characters that it may not contain.
fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}
