//! `layerlab version`: which program this is. Docker's answer has a client and a server; here there is no server, and that is said.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::oci::Platform;
use crate::view::json;
use crate::view::template::Template;

/// Show the version of this program.
///
/// Example: `docker version --format '{{.Client.Version}}'`
#[derive(Debug, Args)]
pub(crate) struct Version {
    /// The form: `json`, or a Go template such as '{{.Client.Version}}'
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Version {
    pub(in crate::cli) fn run(&self, ui: &Ui) -> Result<(), Failure> {
        let Platform { os, architecture, .. } = Platform::host();
        let version = env!("CARGO_PKG_VERSION");
        let document = json!({
            "Client": { "Platform": { "Name": "Layerlab" }, "Version": version, "Os": os, "Arch": architecture },
            "Server": null,
        });
        let text = format!(
            "Client: Layerlab\n Version:    {version}\n OS/Arch:    {os}/{architecture}\n\nServer:\n There is none: \
             each container is watched over by a small process of its own.\n"
        );
        show(ui, self.format.as_deref(), &document, &text)
    }
}

/// Shows one document: as a template wants it, as JSON, or in words.
pub(super) fn show(ui: &Ui, format: Option<&str>, document: &Value, text: &str) -> Result<(), Failure> {
    let mut out = ui.plain();
    match format.map(str::trim).filter(|format| !format.is_empty()) {
        None => Ok(write!(out, "{text}")?),
        Some("json") => Ok(writeln!(out, "{}", json::compact(document)?)?),
        Some(format) => Ok(writeln!(out, "{}", Template::parse(format)?.render(document, &BTreeMap::new())?)?),
    }
}
