//! Images of which no part is too large, but all of it together: layers that come again and again, documents with a million lines.
//!
//! Each part alone keeps to its bound. What is held here is that somebody sums up, and that a long document costs about its own size.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Attack, Outcome, ROOT, USERS, attack};
use crate::loading::{config, docker, layer};
use crate::tarballs::{Tar, gzip};

/// Runs a command within other bounds than the usual.
fn run_within(attack: &mut Attack, arguments: &str, bounds: &[(&str, &str)]) -> Outcome {
    let mut command = attack.place.command(arguments);
    command.envs(bounds.iter().copied());
    attack.run_command(command)
}

#[test]
fn layers_ask_for_too_much_together() {
    attack("a few kilobytes that fill a disk, one harmless layer after the other", USERS, |attack| {
        let mut tar = Tar::new();
        for number in 0..500 {
            tar.file(&format!("d/{number}"), b"");
        }
        let many = tar.end();
        let large = Tar::new().file("large", &vec![b'x'; 400 << 10]).end();
        for (layer, bound, why) in [
            (&many, ("LAYERLAB_MAX_IMAGE_ENTRIES", "4000"), "the image has more than 4000 entries"),
            (&large, ("LAYERLAB_MAX_IMAGE_SIZE", "1M"), "the image has more than 1 MiB"),
        ] {
            let layers = vec![layer.as_slice(); 20];
            let list = json!([{"Config": "c", "RepoTags": ["many:1"], "Layers": vec!["l"; 20]}]);
            let archive = docker(&list, &[("c", config(&layers).as_bytes()), ("l", &gzip(layer))]);
            fs::write(attack.path("archive.tar"), archive).unwrap();
            run_within(attack, "load -i archive.tar", &[bound]).refused(why).says(bound.0);
            assert!(attack.run("images -q").text.is_empty());
            // Of one that is there already, the same is said.
            attack.run("load -i archive.tar").succeeded();
            run_within(attack, "store verify", &[bound]).refused(why);
            attack.run("store verify").succeeded();
            attack.run("rmi many:1").succeeded();
        }
    });
}

/// Loads an image with these fields beside those that it must have.
fn load(attack: &mut Attack, change: impl FnOnce(&mut Value)) {
    let mut document: Value = serde_json::from_str(&config(&[&layer()])).unwrap();
    change(&mut document);
    let list = json!([{"Config": "c", "RepoTags": ["odd:1"], "Layers": ["l"]}]);
    let archive = docker(&list, &[("c", document.to_string().as_bytes()), ("l", &layer())]);
    fs::write(attack.path("archive.tar"), gzip(&archive)).unwrap();
    attack.run("load -i archive.tar").succeeded();
}

#[test]
fn a_configuration_has_a_million_lines() {
    attack("a history of a million entries: every row at once takes a gigabyte", ROOT, |attack| {
        load(attack, |document| document["history"] = vec![json!({}); 1_000_000].into());
        attack.run("history odd:1").succeeded().says("<missing>");
    });
    attack("two million variables without a name: a finding for each", ROOT, |attack| {
        load(attack, |document| document["config"] = json!({"Env": vec![""; 2_000_000]}));
        let outcome = attack.run("store verify");
        outcome.succeeded().says("warning: ").says("and 1999950 more");
        assert!(outcome.text.len() < 20_000, "{}", outcome.text.len());
    });
}

#[test]
fn what_is_odd_is_no_damage() {
    attack("what is loaded and can be used is not called damaged ever after", USERS, |attack| {
        load(attack, |document| {
            document["created"] = "yesterday".into();
            document["config"] = json!({"Env": [""]});
        });
        attack
            .run("store verify")
            .succeeded()
            .says("warning: ")
            .says("`created` is not an RFC 3339 time")
            .says("all intact");
        attack.run("history odd:1").succeeded();
    });
}
