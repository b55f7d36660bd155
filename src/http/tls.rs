//! Which server certificates are trusted.
//!
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the system's store and never fall back to it; the CA file of an
//! environment is added to either. Bundled roots are used only on a machine that has no store at all.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use crate::error::{Error, Result, os_reason};
use crate::sanitize::sanitize;
use crate::vars::Vars;

const FILE: &str = "SSL_CERT_FILE";
const DIR: &str = "SSL_CERT_DIR";

/// The TLS configuration for connections that trust the certificates of the environment variables or the system, and
/// those in `ca_file`. `native_only`: never use bundled roots.
pub fn client_config(
    vars: Vars,
    native_only: bool,
    ca_file: Option<&Path>,
) -> Result<Arc<ClientConfig>> {
    let extra = match ca_file {
        Some(path) => read_ca_file(path)?,
        None => Vec::new(),
    };
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match named_certificates(vars)? {
        Some(mut named) => {
            named.extend(extra);
            Arc::new(Verifier::new(RootCertStore::empty(), named, &provider))
        }
        None => system_verifier(native_only, extra, &provider)?,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(|e| Error::no_answer(format!("TLS cannot be used: {e}")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The certificates in the CA file of an environment.
pub fn read_ca_file(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let unusable = |reason: &str| {
        Error::no_answer(format!(
            "the CA file '{}' cannot be used: {reason}",
            sanitize(&path.to_string_lossy())
        ))
        .hint("it must contain PEM certificates; `llamactl environments add URL --ca-file PATH` sets another one, --no-ca-file none")
    };
    let pem = fs::read(path).map_err(|e| unusable(&os_reason(&e)))?;
    let found = certificates(&pem);
    match found.is_empty() {
        true => Err(unusable("it contains no certificate")),
        false => Ok(found),
    }
}

/// The certificates that `SSL_CERT_FILE` and `SSL_CERT_DIR` name; `None` if neither is set.
fn named_certificates(vars: Vars) -> Result<Option<Vec<CertificateDer<'static>>>> {
    let (file, dirs) = (vars.path(FILE), vars.raw(DIR));
    if file.is_none() && dirs.is_none() {
        return Ok(None);
    }
    let mut named = Vec::new();
    if let Some(file) = &file {
        let pem = fs::read(file).map_err(|e| unusable(FILE, file, &os_reason(&e)))?;
        named = certificates(&pem);
        if named.is_empty() {
            return Err(unusable(FILE, file, "it contains no certificate"));
        }
    }
    for dir in dirs.iter().flat_map(std::env::split_paths) {
        let before = named.len();
        let entries = fs::read_dir(&dir).map_err(|e| unusable(DIR, &dir, &os_reason(&e)))?;
        for entry in entries
            .flatten()
            .filter(|entry| is_hashed(&entry.file_name()))
        {
            // Follows symlinks: hashed names usually are.
            let is_file = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file());
            if let (true, Ok(pem)) = (is_file, fs::read(entry.path())) {
                named.extend(certificates(&pem));
            }
        }
        if named.len() == before {
            let reason = "it contains no certificate with a hashed name, as `openssl rehash` makes";
            return Err(unusable(DIR, &dir, reason));
        }
    }
    Ok(Some(named))
}

/// Whether OpenSSL reads a file of this name in a directory of certificates: `0a1b2c3d.0`.
fn is_hashed(name: &OsStr) -> bool {
    let Some((hash, number)) = name.to_str().and_then(|name| name.split_once('.')) else {
        return false;
    };
    hash.len() == 8
        && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem)
        .filter_map(std::result::Result::ok)
        .collect()
}

fn unusable(variable: &str, path: &Path, reason: &str) -> Error {
    Error::no_answer(format!(
        "the certificates of {variable}, '{}', cannot be used: {reason}",
        sanitize(&path.to_string_lossy())
    ))
    .hint(format!(
        "set {variable} to PEM certificates, or unset it to trust the system's store"
    ))
}

#[cfg(all(unix, not(target_vendor = "apple")))]
fn system_verifier(
    native_only: bool,
    extra: Vec<CertificateDer<'static>>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn ServerCertVerifier>> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    if !found.certs.is_empty() {
        roots.add_parsable_certificates(found.certs);
    } else if let Some(error) = found.errors.first() {
        return Err(Error::no_answer(format!(
            "the system's certificate store can't be read: {error}"
        ))
        .hint("reinstall the ca-certificates package, or name a PEM file in SSL_CERT_FILE"));
    } else if let (false, Some(bundled)) = (native_only, bundled_roots()) {
        roots = bundled;
    } else if extra.is_empty() {
        return Err(
            Error::no_answer("this machine has no certificate store").hint(
                match bundled_roots() {
                    Some(_) => "install the ca-certificates package, or leave --native-tls out to use the built-in certificates",
                    None => "install the ca-certificates package, or name a PEM file in SSL_CERT_FILE",
                },
            ),
        );
    }
    Ok(Arc::new(Verifier::new(roots, extra, provider)))
}

/// macOS and Windows always have a store.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
fn system_verifier(
    _native_only: bool,
    extra: Vec<CertificateDer<'static>>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn ServerCertVerifier>> {
    let provider = Arc::new(provider.clone());
    rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider)
        .map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>)
        .map_err(|e| Error::no_answer(format!("the system's certificate store can't be used: {e}")))
}

#[cfg(all(unix, not(target_vendor = "apple")))]
fn bundled_roots() -> Option<RootCertStore> {
    #[cfg(feature = "bundled-roots")]
    let roots = Some(webpki_roots::TLS_SERVER_ROOTS.to_vec());
    #[cfg(not(feature = "bundled-roots"))]
    let roots = None;
    roots.map(|roots| RootCertStore { roots })
}

/// Verifies a chain up to the roots. A server certificate that was named itself is accepted without a chain, whether it
/// is a CA or not (`openssl req -x509` makes CA certificates); its dates, its names and the signature of the handshake
/// are checked all the same.
#[derive(Debug)]
struct Verifier {
    roots: RootCertStore,
    named: Vec<CertificateDer<'static>>,
    algorithms: rustls::crypto::WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// The named certificates are roots, too.
    fn new(
        mut roots: RootCertStore,
        named: Vec<CertificateDer<'static>>,
        provider: &CryptoProvider,
    ) -> Verifier {
        roots.add_parsable_certificates(named.iter().cloned());
        Verifier {
            roots,
            named,
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let verify = |roots: &RootCertStore, intermediates: &[CertificateDer<'_>]| {
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                algorithms,
            )
        };
        match self.named.iter().any(|named| named == end_entity) {
            // webpki checks the dates before it looks for an issuer.
            true => match verify(&RootCertStore::empty(), &[]) {
                Err(error) if is_about_the_issuer(&error) => {}
                other => other?,
            },
            false => verify(&self.roots, intermediates)?,
        }
        verify_server_name(&certificate, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// No root signed the certificate, or it is a CA's own.
pub(super) fn is_about_the_issuer(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        // rustls has no variant for this error of webpki.
        rustls::Error::InvalidCertificate(CertificateError::Other(inner)) => {
            inner.to_string() == "CaUsedAsEndEntity"
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashed_names_count() {
        for (name, counts) in [
            ("0a1b2c3d.0", true),
            ("ffffffff.12", true),
            ("0a1b2c3d.r0", false),
            ("0A1B2C3D.0", false),
            ("0a1b2c3.0", false),
            ("0a1b2c3d.", false),
            ("0a1b2c3d", false),
            ("ca.pem", false),
        ] {
            assert_eq!(is_hashed(OsStr::new(name)), counts, "{name}");
        }
    }
}
