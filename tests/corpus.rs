//! The inputs that the fuzzer found, in `fixtures/fuzz`, run through its checks (`tests/checks`) without the fuzzer; and
//! inputs that are combined from them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

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

/// Inputs, with the files that they are in.
type Corpus = Vec<(PathBuf, Vec<u8>)>;

/// The corpus of each target, in the order of the checks.
static CORPORA: LazyLock<Vec<Corpus>> = LazyLock::new(|| {
    let corpus = |(name, _)| {
        let mut paths = files(&format!("fixtures/fuzz/{name}"));
        if name == "dotenv" {
            // The first line of these is taken for a key.
            paths.extend(files("fixtures/dotenv"));
        }
        let read = |path: PathBuf| {
            let input = fs::read(&path).expect("a file");
            (path, input)
        };
        paths.into_iter().map(read).collect()
    };
    CHECKS.into_iter().map(corpus).collect()
});

#[test]
fn found_inputs_pass_their_checks() {
    for ((name, check), corpus) in CHECKS.iter().zip(CORPORA.iter()) {
        assert!(corpus.len() >= 10, "{name}");
        for (path, input) in corpus {
            // Shown with the panic of a check.
            println!("{}", path.display());
            check(input);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two inputs, each cut somewhere and put together, with some bytes changed: a small fuzzer.
    #[test]
    fn combined_inputs_pass_their_checks(
        target in 0..CHECKS.len(),
        inputs in any::<[Index; 2]>(),
        cuts in any::<[Index; 2]>(),
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 0..4),
    ) {
        let corpus = &CORPORA[target];
        let [(_, start), (_, end)] = inputs.map(|index| &corpus[index.index(corpus.len())]);
        let start = &start[..cuts[0].index(start.len() + 1)];
        let end = &end[cuts[1].index(end.len() + 1)..];
        let mut input = [start, end].concat();
        for (at, byte) in changes {
            if !input.is_empty() {
                let at = at.index(input.len());
                input[at] = byte;
            }
        }
        let (name, check) = CHECKS[target];
        println!("{name}: {}", input.escape_ascii());
        check(&input);
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
