//! The binding of x402 version 2, scheme `batch-settlement`, to this chain.
//!
//! A paid request without payment is answered with HTTP 402 and a [`PaymentRequired`] in the header [`PAYMENT_REQUIRED`]. The
//! client signs a promise over the request body's hash and repeats the request with a [`PaymentPayload`] in
//! [`PAYMENT_SIGNATURE`]. The answer carries a [`SettlementResponse`] with the node's signed receipt in [`PAYMENT_RESPONSE`].
//! All three are base64 (standard alphabet, padded) of JSON.
//!
//! A client may send a payment at once, without the first round trip, when it knows the price.

use base64::{engine::general_purpose::STANDARD, Engine};
use serde::{de::DeserializeOwned, Deserialize, Serialize};
use serde_json::Value;
use smartlayer_primitives::{
    promise::{Promise, SignedPromise, TickCommitment},
    receipt::{Executed, Issued, Owner, Receipt, SignedReceipt},
    AccountId, Balance, Hash, SessionId, Signature,
};

use crate::json::{Amount, BadSignatureForm, HexBytes, SignatureJson};

/// The version of x402 that is spoken.
pub const VERSION: u32 = 2;
/// The payment scheme: promises against a deposit, settled in one go.
pub const SCHEME: &str = "batch-settlement";
/// The asset: the chain's own token, in planck.
pub const ASSET: &str = "SLT";
/// Header of a 402 answer: base64 JSON of [`PaymentRequired`].
pub const PAYMENT_REQUIRED: &str = "PAYMENT-REQUIRED";
/// Header of a paid request: base64 JSON of [`PaymentPayload`].
pub const PAYMENT_SIGNATURE: &str = "PAYMENT-SIGNATURE";
/// Header of a paid answer: base64 JSON of [`SettlementResponse`].
pub const PAYMENT_RESPONSE: &str = "PAYMENT-RESPONSE";
/// The longest header value that is decoded, in bytes of base64.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Why a header's value was not understood.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// Longer than [`MAX_HEADER_BYTES`].
    #[error("the header has {0} bytes, more than {MAX_HEADER_BYTES}")]
    TooLong(usize),
    /// Not base64 with the standard alphabet and padding.
    #[error("not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// Not the JSON of the expected object.
    #[error("not the expected JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Encodes an object as a header's value.
pub fn encode_header(object: &impl Serialize) -> String {
    let json = serde_json::to_vec(object).expect("these types have string keys and no failing serializer; qed");
    STANDARD.encode(json)
}

/// Decodes a header's value, bounded.
pub fn decode_header<T: DeserializeOwned>(value: &[u8]) -> Result<T, HeaderError> {
    if value.len() > MAX_HEADER_BYTES {
        return Err(HeaderError::TooLong(value.len()));
    }
    Ok(serde_json::from_slice(&STANDARD.decode(value)?)?)
}

/// The CAIP-2 name of the chain with this genesis hash: `polkadot:` and its first 32 hex digits.
pub fn network(genesis: &Hash) -> String {
    format!("polkadot:{}", hex::encode(&genesis[..16]))
}

/// "This must be paid for": what a 402 answer says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequired {
    /// [`VERSION`].
    pub x402_version: u32,
    /// Why the request was not served: the name of an [`crate::ErrorCode`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What is being paid for.
    pub resource: Resource,
    /// The ways to pay; a Smart Layer node offers one.
    pub accepts: Vec<PaymentRequirements>,
    /// Extensions of x402; none are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Value>,
}

impl PaymentRequired {
    /// The first offer that this binding understands, on the chain with this genesis hash.
    pub fn offer(&self, genesis: &Hash) -> Option<&PaymentRequirements> {
        let network = network(genesis);
        self.accepts.iter().find(|a| a.scheme == SCHEME && a.network == network && a.asset == ASSET)
    }
}

/// What is being paid for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// The service's URL and, after `#`, the method.
    pub url: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `application/json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
}

/// One way to pay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequirements {
    /// [`SCHEME`].
    pub scheme: String,
    /// The chain, see [`network`].
    pub network: String,
    /// The price of this call in planck.
    pub amount: Amount,
    /// [`ASSET`].
    pub asset: String,
    /// The node's account, SS58.
    pub pay_to: String,
    /// How long the node may take to answer, in seconds.
    pub max_timeout_seconds: u32,
    /// For this scheme: [`SessionTerms`].
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub extra: Value,
}

impl PaymentRequirements {
    /// The session terms in `extra`.
    pub fn terms(&self) -> Result<SessionTerms, serde_json::Error> {
        SessionTerms::deserialize(&self.extra)
    }
}

/// What a payer needs to know to pay a node: the scheme's `extra`, and the answer of `session_terms`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionTerms {
    /// The chain's genesis hash, which promises are bound to.
    pub genesis: Hash,
    /// The node's account: whom to open a session to.
    pub node: AccountId,
    /// The key that signs the node's receipts.
    pub service_key: AccountId,
    /// The domain in front of what is signed.
    pub promise_domain: String,
    /// The least deposit that a session should have for this node to serve it, in planck.
    pub min_deposit: Amount,
    /// Where the paying session stands, when a payment for it was rejected: what to continue from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_state: Option<SessionState>,
}

/// Where a session stands in the eyes of its node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionState {
    /// The session.
    pub session: SessionId,
    /// Who pays.
    pub payer: AccountId,
    /// Who signs promises.
    pub signer: AccountId,
    /// All that was put in, in planck.
    pub deposit: Amount,
    /// What the node has claimed on the chain so far.
    pub claimed: Amount,
    /// What is owed in total: the cumulative amount of the highest promise, or what was claimed if that is more. The next promise
    /// is for this plus the price.
    pub owed: Amount,
    /// What is left to promise.
    pub available: Amount,
    /// The highest promise. A payer that lost its own count checks its signature before it continues from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_promise: Option<PromiseJson>,
    /// The token type that the session was opened for: it pays calls of this type and of no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<u32>,
    /// From this block on anyone may have the session closed; nodes take no more promises shortly before.
    pub expires_at: u32,
    /// Set when closing was asked for: the block from which anyone may finish the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing_at: Option<u32>,
}

/// A payment: what comes with a paid request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PaymentPayload {
    /// [`VERSION`].
    pub x402_version: u32,
    /// What is being paid for; not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Value>,
    /// The offer that was chosen.
    pub accepted: Accepted,
    /// The promise.
    pub payload: PromiseJson,
    /// Extensions of x402; not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Value>,
}

impl PaymentPayload {
    /// A payment with `promise` for `offer`. The offer's `extra` is not repeated: the promise is bound to the session's terms.
    pub fn new(offer: &PaymentRequirements, promise: &SignedPromise) -> Self {
        let PaymentRequirements { scheme, network, amount, asset, pay_to, max_timeout_seconds, .. } = offer.clone();
        Self {
            x402_version: VERSION,
            resource: None,
            accepted: Accepted { scheme, network, amount, asset, pay_to, max_timeout_seconds, extra: None },
            payload: promise.into(),
            extensions: None,
        }
    }
}

/// The offer that a payment repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Accepted {
    /// [`SCHEME`].
    pub scheme: String,
    /// The chain, see [`network`].
    pub network: String,
    /// The price that the payer agreed to, in planck.
    pub amount: Amount,
    /// [`ASSET`].
    pub asset: String,
    /// The node's account, SS58.
    pub pay_to: String,
    /// As offered; not looked at.
    #[serde(default)]
    pub max_timeout_seconds: u32,
    /// As offered; not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Value>,
}

/// A signed promise as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PromiseJson {
    /// The session that pays.
    pub session: SessionId,
    /// What is owed in total since the session opened, in planck.
    pub cumulative: Amount,
    /// blake2-256 of the request body's bytes as sent.
    pub call_hash: Hash,
    /// A hash chain that continues the promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticks: Option<TicksJson>,
    /// By the session's signer.
    pub signature: SignatureJson,
}

/// A tick commitment as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TicksJson {
    /// The last hash of the chain.
    pub root: Hash,
    /// What one preimage pays, in planck.
    pub unit: Amount,
    /// How many preimages there are.
    pub length: u32,
}

impl From<&SignedPromise> for PromiseJson {
    fn from(signed: &SignedPromise) -> Self {
        let Promise { session, cumulative, call_hash, ticks } = &signed.promise;
        Self {
            session: *session,
            cumulative: Amount(*cumulative),
            call_hash: *call_hash,
            ticks: ticks.as_ref().map(|t| TicksJson { root: t.root, unit: Amount(t.unit), length: t.length }),
            signature: (&signed.signature).into(),
        }
    }
}

impl TryFrom<&PromiseJson> for SignedPromise {
    type Error = BadSignatureForm;

    fn try_from(json: &PromiseJson) -> Result<Self, BadSignatureForm> {
        Ok(Self {
            promise: Promise {
                session: json.session,
                cumulative: json.cumulative.0,
                call_hash: json.call_hash,
                ticks: json.ticks.as_ref().map(|t| TickCommitment { root: t.root, unit: t.unit.0, length: t.length }),
            },
            signature: Signature::try_from(&json.signature)?,
        })
    }
}

/// What comes with a paid answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettlementResponse {
    /// Whether the payment was taken.
    pub success: bool,
    /// If not, why: the name of an [`crate::ErrorCode`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<String>,
    /// Empty: nothing goes to the chain per call.
    #[serde(default)]
    pub transaction: String,
    /// The chain, see [`network`].
    pub network: String,
    /// Who pays, SS58.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<AccountId>,
    /// Empty: no funds moved on the chain.
    #[serde(default)]
    pub amount: String,
    /// The receipt and what was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Settled>,
}

/// What was charged, and the node's receipt for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// What this call cost, in planck.
    pub charged_amount: Amount,
    /// Signed by the node's service key; its result hash is blake2-256 of the answer's body.
    pub receipt: ReceiptJson,
}

impl SettlementResponse {
    /// The response to an accepted payment.
    pub fn settled(genesis: &Hash, payer: AccountId, receipt: &SignedReceipt) -> Self {
        let extra = Settled { charged_amount: Amount(receipt.receipt.charged), receipt: receipt.into() };
        Self {
            success: true,
            error_reason: None,
            transaction: String::new(),
            network: network(genesis),
            payer: Some(payer),
            amount: String::new(),
            extra: Some(extra),
        }
    }

    /// The response to a rejected payment.
    pub fn rejected(genesis: &Hash, reason: crate::ErrorCode) -> Self {
        Self {
            success: false,
            error_reason: Some(reason.name().into()),
            transaction: String::new(),
            network: network(genesis),
            payer: None,
            amount: String::new(),
            extra: None,
        }
    }
}

/// A signed receipt as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReceiptJson {
    /// The node's account.
    pub node: AccountId,
    /// The session that paid.
    pub session: SessionId,
    /// What this call cost, in planck.
    pub charged: Amount,
    /// What the session owes in total after it.
    pub cumulative: Amount,
    /// blake2-256 of the request body.
    pub request_hash: Hash,
    /// blake2-256 of the answer's body.
    pub result_hash: Hash,
    /// The key operation that the call executed, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<ExecutedJson>,
    /// By the node's service key.
    pub signature: SignatureJson,
}

/// Which key operation was executed, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecutedJson {
    /// On which instance.
    pub instance: crate::Instance,
    /// Which of its type's key operations.
    pub kind: u8,
    /// What a transfer issued in exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<IssuedJson>,
}

/// What a transfer issued, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuedJson {
    /// Which instance.
    pub instance: crate::Instance,
    /// Which of its type's key operations issuing it is.
    pub kind: u8,
    /// Whose it is from then on.
    pub owner: OwnerJson,
}

/// An owner as JSON: `{"ethereum": "0x…"}`, 20 bytes, or `{"account": "5…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OwnerJson {
    /// An externally owned account of Ethereum.
    Ethereum(HexBytes),
    /// An account of this chain.
    Account(AccountId),
}

impl From<Executed> for ExecutedJson {
    fn from(Executed { instance, kind, issued }: Executed) -> Self {
        let issued = issued.map(|Issued { instance, kind, owner }| IssuedJson {
            instance: instance.into(),
            kind,
            owner: match owner {
                Owner::Ethereum(address) => OwnerJson::Ethereum(HexBytes(address.into())),
                Owner::Account(account) => OwnerJson::Account(account),
            },
        });
        Self { instance: instance.into(), kind, issued }
    }
}

impl TryFrom<&ExecutedJson> for Executed {
    type Error = BadReceiptForm;

    fn try_from(json: &ExecutedJson) -> Result<Self, BadReceiptForm> {
        let issued = json.issued.as_ref().map(|IssuedJson { instance, kind, owner }| {
            let owner = match owner {
                OwnerJson::Ethereum(bytes) => Owner::Ethereum(bytes.0[..].try_into().map_err(|_| BadReceiptForm)?),
                OwnerJson::Account(account) => Owner::Account(account.clone()),
            };
            Ok::<_, BadReceiptForm>(Issued { instance: (*instance).into(), kind: *kind, owner })
        });
        Ok(Self { instance: json.instance.into(), kind: json.kind, issued: issued.transpose()? })
    }
}

/// The JSON of a receipt has a signature or an address of a wrong length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signature or an address in the receipt has not the length that it should have")]
pub struct BadReceiptForm;

impl From<BadSignatureForm> for BadReceiptForm {
    fn from(_: BadSignatureForm) -> Self {
        Self
    }
}

impl From<&SignedReceipt> for ReceiptJson {
    fn from(signed: &SignedReceipt) -> Self {
        let Receipt { node, session, charged, cumulative, request_hash, result_hash, operation } =
            signed.receipt.clone();
        Self {
            node,
            session,
            charged: Amount(charged),
            cumulative: Amount(cumulative),
            request_hash,
            result_hash,
            operation: operation.map(ExecutedJson::from),
            signature: (&signed.signature).into(),
        }
    }
}

impl TryFrom<&ReceiptJson> for SignedReceipt {
    type Error = BadReceiptForm;

    fn try_from(json: &ReceiptJson) -> Result<Self, BadReceiptForm> {
        Ok(Self {
            receipt: Receipt {
                node: json.node.clone(),
                session: json.session,
                charged: json.charged.0,
                cumulative: json.cumulative.0,
                request_hash: json.request_hash,
                result_hash: json.result_hash,
                operation: json.operation.as_ref().map(Executed::try_from).transpose()?,
            },
            signature: Signature::try_from(&json.signature)?,
        })
    }
}

/// The offer of a node: what a 402 answer for a call that costs `price` accepts.
pub fn offer(terms: &SessionTerms, price: Balance, max_timeout_seconds: u32) -> PaymentRequirements {
    PaymentRequirements {
        scheme: SCHEME.into(),
        network: network(&terms.genesis),
        amount: Amount(price),
        asset: ASSET.into(),
        pay_to: terms.node.to_string(),
        max_timeout_seconds,
        extra: serde_json::to_value(terms).expect("these types have string keys and no failing serializer; qed"),
    }
}

/// The bytes that are signed for a promise, for clients that sign elsewhere.
pub fn promise_bytes(promise: &Promise, genesis: &Hash) -> HexBytes {
    use smartlayer_primitives::payload::Payload;
    HexBytes(promise.signing_payload(genesis))
}
