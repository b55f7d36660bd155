//! `make install`, `make uninstall`, and the number of crates in the binary.

use std::path::Path;
use std::process::Command;

use crate::support::{LLAMACTL, Sandbox};

/// Runs `make` in the source directory, with a DESTDIR in the sandbox.
fn make(sandbox: &Sandbox, arguments: &[&str]) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("make")
        .current_dir(sources)
        .args(arguments)
        .arg(format!("BINARY={LLAMACTL}"))
        .arg(format!(
            "DOCS={}",
            sources.join("fixtures/golden").display()
        ))
        .arg(format!("DESTDIR={}", sandbox.cwd().display()))
        .env_remove("MAKEFLAGS")
        .output()
        .expect("make");
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

/// The installed files, without directories and the commands' man pages.
fn files(sandbox: &Sandbox) -> Vec<String> {
    let mut all = sandbox.cwd_tree();
    all.retain(|line| !line.ends_with('/') && !line.contains("/llamactl-"));
    all
}

#[test]
fn uninstall_removes_what_install_created() {
    let sandbox = Sandbox::new();
    make(&sandbox, &["install"]);
    assert_eq!(
        files(&sandbox),
        [
            "755 usr/local/bin/llamactl",
            "644 usr/local/share/bash-completion/completions/llamactl",
            "644 usr/local/share/fish/vendor_completions.d/llamactl.fish",
            "644 usr/local/share/man/man1/llamactl.1",
            "644 usr/local/share/zsh/site-functions/_llamactl",
        ]
    );
    let pages = "usr/local/share/man/man1/llamactl-auth-token.1";
    assert!(sandbox.exists(pages));
    // Installing over an existing installation and uninstalling twice both work.
    make(&sandbox, &["install"]);
    make(&sandbox, &["uninstall"]);
    make(&sandbox, &["uninstall"]);
    assert!(!sandbox.exists(pages));
    assert_eq!(files(&sandbox), Vec::<String>::new());
}

#[test]
fn install_directories_can_be_overridden() {
    let sandbox = Sandbox::new();
    let chosen = [
        "PREFIX=/p",
        "bindir=/b",
        "mandir=/m",
        "bashcompletiondir=/cb",
        "zshcompletiondir=/cz",
        "fishcompletiondir=/cf",
    ];
    let with = |target| [&[target], &chosen[..]].concat();
    make(&sandbox, &with("install"));
    assert_eq!(
        files(&sandbox),
        [
            "755 b/llamactl",
            "644 cb/llamactl",
            "644 cf/llamactl.fish",
            "644 cz/_llamactl",
            "644 m/man1/llamactl.1",
        ]
    );
    make(&sandbox, &with("uninstall"));
    assert_eq!(files(&sandbox), Vec::<String>::new());

    make(&sandbox, &["install", "prefix=/usr", "datarootdir=/data"]);
    assert!(sandbox.exists("usr/bin/llamactl"));
    assert!(sandbox.exists("data/man/man1/llamactl.1"));
}

/// Each crate costs packagers, auditors and builders time; a new one needs a reason in Cargo.toml.
#[test]
fn runtime_tree_has_at_most_46_crates() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal"])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut crates: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .collect();
    crates.sort_unstable();
    crates.dedup();
    assert!(crates.len() <= 46, "{}: {crates:#?}", crates.len());
}
