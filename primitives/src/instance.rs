//! The state object of a token instance: what is encoded into shards and what serving nodes hold whole.

use alloc::{collections::BTreeMap, string::String};
use codec::{Decode, Encode};

use crate::{payload::Payload, BlockNumber, Hash, InstanceId, TokenId};

/// The off-chain state of one instance as its issuer stored it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct InstanceState {
    /// The instance.
    pub instance: InstanceId,
    /// The token's id on its contract.
    pub token_id: TokenId,
    /// The issuer's values by name: what attributes of origin `data` read, and what the issuer adds.
    pub values: BTreeMap<String, String>,
}

/// What an issuer signs to have an instance placed, or placed anew with another state.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StoreInstance {
    /// The instance.
    pub instance: InstanceId,
    /// blake2-256 of the SCALE-encoded [`InstanceState`].
    pub state_hash: Hash,
    /// blake2-256 of the token script that goes with it.
    pub script_hash: Hash,
    /// The last block at which the request may be carried out.
    pub valid_until: BlockNumber,
}

impl Payload for StoreInstance {
    const DOMAIN: &'static str = "smartlayer/store-instance/1";
}
