//! Sessions as the chain keeps them: one-way payment channels from a payer to one service node.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::Permill;

use crate::{payload::Payload, AccountId, Balance, BlockNumber, SessionId};

/// An open session. Always `deposit = paid + burned + what is still held`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Session {
    /// Whose deposit it is.
    pub payer: AccountId,
    /// The node that may claim.
    pub node: AccountId,
    /// The key that signs promises; the payer named it when opening.
    pub signer: AccountId,
    /// All that was ever put in, in planck.
    pub deposit: Balance,
    /// What the node received so far.
    pub paid: Balance,
    /// What was burned so far.
    pub burned: Balance,
    /// The burn rate, pinned when the session opened.
    pub burn_rate: Permill,
    /// How many blocks the node has to claim once the payer asks to close; pinned when the session opened.
    pub challenge_window: BlockNumber,
    /// Set when the payer asked to close: the first block at which anyone may finish the session.
    pub closing_at: Option<BlockNumber>,
}

impl Session {
    /// What was claimed so far: the highest cumulative amount that reached the chain.
    pub fn claimed(&self) -> Balance {
        self.paid.saturating_add(self.burned)
    }

    /// What is still held.
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
