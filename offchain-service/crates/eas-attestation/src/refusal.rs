use alloy_primitives::{Address, B256};
use smartlayer_token_script::DecodeError;

use crate::{
    package::{MAX_INFLATED, MAX_TEXT},
    schema::MAX_ANSWER,
};

/// Why an attestation is not accepted, or what it says can't be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The text is longer than is looked at.
    #[error("the attestation has {found} bytes of text, and at most {MAX_TEXT} are read")]
    TooLong {
        /// How many there are.
        found: usize,
    },
    /// The text is not base64.
    #[error("the attestation is not base64")]
    NotBase64,
    /// What the text encodes is not deflated.
    #[error("the attestation is not deflated data")]
    NotDeflated,
    /// It inflates to more than is looked at.
    #[error("the attestation inflates to more than {MAX_INFLATED} bytes")]
    TooLarge,
    /// What it inflates to is not JSON.
    #[error("the attestation is not JSON")]
    NotJson,
    /// A part of the package is missing or not what it should be.
    #[error("the attestation's {part} is not {expected}")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// It is of a version that is not known.
    #[error("off-chain attestations of version {found} are not known")]
    UnknownVersion {
        /// The version.
        found: u64,
    },
    /// It was signed as a type that off-chain attestations don't have.
    #[error("the attestation is signed as a type that off-chain attestations do not have")]
    UnknownType,
    /// No key made the signature, or it is not in its one canonical form.
    #[error("the attestation's signature is not one")]
    BadSignature,
    /// The uid that the package states is not that of its content.
    #[error("the attestation states the uid {stated}, and its content has {computed}")]
    OtherUid {
        /// What the package says.
        stated: B256,
        /// What its content hashes to.
        computed: B256,
    },
    /// The signer that the package states did not sign its content.
    #[error("the attestation states the signer {stated}, and its content was signed by {recovered}")]
    OtherSigner {
        /// What the package says.
        stated: Address,
        /// Whose key made the signature.
        recovered: Address,
    },
    /// The script's definition is of another kind of attestation.
    #[error("the script's attestation is of the kind {kind:?}, which is not served")]
    OtherKind {
        /// The kind that it names.
        kind: String,
    },
    /// It is of another schema than the script's definition.
    #[error("the attestation is of the schema {found}, and the script's is of {expected}")]
    OtherSchema {
        /// What the script names, as written, or the zero uid where it names none.
        expected: String,
        /// The attestation's.
        found: B256,
    },
    /// None of the keys in the script's definition signed it.
    #[error("{signer} signed the attestation, and that is none of the keys that the script names")]
    OtherIssuer {
        /// Who signed.
        signer: Address,
    },
    /// Its time has not come.
    #[error("the attestation is valid from {time}, and now it is {now} (seconds since 1970)")]
    NotYetValid {
        /// From when on it is valid.
        time: u64,
        /// The clock.
        now: u64,
    },
    /// Its time is over.
    #[error("the attestation ended at {expiration_time}, and now it is {now} (seconds since 1970)")]
    Expired {
        /// Until when it was valid.
        expiration_time: u64,
        /// The clock.
        now: u64,
    },
    /// The issuer took it back.
    #[error("the issuer has revoked the attestation")]
    Revoked,
    /// What a contract returned is not what the function returns.
    #[error("what {function} returned is not its result, of at most {MAX_ANSWER} bytes")]
    BadAnswer {
        /// The function.
        function: &'static str,
    },
    /// The registry has no such schema.
    #[error("the schema registry has no schema {uid}")]
    UnknownSchema {
        /// The schema that was asked for.
        uid: B256,
    },
    /// The schema is not the one that was asked for, whatever its sender says.
    #[error("the schema hashes to {found}, and {expected} was asked for")]
    ForgedSchema {
        /// The schema that was asked for.
        expected: B256,
        /// What the one that came hashes to.
        found: B256,
    },
    /// The schema's text is not a list of fields, or is too much.
    #[error("the schema can't be read: {0}")]
    BadSchema(&'static str),
    /// The attestation's data is not of its schema.
    #[error("the attestation's data is not what its schema says: {0}")]
    BadData(#[from] DecodeError),
    /// The script names a field that the data doesn't have.
    #[error("the script names the field {0:?}, which the attestation's data does not have")]
    MissingField(String),
    /// The script names a field that has no text: a list or a record.
    #[error("the script names the field {0:?}, which is a list or a record")]
    NoText(String),
    /// It is of another collection than the script's definition.
    #[error("the attestation's {field} is {found:?}, and the script is for {expected:?}")]
    OtherCollection {
        /// The field that tells.
        field: String,
        /// What the script says.
        expected: String,
        /// What the attestation says.
        found: String,
    },
}

impl Refusal {
    /// The stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too-long",
            Self::NotBase64 => "not-base64",
            Self::NotDeflated => "not-deflated",
            Self::TooLarge => "too-large",
            Self::NotJson => "not-json",
            Self::Malformed { .. } => "malformed",
            Self::UnknownVersion { .. } => "unknown-version",
            Self::UnknownType => "unknown-type",
            Self::BadSignature => "bad-signature",
            Self::OtherUid { .. } => "other-uid",
            Self::OtherSigner { .. } => "other-signer",
            Self::OtherKind { .. } => "other-kind",
            Self::OtherSchema { .. } => "other-schema",
            Self::OtherIssuer { .. } => "other-issuer",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
            Self::Revoked => "revoked",
            Self::BadAnswer { .. } => "bad-answer",
            Self::UnknownSchema { .. } => "unknown-schema",
            Self::ForgedSchema { .. } => "forged-schema",
            Self::BadSchema(_) => "bad-schema",
            Self::BadData(_) => "bad-data",
            Self::MissingField(_) => "missing-field",
            Self::NoText(_) => "no-text",
            Self::OtherCollection { .. } => "other-collection",
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::TooLong { .. } | Self::TooLarge => "Ask the issuer for an attestation with less data.",
            Self::NotBase64 | Self::NotDeflated | Self::NotJson => {
                "Send the whole text of the link's parameter ticket, after its percent-encoding is undone."
            }
            Self::Malformed { .. } => "Send the package as the EAS SDK makes it, in its compact or its full form.",
            Self::UnknownVersion { .. } | Self::UnknownType => {
                "Have it issued as an off-chain attestation of version 0, 1 or 2."
            }
            Self::BadSignature | Self::OtherUid { .. } | Self::OtherSigner { .. } => {
                "Send the attestation exactly as it was issued; if you did, ask its issuer for another."
            }
            Self::OtherKind { .. } => "Use a script whose attestation is of the type eas.",
            Self::OtherSchema { .. } | Self::OtherIssuer { .. } | Self::OtherCollection { .. } => {
                "Use the script that the attestation's issuer made for it, or the attestation that this script is for."
            }
            Self::NotYetValid { .. } => "Wait until the attestation is valid.",
            Self::Expired { .. } | Self::Revoked => "Ask the issuer for a new attestation.",
            Self::BadAnswer { .. } => {
                "Ask another endpoint of the chain; if it says the same, the attestation names a contract that is none of EAS."
            }
            Self::UnknownSchema { .. } => {
                "Ask another endpoint of the chain; if it says the same, the issuer has to register the schema there."
            }
            Self::ForgedSchema { .. } => "Ask another endpoint of the chain, and trust this one no longer.",
            Self::BadSchema(_) => "Ask the issuer for attestations of a schema that lists Solidity types and names.",
            Self::BadData(_) => "Ask the issuer for an attestation whose data is encoded as its schema says.",
            Self::MissingField(_) | Self::NoText(_) => "Ask the script's author to name fields of the schema that are texts.",
        }
    }
}
