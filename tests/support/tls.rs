//! Certificates: an authority of the test's own, and server certificates that it signs, valid or with a flaw.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CertFlaw {
    None,
    /// Its validity ended on 2021-01-01.
    Expired,
    /// Its validity begins on 2999-01-01.
    NotYetValid,
    /// It is for elsewhere.example and other.example.
    WrongName,
    SelfSigned,
    /// Self-signed, and marked as a CA, as `openssl req -x509` does.
    SelfSignedCa,
    /// As [`CertFlaw::SelfSignedCa`], and expired.
    ExpiredCa,
}

/// A certificate authority that is in no store.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Test Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key());
        Authority(issuer.expect("an authority's certificate"))
    }

    /// Its certificate, as `SSL_CERT_FILE` names one.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// The configuration of a server at 127.0.0.1 and localhost.
    pub fn server_config(&self, flaw: CertFlaw) -> Arc<ServerConfig> {
        self.server(flaw).0
    }

    /// The same, with the server's own certificate in PEM.
    pub fn server(&self, flaw: CertFlaw) -> (Arc<ServerConfig>, String) {
        let names = match flaw {
            CertFlaw::WrongName => ["elsewhere.example", "other.example"]
                .map(String::from)
                .to_vec(),
            _ => vec!["127.0.0.1".to_string(), "localhost".to_string()],
        };
        self.config(names, flaw)
    }

    /// The configuration of a server with this name.
    pub fn server_config_for(&self, name: &str) -> Arc<ServerConfig> {
        self.config(vec![name.to_string()], CertFlaw::None).0
    }

    fn config(&self, names: Vec<String>, flaw: CertFlaw) -> (Arc<ServerConfig>, String) {
        let mut params = CertificateParams::new(names).expect("names");
        match flaw {
            CertFlaw::Expired | CertFlaw::ExpiredCa => {
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2021, 1, 1);
            }
            CertFlaw::NotYetValid => params.not_before = date_time_ymd(2999, 1, 1),
            _ => {}
        }
        if matches!(flaw, CertFlaw::SelfSignedCa | CertFlaw::ExpiredCa) {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = key();
        let certificate = match flaw {
            CertFlaw::SelfSigned | CertFlaw::SelfSignedCa | CertFlaw::ExpiredCa => {
                params.self_signed(&key)
            }
            _ => params.signed_by(&key, &self.0),
        };
        let certificate = certificate.expect("a certificate");
        let pem = certificate.pem();
        let certificate: CertificateDer<'static> = certificate.into();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("protocol versions")
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key);
        (Arc::new(config.expect("a server's configuration")), pem)
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key pair")
}
