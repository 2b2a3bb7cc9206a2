//! What can go wrong inside the anchor.

use smartlayer_api_types::{ApiError, ErrorCode};

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Chain(#[from] smartlayer_chain_client::Error),
    #[error(transparent)]
    Store(#[from] smartlayer_store::StoreError),
    /// In words; nothing depends on which.
    #[error("{0}")]
    Other(String),
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        use smartlayer_chain_client::Error as Chain;
        let code = match &error {
            Error::Chain(e) if e.is_transient() => ErrorCode::ChainUnavailable,
            Error::Chain(Chain::Failed { .. } | Chain::Rejected { .. }) => ErrorCode::ChainRefused,
            Error::Chain(_) | Error::Store(_) | Error::Other(_) => ErrorCode::Internal,
        };
        ApiError::new(code, error.to_string())
    }
}
