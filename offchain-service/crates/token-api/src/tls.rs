//! The certificate of the server: read from its files, and again when they change.

use std::{
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use rustls::{
    crypto::aws_lc_rs,
    pki_types::{pem::PemObject, CertificateDer, PrivateKeyDer},
    ServerConfig,
};
use serde::Deserialize;
use tokio_rustls::TlsAcceptor;

/// How often it is looked at whether the files changed, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate and those that lead to its root, PEM, the own one first. Read again when it changes.
    pub certificate: PathBuf,
    /// The certificate's private key, PEM.
    pub key: PathBuf,
}

/// What connections are encrypted with.
pub(crate) struct Certificate {
    files: TlsConfig,
    acceptor: TlsAcceptor,
    /// When the files in use were written.
    written: Written,
    looked: Instant,
}

type Written = [Option<SystemTime>; 2];

impl Certificate {
    /// Reads the files.
    pub async fn load(files: TlsConfig) -> io::Result<Self> {
        let written = written(&files).await;
        let acceptor = read(&files).await?;
        Ok(Self { files, acceptor, written, looked: Instant::now() })
    }

    /// What the next connection is encrypted with. Files that changed are read again; while they are wrong, or half-written, the last good
    /// ones stay in use.
    pub async fn acceptor(&mut self) -> TlsAcceptor {
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            let now = written(&self.files).await;
            if now != self.written {
                match read(&self.files).await {
                    Ok(acceptor) => {
                        (self.acceptor, self.written) = (acceptor, now);
                        tracing::info!("the certificate was read anew");
                    }
                    Err(e) => {
                        tracing::warn!(error = %e, "the changed certificate is no good, the last one stays in use")
                    }
                }
            }
        }
        self.acceptor.clone()
    }
}

async fn written(files: &TlsConfig) -> Written {
    let of = |path| async move { tokio::fs::metadata(path).await.ok()?.modified().ok() };
    [of(&files.certificate).await, of(&files.key).await]
}

async fn read(files: &TlsConfig) -> io::Result<TlsAcceptor> {
    let certificate = tokio::fs::read(&files.certificate).await;
    let certificate = certificate.map_err(|e| about(&files.certificate, &e))?;
    let key = tokio::fs::read(&files.key).await.map_err(|e| about(&files.key, &e))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
    let chain = chain.map_err(|e| about(&files.certificate, &e))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|e| about(&files.key, &e))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| about(&files.certificate, &e))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The error with the file's name; what is in the file is never said.
fn about(path: &std::path::Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {error}", path.display()))
}
