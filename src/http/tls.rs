//! Whose certificates are believed.
//!
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` stand in the place of the system's store, and never fall back on anything. The
//! built-in roots count only where the machine has no store at all, and where they were built in.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, KeyProvider, ring};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use crate::error::{Error, Result, os_reason};
use crate::vars::Vars;

const FILE: &str = "SSL_CERT_FILE";
const DIR: &str = "SSL_CERT_DIR";

/// What TLS computes with: ring, without what would sign for a client. This program shows no certificate of its own.
pub fn cryptography() -> CryptoProvider {
    CryptoProvider {
        key_provider: &NoClientKeys,
        ..ring::default_provider()
    }
}

#[derive(Debug)]
struct NoClientKeys;

impl KeyProvider for NoClientKeys {
    fn load_private_key(
        &self,
        _der: PrivateKeyDer<'static>,
    ) -> std::result::Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General(
            "there are no client keys".to_string(),
        ))
    }
}

/// The roots to verify servers with.
///
/// # Errors
/// `NoAnswer`, where a store that was named, or the system's with `native_only`, has no certificate to offer.
pub fn roots(vars: Vars, native_only: bool) -> Result<RootCerts> {
    let (file, dirs) = (vars.path(FILE), vars.raw(DIR));
    if file.is_none() && dirs.is_none() {
        return system(native_only);
    }
    let mut certificates = Vec::new();
    if let Some(file) = &file {
        let pem = fs::read(file).map_err(|e| unusable(FILE, file, &os_reason(&e)))?;
        take(&pem, &mut certificates);
        if certificates.is_empty() {
            return Err(unusable(FILE, file, "there is no certificate in it"));
        }
    }
    for dir in dirs.iter().flat_map(std::env::split_paths) {
        let before = certificates.len();
        let entries = fs::read_dir(&dir).map_err(|e| unusable(DIR, &dir, &os_reason(&e)))?;
        for entry in entries.flatten() {
            // Through links: directories of hashed names are full of them.
            let is_file = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file());
            if let (true, Ok(pem)) = (is_file, fs::read(entry.path())) {
                take(&pem, &mut certificates);
            }
        }
        if certificates.len() == before {
            return Err(unusable(DIR, &dir, "there is no certificate in it"));
        }
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn take(pem: &[u8], certificates: &mut Vec<Certificate<'static>>) {
    let found = parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    certificates.extend(found);
}

fn unusable(variable: &str, path: &Path, why: &str) -> Error {
    Error::no_answer(format!(
        "the certificates of {variable}, {}, can't be used: {why}",
        path.display()
    ))
    .hint(format!(
        "point {variable} to PEM certificates, or unset it to trust the system's store"
    ))
}

#[cfg(all(unix, not(target_vendor = "apple")))]
fn system(native_only: bool) -> Result<RootCerts> {
    let found = rustls_native_certs::load_native_certs();
    if !found.certs.is_empty() {
        let certificates: Vec<Certificate<'static>> = found
            .certs
            .iter()
            .map(|der| Certificate::from_der(der).to_owned())
            .collect();
        return Ok(RootCerts::new_with_certs(&certificates));
    }
    if let Some(error) = found.errors.first() {
        return Err(Error::no_answer(format!(
            "the system's certificate store can't be read: {error}"
        ))
        .hint("reinstall the ca-certificates package, or name a PEM file in SSL_CERT_FILE"));
    }
    let has_bundled = cfg!(feature = "bundled-roots");
    if has_bundled && !native_only {
        return Ok(RootCerts::WebPki);
    }
    Err(
        Error::no_answer("this machine has no certificate store").hint(match has_bundled {
            true => "install the ca-certificates package, or leave --native-tls out to use the built-in certificates",
            false => "install the ca-certificates package, or name a PEM file in SSL_CERT_FILE",
        }),
    )
}

#[cfg(not(all(unix, not(target_vendor = "apple"))))]
fn system(_native_only: bool) -> Result<RootCerts> {
    // These systems always have a store.
    Ok(RootCerts::PlatformVerifier)
}
