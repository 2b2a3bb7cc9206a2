//! What is kept of a call.

use serde::{Deserialize, Serialize};
use smartlayer_api_types::{
    rpc::Proof,
    x402::{ReceiptJson, SettlementResponse},
};

use crate::FileError;

/// The largest file that is read, in bytes: an answer has at most 4 MiB, which JSON may write twice as long.
pub const MAX_SAVED_BYTES: usize = 16 << 20;
const VERSION: u32 = 1;

/// A paid call, as kept in a file. As JSON: `version`, `request`, `answer`, `paymentResponse` and, once a commitment covers a key
/// operation, `proof`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedAnswer {
    version: u32,
    /// The request's body as sent. A body is JSON and so a text; here it is the same bytes.
    pub request: String,
    /// The answer's body as received.
    pub answer: String,
    /// The header `PAYMENT-RESPONSE`, decoded.
    pub payment_response: SettlementResponse,
    /// The operation's place in a commitment, as `token_proof` and anchors give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

impl SavedAnswer {
    /// What was sent and what came back.
    pub fn new(request: String, answer: String, payment_response: SettlementResponse) -> Self {
        SavedAnswer { version: VERSION, request, answer, payment_response, proof: None }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// A [`FileError`] if it is too large, not of this form, or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, FileError> {
        if bytes.len() > MAX_SAVED_BYTES {
            return Err(FileError::TooLarge(MAX_SAVED_BYTES));
        }
        let saved: SavedAnswer = serde_json::from_slice(bytes)?;
        match saved.version {
            VERSION => Ok(saved),
            other => Err(FileError::Version(other)),
        }
    }

    /// The node's receipt, if there is one.
    pub fn receipt(&self) -> Option<&ReceiptJson> {
        self.payment_response.extra.as_ref().map(|settled| &settled.receipt)
    }
}
