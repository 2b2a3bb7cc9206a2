//! What the owner of a token signs to exchange it: one instance is destroyed, and another is issued to whom the owner names.

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use smartlayer_api_types::Instance;
use smartlayer_primitives::{payload::Payload, Hash, InstanceId};

use crate::{
    grant::{Malformed, MAX_NUMBER},
    signature::Statement,
    typed_data::{self, structs, TRANSFER_TYPE},
    Principal, Refusal, StatementSignature,
};

/// The longest that an order can be carried out, in seconds: 30 days. Whoever holds it decides when.
pub const MAX_ORDER_LIFE: u64 = 30 * 24 * 60 * 60;

/// The owner's order to destroy one instance and to issue another in exchange.
///
/// It needs no protection from being sent twice: an instance is destroyed once.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferOrder {
    /// The genesis hash of the chain.
    pub genesis: Hash,
    /// The instance that is destroyed.
    #[serde(with = "crate::instance")]
    pub source: InstanceId,
    /// The instance that is issued.
    #[serde(with = "crate::instance")]
    pub issued: InstanceId,
    /// Who signs. It counts only while this is the owner of the source.
    pub owner: Principal,
    /// Who owns the issued instance from then on.
    pub to: Principal,
    /// The first second at which it is too late, since 1970 (UTC); at most [`MAX_ORDER_LIFE`] ahead.
    pub valid_until: u64,
    /// Random bytes, so that two orders of the same are not the same order.
    pub nonce: Hash,
}

/// An order and the owner's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedTransfer {
    /// What is ordered.
    pub order: TransferOrder,
    /// By the owner.
    pub signature: StatementSignature,
}

impl SignedTransfer {
    /// Reads the parameters `order` and `signature` of a call.
    pub fn from_params(order: &Value, signature: &Value) -> Result<Self, Refusal> {
        let order = TransferOrder::deserialize(order).map_err(Malformed::json)?;
        let signature = StatementSignature::deserialize(signature).map_err(Malformed::json)?;
        Ok(Self { order, signature })
    }

    /// Whether the order is to be carried out on this chain, for this instance, at `now` in seconds since 1970 (UTC); `owner` owns the instance
    /// now, nothing if that can't be told. The signature comes last.
    pub fn check(
        &self,
        genesis: &Hash,
        source: InstanceId,
        owner: Option<&Principal>,
        now: u64,
    ) -> Result<(), Refusal> {
        let order = &self.order;
        order.validate()?;
        if order.genesis != *genesis {
            return Err(Refusal::OtherChain { expected: *genesis, found: order.genesis });
        }
        if order.source != source {
            return Err(Refusal::OtherInstance { expected: source, found: order.source });
        }
        match order.valid_until.checked_sub(now) {
            None | Some(0) => return Err(Refusal::Expired { expires_at: order.valid_until, now }),
            Some(left) if left > MAX_ORDER_LIFE => return Err(Malformed::BadOrderLife.into()),
            Some(_) => {}
        }
        let owner = owner.ok_or(Refusal::OwnerUnknown)?;
        if order.owner != *owner {
            return Err(Refusal::NotOwner { signed: order.owner.clone(), owner: owner.clone() });
        }
        self.signed()
    }

    /// Whether the owner that the order names signed it.
    pub fn signed(&self) -> Result<(), Refusal> {
        match self.signature.verify(&self.order, &self.order.owner) {
            true => Ok(()),
            false => Err(Refusal::BadOwnerSignature { owner: self.order.owner.clone() }),
        }
    }
}

impl TransferOrder {
    /// Checks what does not depend on where and when it is shown.
    pub fn validate(&self) -> Result<(), Malformed> {
        if self.source == self.issued {
            return Err(Malformed::SameInstance);
        }
        if self.valid_until > MAX_NUMBER {
            return Err(Malformed::TooLarge);
        }
        Ok(())
    }

    fn content(&self) -> Content<'_> {
        Content {
            source: self.source,
            issued: self.issued,
            owner: &self.owner,
            to: &self.to,
            valid_until: self.valid_until,
            nonce: self.nonce,
        }
    }
}

/// An order without the genesis hash, which [`Payload`] puts before it.
#[derive(Encode)]
struct Content<'a> {
    source: InstanceId,
    issued: InstanceId,
    owner: &'a Principal,
    to: &'a Principal,
    valid_until: u64,
    nonce: Hash,
}

impl Payload for Content<'_> {
    const DOMAIN: &'static str = "smartlayer/transfer/1";
}

impl Statement for TransferOrder {
    fn signing_payload(&self) -> Vec<u8> {
        self.content().signing_payload(&self.genesis)
    }

    fn typed_hash(&self) -> [u8; 32] {
        let message = structs::Transfer {
            source: crate::instance::typed(self.source),
            issued: crate::instance::typed(self.issued),
            owner: self.owner.to_string(),
            to: self.to.to_string(),
            validUntil: self.valid_until,
            nonce: self.nonce.to_fixed_bytes().into(),
        };
        typed_data::digest(&self.genesis, &message)
    }

    fn typed_data(&self) -> Value {
        let message = json!({
            "source": Instance::from(self.source),
            "issued": Instance::from(self.issued),
            "owner": self.owner,
            "to": self.to,
            "validUntil": self.valid_until,
            "nonce": self.nonce,
        });
        typed_data::request(&self.genesis, TRANSFER_TYPE, message)
    }
}
