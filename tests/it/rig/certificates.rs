//! Certificates made at run time: an authority of a test's own, and what it vouches for.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;

/// Who vouches for certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a name or an address.
    pub(crate) fn vouch_for(&self, name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        Pair { cert: cert.pem(), key: key.serialize_pem() }
    }

    /// The authority's own certificate, in a file.
    pub(crate) fn write(&self, path: PathBuf) -> PathBuf {
        std::fs::write(&path, self.0.pem()).unwrap();
        path
    }

    /// Believes in what this authority vouches for.
    pub(crate) fn client(&self, own: Option<&Pair>, alpn: &[&str]) -> Arc<ClientConfig> {
        self.client_of(rustls::DEFAULT_VERSIONS, own, alpn)
    }

    /// The same, in these versions of TLS only.
    pub(crate) fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&Pair>,
        alpn: &[&str],
    ) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions);
        let builder = builder.unwrap().with_root_certificates(self.roots());
        let mut config = match own {
            Some(pair) => builder.with_client_auth_cert(pair.chain(), pair.private_key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// Serves as `127.0.0.1`, to those only for whom this authority vouches where `asks` says so.
    pub(crate) fn server(&self, asks: Asks, alpn: &[&str]) -> Arc<ServerConfig> {
        let pair = self.vouch_for("127.0.0.1");
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = match asks {
            Asks::Nothing => builder.unwrap().with_no_client_auth(),
            Asks::Certificate => {
                let verifier = WebPkiClientVerifier::builder_with_provider(self.roots().into(), provider());
                builder.unwrap().with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let mut config = builder.with_single_cert(pair.chain(), pair.private_key()).unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}

/// What a server asks of its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    Nothing,
    Certificate,
}

impl Pair {
    /// Writes both files into a directory, as `NAME.crt` and `NAME.key`.
    pub(crate) fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (cert, key) = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
        std::fs::write(&cert, &self.cert).unwrap();
        std::fs::write(&key, &self.key).unwrap();
        (cert, key)
    }

    /// The certificate as it comes over the wire.
    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.der()]
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// The secrets of a deployment that samples of policies name, made up for a test.
pub(crate) struct Secrets(TempDir);

impl Secrets {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let authority = Authority::new();
        authority.vouch_for("crossfade.example").write(dir.path(), "tls");
        authority.write(dir.path().join("ca.crt"));
        std::fs::write(dir.path().join("tickets"), "0123456789abcdef").unwrap();
        std::fs::write(dir.path().join("record-key"), "0a".repeat(32)).unwrap();
        Self(dir)
    }

    /// The policy with these secrets in the place of the deployment's. Every machine has a `PATH`.
    pub(crate) fn put_into(&self, policy: &str) -> String {
        let dir = self.0.path().to_str().unwrap();
        let policy = policy.replace("CROSSFADE_TOKEN", "PATH").replace("CROSSFADE_TICKET_KEY", "PATH");
        let policy = policy.replace("CROSSFADE_HOOK_KEY", "PATH").replace("CLICKHOUSE_PASSWORD", "PATH");
        let policy = policy.replace("CROSSFADE_HASH_KEY", "PATH").replace("CROSSFADE_JUDGE_KEY", "PATH");
        let policy = policy.replace("VENDOR_ACCOUNT", "PATH").replace("VENDOR_KEY", "PATH");
        let policy = policy
            .replace("/run/secrets/crossfade-record-key", &format!("{dir}/record-key"))
            .replace("/run/secrets/crossfade-tickets", &format!("{dir}/tickets"));
        policy.replace("/run/secrets/tls", dir)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
