//! A store that several processes use at once, and that processes leave by being killed.

use std::process::Command;
use std::time::Duration;

use crate::store::{check_whole, collect, image_of, layer_of, name};
use crate::store_support::TestStore;
use layerlab::layer;
use layerlab::store::{Home, Store};

#[test]
fn names_given_at_the_same_time_are_all_there() {
    let test = TestStore::new();
    let image = image_of(&test.store, "one");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (home, image) = (test.store.home(), &image);
            scope.spawn(move || {
                let store = Store::open(home).unwrap();
                for number in 0..10 {
                    store.tag(&name(&format!("image-{thread}:{number}")), image).unwrap();
                    layer_of(&store, &format!("{number}"));
                }
            });
        }
    });
    assert_eq!(test.store.images().unwrap().len(), 40);
    check_whole(&test.store);
}

#[test]
fn what_a_process_uses_stays_until_it_ends() {
    let test = TestStore::new();
    let (store, home) = (&test.store, test.store.home());
    let leases = || std::fs::read_dir(home.root().join("leases")).unwrap().count();
    assert_eq!(leases(), 1);
    let writer = Store::open(home).unwrap();
    let written = layer_of(&writer, "written");
    let temporary = layerlab::store::Staging::new(&writer).unwrap();
    assert!(collect(store, &[]).files.is_empty(), "what is written and has no name yet");
    assert!(temporary.folder().exists());
    drop(temporary);
    drop(writer);
    let reader = Store::open(home).unwrap();
    assert!(reader.is_whole(&written.descriptor), "it is found");
    assert!(collect(store, &[]).files.is_empty(), "what is found");
    drop(reader);
    // A killed process: its list is there, and nobody has locked it.
    std::fs::write(home.root().join("leases/1-0"), format!("file {}\n", written.descriptor.digest.hex())).unwrap();
    assert_eq!(collect(store, &[]).blobs().collect::<Vec<_>>(), [written.descriptor.digest]);
    assert_eq!(leases(), 1);
    check_whole(store);
}

#[test]
fn collecting_and_building_side_by_side_loses_nothing() {
    let test = TestStore::new();
    let home = test.store.home();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let builders: Vec<_> = (0..3)
            .map(|builder| {
                scope.spawn(move || {
                    for number in 0..40 {
                        let store = Store::open(home).unwrap();
                        // The upper layer is the same each time: it is found as often as it is written.
                        let image = image_of(&store, &format!("{builder} {number}"));
                        let (manifest, config) = store.load_image(&image).unwrap();
                        layer::tree_of(&store, &store.layers(&manifest, &config)).unwrap();
                        if number % 4 == 0 {
                            store.tag(&name(&format!("image-{builder}:{number}")), &image).unwrap();
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            let store = Store::open(home).unwrap();
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                let collected = collect(&store, &[]);
                assert!(collected.damaged.is_empty(), "{:?}", collected.damaged);
                // Nobody collects without a pause, and a lock is not given to who has waited longest.
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let ended: Vec<_> = builders.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        ended.into_iter().for_each(|end| end.unwrap());
    });
    assert_eq!(test.store.images().unwrap().len(), 30);
    check_whole(&test.store);
}

#[test]
fn what_a_killed_process_has_left_is_swept_when_nobody_is_there() {
    let test = TestStore::new();
    let home = test.store.home().clone();
    let left = [home.temporary().join(".1-1.tmp"), home.root().join(".1-2.tmp"), home.unpacked_dir().join(".1-3.tmp")];
    std::fs::write(&left[0], "x").unwrap();
    std::fs::write(&left[1], "x").unwrap();
    std::fs::create_dir_all(left[2].join("etc")).unwrap();
    let mut writer = test.store.blob_writer().unwrap();
    let second = Store::open(&home).unwrap();
    assert!(left.iter().all(|path| path.exists()), "somebody may be writing them");
    std::io::Write::write_all(&mut writer, b"still alive").unwrap();
    writer.commit().unwrap();
    drop(second);
    let TestStore { folder, store } = test;
    drop(store);
    let store = Store::open(&home).unwrap();
    assert!(!left.iter().any(|path| path.exists()));
    check_whole(&store);
    drop(folder);
}

/// The process that [`a_process_may_be_killed_at_any_time`] kills.
#[test]
#[ignore = "it is started and killed by another test"]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os("LAYERLAB_TEST_KILLED") else {
        return;
    };
    let home = Home::open(folder).unwrap();
    let store = Store::open(&home).unwrap();
    for number in 0u64.. {
        let image = image_of(&store, &format!("{} {number}", std::process::id()).repeat(1000));
        store.tag(&name(&format!("image:{}", number % 7)), &image).unwrap();
        if number % 5 == 4 {
            collect(&store, &[]);
        }
    }
}

#[test]
fn a_process_may_be_killed_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let home_path = folder.path().join("home");
    let mut images = 0;
    for round in 0..25u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", &crate::test_name(module_path!(), "writes_until_it_is_killed")])
            .env("LAYERLAB_TEST_KILLED", &home_path)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(1000 + round * round * 300));
        child.kill().unwrap();
        child.wait().unwrap();
        let home = Home::open(&home_path).unwrap();
        let store = Store::open(&home).unwrap();
        check_whole(&store);
        assert_eq!(std::fs::read_dir(home.temporary()).unwrap().count(), 0);
        images = images.max(store.images().unwrap().len());
    }
    assert!(images > 0, "no process came so far as to write an image");
}
