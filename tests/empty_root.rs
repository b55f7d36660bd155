//! The static binary in an otherwise empty root directory, as in an image built `FROM scratch`.
//!
//! `make check-static` builds what this needs and names it: `LLAMACTL_STATIC`, the binary, and
//! `LLAMACTL_STATIC_ROOTLESS`, one that was built without its own certificates.

use std::path::Path;
use std::{env, fs};

use crate::support::tls::{Authority, CertFlaw};
use crate::support::{Output, Reply, Run, Sandbox, Server, say_skipped};

/// A sandbox with only the binary that the environment variable names; `None`, announced as skipped, if that is impossible.
fn alone(variable: &str) -> Option<Sandbox> {
    let Some(binary) = env::var_os(variable) else {
        say_skipped(&format!(
            "{variable} names no binary: `make check-static` does"
        ));
        return None;
    };
    if !rustix::process::geteuid().is_root() {
        say_skipped("only root can chroot");
        return None;
    }
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.cwd().join("root")).expect("a directory");
    fs::copy(Path::new(&binary), sandbox.cwd().join("root/llamactl")).expect("the binary");
    Some(sandbox)
}

fn inside<'a>(sandbox: &'a Sandbox, arguments: &str) -> Run<'a> {
    sandbox
        .cmd(&format!("root /llamactl {arguments}"))
        .program("chroot")
        .machine_path()
        .env("HOME", "/")
}

/// A control plane over https, and the certificate of its CA.
fn control_plane() -> (Server, String) {
    let authority = Authority::new();
    let server = Server::start_tls(authority.server_config(CertFlaw::None), |_| {
        Reply::json(200, r#"{"version": "1.0", "requires_auth": true}"#)
    });
    (server, authority.pem())
}

#[test]
fn static_binary_runs_in_an_empty_root() {
    let Some(sandbox) = alone("LLAMACTL_STATIC") else {
        return;
    };
    let version = concat!("llamactl ", env!("CARGO_PKG_VERSION"));
    inside(&sandbox, "--version").stdout_has(version).run();
    inside(&sandbox, "auth get")
        .stderr(
            "no profiles in https://api.cloud.llamaindex.ai\ncreate one with `llamactl auth login` or `llamactl auth token`\n",
        )
        .run();
    assert_eq!(sandbox.cwd_tree(), ["755 root/", "755 root/llamactl"]);

    // An unknown issuer is a different error than a missing certificate store.
    let (server, pem) = control_plane();
    sandbox.replace(&server.url(), "[SERVER]");
    let add = format!("environments add {}", server.url());
    let Output { stderr, .. } = inside(&sandbox, &add).code(3).any_stderr().run();
    assert!(stderr.contains("unknown issuer"), "{stderr}");
    sandbox.write("root/ca.pem", pem);
    inside(&sandbox, &add)
        .env("SSL_CERT_FILE", "/ca.pem")
        .any_stderr()
        .run();
    inside(&sandbox, "environments get -o json")
        .stdout_has("[SERVER]")
        .run();
}

#[test]
fn rootless_build_without_a_certificate_store_is_a_clear_error() {
    let Some(sandbox) = alone("LLAMACTL_STATIC_ROOTLESS") else {
        return;
    };
    let (server, pem) = control_plane();
    let add = format!("environments add {}", server.url());
    inside(&sandbox, &add)
        .code(3)
        .stderr(
            "
            error: this machine has no certificate store
            hint: install the ca-certificates package, or name a PEM file in SSL_CERT_FILE
            ",
        )
        .run();
    sandbox.write("root/ca.pem", pem);
    inside(&sandbox, &add)
        .env("SSL_CERT_FILE", "/ca.pem")
        .any_stderr()
        .run();
}
