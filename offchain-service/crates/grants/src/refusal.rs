use smartlayer_primitives::{AccountId, Hash, InstanceId};

use crate::{grant::Malformed, revocation::MAX_REVOKED, usage::MAX_AGE, Principal};

/// Why a call is not authorised. Nothing was answered, done or charged, and nothing was counted as a use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The call came without an authorisation.
    #[error("this needs the authorisation of the token's owner")]
    Missing,
    /// The authorisation has not the form that it should have.
    #[error("the authorisation is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// It is for another chain.
    #[error("this is for the chain {found:?}, and this node serves {expected:?}")]
    OtherChain {
        /// The genesis hash of the node's chain.
        expected: Hash,
        /// The one that was signed.
        found: Hash,
    },
    /// It is for another token instance.
    #[error("this is for instance {} of token type {}, and the call is on instance {} of token type {}",
        found.index, found.token_type, expected.index, expected.token_type)]
    OtherInstance {
        /// The instance that is called.
        expected: InstanceId,
        /// The one that was signed.
        found: InstanceId,
    },
    /// The grant, or the use of it, is for another node.
    #[error("this is for the node {found}, and this is {expected}")]
    OtherNode {
        /// This node.
        expected: AccountId,
        /// The one that was signed.
        found: AccountId,
    },
    /// The grant begins later.
    #[error("the grant begins at {not_before}, and now it is {now} (seconds since 1970)")]
    NotYetValid {
        /// When it begins.
        not_before: u64,
        /// The node's clock.
        now: u64,
    },
    /// The grant is over, or the order too old.
    #[error("this ended at {expires_at}, and now it is {now} (seconds since 1970)")]
    Expired {
        /// When it ended.
        expires_at: u64,
        /// The node's clock.
        now: u64,
    },
    /// The use was signed too long ago, or in the future.
    #[error(
        "the use was signed at {issued_at}, and now it is {now} (seconds since 1970): more than {MAX_AGE} s apart"
    )]
    StaleUse {
        /// When it was signed, by its own account.
        issued_at: u64,
        /// The node's clock.
        now: u64,
    },
    /// Who owns the token can't be told now.
    #[error("who owns the token can't be told now")]
    OwnerUnknown,
    /// Whoever signed is not the owner, or not any more.
    #[error("{signed} signed, and the token belongs to {owner}")]
    NotOwner {
        /// The owner by the grant's account.
        signed: Principal,
        /// The owner now.
        owner: Principal,
    },
    /// Something was asked for that is not in the grant.
    #[error("the grant does not name {}", list(attributes, action.as_deref()))]
    NotGranted {
        /// The attributes that it doesn't name.
        attributes: Vec<String>,
        /// The action, if it doesn't name it.
        action: Option<String>,
    },
    /// The owner took the grant back.
    #[error("the owner has revoked the grant")]
    Revoked,
    /// All uses are used.
    #[error("the grant was for {uses} uses, and all are used")]
    UsedUp {
        /// How many were granted.
        uses: u32,
    },
    /// The sequence number is not larger than the last one.
    #[error("the use has the sequence number {found}, and {last} was accepted before")]
    Replayed {
        /// The last number that was accepted.
        last: u64,
        /// The one in the use.
        found: u64,
    },
    /// The use is of another grant.
    #[error("the use is of the grant {found:?}, and this grant is {expected:?}")]
    OtherGrant {
        /// The id of the grant that came with it.
        expected: Hash,
        /// The one in the use.
        found: Hash,
    },
    /// The use is for another request.
    #[error("the use is for the request {found:?}, and this is {expected:?}")]
    OtherRequest {
        /// The hash of the request that came.
        expected: Hash,
        /// The one in the use.
        found: Hash,
    },
    /// The owner did not sign this.
    #[error("the signature is not by {owner} over this content")]
    BadOwnerSignature {
        /// Who should have signed.
        owner: Principal,
    },
    /// The grantee did not sign this use.
    #[error("the signature of the use is not by {grantee} over this content")]
    BadUseSignature {
        /// Who should have signed.
        grantee: Principal,
    },
    /// Of one owner and instance no more single revocations are remembered.
    #[error("{MAX_REVOKED} grants of this instance are revoked already")]
    TooManyRevocations,
}

impl Refusal {
    /// The stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed(_) => "malformed",
            Self::OtherChain { .. } => "other-chain",
            Self::OtherInstance { .. } => "other-instance",
            Self::OtherNode { .. } => "other-node",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
            Self::StaleUse { .. } => "stale-use",
            Self::OwnerUnknown => "owner-unknown",
            Self::NotOwner { .. } => "not-owner",
            Self::NotGranted { .. } => "not-granted",
            Self::Revoked => "revoked",
            Self::UsedUp { .. } => "used-up",
            Self::Replayed { .. } => "replayed",
            Self::OtherGrant { .. } => "other-grant",
            Self::OtherRequest { .. } => "other-request",
            Self::BadOwnerSignature { .. } => "bad-owner-signature",
            Self::BadUseSignature { .. } => "bad-use-signature",
            Self::TooManyRevocations => "too-many-revocations",
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Missing => "Ask the owner to sign a grant, and send it with a use as the parameter authorisation.",
            Self::Malformed(_) => "Send what the schema of the authorisation says.",
            Self::OtherChain { .. } => "Have it signed with the genesis hash of this chain; node_info tells it.",
            Self::OtherInstance { .. } => "Send what was signed for the instance that you call.",
            Self::OtherNode { .. } => "Call the node that was signed for, or ask for a grant and sign a use for this one.",
            Self::NotYetValid { .. } => "Wait until the grant begins.",
            Self::Expired { .. } => "Ask the owner to sign anew.",
            Self::StaleUse { .. } => "Sign a new use, and set your clock right.",
            Self::OwnerUnknown => "Ask again later, or another node.",
            Self::NotOwner { .. } => "Ask the present owner to sign.",
            Self::NotGranted { .. } => "Ask for less, or ask the owner for a grant that names it.",
            Self::Revoked => "Ask the owner for a new grant, if he still agrees.",
            Self::UsedUp { .. } => "Ask the owner for a new grant.",
            Self::Replayed { .. } => "Sign a new use with a larger sequence number.",
            Self::OtherGrant { .. } => "Sign the use for the id of the grant that you send.",
            Self::OtherRequest { .. } => "Sign the use for the hash of exactly the method and parameters that you send.",
            Self::BadOwnerSignature { .. } => {
                "Have the owner's key sign exactly this content: typed data for an Ethereum address, the signing payload for \
                 an account. Contract wallets can't sign."
            }
            Self::BadUseSignature { .. } => "Sign exactly this use with the key that the grant names as grantee.",
            Self::TooManyRevocations => "Revoke everything before a time instead.",
        }
    }
}

fn list(attributes: &[String], action: Option<&str>) -> String {
    let mut names = Vec::new();
    if !attributes.is_empty() {
        names.push(format!("the attributes {}", attributes.join(", ")));
    }
    if let Some(action) = action {
        names.push(format!("the action {action}"));
    }
    names.join(" and ")
}
