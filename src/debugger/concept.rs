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
pub(crate) const CONCEPTS: [&str; 12] = {
    let mut words = [""; 12];
    let mut index = 0;
    while index < words.len() {
        words[index] = ALL[index].keyword;
        index += 1;
    }
    words
};

const ALL: [Concept; 12] =
    [BASE, CACHE, CONTAINER, CONTEXT, DIGEST, IMAGE, KEY, LAYER, MANIFEST, STAGE, STATE, WHITEOUT];

/// A text on one word.
struct Concept {
    keyword: &'static str,
    heading: &'static str,
    text: &'static str,
    /// A command that shows it.
    example: &'static str,
}

const BASE: Concept = Concept {
    keyword: "base",
    heading: "base image: what a stage begins with",
    text: "The base image is the one that FROM names: a stage begins with its layers and its configuration, and what\n\
           the stage adds lies on top. `FROM scratch` begins with nothing. An image that is not in the store is\n\
           pulled from its registry, unless a built-in one stands in for it. In a shell, `layerlab explain base`\n\
           lists what the built-in one is made of.",
    example: "layers",
};

const CACHE: Concept = Concept {
    keyword: "cache",
    heading: "cache: the results of earlier steps",
    text: "Before a step runs, its key is looked up in the cache. If an earlier step had the same key, that is a\n\
           hit: its result is taken and nothing runs. Otherwise it is a miss: the step runs, and its result is kept\n\
           under the key. RUN, COPY, ADD and WORKDIR have the files before them in their keys, so after one that\n\
           misses the next of them usually miss, too; LABEL, CMD and their like make nothing miss. Put what changes\n\
           often last. `plan` predicts hits and misses; `why` says which input made the difference.",
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

const CONTEXT: Concept = Concept {
    keyword: "context",
    heading: "context: the folder that COPY and ADD take files from",
    text: "The build context is the folder given to the build, without what its `.dockerignore` excludes. COPY and\n\
           ADD take files from it and, unless told otherwise, from nowhere else: a path such as `../secret` cannot\n\
           leave it. `diff PATH` compares one of its files with what an earlier build had.",
    example: "edit FILE",
};

const DIGEST: Concept = Concept {
    keyword: "digest",
    heading: "digest: the SHA-256 checksum of some bytes, used as their name",
    text: "Two files with the same digest have the same content, so a digest names content and not a place: change\n\
           one byte and it is another digest. The store keeps layers, configurations and manifests under their\n\
           digests. Often the first twelve digits are enough. An image's id is the digest of its configuration.",
    example: "layers",
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
    heading: "key: the digest under which the cache keeps a step's result",
    text: "A key is made from everything that a step's result depends on, its ingredients. For RUN these are the\n\
           files before it, the command and the environment; for COPY and ADD, the files before it, the names,\n\
           contents and modes of what is copied, and where that goes; for LABEL, CMD and their like, the base image\n\
           and the instruction. If one ingredient changes, so does the key. Times are not in it, nor is what a\n\
           command fetches from the network.",
    example: "why full",
};

const LAYER: Concept = Concept {
    keyword: "layer",
    heading: "layer: the files that one step changed",
    text: "A layer is a tar archive of the files that a step added or changed, with a whiteout for each that it\n\
           deleted. A file system is what results when the layers are applied in order, base first. Layers never\n\
           change, so a file that a later layer deletes is still shipped in the earlier one. RUN, COPY, ADD and\n\
           WORKDIR can make a layer; the other instructions only change the configuration.",
    example: "layers",
};

const MANIFEST: Concept = Concept {
    keyword: "manifest",
    heading: "manifest: the table of contents of one image",
    text: "A manifest is a small JSON document with the digests of an image's configuration and of its layers, the\n\
           lowest first. The store's `index.json` lists the manifests and their names. On the command line,\n\
           `layerlab inspect --tree IMAGE` draws one, from the name down to the layers.",
    example: "tag NAME",
};

const STAGE: Concept = Concept {
    keyword: "stage",
    heading: "stage: a FROM and the instructions below it",
    text: "Each FROM begins a stage with a file system of its own. The last stage, or the one that `--target` names,\n\
           becomes the image; the others are intermediate: `COPY --from=NAME` copies from them what is needed, and\n\
           the rest is left behind. A stage that nothing needs is not built.",
    example: "plan graph",
};

const STATE: Concept = Concept {
    keyword: "state",
    heading: "state: what the build has after a step",
    text: "A state is a list of layers and a configuration. A step takes one state and gives the next; states\n\
           never change, and each is kept. So going back costs nothing, `diff A B` compares any two, `shell N`\n\
           opens a shell in one, and `tag` makes an image of it. State 0 is the empty file system before step 1.",
    example: "diff",
};

const WHITEOUT: Concept = Concept {
    keyword: "whiteout",
    heading: "whiteout: how a layer deletes a file of a lower one",
    text: "To delete a file of a lower layer, a layer contains an empty entry named `.wh.NAME`; `.wh..wh..opq` in a\n\
           folder hides everything that lower layers have there. The file itself stays in its layer, and is still\n\
           shipped with the image.",
    example: "layers bars",
};

/// What a word means; in any case, and of several, too.
pub(super) fn explain(word: &str) -> Option<Explained> {
    let word = word.to_lowercase();
    let is_it = |concept: &Concept| word.strip_suffix('s').unwrap_or(&word) == concept.keyword;
    let Concept { keyword, heading, text, example } = ALL.into_iter().find(is_it)?;
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
        assert!(CONCEPTS.is_sorted());
    }
}
