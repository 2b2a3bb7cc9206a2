//! # Grants: who may ask
//!
//! **The one invariant: of a grant, a node never accepts more uses than were granted, none twice, and none after it was revoked, has
//! ended, or the token was sold.**
//!
//! The owner of a token signs a [`Grant`] to a website's key: these attributes and actions of this instance, at this node, from then
//! to then, so many times. The website signs a [`Use`] of it with every call. Both travel in the call's parameter `authorisation`
//! ([`Authorisation`]), and [`check`] says whether the call is authorised, or why not and what to do ([`Refusal`]). The owner takes
//! grants back with a [`Revocation`].
//!
//! With a [`TransferOrder`] the owner has one instance destroyed and another issued in exchange.
//!
//! Each of the four is signed in one of two forms over the same content ([`Statement`]):
//!
//! - by an Ethereum address as typed data (EIP-712): [`Statement::typed_data`] is what goes into the wallet's `eth_signTypedData_v4`,
//!   and [`typed_data`] has the exact types;
//! - by an account of this chain over [`Statement::signing_payload`], bare or between `<Bytes>` and `</Bytes>`, as browser
//!   extensions sign raw bytes.
//!
//! Contract wallets (ERC-1271) cannot sign: whether their signature is good only a call to their chain can tell, and the answer may
//! change from block to block. Their owners name a key of their own as the token's owner, or do without.
//!
//! A website that overhears a grant can do nothing with it, for it lacks the grantee's key; one that overhears a use cannot repeat it,
//! for it names the node, the request and a sequence number that is accepted once. A token that is sold and bought back by the same
//! owner has his unexpired grants again; who does not want that revokes them.
//!
//! Nothing here does I/O or reads a clock. The caller keeps a [`Known`] for each grant and [`Revocations`] for each owner and
//! instance, runs one check of a grant at a time, and makes the permit's [`Known`] durable *before* it answers.
//!
//! ```
//! use serde_json::json;
//! use smartlayer_grants::*;
//! use smartlayer_primitives::{Hash, InstanceId, Signature};
//! use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie};
//!
//! let sign = |key: sp_keyring::Sr25519Keyring, statement: &dyn Statement| {
//!     StatementSignature::Substrate(Signature::Sr25519(key.sign(&statement.signing_payload())))
//! };
//! let (genesis, node, now) = (Hash::repeat_byte(1), Charlie.to_account_id(), 1_790_000_000);
//! let instance = InstanceId { token_type: 0, index: 7 };
//!
//! // Alice owns the token and lets Bob's website read her seat, twice.
//! let owner = Principal::Substrate(Alice.to_account_id());
//! let grant = Grant {
//!     genesis,
//!     instance,
//!     owner: owner.clone(),
//!     grantee: Principal::Substrate(Bob.to_account_id()),
//!     audience: Audience::Node(node.clone()),
//!     attributes: vec!["row".into(), "seat".into()],
//!     actions: vec![],
//!     not_before: now - 60,
//!     expires_at: now + 3600,
//!     uses: Some(2),
//!     nonce: Hash::repeat_byte(42), // random in earnest
//! };
//! let signature = sign(Alice, &grant);
//!
//! // Bob's website calls the node, and signs a use of the grant for this call.
//! let params = json!({ "instance": { "tokenType": 0, "index": 7 }, "names": ["seat"] });
//! let request = request_hash("token_attributes", params.as_object().unwrap())?;
//! let usage = Use { grant: grant.id(), node: node.clone(), sequence: 1, issued_at: now, request };
//! let use_signature = sign(Bob, &usage.on(&genesis));
//! let param = serde_json::to_value(Authorisation { grant, signature, usage, use_signature })?;
//!
//! // The node checks it.
//! let authorisation = Authorisation::from_param(Some(&param))?;
//! let ask = Ask { genesis: &genesis, node: &node, instance, owner: Some(&owner), attributes: &["seat"], action: None, request };
//! let permit = check(&authorisation, &ask, &Known::default(), now)?;
//! assert_eq!(permit.known, Known { sequence: Some(1), uses: 1, revoked: false });
//! // Whoever sends the same again gets nothing.
//! let refusal = check(&authorisation, &ask, &permit.known, now).unwrap_err();
//! assert_eq!((refusal.code(), refusal.remedy()), ("replayed", "Sign a new use with a larger sequence number."));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod check;
mod grant;
mod instance;
mod principal;
mod refusal;
mod revocation;
mod schema;
mod signature;
mod transfer;
pub mod typed_data;
mod usage;

pub use check::{check, Ask, Authorisation, Known, Permit};
pub use grant::{Grant, Malformed, SignedGrant, MAX_LIFE, MAX_NAMES, MAX_NAME_BYTES, MAX_NUMBER};
pub use principal::{Audience, BadAddress, BadAudience, Principal};
pub use refusal::Refusal;
pub use revocation::{Revocation, Revocations, Revoked, SignedRevocation, MAX_REVOKED};
pub use schema::{authorisation_schema, revocation_schema, transfer_schema};
pub use signature::{Statement, StatementSignature};
pub use transfer::{SignedTransfer, TransferOrder, MAX_ORDER_LIFE};
pub use usage::{request_hash, Use, UseOn, MAX_AGE};
