//! TLS towards users and towards models, from PEM files that may change while the gateway runs.
//!
//! A rotated certificate is taken up without a restart; files that cannot be used leave what was made of them before
//! in place. The cryptography is ring's, named in every place, so that no other crate's default decides it.

mod client;
mod live;
mod pem;
mod server;

#[cfg(test)]
mod tests;

pub use client::ClientFiles;
pub use client::Identity;
pub use live::Files;
pub use live::Live;
pub use live::Renewed;
pub use pem::Reader;
pub use server::ServerFiles;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;

/// How TLS names HTTP/2.
pub const H2: &[u8] = b"h2";
/// How TLS names HTTP/1.1.
pub const HTTP_1_1: &[u8] = b"http/1.1";
/// How TLS names HTTP/1.0. Who asks for nothing else would be turned away unless it is offered.
pub const HTTP_1_0: &[u8] = b"http/1.0";

/// Why files make no TLS.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is no such file.
    #[error("`{}` has more than {most} bytes, which is the most", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The bound.
        most: usize,
    },
    /// A file holds nothing of what is looked for in it.
    #[error("`{}` holds no {what} in PEM", path.display())]
    Lacks {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// A certificate is malformed, or the key is not the certificate's.
    #[error("`{}` cannot be used: {source}", path.display())]
    Unusable {
        /// The file of the certificates.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The verifier of other sides' certificates cannot be made.
    #[error("`{}` cannot be used: {source}", path.display())]
    Verifier {
        /// The file of the authorities.
        path: PathBuf,
        /// What is wrong.
        source: rustls::server::VerifierBuilderError,
    },
    /// The system knows no certificate authority.
    #[error("the system has no certificate authorities; hint: name some in `ca_file`")]
    NoSystemRoots,
    /// The cryptography does not work here.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[source] rustls::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
