//! # Tokens that are attestations
//!
//! A token script can define a token that is no entry in a contract but a signed statement: an off-chain attestation of the
//! [Ethereum Attestation Service](https://attest.org) (EAS). Its holder shows it as the text of a magic link.
//!
//! **The one invariant: what this crate says of an attestation, its issuer signed; not who holds it, nor who is asked about the
//! chain, can add to it or take from it.**
//!
//! 1. [`Attestation::read`] reads the text of the link, whatever version and form, and recovers who signed it.
//! 2. [`Attestation::matches`] compares it with a script's definition, and [`Attestation::valid_at`] with a clock.
//! 3. Three things are asked of its [chain](Attestation::chain_id): the registry ([`registry_call`], [`registry`]), the schema
//!    ([`schema_call`], [`Schema::read`]), and whether the issuer revoked it ([`revocation_call`], [`not_revoked`]). A schema can't
//!    be forged, for its uid is its hash. A revocation can be hidden by the endpoint that is asked: choose whom you ask.
//! 4. [`Attestation::data`] decodes what it says, [`Attestation::is_in_collection`] compares that with the definition,
//!    [`Attestation::token_id`] says which instance of the token it is, and [`Attestation::attested`] is what scripts see.
//!
//! Nothing here does I/O or reads a clock, and all that comes from outside is bounded.
//!
//! Whoever has seen the link can show it: an attestation proves what its issuer said, not who shows it. That its
//! [recipient](Attestation::recipient) is who asks is for the caller to check.
//!
//! ```
//! use smartlayer_eas_attestation::*;
//! use smartlayer_token_script::{AttestationDefinition, Value};
//!
//! // From the tests of the EAS SDK.
//! let text = "eNqlkUtuJTEIRfdS41JkvoZhnpLaRKsH2IYFRImU5cevlAW01ExgAOde4M8BL/TSjvMgIOo7t28tfGd8PBi6pr92Egwbl5kpijzSL3rDBX\
//!     Q3N1NBq4hRUzNqNtbZAaT3oY2qAVJ2JyNWjxG5llf1mWRtz60bgjihmLp1li6jOjtp9AUBwLObF4ZszHLTiZO1QtvQXExr24PjRHtyivxamgIRy+zSi2dqPMyw\
//!     Y/dZdQ1HVL1FTXhZog4cY03ahmtLTV1YAohiNacPhy1lYm4SCDpblqBmGt4QovTmbNRC5giRDQUXJmjJNXLh7i8Tzwm8TwMeK4Ox9e0Vftf/d9ug3tDdAJ8lmo\
//!     NB24jj/Pz4yifrONuJ92P+J/bTjr8/dNmG8A==";
//! let attestation = Attestation::read(text)?;
//! assert_eq!(attestation.signer().to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
//! assert_eq!(attestation.uid().to_string(), "0x854d8e26b2bbdc3577fc78c6d2f512258fcc9b91a60858985a216c0ef526ee82");
//!
//! // Is it one that the script knows, and valid now?
//! let definition = AttestationDefinition {
//!     kind: "eas".into(),
//!     schema_uid: Some("0x33e9094830a5cba5554d1954310e4fbed2ef5f859ec1404619adea4207f391fd".into()),
//!     keys: vec!["038318535b54105d4a7aae60c08fc45f9687181b4fdfc625bd1a753fa7397fed75".into()],
//!     ..AttestationDefinition::default()
//! };
//! attestation.matches(&definition)?;
//! attestation.valid_at(1_690_300_000)?;
//! let refusal = attestation.valid_at(1_700_000_000).unwrap_err();
//! assert_eq!((refusal.code(), refusal.remedy()), ("expired", "Ask the issuer for a new attestation."));
//!
//! // What to ask of the contract that it was signed for. Nothing was revoked:
//! let _calldata = revocation_call(attestation.signer(), attestation.uid());
//! not_revoked(&[0; 32])?;
//! // As the registry has it, had it been read from there.
//! let schema = Schema { text: "bool like".into(), resolver: Default::default(), revocable: true };
//! assert_eq!(schema.uid(), attestation.schema_uid());
//! // This one was signed without data, which is not what its schema says.
//! assert_eq!(attestation.data(&schema).unwrap_err().code(), "bad-data");
//! # Ok::<(), Refusal>(())
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

mod attestation;
mod data;
mod definition;
mod fields;
mod package;
mod refusal;
mod schema;
#[cfg(test)]
mod tests;
mod typed_data;

pub use attestation::Attestation;
pub use data::Data;
pub use refusal::Refusal;
pub use schema::{is_revoked, not_revoked, registry, registry_call, revocation_call, schema_call, Schema};
