//! The leaves of a period's commitment, and proofs that something is among them.

use std::collections::BTreeMap;

use codec::{Decode, Encode};
use roaring::RoaringBitmap;
use smartlayer_primitives::{
    assignment::Assignment,
    commitment::{Commitment, Totals},
    merkle::{prove, Leaf, MerkleProof, MerkleRoot},
    operation::{Operation, OperationBitmap},
    payload::Payload,
    report::ReportEntry,
    AccountId, Hash, InstanceId, OperationKind, Period,
};

/// Everything that a commitment is a summary of, in the order of its trees. An anchor keeps it for as long as it answers for the
/// period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Leaves {
    /// The leaves of the operations root.
    pub operations: Vec<Operation>,
    /// The leaves of the bitmaps root.
    pub bitmaps: Vec<OperationBitmap>,
    /// The leaves of the report root.
    pub report: Vec<ReportEntry>,
    /// The leaves of the assignments root.
    pub assignments: Vec<Assignment>,
}

impl Leaves {
    /// The leaves of these operations and assignments, which are in their order, and this report.
    pub fn new(operations: Vec<Operation>, report: Vec<ReportEntry>, assignments: Vec<Assignment>) -> Self {
        Self { bitmaps: bitmaps(&operations), operations, report, assignments }
    }

    /// Their summary.
    pub fn commitment(&self, period: Period, previous: Hash, writer: AccountId) -> Commitment {
        let charged = self.operations.iter().map(|operation| operation.receipt.receipt.charged);
        let weights = self.report.iter().map(|entry| entry.reward_weight);
        Commitment {
            period,
            previous,
            operations: MerkleRoot::of(&self.operations),
            bitmaps: MerkleRoot::of(&self.bitmaps),
            report: MerkleRoot::of(&self.report),
            assignments: MerkleRoot::of(&self.assignments),
            totals: Totals {
                operations: self.operations.len() as u64,
                served_value: charged.fold(0, |sum, charged| sum.saturating_add(charged)),
                reward_weight: weights.fold(0, |sum, weight| sum.saturating_add(weight)),
            },
            writer,
        }
    }

    /// The names under which this period's operations and assignments must not be committed again; see
    /// [`crate::proposal::Facts::is_committed`].
    pub fn names<'a>(&'a self, genesis: &'a Hash) -> impl Iterator<Item = Hash> + 'a {
        let receipts = self.operations.iter().map(|operation| receipt_name(operation, genesis));
        receipts.chain(self.assignments.iter().map(Leaf::leaf_hash))
    }

    /// The operation with this [`Payload::payload_hash`] and the way from it to the operations root.
    pub fn prove_operation(&self, genesis: &Hash, hash: &Hash) -> Option<(&Operation, MerkleProof)> {
        self.operation_where(|operation| operation.payload_hash(genesis) == *hash)
    }

    /// Some operation of this kind that happened to this instance, and the way from it to the operations root.
    pub fn prove_any(&self, instance: InstanceId, kind: OperationKind) -> Option<(&Operation, MerkleProof)> {
        self.operation_where(|operation| operation.did(instance, kind))
    }

    fn operation_where(&self, wanted: impl Fn(&Operation) -> bool) -> Option<(&Operation, MerkleProof)> {
        let index = self.operations.iter().position(wanted)?;
        Some((&self.operations[index], prove(&self.operations, index as u32)?))
    }

    /// The bitmap of a token type's operation, and the way from it to the bitmaps root: one leaf and one bit answer whether an
    /// instance is in it.
    pub fn prove_bitmap(&self, token_type: u32, kind: OperationKind) -> Option<(&OperationBitmap, MerkleProof)> {
        let index = self.bitmaps.iter().position(|leaf| leaf.token_type == token_type && leaf.kind == kind)?;
        Some((&self.bitmaps[index], prove(&self.bitmaps, index as u32)?))
    }

    /// A node's entry in the report and the way from it to the report root: what a node needs to claim its reward.
    pub fn prove_report(&self, node: &AccountId) -> Option<(&ReportEntry, MerkleProof)> {
        let index = self.report.iter().position(|entry| entry.node == *node)?;
        Some((&self.report[index], prove(&self.report, index as u32)?))
    }

    /// The last assignment of an instance in this period and the way from it to the assignments root.
    pub fn prove_assignment(&self, instance: InstanceId) -> Option<(&Assignment, MerkleProof)> {
        let index = self.assignments.iter().rposition(|assignment| assignment.instance == instance)?;
        Some((&self.assignments[index], prove(&self.assignments, index as u32)?))
    }
}

/// What makes an operation the same as another: the [`Payload::payload_hash`] of its receipt, however often that was signed.
pub fn receipt_name(operation: &Operation, genesis: &Hash) -> Hash {
    operation.receipt.receipt.payload_hash(genesis)
}

/// A bitmap over instance indices for each token type and kind, in that order. A transfer has a bit on each side.
fn bitmaps(operations: &[Operation]) -> Vec<OperationBitmap> {
    let mut instances: BTreeMap<(u32, OperationKind), RoaringBitmap> = BTreeMap::new();
    for (instance, kind) in operations.iter().flat_map(Operation::sides) {
        instances.entry((instance.token_type, kind)).or_default().insert(instance.index);
    }
    let leaf = |((token_type, kind), bits): (_, RoaringBitmap)| {
        // Never run-encoded, and inserted one by one: so the same set has the same bytes, an array up to 4096 values in a container
        // and a plain bitmap above.
        let mut bitmap = Vec::with_capacity(bits.serialized_size());
        bits.serialize_into(&mut bitmap).expect("writing to memory does not fail; qed");
        OperationBitmap { token_type, kind, bitmap }
    };
    instances.into_iter().map(leaf).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_in_a_period_proves(count in 1u32..40, nodes in 1u8..20) {
            let (node, key) = service_node(1);
            let operations: Vec<_> = (0..count).map(|i| operation(&key, &node, i % 7, (i % 3) as u8, i.into())).collect();
            let report: Vec<_> = (0..nodes).map(entry).collect();
            let assignments: Vec<_> = (0..count).map(|i| assignment(i / 2, i, PERIOD)).collect();
            let leaves = Leaves::new(operations, report, assignments);
            let commitment = leaves.commitment(PERIOD, Hash::zero(), anchor_account(0));
            for operation in &leaves.operations {
                let (found, proof) = leaves.prove_operation(&GENESIS, &operation.payload_hash(&GENESIS)).unwrap();
                prop_assert_eq!(found, operation);
                prop_assert!(commitment.operations.contains(found, &proof));
                let (any, proof) = leaves.prove_any(operation.instance, operation.kind).unwrap();
                prop_assert!(commitment.operations.contains(any, &proof));
                prop_assert_eq!((any.instance, any.kind), (operation.instance, operation.kind));
                let (leaf, proof) = leaves.prove_bitmap(operation.instance.token_type, operation.kind).unwrap();
                prop_assert!(commitment.bitmaps.contains(leaf, &proof));
                let bits = RoaringBitmap::deserialize_from(&leaf.bitmap[..]).unwrap();
                prop_assert!(bits.contains(operation.instance.index));
            }
            for i in 0..nodes {
                let (entry, proof) = leaves.prove_report(&account(i)).unwrap();
                prop_assert!(commitment.report.contains(entry, &proof));
            }
            let (last, proof) = leaves.prove_assignment(InstanceId { token_type: 1, index: (count - 1) / 2 }).unwrap();
            prop_assert_eq!(last.version, count - 1);
            prop_assert!(commitment.assignments.contains(last, &proof));
            prop_assert_eq!(commitment.totals.operations, u64::from(count));
            prop_assert_eq!(leaves.names(&GENESIS).count(), 2 * count as usize);
            let decoded = Leaves::decode(&mut &leaves.encode()[..]).unwrap();
            prop_assert_eq!(decoded, leaves);
        }
    }

    #[test]
    fn a_transfer_proves_on_both_sides_and_sets_a_bit_on_each() {
        let (node, key) = service_node(1);
        let issued = InstanceId { token_type: 2, index: 9 };
        let transfer = transfer(&key, &node, 7, 3, (issued, 5), 100);
        let source = transfer.instance;
        let leaves = Leaves::new(
            vec![operation(&key, &node, 4, 3, 1), transfer.clone()],
            Default::default(),
            Default::default(),
        );
        let commitment = leaves.commitment(PERIOD, Hash::zero(), anchor_account(0));
        for (instance, kind) in [(source, 3), (issued, 5)] {
            let (found, proof) = leaves.prove_any(instance, kind).unwrap();
            assert_eq!(*found, transfer);
            assert!(commitment.operations.contains(found, &proof));
            let (leaf, proof) = leaves.prove_bitmap(instance.token_type, kind).unwrap();
            assert!(commitment.bitmaps.contains(leaf, &proof));
            // As the chain reads it.
            assert_eq!(smartlayer_primitives::bitmap::contains(&leaf.bitmap, instance.index), Some(true));
        }
        assert_eq!((leaves.bitmaps.len(), commitment.totals.operations), (2, 2));
        assert!(leaves.prove_any(issued, 3).is_none() && leaves.prove_any(source, 5).is_none());
    }

    #[test]
    fn what_is_not_there_has_no_proof() {
        let leaves = Leaves::default();
        assert!(leaves.prove_operation(&GENESIS, &Hash::zero()).is_none());
        assert!(leaves.prove_any(InstanceId { token_type: 1, index: 1 }, 0).is_none());
        assert!(leaves.prove_bitmap(1, 0).is_none());
        assert!(leaves.prove_report(&account(1)).is_none());
        assert!(leaves.prove_assignment(InstanceId { token_type: 1, index: 1 }).is_none());
        let commitment = leaves.commitment(0, Hash::zero(), account(1));
        assert_eq!(commitment.operations, MerkleRoot::default());
    }

    const GOLDEN: &str = "3a300000020000000000010001000000180000001c000000030007007011";

    /// Others compute bitmaps in other languages and must get the same bytes.
    #[test]
    fn golden_bitmap() {
        let (node, key) = service_node(1);
        let small: Vec<_> = [7, 3, 7, 70_000].map(|index| operation(&key, &node, index, 0, 1)).into();
        assert_eq!(hex::encode(&bitmaps(&small)[0].bitmap), GOLDEN);
        let receipt = small[0].receipt.clone();
        let many: Vec<_> = (0..5000)
            .map(|index| Operation { instance: InstanceId { token_type: 1, index }, kind: 0, receipt: receipt.clone() })
            .collect();
        let mut reversed = many.clone();
        reversed.reverse();
        assert_eq!(bitmaps(&many), bitmaps(&reversed));
        // Cookie, one container, its key and size, its offset, and 8 KiB of bits.
        assert_eq!(bitmaps(&many)[0].bitmap.len(), 8 + 4 + 4 + 8192);
    }
}
