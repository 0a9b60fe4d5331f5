//! The users' side of TLS: the gateway's certificate, and which users' certificates it accepts.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ConfigBuilder;
use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::server::WantsServerCert;
use rustls::server::WebPkiClientVerifier;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::tls::Error;
use crate::tls::Files;
use crate::tls::H2;
use crate::tls::HTTP_1_0;
use crate::tls::HTTP_1_1;
use crate::tls::Live;
use crate::tls::Reader;
use crate::tls::provider;

/// How long a user may take to shake hands.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The files of the users' side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// The gateway's certificate and those between it and its authority.
    pub cert_file: PathBuf,
    /// The certificate's private key.
    pub key_file: PathBuf,
    /// The authorities of users' certificates; `None`: users need none.
    pub client_ca_file: Option<PathBuf>,
}

impl Files for ServerFiles {
    type Made = ServerConfig;

    fn make(&self, reader: &mut Reader) -> Result<ServerConfig, Error> {
        let Self { cert_file, key_file, .. } = self;
        // All files are read before any is judged: the digest must tell every change.
        let (chain, key) = (reader.certificates(cert_file), reader.private_key(key_file));
        let builder = self.verifying(reader)?;
        let made = builder.with_single_cert(chain?, key?);
        let mut config = made.map_err(|source| Error::Unusable { path: cert_file.clone(), source })?;
        config.alpn_protocols = vec![H2.to_vec(), HTTP_1_1.to_vec(), HTTP_1_0.to_vec()];
        config.ticketer = Ticketer::new().map_err(Error::Setup)?;
        Ok(config)
    }
}

impl ServerFiles {
    fn verifying(&self, reader: &mut Reader) -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, Error> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(Error::Setup)?;
        let Some(path) = &self.client_ca_file else { return Ok(builder.with_no_client_auth()) };
        let roots = Arc::new(reader.authorities(path)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
        let verifier = verifier.map_err(|source| Error::Verifier { path: path.clone(), source })?;
        Ok(builder.with_client_cert_verifier(verifier))
    }
}

impl Live<ServerFiles> {
    /// Shakes hands with a user, who has ten seconds for it.
    pub async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let accepting = TlsAcceptor::from(self.made()).accept(stream);
        timeout(HANDSHAKE_TIMEOUT, accepting).await.unwrap_or_else(|late| Err(late.into()))
    }
}
