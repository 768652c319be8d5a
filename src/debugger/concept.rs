//! What the words of this program mean, beside what each instruction does: a few sentences each, as data.

use serde::Serialize;

/// What there is to say of an instruction, or of a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    pub keyword: &'static str,
    /// How it is written; of a word, what it is.
    pub(crate) syntax: &'static str,
    /// A paragraph, in lines of at most a hundred columns; they can be filled anew.
    pub(crate) text: &'static str,
    /// An instruction that works in the state at hand; of a word, a command that shows it.
    pub(crate) example: &'static str,
    /// What is special in the step that was asked about.
    pub(crate) notes: Vec<String>,
}

/// The words that `explain` knows.
pub(crate) const CONCEPTS: [&str; 6] =
    [CACHE.keyword, CONTAINER.keyword, IMAGE.keyword, KEY.keyword, LAYER.keyword, STATE.keyword];

const ALL: [&Concept; 6] = [&CACHE, &CONTAINER, &IMAGE, &KEY, &LAYER, &STATE];

/// A text on one word.
struct Concept {
    keyword: &'static str,
    heading: &'static str,
    text: &'static str,
    /// A command that shows it.
    example: &'static str,
}

const CACHE: Concept = Concept {
    keyword: "cache",
    heading: "cache: the results of earlier steps",
    text: "Before a step runs, its key is looked up in the cache. If an earlier step had the same key, that is a\n\
           hit: its result is taken and nothing runs. Otherwise it is a miss: the step runs, and its result is kept\n\
           under the key. The key includes the state before, so the steps after a miss usually miss, too. Put what\n\
           changes often last. `plan` predicts hits and misses; `why` says which input made the difference.",
    example: "plan",
};

const CONTAINER: Concept = Concept {
    keyword: "container",
    heading: "container: a process in surroundings of its own",
    text: "A container is a process that got all of this before its program began: a file system (the layers of an\n\
           image, with an empty one on top to write to), process numbers and a host name of its own, and fewer\n\
           rights and system calls than other processes. Root in it need not be root outside. RUN runs in a\n\
           container; what it changed becomes a layer. On the command line, `layerlab run --explain IMAGE` draws one.",
    example: "shell",
};

const IMAGE: Concept = Concept {
    keyword: "image",
    heading: "image: a file system and how to use it",
    text: "An image is a list of layers, which are its files, and a configuration: environment, user, command,\n\
           history. A manifest names these by their digests, so an image can't change without getting another digest;\n\
           a name such as `app:1.0` only points at one. A build ends with an image, and a container starts from one.",
    example: "config",
};

const KEY: Concept = Concept {
    keyword: "key",
    heading: "key: what a step is looked up by in the cache",
    text: "A key is a digest of everything that a step's result depends on: the state before it, the text of its\n\
           command and the environment for RUN, the contents, modes and owners of the files for COPY. If one of\n\
           these ingredients changes, so does the key. What a command fetches from the network is not in it.",
    example: "why full",
};

const LAYER: Concept = Concept {
    keyword: "layer",
    heading: "layer: the files that one step changed",
    text: "A layer is a tar archive of the files that a step added or changed, with a marker for each that it\n\
           deleted. A file system is what results when the layers are applied in order, base first. Layers never\n\
           change, so a file that a later layer deletes is still shipped in the earlier one. RUN, COPY, ADD and\n\
           WORKDIR can make a layer; the other instructions only change the configuration.",
    example: "layers",
};

const STATE: Concept = Concept {
    keyword: "state",
    heading: "state: what the build has after a step",
    text: "A state is a list of layers and a configuration. A step takes one state and gives the next; states\n\
           never change. So going back costs nothing, `diff A B` compares any two, `shell N` opens a shell in\n\
           one, and `tag` makes an image of it.",
    example: "diff",
};

/// What a word means; in any case, and of several, too.
pub(super) fn explain(word: &str) -> Option<Explained> {
    let word = word.to_lowercase();
    let is_it = |concept: &&Concept| word.strip_suffix('s').unwrap_or(&word) == concept.keyword;
    let Concept { keyword, heading, text, example } = *ALL.into_iter().find(is_it)?;
    Some(Explained { keyword, syntax: heading, text, example, notes: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::{CONCEPTS, explain};

    #[test]
    fn every_concept_is_explained() {
        for name in CONCEPTS {
            assert!(explain(name).is_some_and(|concept| concept.syntax.starts_with(name)), "{name}");
        }
        assert!(explain("Layers").is_some() && explain("COPY").is_none());
    }
}
