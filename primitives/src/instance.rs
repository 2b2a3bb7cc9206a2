//! The state object of a token instance: what is encoded into shards and what serving nodes hold whole.

use alloc::{collections::BTreeMap, string::String};
use codec::{Decode, Encode};

use crate::{InstanceId, TokenId};

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
