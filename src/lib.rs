//! Layerlab: a step debugger for Dockerfiles that builds real images and runs real containers.
//!
//! Reading order, from the text to the container:
//!
//! 1. [`source`], [`diagnostic`], [`shown`], [`errno`], [`size`], [`limits`], [`document`], [`link`], [`netlink`], [`deeds`], [`hidden`], [`owner`] and [`progress`]: spans of
//!    text, messages that point at them, text made harmless for a terminal, the kernel's answers by name, sizes as they are written, how
//!    much may be asked for, files that are read whole, messages between processes, what the kernel is asked about networks, what is done as it
//!    is told, secrets, owners that are written beside files, the progress of long work
//! 2. [`dockerfile`]: text → AST, and the expansion of words
//! 3. [`oci`]: digests, descriptors, manifests, image configurations, references
//! 4. [`tree`]: a file system as a persistent map; [`seen`]: reading files that somebody else can change
//! 5. [`store`]: the OCI image layout on disk
//! 6. [`layer`]: tar archives as layers: written, indexed, unpacked, captured
//! 7. [`context`]: the build context and `.dockerignore`
//! 8. [`plan`]: stages and their dependencies → the steps to run
//! 9. [`cache`]: keys as records of ingredients, and their explanation
//! 10. [`container`]: a container as a printable list of operations
//!     and [`bundle`]: a container as a manager such as Podman or containerd prescribes it
//! 11. [`userland`]: the built-in base images
//!     and [`registry`]: images from registries and to them
//! 12. [`images`]: a name → an image
//!     and [`git`]: a commit of a repository → a layer
//! 13. [`world`]: the store, the clock, the identity
//! 14. [`runtime`]: containers with their folders, layers and volumes
//!     and [`serving`]: the store as a registry, over [`http`]
//! 15. [`upkeep`]: whether the store is intact, and what in it may be removed
//! 16. [`machine`]: the machine that takes one step after another
//! 17. [`debugger`]: the debugger without a user interface: it steps, goes back, compares and explains, in plain data
//!     and [`lesson`]: tutorials whose commands are run, and compared with what they show
//! 18. [`view`]: what people and programs see of the machine's events and of the debugger's data
//! 19. [`repl`]: the debugger's prompt
//! 20. [`cli`]: the command line
//!
//! Only what `main.rs`, the tests and the benchmarks use is `pub`; all else is `pub(crate)`, so the compiler reports what nobody uses.

#![warn(unreachable_pub, clippy::missing_errors_doc)]
// The documentation is read by whoever changes the code: it is built with what is private.
#![allow(rustdoc::private_intra_doc_links)]

pub(crate) mod bundle;
pub(crate) mod cache;
pub mod cli;
pub mod container;
pub mod context;
pub mod debugger;
pub(crate) mod deeds;
pub mod diagnostic;
pub mod dockerfile;
pub(crate) mod document;
pub(crate) mod errno;
pub(crate) mod git;
pub mod hidden;
pub(crate) mod http;
pub mod images;
pub mod layer;
pub(crate) mod learning;
pub(crate) mod lesson;
pub mod limits;
pub(crate) mod link;
pub mod machine;
pub(crate) mod netlink;
pub mod oci;
pub(crate) mod owner;
pub mod plan;
pub mod progress;
pub(crate) mod prompt;
pub(crate) mod registry;
pub(crate) mod repl;
pub mod runtime;
pub mod seen;
pub(crate) mod serving;
pub(crate) mod shown;
pub(crate) mod size;
pub mod source;
pub mod store;
pub mod tree;
pub(crate) mod tutor;
pub mod upkeep;
pub mod userland;
pub(crate) mod view;
pub mod world;
