//! Parameters and answers of the JSON-RPC methods. Parameters are passed by name, as one object.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smartlayer_issuer_feed::{SignedUpdate, StateUpdate};
use smartlayer_primitives::{AccountId, Hash, SessionId, Signature};

use crate::{
    json::{Amount, BadSignatureForm, HexBytes, Instance, SignatureJson},
    x402::SessionTerms,
};

pub use crate::x402::SessionState;

/// The names of the methods.
pub mod method {
    /// Free. What a token type offers: [`super::TokenDescribe`] → [`super::TokenDescription`].
    pub const TOKEN_DESCRIBE: &str = "token_describe";
    /// Paid. The attributes of an instance: [`super::TokenAttributes`] → [`super::Attributes`].
    pub const TOKEN_ATTRIBUTES: &str = "token_attributes";
    /// Paid. An action on an instance: [`super::TokenCall`] → [`super::CallResult`].
    pub const TOKEN_CALL: &str = "token_call";
    /// Free. Proves an operation from the snapshot: [`super::TokenProof`] → [`super::Proof`].
    pub const TOKEN_PROOF: &str = "token_proof";
    /// Free. Who serves and holds an instance: [`super::TokenHolders`] → [`super::Holders`].
    pub const TOKEN_HOLDERS: &str = "token_holders";
    /// Free. What a payer needs to open a session: no parameters → [`super::SessionTermsAnswer`].
    pub const SESSION_TERMS: &str = "session_terms";
    /// Free. Where a session stands: [`super::SessionQuery`] → [`super::SessionState`].
    pub const SESSION_STATE: &str = "session_state";
    /// Free. Settles a session on the chain at its signer's request: [`super::SessionClose`] → [`super::Closed`].
    pub const SESSION_CLOSE: &str = "session_close";
    /// Free. The service's state: no parameters → [`super::NodeInfo`].
    pub const NODE_INFO: &str = "node_info";
    /// Nodes and anchors, free. An issuer's update of an instance: [`super::IssuerPublish`] → [`super::Published`].
    pub const ISSUER_PUBLISH: &str = "issuer_publish";
    /// Free. Where an instance's updates stand: [`super::IssuerFeed`] → [`super::FeedState`].
    pub const ISSUER_FEED: &str = "issuer_feed";
    /// Free. The OpenRPC document of the service.
    pub const DISCOVER: &str = "rpc.discover";
    /// Anchors, free. Stores an instance in the network: [`super::PlaceInstance`] → [`super::Placed`].
    pub const ANCHOR_PLACE_INSTANCE: &str = "anchor_placeInstance";
    /// Anchors, free. A leaf of a commitment and its proof: [`super::AnchorProof`] → [`super::Proof`].
    pub const ANCHOR_PROOF: &str = "anchor_proof";
    /// Anchors, free. The anchor's state: no parameters → [`super::AnchorInfo`].
    pub const ANCHOR_INFO: &str = "anchor_info";
}

/// A JSON-RPC 2.0 request with a single method call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request<P = Value> {
    /// Always `2.0`.
    pub jsonrpc: Version,
    /// A number, a string or null; repeated in the answer.
    pub id: Value,
    /// The method.
    pub method: String,
    /// The parameters.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub params: Option<P>,
}

fn none<P>() -> Option<P> {
    None
}

impl<P> Request<P> {
    /// A request with parameters.
    pub fn new(id: u64, method: impl Into<String>, params: P) -> Self {
        Self { jsonrpc: Version::V2, id: id.into(), method: method.into(), params: Some(params) }
    }
}

/// A JSON-RPC 2.0 answer: a result or an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response<R = Value> {
    /// Always `2.0`.
    pub jsonrpc: Version,
    /// That of the request.
    pub id: Value,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome<R>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome<R = Value> {
    /// It succeeded.
    Result(R),
    /// It failed.
    Error(crate::error::ErrorObject),
}

/// The version of JSON-RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// 2.0
    #[serde(rename = "2.0")]
    V2,
}

/// Parameters of `token_describe`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenDescribe {
    /// The token type.
    pub token_type: u32,
}

/// What a token type offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenDescription {
    /// The token type.
    pub token_type: u32,
    /// Who registered it.
    pub issuer: AccountId,
    /// The script's own name of the token.
    pub name: String,
    /// blake2-256 of the token script.
    pub script_hash: Hash,
    /// The actions that are recorded and can be proved, by kind.
    pub key_operations: Vec<String>,
    /// The issuer's share in the payments for calls, in millionths. If there is one, calls are paid from a session that was opened for
    /// this token type.
    pub revenue_share: u32,
    /// The first period that is not paid for.
    pub paid_until: u32,
    /// What `token_attributes` answers.
    pub attributes: Vec<AttributeDescription>,
    /// What can be called.
    pub methods: Vec<MethodDescription>,
}

/// One attribute of a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeDescription {
    /// Its name.
    pub name: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The JSON schema of its value.
    pub schema: Value,
    /// Why it is never available, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// One way to call a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MethodDescription {
    /// The JSON-RPC method.
    pub method: String,
    /// For `token_call`: the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The action's name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether the call is recorded and can be proved; then only the executor answers it.
    pub key_operation: bool,
    /// Whether the answer holds a transaction for the caller's wallet.
    pub transaction: bool,
    /// The script's selections that must not hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_by: Vec<String>,
    /// The JSON schema of the parameters.
    pub params: Value,
    /// What a call costs at this node, in planck; zero is free.
    pub price: Amount,
}

/// Parameters of `token_attributes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenAttributes {
    /// The instance.
    pub instance: Instance,
    /// Which attributes; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
}

/// The attributes of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attributes {
    /// The instance.
    pub instance: Instance,
    /// Values by name, of those that have one.
    pub attributes: BTreeMap<String, Value>,
    /// Why the others have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unavailable: BTreeMap<String, Unavailable>,
    /// The blocks that the values were read at, by chain as CAIP-2 names it: `eip155:1`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blocks: BTreeMap<String, ChainBlock>,
}

/// A block of an Ethereum-compatible chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainBlock {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Why an attribute has no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unavailable {
    /// A stable name.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// Parameters of `token_call`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenCall {
    /// The instance.
    pub instance: Instance,
    /// The script's action.
    pub action: String,
    /// The action's arguments by name, as its parameters' schema says.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
}

/// What an action did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallResult {
    /// The instance.
    pub instance: Instance,
    /// The action.
    pub action: String,
    /// The kind of key operation that was recorded, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u8>,
    /// The instance's attributes right before the action, on which its selections were judged.
    pub attributes: BTreeMap<String, Value>,
    /// The unsigned transaction that the action makes, for the caller's wallet: `{chainId, to, value, data}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Value>,
    /// The blocks that the attributes were read at, by chain as CAIP-2 names it: `eip155:1`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blocks: BTreeMap<String, ChainBlock>,
}

/// Parameters of `token_proof`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenProof {
    /// The instance.
    pub instance: Instance,
    /// The key operation's name.
    pub operation: String,
    /// The period to look in; the latest that has one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
}

/// A leaf of a commitment and the way to its root. Whoever gets one checks it against the commitment on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The period whose commitment holds the leaf.
    pub period: u32,
    /// The commitment's hash.
    pub commitment: Hash,
    /// SCALE of the leaf: an `Operation` or a `ReportEntry`.
    pub leaf: HexBytes,
    /// SCALE of the `MerkleProof`.
    pub proof: HexBytes,
}

/// Parameters of `token_holders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenHolders {
    /// The instance.
    pub instance: Instance,
}

/// Who serves and holds an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holders {
    /// The instance.
    pub instance: Instance,
    /// The assignment's version.
    pub version: u32,
    /// SCALE of the `SignedAssignment`, for whoever checks the anchors' signatures.
    pub assignment: HexBytes,
    /// The nodes that serve it; the first executes operations.
    pub serving: Vec<Holder>,
    /// The nodes that hold a shard of it.
    pub shards: Vec<ShardHolder>,
}

/// A node and where it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The node's account.
    pub account: AccountId,
    /// Its URL, if the chain knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// The holder of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardHolder {
    /// The node's account.
    pub account: AccountId,
    /// The shard's number.
    pub shard: u32,
}

/// The answer of `session_terms`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionTermsAnswer {
    /// The chain in CAIP-2 form.
    pub network: String,
    /// What the payer signs for, and to whom.
    pub terms: SessionTerms,
    /// What the paid methods cost, in planck.
    pub prices: BTreeMap<String, Amount>,
}

/// Parameters of `session_state`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionQuery {
    /// The session.
    pub session: SessionId,
}

/// Parameters of `session_close`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionClose {
    /// The session.
    pub session: SessionId,
    /// By the session's signer over `primitives::session::CloseSession`'s signing payload.
    pub signature: SignatureJson,
}

/// The answer of `session_close`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closed {
    /// The session.
    pub session: SessionId,
    /// What was settled in total over the session's life, burn included, in planck.
    pub cumulative: Amount,
    /// The block that holds the transaction.
    pub block: Hash,
    /// The transaction's hash.
    pub transaction: Hash,
}

/// The answer of `node_info`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    /// The service's version.
    pub version: String,
    /// The node's account.
    pub account: AccountId,
    /// The hot key that signs in its name.
    pub service_key: AccountId,
    /// Its libp2p peer id, base58.
    pub peer_id: String,
    /// Where other services reach it.
    pub addresses: Vec<String>,
    /// The connection to the chain.
    pub chain: ChainInfo,
    /// The instances it serves.
    pub serving: Vec<Instance>,
    /// How many shards it holds.
    pub shards: u64,
    /// Whether its agreement is in force.
    pub agreement_active: bool,
    /// Seconds since it started.
    pub uptime_seconds: u64,
}

/// How the connection to the chain is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainInfo {
    /// Whether it is connected.
    pub connected: bool,
    /// The chain's genesis hash.
    pub genesis: Hash,
    /// The last finalised block that was seen.
    pub finalized_block: u32,
    /// Seconds since the chain node last answered.
    pub seconds_since_seen: u64,
    /// If disconnected, seconds since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_disconnected: Option<u64>,
}

/// Parameters of `anchor_placeInstance`: an issuer's request to store an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaceInstance {
    /// SCALE of the `InstanceState`.
    pub state: HexBytes,
    /// The token script.
    pub script: HexBytes,
    /// The last block at which the request may be carried out.
    pub valid_until: u32,
    /// By the issuer's account over `primitives::instance::StoreInstance`'s signing payload.
    pub signature: SignatureJson,
}

/// The answer of `anchor_placeInstance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    /// Who serves and holds it now.
    pub holders: Holders,
}

/// Parameters of `anchor_proof`: which leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum AnchorProof {
    /// A key operation.
    Operation {
        /// On which instance.
        instance: Instance,
        /// Which of its type's key operations.
        kind: u8,
        /// The period to look in; the latest that has one if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        period: Option<u32>,
        /// The very operation, by its payload hash; any of this kind if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hash: Option<Hash>,
    },
    /// A node's entry in a service-level report.
    Report {
        /// The period.
        period: u32,
        /// The node.
        node: AccountId,
    },
}

/// The answer of `anchor_info`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnchorInfo {
    /// The service's version.
    pub version: String,
    /// The organisation's account.
    pub account: AccountId,
    /// The key that signs for quorums.
    pub key: AccountId,
    /// Its libp2p peer id, base58.
    pub peer_id: String,
    /// Where other services reach it.
    pub addresses: Vec<String>,
    /// Whether it is in the active set.
    pub active: bool,
    /// The running period.
    pub period: u32,
    /// The next period to be committed.
    pub next_to_commit: u32,
    /// The connection to the chain.
    pub chain: ChainInfo,
    /// Seconds since it started.
    pub uptime_seconds: u64,
}

/// Parameters of `issuer_publish`: what an issuer says about an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuerPublish {
    /// The update: `{instance, sequence, reset, values, issuedAt}`; a value of null removes it.
    pub update: StateUpdate,
    /// By the account that registered the token type, over the update's signing payload.
    pub signature: SignatureJson,
}

impl From<&SignedUpdate> for IssuerPublish {
    fn from(signed: &SignedUpdate) -> Self {
        Self { update: signed.update.clone(), signature: (&signed.signature).into() }
    }
}

impl TryFrom<IssuerPublish> for SignedUpdate {
    type Error = BadSignatureForm;

    fn try_from(publish: IssuerPublish) -> Result<Self, BadSignatureForm> {
        Ok(Self { signature: Signature::try_from(&publish.signature)?, update: publish.update })
    }
}

/// The answer of `issuer_publish`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// The instance.
    pub instance: Instance,
    /// The update's number.
    pub sequence: u64,
    /// What came of it: `applied`, `waiting` for those before it, or `known` already; from an anchor `passedOn`.
    pub status: PublishStatus,
    /// The numbers that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Numbers>,
}

/// What came of publishing an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PublishStatus {
    /// It is in force, and on this node's disk.
    Applied,
    /// It is on this node's disk, and will be in force once those before it came.
    Waiting,
    /// It was there, or was overtaken by a reset.
    Known,
    /// An anchor told everyone; it keeps nothing itself.
    PassedOn,
}

/// Numbers of updates, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl From<std::ops::RangeInclusive<u64>> for Numbers {
    fn from(range: std::ops::RangeInclusive<u64>) -> Self {
        Self { first: *range.start(), last: *range.end() }
    }
}

/// Parameters of `issuer_feed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuerFeed {
    /// The instance.
    pub instance: Instance,
}

/// Where an instance's updates stand at this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedState {
    /// The instance.
    pub instance: Instance,
    /// The number of the update applied last, 0 if there was none; the issuer's next has the number after it.
    pub sequence: u64,
    /// The first numbers that are missing before updates that wait for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Numbers>,
    /// How many updates wait.
    pub waiting: u32,
    /// How many updates are kept since the last reset, that included; of 1,000 the next has to be a reset.
    pub since_reset: u32,
    /// The number of the instance's last change at this node, updates and operations counted; 0 if there was none.
    pub last_change: u64,
}
