//! What may use what: which module may name which other, which library belongs where, and why.
//!
//! Each rule is a table or a short function. A finding names file and line. Whoever has to break a rule changes the table here
//! and says why in it.

use crate::code::{project, sources};
use crate::tidy::Findings;

/// A library, and the only places that may name it.
struct Only {
    library: &'static str,
    places: &'static [&'static str],
    because: &'static str,
}

const LIBRARIES: &[Only] = &[
    Only {
        library: "pest",
        places: &["src/dockerfile/"],
        because: "only the parser knows how a text is parsed; the others see the syntax tree",
    },
    Only {
        library: "pulldown_cmark",
        places: &["src/lesson/page.rs", "src/view/page/"],
        because: "a page is read in one place, and shown in one; the others see its blocks",
    },
    Only {
        library: "rustix",
        places: &["src/lesson/", "src/learning/"],
        because: "the terminal and the process group of a page's commands; who saves a file of the learner's",
    },
    Only {
        library: "gotmpl",
        places: &["src/view/template/"],
        because: "templates are bounded and their mistakes explained in one place",
    },
    Only {
        library: "rustyline",
        places: &["src/prompt/terminal.rs"],
        because: "a session gets its lines from a trait, so that a script can take the place of a terminal",
    },
    Only {
        library: "colored",
        places: &["src/view/palette.rs"],
        because: "colours go through the palette, which knows when there are none",
    },
    Only {
        library: "clap",
        places: &["src/cli/", "src/view/progress.rs", "src/view/palette.rs"],
        because: "arguments are parsed in one place; the two views' enums are values of arguments",
    },
    Only {
        library: "clap_complete",
        places: &["src/cli/completion.rs"],
        because: "what a shell asks at Tab is answered in one place",
    },
    Only {
        library: "clap_mangen",
        places: &["src/cli/commands/shell.rs"],
        because: "the manual's pages are written by one command",
    },
    Only {
        library: "nix",
        places: &[
            "src/bundle/",
            "src/container/",
            "src/link.rs",
            "src/netlink.rs",
            "src/runtime/",
            "src/layer/materialise.rs",
        ],
        because: "system calls that set up containers, watch over them and make the files of foreign layers are kept together",
    },
    Only { library: "nix", places: &["src/errno.rs"], because: "the names of the kernel's errors" },
    Only { library: "nix", places: &["src/view/watched.rs"], because: "whether anybody reads what is printed" },
    Only { library: "nix", places: &["src/http/server.rs"], because: "one thread waits for many connections" },
    Only {
        library: "nix",
        places: &["src/serving/addresses.rs"],
        because: "the machine's own addresses, which students type",
    },
    Only {
        library: "nix",
        places: &["src/learning/ready.rs"],
        because: "one loop listens to the keyboard, the terminal and the shell of a lesson",
    },
    Only { library: "nix", places: &["src/cli/interrupts.rs"], because: "the handler of Ctrl-C" },
    Only { library: "nix", places: &["src/lesson/signals.rs"], because: "the signals that a page's shell begins with" },
    Only {
        library: "nix",
        places: &["src/progress/interrupt.rs"],
        because: "the descriptor that a wish to stop is seen by",
    },
    Only { library: "nix", places: &["src/oci/signal.rs"], because: "the names of signals for STOPSIGNAL" },
    Only {
        library: "imbl",
        places: &["src/machine/", "src/oci/environment.rs", "src/tree/"],
        because: "how trees and states share their parts is their own affair",
    },
    Only { library: "terminal_size", places: &["src/view/screen.rs"], because: "the screen knows where it is shown" },
    Only {
        library: "rustix",
        places: &["src/container/", "src/context/", "src/runtime/", "src/seen.rs"],
        because: "what the standard library can't do in an open folder is done where files of others are read",
    },
    Only {
        library: "rustix",
        places: &["src/git/program.rs", "src/git/watch.rs"],
        because: "a program that has started others is ended with them",
    },
    Only { library: "rustix", places: &["src/bundle/state.rs"], because: "the lock of a container of a manager's" },
    Only { library: "rustix", places: &["src/repl/modes.rs"], because: "the modes of the terminal at the prompt" },
    Only { library: "tar", places: &["src/layer/"], because: "a layer is a tar; everybody else sees trees" },
    Only {
        library: "tar",
        places: &["src/images/archive/tarball.rs"],
        because: "an archive of images is a tar around layers",
    },
    Only { library: "tar", places: &["src/runtime/copy/"], because: "`cp -` takes and gives a tar archive" },
    Only {
        library: "netlink_packet_route",
        places: &["src/netlink.rs"],
        because: "what the kernel is asked about networks is said in one place; the others say what they want",
    },
    Only {
        library: "netlink_packet_core",
        places: &["src/netlink.rs"],
        because: "what the kernel is asked about networks is said in one place; the others say what they want",
    },
    Only {
        library: "netlink_sys",
        places: &["src/netlink.rs"],
        because: "what the kernel is asked about networks is said in one place; the others say what they want",
    },
    Only {
        library: "simple_dns",
        places: &["src/runtime/network/names.rs"],
        because: "questions for names are read and answered in one place",
    },
    Only { library: "httparse", places: &["src/http/"], because: "requests are read in one place" },
    Only {
        library: "libdeflater",
        places: &["src/layer/compress.rs"],
        because: "it is in C: it compresses and never expands, because what is expanded is somebody else's",
    },
    Only {
        library: "ureq",
        places: &["src/registry/http.rs", "src/registry/judge.rs", "src/registry/url.rs"],
        because: "what HTTP is to registries is said in one place",
    },
    Only {
        library: "toml",
        places: &["src/registry/settings.rs"],
        because: "the one file of the user's that is more than a list",
    },
];

/// What a module may use of the others. `main.rs` and `lib.rs` stand above all of them.
const MODULES: &[(&str, &[&str])] = &[
    ("deeds", &[]),
    ("errno", &[]),
    ("hidden", &[]),
    ("link", &[]),
    ("netlink", &[]),
    ("http", &[]),
    ("document", &["diagnostic", "errno", "limits"]),
    ("limits", &["diagnostic", "size"]),
    ("progress", &[]),
    ("shown", &[]),
    ("size", &[]),
    ("source", &[]),
    ("diagnostic", &["shown", "source"]),
    ("dockerfile", &["diagnostic", "hidden", "limits", "shown", "source"]),
    ("oci", &[]),
    ("tree", &["oci", "shown"]),
    ("store", &["deeds", "diagnostic", "document", "errno", "limits", "oci", "progress", "tree"]),
    ("seen", &["document", "errno", "tree"]),
    (
        "layer",
        &["diagnostic", "document", "errno", "limits", "oci", "owner", "progress", "seen", "size", "store", "tree"],
    ),
    ("context", &["diagnostic", "document", "errno", "limits", "oci", "progress", "seen", "store", "tree"]),
    ("plan", &["diagnostic", "dockerfile", "limits", "oci"]),
    ("cache", &["diagnostic", "document", "errno", "layer", "limits", "oci", "registry", "shown", "store", "tree"]),
    ("owner", &[]),
    ("container", &["hidden", "link", "netlink", "owner"]),
    ("bundle", &["container", "diagnostic", "document", "errno", "limits", "link"]),
    ("world", &["container", "diagnostic", "progress", "store"]),
    (
        "userland",
        &[
            "context",
            "diagnostic",
            "document",
            "errno",
            "http",
            "layer",
            "limits",
            "oci",
            "shown",
            "size",
            "store",
            "tree",
        ],
    ),
    (
        "registry",
        &["deeds", "diagnostic", "document", "errno", "hidden", "layer", "limits", "oci", "progress", "shown", "store"],
    ),
    (
        "git",
        &[
            "deeds",
            "diagnostic",
            "errno",
            "hidden",
            "layer",
            "limits",
            "oci",
            "progress",
            "registry",
            "shown",
            "store",
            "tree",
        ],
    ),
    (
        "images",
        &[
            "diagnostic",
            "document",
            "errno",
            "layer",
            "limits",
            "oci",
            "progress",
            "registry",
            "store",
            "tree",
            "userland",
        ],
    ),
    (
        "runtime",
        &[
            "bundle",
            "container",
            "deeds",
            "diagnostic",
            "document",
            "errno",
            "layer",
            "limits",
            "link",
            "netlink",
            "oci",
            "owner",
            "progress",
            "size",
            "store",
            "tree",
            "world",
        ],
    ),
    ("serving", &["cache", "diagnostic", "http", "images", "layer", "limits", "oci", "store", "tree", "world"]),
    ("upkeep", &["cache", "diagnostic", "document", "layer", "oci", "progress", "runtime", "store", "tree"]),
    (
        "machine",
        &[
            "cache",
            "container",
            "context",
            "diagnostic",
            "dockerfile",
            "document",
            "errno",
            "git",
            "hidden",
            "images",
            "layer",
            "limits",
            "oci",
            "plan",
            "progress",
            "registry",
            "runtime",
            "seen",
            "source",
            "store",
            "tree",
            "world",
        ],
    ),
    (
        "debugger",
        &[
            "cache",
            "container",
            "context",
            "diagnostic",
            "dockerfile",
            "document",
            "errno",
            "hidden",
            "layer",
            "limits",
            "machine",
            "oci",
            "plan",
            "runtime",
            "source",
            "tree",
            "world",
        ],
    ),
    // Of a lesson the folder is looked at as well: which of its files an image would get; and of a student's home whether it is one.
    (
        "lesson",
        &[
            "context",
            "diagnostic",
            "document",
            "errno",
            "limits",
            "progress",
            "runtime",
            "shown",
            "source",
            "store",
            "tree",
        ],
    ),
    // A pack that comes from a repository is a tree of the store, which it writes.
    (
        "learning",
        &[
            "diagnostic",
            "document",
            "errno",
            "layer",
            "lesson",
            "limits",
            "oci",
            "progress",
            "shown",
            "source",
            "store",
            "tree",
        ],
    ),
    (
        "view",
        &[
            "cache",
            "container",
            "debugger",
            "deeds",
            "diagnostic",
            "hidden",
            "http",
            "learning",
            "lesson",
            "machine",
            "oci",
            "progress",
            "registry",
            "serving",
            "shown",
            "size",
            "source",
            "world",
        ],
    ),
    ("prompt", &["document", "limits", "shown", "view"]),
    (
        "repl",
        &[
            "context",
            "debugger",
            "diagnostic",
            "dockerfile",
            "document",
            "errno",
            "limits",
            "machine",
            "prompt",
            "shown",
            "source",
            "store",
            "view",
            "world",
        ],
    ),
    ("tutor", &["diagnostic", "errno", "learning", "lesson", "limits", "progress", "prompt", "repl", "shown", "view"]),
    (
        "cli",
        &[
            "bundle",
            "cache",
            "container",
            "context",
            "debugger",
            "deeds",
            "diagnostic",
            "dockerfile",
            "document",
            "errno",
            "git",
            "hidden",
            "http",
            "images",
            "layer",
            "learning",
            "lesson",
            "limits",
            "machine",
            "oci",
            "plan",
            "progress",
            "registry",
            "repl",
            "runtime",
            "serving",
            "shown",
            "size",
            "source",
            "store",
            "tree",
            "tutor",
            "upkeep",
            "userland",
            "view",
            "world",
        ],
    ),
];

/// Whether a line names a crate: as the start of a path, or in `use`.
fn names_crate(line: &str, library: &str) -> bool {
    let path = format!("{library}::");
    let starts_a_path = line.match_indices(&path).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
    });
    starts_a_path || line.trim() == format!("use {library};")
}

#[test]
fn libraries_stay_where_they_belong() {
    let mut findings = Findings::default();
    for file in sources() {
        for (number, line) in file.code() {
            let mut rules = LIBRARIES.iter().filter(|rule| names_crate(line, rule.library)).peekable();
            let Some(first) = rules.peek().copied() else { continue };
            if !rules.any(|rule| rule.places.iter().any(|place| file.name.starts_with(place))) {
                findings.add(&file, number, format!("`{}` does not belong here: {}", first.library, first.because));
            }
        }
    }
    findings.check();
}

#[test]
fn modules_know_only_what_is_below_them() {
    let mut findings = Findings::default();
    for file in sources() {
        let module = file.name["src/".len()..].split(['/', '.']).next().unwrap();
        if ["main", "lib"].contains(&module) {
            continue;
        }
        let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == module) else {
            findings.add(&file, 1, format!("module `{module}` is not in the table of modules"));
            continue;
        };
        for (number, line) in file.code() {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let used: String =
                    rest.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '_').collect();
                if !used.is_empty() && used != module && !allowed.contains(&used.as_str()) {
                    findings.add(&file, number, format!("`{module}` must not know `{used}`"));
                }
            }
        }
    }
    findings.check();
}

#[test]
fn dependencies_are_used_and_explained() {
    let cargo = std::fs::read_to_string(project().join("Cargo.toml")).unwrap();
    let architecture = std::fs::read_to_string(project().join("ARCHITECTURE.md")).unwrap();
    let section = cargo.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let sources = sources();
    for name in section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name) {
        assert!(architecture.contains(&format!("`{name}`")), "ARCHITECTURE.md does not say what `{name}` is for");
        let library = name.replace('-', "_");
        let is_used = sources.iter().any(|file| file.code().any(|(_, line)| names_crate(line, &library)));
        assert!(is_used, "nothing uses `{name}`");
    }
}

#[test]
fn allowances_are_needed() {
    let sources = sources();
    for rule in LIBRARIES {
        for place in rule.places {
            let needed = sources
                .iter()
                .filter(|file| file.name.starts_with(place))
                .any(|file| file.code().any(|(_, line)| names_crate(line, rule.library)));
            assert!(needed, "nothing in {place} names `{}`: take the place out of the table", rule.library);
        }
    }
}

#[test]
fn the_code_map_is_that_of_the_code() {
    let architecture = std::fs::read_to_string(project().join("ARCHITECTURE.md")).unwrap();
    let lib = std::fs::read_to_string(project().join("src/lib.rs")).unwrap();
    for (module, _) in MODULES {
        assert!(lib.contains(&format!("mod {module};")), "src/lib.rs has no module `{module}`");
        let names = [format!("`{module}/`"), format!("`{module}.rs`")];
        assert!(names.iter().any(|name| architecture.contains(name)), "ARCHITECTURE.md does not mention `{module}`");
    }
    // A path in backticks is one of the project's, or of `src/`.
    for (number, line) in architecture.lines().enumerate() {
        for path in line.split('`').skip(1).step_by(2).filter(|text| text.ends_with(".rs") || text.ends_with(".pest")) {
            let exists = ["", "src"].iter().any(|folder| project().join(folder).join(path).exists());
            assert!(exists, "ARCHITECTURE.md:{}: there is no `{path}`", number + 1);
        }
    }
}
