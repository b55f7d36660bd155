//! Man pages and completion scripts of a release.
//!
//! They are compared with `fixtures/golden/`; `make golden` regenerates those files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use llamactl::cli::{complete, man};

use crate::support::say_skipped;

fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a directory and their texts.
fn files(directory: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for kind in ["man", "completions"] {
        for entry in fs::read_dir(directory.join(kind)).into_iter().flatten() {
            let path = entry.expect("a directory entry").path();
            let text = fs::read_to_string(&path).expect("a text");
            let name = path.strip_prefix(directory).expect("a path below");
            found.insert(name.to_path_buf(), text);
        }
    }
    found
}

/// The files of a release, with a fixed version and date.
fn made() -> BTreeMap<PathBuf, String> {
    let edition = man::Edition {
        version: "0.0.0".to_string(),
        date: "2000-02-29".to_string(),
    };
    let pages = man::pages(&edition).into_iter();
    let pages = pages.map(|(name, text)| (Path::new("man").join(name), text));
    let scripts = complete::Shell::ALL.map(|shell| {
        (
            Path::new("completions").join(shell.file_name()),
            shell.script(),
        )
    });
    pages.chain(scripts).collect()
}

#[test]
fn golden_man_pages_and_completions() {
    let golden = manifest_dir().join("fixtures/golden");
    let made = made();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        for kind in ["man", "completions"] {
            let _ = fs::remove_dir_all(golden.join(kind));
            fs::create_dir_all(golden.join(kind)).expect("a directory");
        }
        for (name, text) in &made {
            fs::write(golden.join(name), text).expect("a golden file");
        }
    }
    let kept = files(&golden);
    assert!(
        made.keys().eq(kept.keys()),
        "other files than in fixtures/golden: run `make golden`"
    );
    for (name, text) in made {
        pretty_assertions::assert_eq!(text, kept[&name], "{}", name.display());
    }
}

#[test]
fn docgen_compiles_with_bare_rustc_and_writes_the_same() {
    let work = tempfile::tempdir().expect("a directory");
    let program = work.path().join("docgen");
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = Command::new(compiler)
        .args(["--edition=2024", "-Dwarnings", "-o"])
        .arg(&program)
        .arg(manifest_dir().join("src/cli/docgen.rs"))
        .status();
    assert!(built.expect("a compiler").success());
    let ran = Command::new(&program)
        .arg(work.path().join("docs"))
        .arg("0.0.0")
        // The 29th of February, 2000, at its last second.
        .env("SOURCE_DATE_EPOCH", "951868799")
        .status();
    assert!(ran.expect("the program").success());
    assert!(files(&work.path().join("docs")) == made());
}

/// Runs each checker that is installed and announces the others as skipped.
#[test]
fn man_pages_pass_groff_and_mandoc() {
    let pages: Vec<PathBuf> = made()
        .into_keys()
        .filter(|name| name.starts_with("man"))
        .map(|name| manifest_dir().join("fixtures/golden").join(name))
        .collect();
    for (program, arguments) in [
        ("mandoc", &["-Tlint", "-Wstyle"][..]),
        ("groff", &["-man", "-Tutf8", "-ww", "-z"][..]),
    ] {
        match Command::new(program).args(arguments).args(&pages).output() {
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                assert_eq!(String::from_utf8_lossy(&said), "", "{program}");
            }
            Err(_) => say_skipped(&format!(
                "{program} is not installed; the man pages are not checked with it"
            )),
        }
    }
}
