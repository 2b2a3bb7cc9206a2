//! Sessions as the chain keeps them: one-way payment channels from a payer to one service node, or to many through a notary.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::Permill;

use crate::{notary::Notary, payload::Payload, AccountId, Balance, BlockNumber, SessionId, TokenTypeId};

/// An open session. Always `deposit = paid + burned + issuer's part + what is still held`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Session {
    /// Whose deposit it is.
    pub payer: AccountId,
    /// Who may claim.
    pub payee: Payee,
    /// The key that signs promises; the payer named it when opening.
    pub signer: AccountId,
    /// The issuer's part in what is claimed, if the session was opened for the calls of one token type.
    pub issuer: Option<IssuerShare>,
    /// All that was ever put in, in planck.
    pub deposit: Balance,
    /// What nodes received of the deposit so far.
    pub paid: Balance,
    /// What was burned so far.
    pub burned: Balance,
    /// What the issuer received so far.
    pub issuer_paid: Balance,
    /// Held beside the deposit for the room that the session takes on the chain; returned when it ends.
    pub storage_deposit: Balance,
    /// The burn rate, pinned when the session opened.
    pub burn_rate: Permill,
    /// How many blocks nodes have to claim once closing was asked for; pinned when the session opened.
    pub challenge_window: BlockNumber,
    /// From this block on anyone may ask to close the session.
    pub expires_at: BlockNumber,
    /// Set when closing was asked for: the first block at which anyone may finish the session.
    pub closing_at: Option<BlockNumber>,
}

/// Who may claim from a session.
// Sessions are read one at a time: a box would only add an allocation to each.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Payee {
    /// One service node.
    Node(AccountId),
    /// Every node to which the notary allocated a part.
    Network(Notary),
}

/// Who is named when a session is opened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Beneficiary {
    /// One service node.
    Node(AccountId),
    /// A notary, with room for this many nodes.
    Network {
        /// The active anchor that allocates.
        notary: AccountId,
        /// The most nodes that can be paid, at most [`crate::notary::MAX_SESSION_NODES`].
        max_nodes: u16,
    },
}

impl Beneficiary {
    /// The account that the session's identifier is made with.
    pub fn account(&self) -> &AccountId {
        match self {
            Self::Node(node) => node,
            Self::Network { notary, .. } => notary,
        }
    }
}

/// The issuer's part in a session's claims, pinned when it opened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct IssuerShare {
    /// The token type whose calls the session pays.
    pub token_type: TokenTypeId,
    /// Who receives it.
    pub account: AccountId,
    /// How much of what the burn leaves.
    pub share: Permill,
}

/// What one node claimed in one round of a network session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Channel {
    /// The node.
    pub node: AccountId,
    /// The notary's round.
    pub round: u16,
    /// The highest cumulative amount that was settled, in planck.
    pub claimed: Balance,
}

impl Session {
    /// What was claimed of the deposit so far. With one node it is the highest cumulative amount that reached the chain.
    pub fn claimed(&self) -> Balance {
        self.paid.saturating_add(self.burned).saturating_add(self.issuer_paid)
    }

    /// The only node that may claim, unless the session is a network's.
    pub fn node(&self) -> Option<&AccountId> {
        match &self.payee {
            Payee::Node(node) => Some(node),
            Payee::Network(_) => None,
        }
    }

    /// The first block at which a claim may come too late, as known at block `now`: when the session may be finished, or when the notary
    /// changes, which ends the round before. Of the claims of one `round`, or of all. Nothing while nothing ends.
    pub fn ends_at(&self, round: Option<u16>, now: BlockNumber) -> Option<BlockNumber> {
        let round_ends_at = match &self.payee {
            Payee::Network(Notary { current, former: Some(former), .. }) => {
                let is_ending = now < current.starts_at && round.is_none_or(|round| round == former.number);
                is_ending.then_some(current.starts_at)
            }
            _ => None,
        };
        round_ends_at.or(self.closing_at)
    }

    /// What is still held of the deposit.
    pub fn held(&self) -> Balance {
        self.deposit.saturating_sub(self.claimed())
    }
}

/// What a session's signer signs to ask the node to close the session at once.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CloseSession {
    /// The session.
    pub session: SessionId,
}

impl Payload for CloseSession {
    const DOMAIN: &'static str = "smartlayer/close-session/1";
}
