//! Every error that a service's JSON-RPC methods answer with: one number, one name, one HTTP status and one remedy each.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $name:literal, $status:literal, $remedy:literal;)+) => {
        /// What went wrong. The number is the JSON-RPC error code; numbers and names never change their meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $variant = $code,)+
        }

        impl ErrorCode {
            /// All codes, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name, the `reason` in an error's data and the `error` of a 402 answer.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The HTTP status of a single (not batched) request that fails so. JSON-RPC's own failures answer 200, as clients
            /// expect; payment failures answer 402, as x402 demands.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// What whoever asked can do about it.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)+ }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    /// The body is not JSON.
    ParseError = -32700, "parse_error", 200, "Send one JSON-RPC 2.0 request object as the body.";
    /// The body is JSON, but no JSON-RPC 2.0 request.
    InvalidRequest = -32600, "invalid_request", 200, "Send an object with jsonrpc, id, method and params.";
    /// There is no such method here.
    MethodNotFound = -32601, "method_not_found", 200, "rpc.discover lists the methods.";
    /// The parameters do not fit the method.
    InvalidParams = -32602, "invalid_params", 200, "Correct the parameter that the message names; token_describe and rpc.discover give the schemas.";
    /// The service failed for a reason of its own.
    Internal = -32603, "internal", 200, "Send the same request with the same promise again, it is not charged twice; or ask another node.";
    /// The service has as many requests under way as it takes on.
    Overloaded = -32010, "overloaded", 503, "Wait a moment, or ask another node.";
    /// The body is larger than the service reads.
    BodyTooLarge = -32011, "body_too_large", 413, "Send a smaller request.";
    /// The service is stopping.
    ShuttingDown = -32012, "shutting_down", 503, "Ask another node.";
    /// The batch has more requests than the service takes at once.
    BatchTooLarge = -32013, "batch_too_large", 200, "Send it in smaller batches.";

    /// The method is paid for, and no promise came with the request.
    PaymentRequired = 4020, "payment_required", 402, "Sign a promise as PAYMENT-REQUIRED says and send it in PAYMENT-SIGNATURE, or as the last parameter, payment.";
    /// PAYMENT-SIGNATURE is not the base64 JSON of an x402 payment of this scheme.
    PaymentMalformed = 4021, "payment_malformed", 400, "Send base64 JSON as the x402 reference describes.";
    /// The payment names another scheme, asset or x402 version than this service offers.
    OtherScheme = 4022, "other_scheme", 402, "Choose an entry of accepts in PAYMENT-REQUIRED.";
    /// The promise is for another chain.
    OtherChain = 4023, "other_chain", 402, "Sign for the network that PAYMENT-REQUIRED names.";
    /// The promise is for a session of another node.
    OtherNode = 4024, "other_node", 402, "Pay this node from a session that was opened to it.";
    /// The chain knows no such session, or it has ended.
    UnknownSession = 4025, "unknown_session", 402, "Open a session to this node, and wait until it is finalised.";
    /// The promise is for another session than it was presented for.
    OtherSession = 4026, "other_session", 402, "Sign a promise for the session that pays.";
    /// The signature is not the session signer's over this promise.
    BadSignature = 4027, "bad_signature", 402, "Sign with the key that the payer named when opening the session.";
    /// The promise binds another request than the one it came with.
    OtherRequest = 4028, "other_request", 402, "Sign the blake2-256 of exactly the bytes that are sent; for a payment in the parameters, without it.";
    /// The cumulative amount is not the amount owed so far plus this call's price, or more.
    CumulativeTooLow = 4029, "cumulative_too_low", 402, "Promise at least the amount that the session state in accepts shows, plus the price.";
    /// The cumulative amount is more than what the session holds.
    OverDeposit = 4030, "over_deposit", 402, "Top the session up, or open another.";
    /// The session is being closed.
    SessionClosing = 4031, "session_closing", 402, "Open another session.";
    /// The service has lost the chain for so long that it cannot tell what the session holds.
    StaleChainView = 4032, "stale_chain_view", 402, "Ask another node until this one is connected again; node_info shows since when it is not.";
    /// Promises with ticks are not taken yet.
    TicksUnsupported = 4033, "ticks_unsupported", 402, "Sign a promise without a tick commitment.";
    // 4034 and 4035 meant that payments need HTTP, and a request each. They do not any more, and the numbers stay unused.
    /// The promise raises what the session owes by more than this call costs.
    Overpaid = 4036, "overpaid", 402, "Promise the amount owed so far plus exactly the price.";
    /// The session was not opened for this token type, whose issuer has a share in the payments; or it was opened for another type.
    OtherToken = 4037, "other_token", 402, "Open a session to this node for the token type.";
    /// The session expires soon, or has.
    SessionExpiring = 4038, "session_expiring", 402, "Open another session.";
    /// The session pays through a notary, and this node does not take allocations.
    NetworkSession = 4039, "network_session", 402, "Pay from a session that was opened to this node.";

    /// The chain knows no such token type.
    UnknownToken = 4040, "unknown_token", 200, "Check the token type's number; it may not be finalised yet.";
    /// The network knows no such instance.
    UnknownInstance = 4041, "unknown_instance", 200, "The issuer has to store the instance first.";
    /// This node does not serve the instance; the data names the nodes that do.
    NotServing = 4042, "not_serving", 200, "Ask one of the nodes in data.serving.";
    /// Operations are executed by the first serving node only; the data names it.
    NotTheExecutor = 4043, "not_the_executor", 200, "Send the call to the node in data.executor, paid from a session to that node.";
    /// The token script has no such action.
    UnknownAction = 4044, "unknown_action", 200, "token_describe lists the actions.";
    /// The token script was refused; the message says where and why.
    ScriptRefused = 4045, "script_refused", 200, "The issuer has to register a script that parses.";
    /// The script that the token type's registration names could not be fetched.
    ScriptUnavailable = 4046, "script_unavailable", 200, "Ask another node; the issuer has to keep the script reachable.";
    /// One of the script's selections denies the action for this instance now.
    SelectionDenies = 4047, "selection_denies", 200, "The data names the selection; the token's attributes show why.";
    /// The Ethereum node failed or did not answer; nothing was executed.
    EvmFailure = 4048, "evm_failure", 200, "Send the same request with the same promise again, it is not charged twice.";
    /// Evaluating the script failed or went over its limits.
    EvaluationFailed = 4049, "evaluation_failed", 200, "The message says what in the script failed; the issuer has to correct it.";

    /// The token script has no such selection.
    UnknownSelection = 4050, "unknown_selection", 200, "token_describe lists the selections.";
    /// The token script has no such card, or the card no such view.
    UnknownCard = 4051, "unknown_card", 200, "token_describe lists the cards and their views.";
    /// What is asked is for the token's owner, and the call shows no grant of the owner that covers it.
    NotAuthorised = 4052, "not_authorised", 200, "Show a grant of the owner that covers what is asked; data.refusal names what is wrong, data.remedy what to do.";
    /// The changes since that number are not all kept any more, or there never was such a number.
    ChangesForgotten = 4053, "changes_forgotten", 200, "Read the instance anew, and subscribe without after.";
    /// The transaction would fail; the message says why, and data.revert what the contract gave as its reason.
    TransactionFails = 4054, "transaction_fails", 200, "Correct the inputs, or wait until the chain's state lets it pass.";
    /// The instance cannot be exchanged for the other; data.refusal is no-transfer-operation, no-issue-operation, not-reserved, owned-on-chain or not-issued.
    NotTransferable = 4055, "not_transferable", 200, "Choose an instance that its issuer reserved for the one that you give; the message says what is missing.";
    /// The instance was destroyed by a transfer, and takes no key operation any more; data.issued names what was issued in exchange.
    Destroyed = 4056, "destroyed", 200, "Use the instance in data.issued.";
    /// The instance that a transfer should issue was issued by another one before.
    AlreadyIssued = 4057, "already_issued", 200, "Choose an instance that was not issued yet.";
    /// Another request of the batch failed. Nothing was charged, and so nothing delivered.
    BatchNotCharged = 4058, "batch_not_charged", 200, "Send those of the batch again that did not fail.";
    /// Key operations are not taken in batches, because what was executed cannot be taken back.
    OperationInBatch = 4059, "operation_in_batch", 200, "Send the key operation by itself.";

    /// No commitment covers the operation yet, or it never happened.
    NotCommitted = 4060, "not_committed", 200, "Ask again when the period's commitment is on the chain.";
    /// What the anchor answered does not prove the operation against the chain's commitment.
    ProofInvalid = 4061, "proof_invalid", 200, "Ask another anchor.";
    /// No anchor could be reached.
    NoAnchor = 4062, "no_anchor", 200, "Ask again later.";
    /// The chain cannot be reached.
    ChainUnavailable = 4063, "chain_unavailable", 200, "Ask again later; node_info shows since when it is gone.";
    /// The chain refused what the service submitted.
    ChainRefused = 4064, "chain_refused", 200, "The message gives the chain's reason.";
    /// Values of the instance are sealed, and this node has not the key that opens them.
    Locked = 4065, "locked", 200, "Ask another node in data.serving; if all are locked, the issuer has to hand the key over again.";
    /// This node came to execute the instance's key operations just now.
    CatchingUp = 4066, "catching_up", 200, "Ask again in a moment; it still asks the other holders what was executed before.";

    /// The request to store or update an instance is not signed by the token type's issuer.
    NotTheIssuer = 4080, "not_the_issuer", 200, "Sign the request with the account that registered the token type.";
    /// The request to store an instance is past its last block, or its last block is too far ahead.
    RequestExpired = 4081, "request_expired", 200, "Sign anew with a valid_until a few minutes ahead.";
    /// The state object cannot be decoded, is too large, or is another instance's.
    StateInvalid = 4082, "state_invalid", 200, "Send the SCALE encoding of the instance's state, at most 1 MiB.";
    /// The script is not the registered one.
    ScriptMismatch = 4083, "script_mismatch", 200, "Send the script whose blake2-256 the registration names.";
    /// Too few nodes with the agreement that the token type requires.
    TooFewNodes = 4084, "too_few_nodes", 200, "Wait for more nodes, or register with less redundancy or a lower requirement.";
    /// Not enough anchors agreed in time.
    NoQuorum = 4085, "no_quorum", 200, "Ask again, or ask another anchor.";
    /// Too few of the chosen nodes took the instance.
    PlacementFailed = 4086, "placement_failed", 200, "Ask again; the anchors choose other nodes.";

    /// The issuer's update is not within its bounds; the message says which.
    UpdateInvalid = 4100, "update_invalid", 200, "Correct what the message names, and sign anew.";
    /// As many updates as are kept came since the last reset of the instance's feed.
    FeedFull = 4101, "feed_full", 200, "Publish a reset that states all values, under the same number.";
    /// Another update with this number, signed by the issuer as well, was there first; it is in data.first.
    UpdateConflict = 4102, "update_conflict", 200, "Ask issuer_feed for the next number, and publish under that.";
    /// Too many updates that come before this one are missing.
    UpdateTooFarAhead = 4103, "update_too_far_ahead", 200, "Publish the updates that data.missing names first.";
    /// No other service listens, so the update went nowhere.
    NotPassedOn = 4104, "not_passed_on", 200, "Publish to a node that serves the instance, or to another anchor.";
    /// The attestation in reading.attestation is not one of this instance, not its issuer's, or not valid now; data.refusal says which.
    AttestationRefused = 4106, "attestation_refused", 200, "Do what data.remedy says.";
    /// The key is not sealed to this node for this instance, or opens none of its values; the message says which.
    KeyRefused = 4105, "key_refused", 200, "Seal the key to node_info's keyOffer, after what it opens was stored or published.";
}

impl ErrorCode {
    /// The JSON-RPC error code.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The code with this number, if there is one.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.code() == code)
    }

    /// Whether it is about the payment, and so is answered with PAYMENT-REQUIRED.
    pub fn is_payment(self) -> bool {
        (4020..4040).contains(&self.code())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = Self::ALL.iter().copied().find(|c| c.name() == name);
        known.ok_or_else(|| serde::de::Error::custom(format!("no error code is called {name:?}")))
    }
}

/// An error with what is particular to this case.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// What went wrong.
    pub code: ErrorCode,
    /// The particulars, for people.
    pub message: String,
    /// The particulars, for programs; an object's fields are merged into the JSON-RPC error's data.
    pub details: Option<Value>,
}

impl ApiError {
    /// An error with its particulars in words.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None }
    }

    /// Adds particulars for programs; `details` should be an object.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The JSON-RPC error object: `{code, message, data: {reason, remedy, …details}}`.
    pub fn to_object(&self) -> ErrorObject {
        let mut data = serde_json::Map::new();
        if let Some(Value::Object(details)) = &self.details {
            data.extend(details.clone());
        }
        data.insert("reason".into(), self.code.name().into());
        // Where the particulars say better what to do, they do.
        data.entry("remedy").or_insert_with(|| self.code.remedy().into());
        let message = match &self.message {
            m if m.is_empty() => self.code.meaning().to_owned(),
            m => m.clone(),
        };
        ErrorObject { code: self.code.code(), message, data: Some(Value::Object(data)) }
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.meaning())
    }
}

/// A JSON-RPC error object as it travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// The number; [`ErrorCode::from_code`] names it.
    pub code: i32,
    /// For people.
    pub message: String,
    /// For programs: `reason`, `remedy` and the particulars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl ErrorObject {
    /// The error, if its number is one of ours.
    pub fn known(&self) -> Option<ApiError> {
        let code = ErrorCode::from_code(self.code)?;
        Some(ApiError { code, message: self.message.clone(), details: self.data.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_and_names_are_unique_and_complete() {
        let codes: BTreeSet<_> = ErrorCode::ALL.iter().map(|c| c.code()).collect();
        let names: BTreeSet<_> = ErrorCode::ALL.iter().map(|c| c.name()).collect();
        assert_eq!((codes.len(), names.len()), (ErrorCode::ALL.len(), ErrorCode::ALL.len()));
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_code(code.code()), Some(*code));
            assert!(code.meaning().ends_with('.') && code.remedy().ends_with('.'), "{code}");
            assert_eq!(code.is_payment(), [400, 402].contains(&code.http_status()), "{code}");
            let text = serde_json::to_string(code).unwrap();
            assert_eq!(serde_json::from_str::<ErrorCode>(&text).unwrap(), *code);
        }
    }

    #[test]
    fn the_error_object_names_reason_and_remedy() {
        let error = ApiError::new(ErrorCode::OverDeposit, "promised 7, held 5").with(serde_json::json!({"held": "5"}));
        let object = error.to_object();
        assert_eq!(object.code, 4030);
        let data = object.data.clone().unwrap();
        assert_eq!(data["reason"], "over_deposit");
        assert_eq!(data["held"], "5");
        assert!(data["remedy"].as_str().unwrap().contains("Top"));
        let back: ErrorObject = serde_json::from_str(&serde_json::to_string(&object).unwrap()).unwrap();
        assert_eq!(back.known().unwrap().code, ErrorCode::OverDeposit);
    }
}
