//! What the fuzzer found once, in `fixtures/fuzz`, by the very checks that it runs (`tests/checks`): here they need nothing
//! but Rust, and run with every change.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::checks::CHECKS;

fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(sources().join(folder)).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    paths
}

#[test]
fn what_was_found_stays_found() {
    for (name, check) in CHECKS {
        let inputs = files(&format!("fixtures/fuzz/{name}"));
        assert!(inputs.len() >= 10, "{name}");
        for path in inputs {
            // Shown with the panic of a check.
            println!("{}", path.display());
            check(&fs::read(&path).expect("a file"));
        }
    }
    // These have a first line that is taken for a key.
    for path in files("fixtures/dotenv") {
        println!("{}", path.display());
        crate::checks::dotenv::check(&fs::read(&path).expect("a file"));
    }
}

#[test]
fn every_target_has_its_check_and_its_corpus() {
    let names = |folder: &str| -> BTreeSet<String> {
        let stem = |path: PathBuf| {
            path.file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
        };
        files(folder).into_iter().filter_map(stem).collect()
    };
    let checks: BTreeSet<String> = CHECKS.map(|(name, _)| name.to_string()).into();
    assert_eq!(names("fixtures/fuzz"), checks);
    // A crate from a registry comes without the crates inside of it.
    if sources().join("tests/fuzz").exists() {
        assert_eq!(names("tests/fuzz/fuzz_targets"), checks);
    }
}
