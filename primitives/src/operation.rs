//! Key operations and the bitmaps over them: what a commitment lets anyone prove.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{
    merkle::Leaf,
    payload::Payload,
    receipt::{Executed, Issued, SignedReceipt},
    token::TokenSpec,
    AccountId, Hash, InstanceId, OperationKind, TokenTypeId,
};

/// The most key operations that one token type may have.
pub const MAX_KEY_OPERATIONS: u32 = 32;
/// The key operation that destroys an instance; its record names what was issued in exchange.
pub const TRANSFER: &str = "transfer";
/// The key operation that brings an instance into being, as the other side of a transfer.
pub const ISSUE: &str = "issue";

/// One key operation that a node executed on an instance; a leaf under a commitment's operations root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Operation {
    /// On which instance.
    pub instance: InstanceId,
    /// Which of its type's key operations.
    pub kind: OperationKind,
    /// The receipt of the call that did it. What a transfer issued is stated there and nowhere else.
    pub receipt: SignedReceipt,
}

impl Payload for Operation {
    const DOMAIN: &'static str = "smartlayer/operation/1";
}

impl Operation {
    /// Whether `service_key` signed, for the chain with this genesis hash, that its node executed exactly this operation.
    pub fn verify(&self, genesis: &Hash, service_key: &AccountId) -> bool {
        self.is_stated() && self.receipt.verify(genesis, service_key)
    }

    /// Whether the receipt, whoever signed it, states this operation.
    pub fn is_stated(&self) -> bool {
        self.receipt.receipt.operation.as_ref().is_some_and(|Executed { instance, kind, issued }| {
            let moves = issued.as_ref().is_none_or(|issued| issued.instance != *instance);
            *instance == self.instance && *kind == self.kind && moves
        })
    }

    /// What it issued, if it is a transfer.
    pub fn issued(&self) -> Option<&Issued> {
        self.receipt.receipt.operation.as_ref()?.issued.as_ref()
    }

    /// What happened to which instances: one, and to a second one in a transfer.
    pub fn sides(&self) -> impl Iterator<Item = (InstanceId, OperationKind)> {
        let issued = self.issued().map(|issued| (issued.instance, issued.kind));
        core::iter::once((self.instance, self.kind)).chain(issued)
    }

    /// Whether this happened to the instance.
    pub fn did(&self, instance: InstanceId, kind: OperationKind) -> bool {
        self.sides().any(|side| side == (instance, kind))
    }

    /// Whether the token types have these key operations: `token` is the type of the instance, `issued` that of what was issued. Only a transfer
    /// is called [`TRANSFER`] and [`ISSUE`], and it is called so on both sides.
    pub fn fits(&self, token: &TokenSpec, issued: Option<&TokenSpec>) -> bool {
        match (self.issued(), issued) {
            (Some(side), Some(other)) => {
                token.kind_of(TRANSFER) == Some(self.kind) && other.kind_of(ISSUE) == Some(side.kind)
            }
            (None, None) => {
                let transfer = [TRANSFER, ISSUE].iter().any(|name| token.kind_of(name) == Some(self.kind));
                usize::from(self.kind) < token.key_operations.len() && !transfer
            }
            _ => false,
        }
    }
}

impl Leaf for Operation {
    const DOMAIN: &'static [u8] = b"smartlayer/leaf/operation/1";
}

/// The instances on which one kind of key operation happened in a period; a leaf under a commitment's bitmaps root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct OperationBitmap {
    /// Of which token type.
    pub token_type: TokenTypeId,
    /// Which of its key operations.
    pub kind: OperationKind,
    /// Instance indices as a roaring bitmap in its portable serialisation (RoaringFormatSpec).
    pub bitmap: Vec<u8>,
}

impl Leaf for OperationBitmap {
    const DOMAIN: &'static [u8] = b"smartlayer/leaf/bitmap/1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::{Owner, Receipt};
    use sp_core::{sr25519, Pair};

    const TICKET: InstanceId = InstanceId { token_type: 0, index: 7 };
    const SEAT: InstanceId = InstanceId { token_type: 1, index: 8 };

    fn operation(kind: OperationKind, issued: Option<OperationKind>) -> Operation {
        let owner = Owner::Ethereum([1; 20]);
        let issued = issued.map(|kind| Issued { instance: SEAT, kind, owner });
        let receipt = Receipt {
            node: AccountId::new([1; 32]),
            session: Hash::zero(),
            charged: 1,
            cumulative: 1,
            request_hash: Hash::zero(),
            result_hash: Hash::zero(),
            operation: Some(Executed { instance: TICKET, kind, issued }),
        };
        let signature = key().sign(&receipt.signing_payload(&Hash::zero())).into();
        Operation { instance: TICKET, kind, receipt: SignedReceipt { receipt, signature } }
    }

    fn key() -> sr25519::Pair {
        sr25519::Pair::from_seed(&[1; 32])
    }

    fn spec(names: &[&str]) -> TokenSpec {
        let names: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec().try_into().unwrap()).collect();
        TokenSpec {
            script_hash: Hash::zero(),
            script_uris: Default::default(),
            requirement: Default::default(),
            redundancy: crate::token::Redundancy { serving: 1, shards: 1, threshold: 1 },
            key_operations: names.try_into().unwrap(),
            revenue_share: Default::default(),
        }
    }

    #[test]
    fn a_transfer_happened_to_both_instances_and_another_operation_to_one() {
        let (plain, transfer) = (operation(2, None), operation(2, Some(5)));
        assert_eq!(plain.sides().collect::<Vec<_>>(), [(TICKET, 2)]);
        assert_eq!(transfer.sides().collect::<Vec<_>>(), [(TICKET, 2), (SEAT, 5)]);
        assert!(transfer.did(TICKET, 2) && transfer.did(SEAT, 5));
        assert!(!transfer.did(SEAT, 2) && !transfer.did(TICKET, 5) && !plain.did(SEAT, 5));
    }

    #[test]
    fn what_was_issued_is_signed() {
        let signer: AccountId = key().public().into();
        let mut transfer = operation(2, Some(5));
        assert!(transfer.verify(&Hash::zero(), &signer));
        if let Some(executed) = &mut transfer.receipt.receipt.operation {
            executed.issued = None;
        }
        assert!(!transfer.verify(&Hash::zero(), &signer));
    }

    #[test]
    fn only_transfers_are_called_so_and_on_both_sides() {
        let ticket = spec(&["redeem", "issue", "transfer"]);
        let seat = spec(&["issue"]);
        let transfer = operation(2, Some(0));
        assert!(transfer.fits(&ticket, Some(&seat)));
        assert!(!transfer.fits(&ticket, None) && !transfer.fits(&seat, Some(&seat)));
        assert!(!transfer.fits(&ticket, Some(&spec(&["redeem", "issue"]))));
        assert!(!operation(0, Some(0)).fits(&ticket, Some(&seat)));
        assert!(operation(0, None).fits(&ticket, None) && !operation(0, None).fits(&ticket, Some(&seat)));
        for kind in 1..5 {
            assert!(!operation(kind, None).fits(&ticket, None), "{kind}");
        }
    }
}
