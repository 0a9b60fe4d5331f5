//! The models' side of TLS: whom the gateway believes to be a model, and how it proves itself to one.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tls::Error;
use crate::tls::Files;
use crate::tls::Live;
use crate::tls::Reader;
use crate::tls::provider;

/// The files of one model's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// The authorities of the model's certificate; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// How the gateway proves itself; `None`: it does not.
    pub identity: Option<Identity>,
    /// The name that the model's certificate must bear; `None`: the host of its URL.
    pub server_name: Option<ServerName<'static>>,
}

/// The gateway's own certificate and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate and those between it and its authority.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

impl Files for ClientFiles {
    type Made = ClientConfig;

    fn make(&self, reader: &mut Reader) -> Result<ClientConfig, Error> {
        // All files are read before any is judged: the digest must tell every change.
        let identity = self.identity.as_ref().map(|Identity { cert_file, key_file }| {
            (cert_file, reader.certificates(cert_file), reader.private_key(key_file))
        });
        let roots = match &self.ca_file {
            Some(path) => Arc::new(reader.authorities(path)?),
            None => system_roots()?,
        };
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(Error::Setup)?.with_root_certificates(roots);
        match identity {
            None => Ok(builder.with_no_client_auth()),
            Some((path, chain, key)) => builder
                .with_client_auth_cert(chain?, key?)
                .map_err(|source| Error::Unusable { path: path.clone(), source }),
        }
    }
}

/// The system's certificate authorities, read once: they come with the image.
fn system_roots() -> Result<Arc<RootCertStore>, Error> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the system's certificate authorities cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Arc::new(roots)
    });
    if roots.is_empty() { Err(Error::NoSystemRoots) } else { Ok(Arc::clone(roots)) }
}

impl Live<ClientFiles> {
    /// Shakes hands with a model, whose certificate must bear `host` unless the policy names another, and offers it
    /// these versions of HTTP.
    pub async fn connect<S>(&self, host: &str, offer: &[&[u8]], stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = match &self.files().server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
        };
        let offer = offer.iter().map(|version| version.to_vec()).collect();
        TlsConnector::from(self.made()).with_alpn(offer).connect(name, stream).await
    }
}
