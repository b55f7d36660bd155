//! A sandbox for the real binary: a home, a working directory, and only the environment variables that the test sets.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::control_plane::ControlPlane;
use super::run::Run;
use super::secrets::{KEY, OTHER_KEY, Secrets, TWIN_KEY, key_like};
use super::server::Server;
use super::stub::Stub;

/// An environment variable with its value, or unset.
pub(super) type Variable = (OsString, Option<OsString>);

/// A server that a program contacts, and the tokens that must not be printed.
pub trait Peer {
    fn known(&self) -> (&Server, &Secrets);
}

impl Peer for Stub {
    fn known(&self) -> (&Server, &Secrets) {
        (self.server(), self.secrets())
    }
}

impl Peer for ControlPlane {
    fn known(&self) -> (&Server, &Secrets) {
        (self.server(), self.secrets())
    }
}

/// The program under test.
pub const LLAMACTL: &str = env!("CARGO_BIN_EXE_llamactl");

/// Temporary directories of one test, removed on drop.
pub struct Sandbox {
    root: TempDir,
    environment: Mutex<Vec<Variable>>,
    replacements: Mutex<Vec<(String, String)>>,
    secrets: Mutex<Vec<Secrets>>,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        let root = tempfile::Builder::new().prefix("llamactl-test-").tempdir();
        let root = root.expect("a temporary directory");
        let secrets = Secrets::default();
        for key in [KEY, OTHER_KEY, TWIN_KEY] {
            secrets.add(key);
        }
        let sandbox = Sandbox {
            root,
            environment: Mutex::default(),
            replacements: Mutex::default(),
            secrets: Mutex::new(vec![secrets]),
        };
        for (name, directory) in [("HOME", "home"), ("CWD", "cwd"), ("BIN", "bin")] {
            let path = sandbox.root().join(directory);
            fs::create_dir(&path).expect("a directory in the sandbox");
            sandbox.replace(
                path.to_str().expect("a path in UTF-8"),
                &format!("[{name}]"),
            );
        }
        sandbox
    }

    pub(super) fn root(&self) -> PathBuf {
        // Where the temporary directory is behind a link, programs see the real path.
        self.root.path().canonicalize().expect("the sandbox's path")
    }

    /// Sets an environment variable for all following runs.
    pub fn env(self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Sandbox {
        self.set_env(name, value);
        self
    }

    /// Like [`Sandbox::env`], for a sandbox in use.
    pub fn set_env(&self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        let variable = (name.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        lock(&self.environment).push(variable);
    }

    pub(super) fn environment(&self) -> Vec<Variable> {
        lock(&self.environment).clone()
    }

    /// Replaces `text` by `placeholder` in all outputs.
    pub fn replace(&self, text: &str, placeholder: &str) {
        let mut all = lock(&self.replacements);
        all.push((text.to_string(), placeholder.to_string()));
        // Longest first, so that a path wins over the one it starts with.
        all.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    }

    /// Fails if an output contains this text.
    pub fn secret(&self, secret: &str) {
        lock(&self.secrets)[0].add(secret);
    }

    /// Replaces the server's URL by `[SERVER]` and treats its tokens as secrets, including those that it creates later.
    pub fn knows(&self, peer: &impl Peer) {
        self.knows_as("SERVER", peer);
    }

    /// The same under another name, for a second server.
    pub fn knows_as(&self, name: &str, peer: &impl Peer) {
        let (server, secrets) = peer.known();
        self.replace(&server.url(), &format!("[{name}]"));
        self.replace(&server.address().to_string(), &format!("[{name}_ADDRESS]"));
        lock(&self.secrets).push(secrets.clone());
    }

    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// The working directory.
    pub fn cwd(&self) -> PathBuf {
        self.root().join("cwd")
    }

    /// Writes a file; its path is relative to the working directory (`../home/…` leads to the home).
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.cwd().join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("directories in the sandbox");
        }
        fs::write(&path, content).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path
    }

    /// Reads a file of the working directory as text.
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        let path = self.cwd().join(path);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Reads a file of the home as text.
    pub fn read_home(&self, path: impl AsRef<Path>) -> String {
        self.read(self.home().join(path))
    }

    /// Reads a file of the home as JSON.
    pub fn json_home(&self, path: impl AsRef<Path>) -> serde_json::Value {
        let text = self.read_home(path);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.cwd().join(path).symlink_metadata().is_ok()
    }

    /// The permission bits of a path relative to the working directory.
    pub fn mode(&self, path: impl AsRef<Path>) -> u32 {
        mode(&self.cwd().join(path))
    }

    pub fn set_mode(&self, path: impl AsRef<Path>, mode: u32) {
        let path = self.cwd().join(path);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }

    /// Everything in the home, sorted, each with its mode: `700 .config/`, `600 a`, `link b -> a`.
    pub fn home_tree(&self) -> Vec<String> {
        tree(&self.home())
    }

    /// Everything in the working directory, in the same way.
    pub fn cwd_tree(&self) -> Vec<String> {
        tree(&self.cwd())
    }

    /// Creates a shell script in the only directory of `PATH`, for example a browser or `git`.
    pub fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.root().join("bin").join(name);
        // By a process of its own: were the file open here, a program that another test starts just now would inherit
        // that, and until it runs this one could not be run ("Text file busy").
        let mut writer = Command::new("/bin/sh")
            .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut stdin = writer.stdin.take().expect("a pipe");
        write!(stdin, "#!/bin/sh\n{script}\n").expect("a script");
        drop(stdin);
        assert!(writer.wait().expect("the shell's end").success());
        path
    }

    /// Runs `llamactl` with these space-separated arguments. [`Run::arg`] adds further ones.
    pub fn cmd(&self, arguments: &str) -> Run<'_> {
        self.args(arguments.split_whitespace())
    }

    /// Runs `llamactl` with a list of arguments.
    pub fn args(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run<'_> {
        let arguments = arguments.into_iter().map(|a| a.as_ref().to_owned());
        Run::new(self, LLAMACTL, arguments.collect())
    }

    /// A text with the sandbox's paths and servers as `[HOME]`, `[CWD]`, `[SERVER]`.
    pub fn stable(&self, text: &str) -> String {
        let all = lock(&self.replacements);
        all.iter()
            .fold(text.to_string(), |text, (from, to)| text.replace(from, to))
    }

    /// Fails if a text contains a full key, for text that does not come from a run.
    pub fn assert_no_key(&self, what: &str, text: &str) {
        let registered = lock(&self.secrets).iter().find_map(|s| s.found_in(text));
        let found = registered.or_else(|| key_like(text).map(str::to_string));
        if let Some(key) = found {
            panic!("{what} shows the full key {key}:\n{text}");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn mode(path: &Path) -> u32 {
    let found = path.symlink_metadata();
    let found = found.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    found.permissions().mode() & 0o7777
}

fn tree(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("a directory entry").path();
            let name = path
                .strip_prefix(root)
                .expect("a path below")
                .display()
                .to_string();
            if path.is_symlink() {
                let target = fs::read_link(&path).expect("a link");
                found.push((name.clone(), format!("link {name} -> {}", target.display())));
            } else if path.is_dir() {
                found.push((name.clone(), format!("{:03o} {name}/", mode(&path))));
                todo.push(path);
            } else {
                found.push((name.clone(), format!("{:03o} {name}", mode(&path))));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, line)| line).collect()
}
