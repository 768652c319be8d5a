//! `layerlab class`: how a teacher runs a class, and what a cluster is told of it.

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::oci::Reference;

/// The page of the book.
const NOTES: &str = include_str!("../../../book/src/teaching/class.md");
/// The objects of a class. `${NAME}` stands for what is asked for.
const MANIFEST: &str = include_str!("../../../class/students.yaml");

/// Say how to run a class: on one machine, from one registry, on a cluster.
///
/// With --kubernetes it prints a manifest: a pod for each student, which has no rights on its node and reaches only the registry of the class.
#[derive(Debug, Args)]
pub(crate) struct Class {
    /// Print a manifest for Kubernetes
    #[arg(long)]
    kubernetes: bool,
    /// How many students there are
    #[arg(long, value_name = "N", default_value_t = 30, requires = "kubernetes", value_parser = clap::value_parser!(u16).range(1..=1000))]
    students: u16,
    /// The image of the class, which has Layerlab in it
    #[arg(long, value_name = "REF", default_value = "registry.example/class", requires = "kubernetes")]
    image: String,
    /// The namespace
    #[arg(long, value_name = "NAME", default_value = "class", requires = "kubernetes")]
    namespace: String,
}

impl Class {
    pub(in crate::cli) fn run(&self, ui: &Ui) -> Result<(), Failure> {
        if !self.kubernetes {
            return ui.page(NOTES);
        }
        // Both get into a document in which a newline or a colon would be an object or a field.
        if !is_label(&self.namespace) {
            let hint = "up to 63 small letters, digits and `-`, as `class-2`";
            return Err(Diagnostic::error(format!("`{}` is no name of a namespace", self.namespace)).hint(hint).into());
        }
        let reference = Reference::parse(&self.image)
            .map_err(|error| Diagnostic::error(format!("--image: {error}")).hint("such as `registry.example/class`"))?;
        let text = MANIFEST
            .replace("${NAMESPACE}", &self.namespace)
            .replace("${STUDENTS}", &self.students.to_string())
            .replace("${IMAGE}", &reference.to_string());
        Ok(ui.plain().write_all(text.as_bytes())?)
    }
}

/// Whether a text is a label of RFC 1123, as names of namespaces are.
fn is_label(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.starts_with(is_letter)
        && text.ends_with(is_letter)
        && text.chars().all(|letter| is_letter(letter) || letter == '-')
}
