//! Named contexts where they are used: what a name leads to that the user has given another meaning (`contexts.rs`).

use super::copy::selection::Selection;
use super::copy::{repository, url};
use super::from::{self, Basis, Fetching, Search};
use crate::git::Keep;
use crate::images::archive;
use crate::layer::LayerWriter;
use crate::machine::Error;
use crate::machine::contexts::{LayoutImage, Meaning};
use crate::machine::event::EventKind;
use crate::machine::inputs::Inputs;
use crate::oci::{Layer, Platform, Reference};
use crate::tree::{Tree, TreePath};

/// What a name stands for: the plan has only names that are there. It is noted that the name is used.
fn meaning<'m>(name: &str, search: Search<'m>) -> &'m Meaning {
    let context = search.options.contexts.get(name).expect("the plan has the names of the options");
    search.noted.told(EventKind::NamedContext { name: name.to_owned(), stands_for: context.text.clone() });
    &context.what
}

/// What a stage begins with that is FROM a name. Files are its first layer.
///
/// # Errors
/// As [`files`]; the layer can't be written.
pub(crate) fn basis(name: &str, search: Search<'_>, inputs: &Inputs) -> Result<Basis, Error> {
    Ok(match meaning(name, search) {
        Meaning::Scratch => Basis::Scratch,
        Meaning::Image(reference) => Basis::Image(reference.clone()),
        _ if search.fetch == Fetching::Foreseen => Basis::ToCome,
        meaning @ Meaning::Layout { .. } => Basis::Image(image(name, meaning, search)?),
        meaning @ (Meaning::Folder(_) | Meaning::Repository(_) | Meaning::Url(_)) => {
            Basis::Files(layer(&tree(name, meaning, search, inputs)?, search, inputs)?)
        }
    })
}

/// The files that a name stands for, in a stage for a platform.
///
/// # Errors
/// They can't be read, or don't come; [`Error::NotAsked`] where they are only foreseen.
pub(crate) fn files(name: &str, platform: &Platform, search: Search<'_>, inputs: &Inputs) -> Result<Tree, Error> {
    match meaning(name, search) {
        meaning @ (Meaning::Image(_) | Meaning::Layout { .. }) => {
            let reference = image(name, meaning, search)?;
            inputs.tree(&from::image_state(&reference, platform, search)?)
        }
        meaning @ (Meaning::Scratch | Meaning::Folder(_) | Meaning::Repository(_) | Meaning::Url(_)) => {
            tree(name, meaning, search, inputs)
        }
    }
}

/// The files of what is no image.
fn tree(name: &str, meaning: &Meaning, search: Search<'_>, inputs: &Inputs) -> Result<Tree, Error> {
    Ok(match meaning {
        Meaning::Scratch | Meaning::Image(_) | Meaning::Layout { .. } => Tree::empty(),
        Meaning::Folder(folder) => inputs.named(name, folder)?.snapshot.tree().clone(),
        Meaning::Repository(source) => repository::files(source, Keep::Files, search, inputs)?.0,
        Meaning::Url(address) => {
            let mut tree = Tree::empty();
            tree.insert(&TreePath::new("context"), url::file(address, None, search, inputs)?);
            tree
        }
    })
}

/// The name of an image. One that lies in a layout is taken into the store, without a name of its own.
fn image(name: &str, meaning: &Meaning, search: Search<'_>) -> Result<Reference, Error> {
    let (folder, wanted) = match meaning {
        Meaning::Image(reference) => return Ok(reference.clone()),
        Meaning::Layout { folder, image } => (folder, image),
        Meaning::Scratch | Meaning::Folder(_) | Meaning::Repository(_) | Meaning::Url(_) => {
            unreachable!("it is asked for images only")
        }
    };
    if search.fetch == Fetching::Foreseen {
        return Err(Error::NotAsked { because: format!("the image of `{}` would first be read", folder.display()) });
    }
    let take = |tag| archive::take(search.store, folder, tag);
    let found = match wanted {
        LayoutImage::Tag(tag) => match take(Some(tag)) {
            // Many write the whole name in the place of the tag. One without a tag is `latest` to us, which says nothing.
            Err(error @ archive::Error::NoImage { .. }) if tag != "latest" => {
                let all = take(None)?.into_iter();
                let named = all.filter(|image| image.names.iter().any(|name| name.tag() == Some(tag)));
                let named: Vec<_> = named.collect();
                if named.is_empty() {
                    return Err(error.into());
                }
                named
            }
            found => found?,
        },
        LayoutImage::Digest(digest) => {
            let all = take(None)?.into_iter();
            all.filter(|image| image.manifest.digest == *digest).collect()
        }
        LayoutImage::Usual => match take(None)? {
            several if several.len() > 1 => take(Some("latest"))?,
            one => one,
        },
    };
    let chosen = found.first().ok_or_else(|| Error::Argument {
        message: format!("`{}` has no image with the tag or digest that is asked for", folder.display()),
        hint: None,
    })?;
    let bare = name.split(['@', ':']).next().unwrap_or(name);
    let name = format!("{bare}@{}", chosen.manifest.digest);
    Ok(Reference::parse_normalized(&name).expect("a name of an image, and a digest"))
}

/// Files as a layer.
fn layer(tree: &Tree, search: Search<'_>, inputs: &Inputs) -> Result<Layer, Error> {
    let mut selection = Selection::of_whole(tree, None)?;
    inputs.learn(selection.seen())?;
    selection.complete();
    let (tree, _) = selection.as_tree();
    let mut writer = LayerWriter::new(search.store)?;
    for (path, node) in tree.walk(&TreePath::root()).skip(1) {
        writer.append_node(&path, node)?;
    }
    Ok(writer.finish()?)
}
