//! What happened in a block.

use codec::{Decode, DecodeAll};
use smartlayer_primitives::{AccountId, Balance, BlockNumber, SessionId, TokenTypeId};
use subxt::{config::SubstrateConfig, events::Phase};

use crate::{
    error::Error,
    link::{in_full, Link},
};

/// An event and what caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// The position of the transaction in its block; nothing if the block itself did it.
    pub extrinsic: Option<u32>,
    /// The event.
    pub event: Event,
}

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $variant:ident = $pallet:literal $name:literal {
        $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty,)*
    })+) => {
        /// Something that happened on the chain.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[doc = $doc])+ $variant { $($(#[doc = $field_doc])+ $field: $type,)* },)+
            /// A call failed. [`crate::ChainClient::submit`] turns it into an error.
            ExtrinsicFailed {
                /// The dispatch error and what it cost, SCALE-encoded.
                error: Vec<u8>,
            },
            /// Any other event.
            Other {
                /// The pallet's name.
                pallet: String,
                /// The event's name.
                name: String,
                /// Its fields, SCALE-encoded one after the other.
                fields: Vec<u8>,
            },
        }

        impl Event {
            fn from_parts(pallet: &str, name: &str, fields: &[u8]) -> Result<Self, codec::Error> {
                $(if (pallet, name) == ($pallet, $name) {
                    // A tuple's encoding is its parts' in order, as a variant's is its fields'.
                    #[derive(Decode)]
                    struct Fields { $($field: $type,)* }
                    let Fields { $($field,)* } = Fields::decode_all(&mut &fields[..])?;
                    return Ok(Self::$variant { $($field,)* });
                })+
                if (pallet, name) == ("System", "ExtrinsicFailed") {
                    return Ok(Self::ExtrinsicFailed { error: fields.to_vec() });
                }
                Ok(Self::Other { pallet: pallet.to_owned(), name: name.to_owned(), fields: fields.to_vec() })
            }
        }

        /// Events that are read: pallet, name, and the fields' names in order.
        pub(crate) const REQUIRED: &[(&str, &str, &[&str])] =
            &[$(($pallet, $name, &[$(stringify!($field)),*]),)+];
    };
}

events! {
    /// A transaction paid its fee.
    FeePaid = "TransactionPayment" "TransactionFeePaid" {
        /// Who paid.
        who: AccountId,
        /// How much, in planck, the tip included.
        actual_fee: Balance,
        /// The tip, in planck.
        tip: Balance,
    }
    /// A session was opened.
    SessionOpened = "PromiseSettlement" "Opened" {
        /// The session.
        session: SessionId,
        /// Whose deposit it is.
        payer: AccountId,
        /// The node that it pays.
        node: AccountId,
        /// What is held, in planck.
        deposit: Balance,
    }
    /// A claim paid a node.
    SessionClaimed = "PromiseSettlement" "Claimed" {
        /// The session.
        session: SessionId,
        /// The node.
        node: AccountId,
        /// What the node received, in planck.
        paid: Balance,
        /// What was destroyed, in planck.
        burned: Balance,
        /// What the session owed in total after it.
        cumulative: Balance,
    }
    /// A payer asked to close.
    SessionCloseRequested = "PromiseSettlement" "CloseRequested" {
        /// The session.
        session: SessionId,
        /// From this block on anyone may finish it.
        at: BlockNumber,
    }
    /// A session ended.
    SessionClosed = "PromiseSettlement" "Closed" {
        /// The session.
        session: SessionId,
        /// The node.
        node: AccountId,
        /// The payer.
        payer: AccountId,
        /// All that was ever put in, in planck.
        deposit: Balance,
        /// What the node received in all.
        paid: Balance,
        /// What was destroyed in all.
        burned: Balance,
        /// What the payer got back.
        refunded: Balance,
    }
    /// A token type was registered.
    TokenRegistered = "SmartTokens" "Registered" {
        /// Its number.
        token_type: TokenTypeId,
        /// Who registered it.
        issuer: AccountId,
    }
}

/// The events of a block, from the bytes that the chain stores.
pub(crate) fn decode(link: &Link, bytes: Vec<u8>) -> Result<Vec<EventRecord>, Error> {
    let bad = |reason: String| Error::Decode { what: "events".into(), reason };
    let events = link.offline.events().from_bytes(bytes);
    let mut records = Vec::new();
    for event in events.iter() {
        let event: subxt::events::Event<'_, SubstrateConfig> = event.map_err(|e| bad(in_full(&e)))?;
        let extrinsic = match event.phase() {
            Phase::ApplyExtrinsic(index) => Some(index),
            _ => None,
        };
        let decoded = Event::from_parts(event.pallet_name(), event.event_name(), event.field_bytes());
        let event = decoded.map_err(|e| bad(format!("{}.{}: {e}", event.pallet_name(), event.event_name())))?;
        records.push(EventRecord { extrinsic, event });
    }
    Ok(records)
}
