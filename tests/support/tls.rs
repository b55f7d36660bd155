//! Certificates made to measure: an authority of the test's own, and what it signs, right or wrong.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IdTokenError {
    None,
    /// It ended years ago.
    Expired,
    /// It is for another host.
    WrongName,
    /// Nobody but itself signed it.
    SelfSigned,
}

/// A certificate authority that no machine knows.
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

    /// What a server at 127.0.0.1 (and localhost) uses.
    pub fn server_config(&self, flaw: IdTokenError) -> Arc<ServerConfig> {
        let names = match flaw {
            IdTokenError::WrongName => vec!["elsewhere.example".to_string()],
            _ => vec!["127.0.0.1".to_string(), "localhost".to_string()],
        };
        self.config(names, flaw)
    }

    /// What a server that is reached by this name uses, as behind a proxy.
    pub fn server_config_for(&self, name: &str) -> Arc<ServerConfig> {
        self.config(vec![name.to_string()], IdTokenError::None)
    }

    fn config(&self, names: Vec<String>, flaw: IdTokenError) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(names).expect("names");
        if flaw == IdTokenError::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = key();
        let certificate = match flaw {
            IdTokenError::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.0),
        };
        let certificate: CertificateDer<'static> = certificate.expect("a certificate").into();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("protocol versions")
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key);
        Arc::new(config.expect("a server's configuration"))
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key pair")
}
