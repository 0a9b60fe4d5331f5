//! Reads certificates and keys from PEM files, and remembers a digest of all it read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use sha2::Digest;
use sha2::Sha256;

use crate::tls::Error;

/// The longest file, in bytes: a system's whole bundle of authorities has a fifth of it.
const MAX_BYTES: usize = 1024 * 1024;

/// Reads files, each no further than such a file may reach.
#[derive(Debug, Default)]
pub struct Reader(Sha256);

impl Reader {
    /// The certificates of a file, in order.
    pub fn certificates(&mut self, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
        let content = self.read(path)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
        let certificates = certificates.ok().filter(|certificates| !certificates.is_empty());
        certificates.ok_or_else(|| Error::Lacks { path: path.to_owned(), what: "certificate" })
    }

    /// The first private key of a file.
    pub fn private_key(&mut self, path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
        let content = self.read(path)?;
        // What the parser says may quote the file, which is a secret.
        PrivateKeyDer::from_pem_slice(&content)
            .map_err(|_| Error::Lacks { path: path.to_owned(), what: "private key" })
    }

    /// The certificate authorities of a file.
    pub fn authorities(&mut self, path: &Path) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates(path)? {
            roots.add(certificate).map_err(|source| Error::Unusable { path: path.to_owned(), source })?;
        }
        Ok(roots)
    }

    /// The digest of everything read so far, files that could not be read among it.
    pub(super) fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, Error> {
        let mut content = Vec::new();
        let read =
            File::open(path).and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut content));
        self.0.update(content.len().to_be_bytes());
        self.0.update(&content);
        if let Err(source) = read {
            self.0.update(source.to_string());
            return Err(Error::Unreadable { path: path.to_owned(), source });
        }
        if content.len() > MAX_BYTES {
            return Err(Error::TooLong { path: path.to_owned(), most: MAX_BYTES });
        }
        Ok(content)
    }
}
