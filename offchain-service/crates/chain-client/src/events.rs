//! What happened in a block.

use codec::{Decode, DecodeAll};
use smartlayer_primitives::{
    session::Beneficiary, AccountId, Balance, BlockNumber, Hash, Period, SessionId, TokenTypeId,
};
use subxt::{config::SubstrateConfig, events::Phase};

use crate::{
    error::{DispatchFailure, Error},
    link::{in_full, Link},
    submit::explain,
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
            /// One promise of a batch could not be claimed; the others were.
            SessionClaimFailed {
                /// Its session.
                session: SessionId,
                /// Why.
                failure: DispatchFailure,
            },
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
            fn from_parts(link: &Link, pallet: &str, name: &str, fields: &[u8]) -> Result<Self, codec::Error> {
                $(if (pallet, name) == ($pallet, $name) {
                    // A tuple's encoding is its parts' in order, as a variant's is its fields'.
                    #[derive(Decode)]
                    struct Fields { $($field: $type,)* }
                    let Fields { $($field,)* } = Fields::decode_all(&mut &fields[..])?;
                    return Ok(Self::$variant { $($field,)* });
                })+
                if (pallet, name) == ("PromiseSettlement", "ClaimFailed") {
                    let session = SessionId::decode(&mut &fields[..])?;
                    return Ok(Self::SessionClaimFailed { session, failure: explain(link, &fields[32..]) });
                }
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
        /// Whom it pays.
        beneficiary: Beneficiary,
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
        /// What the token's issuer received, in planck.
        issuer: Balance,
        /// What the session owed the node in total after it.
        cumulative: Balance,
    }
    /// A session's closing was asked for.
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
        /// The payer.
        payer: AccountId,
        /// All that was ever put in, in planck.
        deposit: Balance,
        /// What nodes received in all.
        paid: Balance,
        /// What was destroyed in all.
        burned: Balance,
        /// What the token's issuer received in all.
        issuer: Balance,
        /// What the payer got back.
        refunded: Balance,
    }
    /// The payer of a network session named another notary.
    NotaryChanged = "PromiseSettlement" "NotaryChanged" {
        /// The session.
        session: SessionId,
        /// The new notary.
        notary: AccountId,
        /// From this block on its allocations are good.
        starts_at: BlockNumber,
    }
    /// A notary's bond paid what the deposit of a network session could not.
    ShortfallPaid = "PromiseSettlement" "ShortfallPaid" {
        /// The session.
        session: SessionId,
        /// The node that was paid.
        node: AccountId,
        /// How much, in planck.
        amount: Balance,
    }
    /// A notary was shown to have allocated more than the session had.
    OverAllocated = "PromiseSettlement" "OverAllocated" {
        /// The session.
        session: SessionId,
        /// The notary.
        notary: AccountId,
        /// How much too much, in planck.
        excess: Balance,
    }
    /// A period began.
    PeriodStarted = "CommitmentSnapshots" "PeriodStarted" {
        /// The period.
        period: Period,
        /// How many blocks it has.
        length: BlockNumber,
        /// The seed of its duty ranking.
        seed: Hash,
    }
    /// A period's commitment was accepted.
    Committed = "CommitmentSnapshots" "Committed" {
        /// The period.
        period: Period,
        /// The commitment's hash.
        hash: Hash,
        /// The anchor that wrote it.
        writer: AccountId,
    }
    /// An anchor did not write when it was its turn.
    DutyMissed = "CommitmentSnapshots" "DutyMissed" {
        /// The anchor.
        anchor: AccountId,
        /// The period.
        period: Period,
    }
    /// The active set of anchors changed.
    ActiveSetChanged = "Anchors" "ActiveSetChanged" {
        /// The new set's number.
        id: u32,
        /// How many anchors it has.
        members: u32,
    }
    /// A period's commitment gave out rewards.
    RewardsMinted = "ServiceStaking" "RewardsMinted" {
        /// The period.
        period: Period,
        /// For all service nodes together, in planck.
        nodes: Balance,
        /// For each anchor that signed, in planck.
        each_anchor: Balance,
        /// For the writer of the commitment, beside that.
        writer_bonus: Balance,
        /// How much of all this is new.
        minted: Balance,
        /// How much of all this the pot had.
        released: Balance,
    }
    /// A node was paid its reward.
    RewardPaid = "ServiceStaking" "RewardPaid" {
        /// The period.
        period: Period,
        /// The node.
        node: AccountId,
        /// How much, in planck.
        amount: Balance,
    }
    /// An anchor was paid its reward.
    AnchorRewardPaid = "ServiceStaking" "AnchorRewardPaid" {
        /// The period.
        period: Period,
        /// The organisation's account.
        anchor: AccountId,
        /// How much, in planck.
        amount: Balance,
    }
    /// A persistent breach was reported.
    BreachReported = "ServiceStaking" "BreachReported" {
        /// The node.
        node: AccountId,
        /// The period whose report shows it.
        period: Period,
        /// What it costs the node, in planck.
        amount: Balance,
        /// Who reported it.
        reporter: AccountId,
        /// The first block at which the slash can be taken.
        due_at: BlockNumber,
    }
    /// A node was slashed.
    Slashed = "ServiceStaking" "Slashed" {
        /// The node.
        node: AccountId,
        /// The period of the breach.
        period: Period,
        /// What was taken, in planck.
        amount: Balance,
        /// Who reported the breach.
        reporter: AccountId,
        /// What of it the reporter received.
        bounty: Balance,
        /// What of it went to the reward pot.
        pooled: Balance,
    }
    /// Governance cancelled a slash.
    SlashCancelled = "ServiceStaking" "SlashCancelled" {
        /// The node.
        node: AccountId,
        /// The period of the breach.
        period: Period,
    }
    /// A node passed its serviceability test.
    TestPassed = "SlaRegistry" "TestPassed" {
        /// The node.
        node: AccountId,
        /// The period of the test.
        period: Period,
    }
    /// A node failed its serviceability test.
    TestFailed = "SlaRegistry" "TestFailed" {
        /// The node.
        node: AccountId,
        /// The period of the test.
        period: Period,
    }
    /// A token type was registered.
    TokenRegistered = "SmartTokens" "Registered" {
        /// Its number.
        token_type: TokenTypeId,
        /// Who registered it.
        issuer: AccountId,
    }
}

impl Event {
    /// The session that it happened to, if it is about one. Knows top-ups too, which have no variant of their own: every event of
    /// `PromiseSettlement` names its session first.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::SessionOpened { session, .. }
            | Self::SessionClaimed { session, .. }
            | Self::SessionClaimFailed { session, .. }
            | Self::SessionCloseRequested { session, .. }
            | Self::SessionClosed { session, .. }
            | Self::NotaryChanged { session, .. }
            | Self::ShortfallPaid { session, .. }
            | Self::OverAllocated { session, .. } => Some(*session),
            Self::Other { pallet, fields, .. } if pallet == "PromiseSettlement" => {
                SessionId::decode(&mut &fields[..]).ok()
            }
            _ => None,
        }
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
        let decoded = Event::from_parts(link, event.pallet_name(), event.event_name(), event.field_bytes());
        let event = decoded.map_err(|e| bad(format!("{}.{}: {e}", event.pallet_name(), event.event_name())))?;
        records.push(EventRecord { extrinsic, event });
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_top_up_names_its_session() {
        let session = SessionId::repeat_byte(7);
        let other =
            |pallet: &str, fields: Vec<u8>| Event::Other { pallet: pallet.into(), name: "ToppedUp".into(), fields };
        let fields = [session.as_bytes(), &[0; 32]].concat();
        assert_eq!(other("PromiseSettlement", fields.clone()).session(), Some(session));
        assert_eq!(other("SmartTokens", fields).session(), None);
        assert_eq!(other("PromiseSettlement", vec![7; 31]).session(), None);
    }
}
