//! Parameters and answers of the JSON-RPC methods. Parameters are passed by name, as one object.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Paid. Which instances are in a selection: [`super::TokenSelect`] → [`super::Selected`].
    pub const TOKEN_SELECT: &str = "token_select";
    /// Paid. An action on an instance: [`super::TokenCall`] → [`super::CallResult`].
    pub const TOKEN_CALL: &str = "token_call";
    /// Paid. Destroys an instance and issues another in exchange: [`super::TokenTransfer`] → [`super::Transferred`].
    pub const TOKEN_TRANSFER: &str = "token_transfer";
    /// Paid. What an action's caller would send, simulated and priced: [`super::TokenTransaction`] → [`super::TransactionAnswer`].
    pub const TOKEN_TRANSACTION: &str = "token_transaction";
    /// Free, over WebSocket. What changes in an instance: [`super::TokenSubscribe`] → notifications with a [`super::TokenChange`] each.
    pub const TOKEN_SUBSCRIBE: &str = "token_subscribe";
    /// Free, over WebSocket. Ends a subscription.
    pub const TOKEN_UNSUBSCRIBE: &str = "token_unsubscribe";
    /// The name of `token_subscribe`'s notifications.
    pub const TOKEN_CHANGE: &str = "token_change";
    /// Paid. A card's view, for a browser: [`super::TokenView`] → [`super::ViewPage`].
    pub const TOKEN_VIEW: &str = "token_view";
    /// Free. Proves an operation from the snapshot: [`super::TokenProof`] → [`super::Proof`].
    pub const TOKEN_PROOF: &str = "token_proof";
    /// Free. Who serves and holds an instance: [`super::TokenHolders`] → [`super::Holders`].
    pub const TOKEN_HOLDERS: &str = "token_holders";
    /// Free. Takes back what a token's owner granted: a signed revocation → [`super::Revoked`].
    pub const GRANT_REVOKE: &str = "grant_revoke";
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
    /// Free. The key to an instance's sealed values, sealed to this node: [`super::IssuerUnlock`] → [`super::Unlocked`].
    pub const ISSUER_UNLOCK: &str = "issuer_unlock";
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenDescribe {
    /// The token type.
    pub token_type: u32,
    /// The language of labels and descriptions, as BCP 47 names it; English if absent, and what there is where a text lacks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// How an instance is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Reading {
    /// The chain that the token is on, as CAIP-2 names it (`eip155:137`), for scripts whose contracts are on several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The Ethereum address that asks, or would sign: the script's `walletAddress`. Of tokens that have amounts and not owners, it is
    /// the `ownerAddress` too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The language of values that are texts for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The attestation that the token is, as the text of its magic link (`ticket=…`), for scripts that define tokens as attestations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<String>,
}

impl Reading {
    /// Whether nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
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
    /// What the token is called, in the language that was asked for or the nearest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What the token is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// blake2-256 of the token script.
    pub script_hash: Hash,
    /// Why the script can be trusted, and how far.
    pub trust: Trust,
    /// The actions that are recorded and can be proved, by kind.
    pub key_operations: Vec<String>,
    /// The issuer's share in the payments for calls, in millionths. If there is one, calls are paid from a session that was opened for
    /// this token type.
    pub revenue_share: u32,
    /// The first period that is not paid for.
    pub paid_until: u32,
    /// What `token_attributes` answers.
    pub attributes: Vec<AttributeDescription>,
    /// What `token_select` decides.
    pub selections: Vec<SelectionDescription>,
    /// What `token_view` shows.
    pub cards: Vec<CardDescription>,
    /// What can be called.
    pub methods: Vec<MethodDescription>,
}

/// Why a token script can be trusted, and how far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trust {
    /// The account that registered on the chain the hash of the script that is served; nothing with another hash is ever served.
    pub registered_by: AccountId,
    /// Where the registration says that the script is.
    pub script_uris: Vec<String>,
    /// What the script's XML signature says: its `status` is `none`, `valid`, `invalid` or `unsupported`; a valid one names the
    /// signer's key. It says who wrote the script, not whether to trust them.
    pub signature: Value,
    /// What the token's contracts say (ERC-5169).
    pub contracts: Vec<ContractTrust>,
}

/// What a contract says of its script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContractTrust {
    /// The contract, as CAIP-10 names it: `eip155:1:0x…`.
    pub contract: String,
    /// What came of comparing its `scriptURI` with the registration.
    pub verdict: ScriptUriVerdict,
    /// What it names, if it could be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub script_uris: Vec<String>,
}

/// Whether a contract's `scriptURI` (ERC-5169) stands behind the registered script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScriptUriVerdict {
    /// It names a URI that the registration names: whoever controls the contract stands behind the registration.
    NamesRegistration,
    /// It names others only.
    NamesOthers,
    /// It names none, or does not implement the standard.
    NamesNone,
    /// It could not be read.
    Unavailable,
}

/// A card with views.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardDescription {
    /// Its name.
    pub name: String,
    /// Its type, as the script has it: `action`, `token`, `onboarding`…
    #[serde(rename = "type")]
    pub card_type: Value,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its views.
    pub views: BTreeSet<String>,
}

/// One selection of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SelectionDescription {
    /// Its name.
    pub name: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The condition, as the script has it.
    pub filter: String,
    /// `public`, or `owner`: then a call needs the owner's grant.
    pub access: Value,
    /// What is wrong with the condition, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
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
    /// `public`, or `owner`: then a call needs the owner's grant. An issuer may keep more for the owner, instance by instance.
    pub access: Value,
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
    /// `public`, or `owner`: then a call needs the owner's grant.
    pub access: Value,
    /// The script's selections that must not hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_by: Vec<String>,
    /// The JSON schema of the parameters.
    pub params: Value,
    /// What a call costs at this node, in planck; zero is free.
    pub price: Amount,
}

/// Parameters of `token_attributes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenAttributes {
    /// The instance.
    pub instance: Instance,
    /// Which attributes; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// How the instance is to be read.
    #[serde(default, skip_serializing_if = "Reading::is_default")]
    pub reading: Reading,
    /// The owner's grant, and one use of it, for what is private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<Value>,
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

/// Parameters of `token_select`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenSelect {
    /// The token type.
    pub token_type: u32,
    /// Which of its instances are looked at, by index; at most 100.
    pub indices: Vec<u32>,
    /// The selection's name.
    pub selection: String,
    /// How the instances are to be read.
    #[serde(default, skip_serializing_if = "Reading::is_default")]
    pub reading: Reading,
    /// The owner's grant, and one use of it, for what is private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<Value>,
}

/// Which instances are in a selection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selected {
    /// The token type.
    pub token_type: u32,
    /// The selection's name.
    pub selection: String,
    /// The indices of those that are, in their order.
    pub selected: Vec<u32>,
    /// Why it can't be said of others, by index.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undecided: BTreeMap<u32, Unavailable>,
    /// The blocks that the values were read at, by chain as CAIP-2 names it: `eip155:1`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blocks: BTreeMap<String, ChainBlock>,
}

/// Parameters of `token_call`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenCall {
    /// The instance.
    pub instance: Instance,
    /// The script's action.
    pub action: String,
    /// The action's arguments by name, as its parameters' schema says.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// How the instance is to be read.
    #[serde(default, skip_serializing_if = "Reading::is_default")]
    pub reading: Reading,
    /// The owner's grant, and one use of it, for what is private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<Value>,
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

/// Parameters of `token_transfer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenTransfer {
    /// The instance that is given.
    pub instance: Instance,
    /// What the owner of the instance orders: `{genesis, source, issued, owner, to, validUntil, nonce}`.
    pub order: Value,
    /// By the owner.
    pub signature: Value,
    /// How the instance is to be read: on which chain its owner is.
    #[serde(default, skip_serializing_if = "Reading::is_default")]
    pub reading: Reading,
}

/// What a transfer did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transferred {
    /// The instance that was destroyed.
    pub instance: Instance,
    /// Which of its type's key operations that was.
    pub operation: u8,
    /// What was issued in exchange, as the receipt says it.
    pub issued: crate::x402::IssuedJson,
    /// The blocks at which the owner, and what the script asks for, were read: by chain, as CAIP-2 names it.
    #[serde(default)]
    pub blocks: BTreeMap<String, ChainBlock>,
}

/// The answer of `grant_revoke`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    /// Whether this node did not know of it before.
    pub changed: bool,
}

/// Parameters of `token_transaction`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenTransaction {
    /// The instance.
    pub instance: Instance,
    /// The script's action, one that makes a transaction.
    pub action: String,
    /// The action's arguments by name, as its parameters' schema says.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// The Ethereum address that would sign and pay: the script's `walletAddress`.
    pub sender: String,
    /// How the instance is to be read; its caller is the sender.
    #[serde(default, skip_serializing_if = "Reading::is_default")]
    pub reading: Reading,
    /// The owner's grant, and one use of it, for what is private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<Value>,
}

/// An unsigned transaction that would have passed at the block that it was computed at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionAnswer {
    /// The instance.
    pub instance: Instance,
    /// The action.
    pub action: String,
    /// What goes to the wallet's `eth_sendTransaction` as it is.
    pub transaction: Transaction,
    /// Whether the estimate went over what a block holds, so that `gas` is that instead; it will hardly be mined.
    pub exceeds_block: bool,
    /// The blocks that it was computed at, by chain as CAIP-2 names it: `eip155:1`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blocks: BTreeMap<String, ChainBlock>,
}

/// A transaction object of Ethereum's JSON-RPC (EIP-1559), numbers in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// `0x2`; `0x0` on a chain without EIP-1559.
    #[serde(rename = "type")]
    pub kind: String,
    /// The chain's EIP-155 id.
    pub chain_id: String,
    /// Who signs.
    pub from: String,
    /// Who gets it.
    pub to: String,
    /// How much goes with it, in the smallest unit of the chain's own currency.
    pub value: String,
    /// Selector and arguments.
    pub data: String,
    /// The gas that it takes.
    pub gas: String,
    /// The most that is paid for a unit of gas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fee_per_gas: Option<String>,
    /// What of that goes to the block's maker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_priority_fee_per_gas: Option<String>,
    /// The sender's next, unless it sends another meanwhile.
    pub nonce: String,
}

/// Parameters of `token_subscribe`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenSubscribe {
    /// The instance.
    pub instance: Instance,
    /// The number of the last change that was heard of: those after it come first. Only what is new if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// Something that changed in an instance. The values are not in it: who may see them reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenChange {
    /// The instance.
    pub instance: Instance,
    /// The change's number at this node: one more each time, from 1 on, also across restarts.
    pub number: u64,
    /// What it was.
    #[serde(flatten)]
    pub change: TokenChangeKind,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum TokenChangeKind {
    /// The issuer changed values.
    Update {
        /// The update's number.
        sequence: u64,
        /// The values' names; absent if every value may be another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        names: Option<Vec<String>>,
    },
    /// A key operation was executed.
    Operation {
        /// Its name.
        operation: String,
    },
    /// Attributes that everybody may read have other values, because of what happened on Ethereum-compatible chains.
    Attributes {
        /// The attributes' names.
        names: Vec<String>,
        /// The blocks that the instance was read at, by the chains' CAIP-2 names.
        blocks: BTreeMap<String, ChainBlock>,
    },
}

/// Parameters of `token_view`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenView {
    /// The token type.
    pub token_type: u32,
    /// The card's name.
    pub card: String,
    /// Which of its views.
    #[serde(default)]
    pub kind: ViewKind,
    /// The language, as BCP 47 names it; English if absent, and what there is where the card lacks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A view of a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewKind {
    /// The card itself.
    #[default]
    View,
    /// The card in a list.
    ItemView,
    /// What is shown beside a guide.
    GuideView,
}

/// A view as a document for a browser, which nobody ran. Show it in a frame, and send `contentSecurityPolicy` with it: then only the
/// programs run that the script itself holds, and none of them reaches the network or the page around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewPage {
    /// The document, without the script's comments, which no signature covers.
    pub html: String,
    /// What to send with it as `Content-Security-Policy`.
    pub content_security_policy: String,
    /// Its language, as BCP 47 names it; empty if the script doesn't say.
    pub language: String,
    /// A page to show instead, if the view is one; it was not fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What the document expects after `#` in its address, to know which card it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_fragment: Option<String>,
    /// The files that it includes and that are not in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What it refers to elsewhere; with the policy none of it is loaded.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub remote: BTreeSet<String>,
}

/// Parameters of `token_proof`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// What the paid methods cost, in planck: by method, and by the class that a call falls into: `query`, `call` or `operation`.
    pub prices: BTreeMap<String, BTreeMap<String, Amount>>,
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
    /// Where issuers seal the keys to sealed values to.
    pub key_offer: KeyOfferJson,
}

/// A node's public key for the keys to sealed values, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyOfferJson {
    /// An X25519 public key (RFC 7748).
    pub public_key: HexBytes,
    /// By the service key over `sealed-values::KeyOffer`'s signing payload, which names the node too.
    pub signature: SignatureJson,
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

/// Parameters of `issuer_unlock`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuerUnlock {
    /// The instance.
    pub instance: Instance,
    /// The instance's key, sealed to the node's `keyOffer`; 80 bytes.
    pub key: HexBytes,
}

/// The answer of `issuer_unlock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unlocked {
    /// Whether this node did not have the key before.
    pub changed: bool,
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
