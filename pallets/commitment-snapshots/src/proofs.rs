//! What can be proved with commitments, kept and old.

use smartlayer_primitives::{
    bitmap, commitment::Commitment, merkle::MerkleProof, operation::OperationBitmap, payload::Payload,
    report::ReportEntry, InstanceIndex, Period,
};

use crate::{Ancestry, Commitments, Config, Pallet};

impl<T: Config> Pallet<T> {
    /// The commitment of a period, as long as it is kept.
    pub(crate) fn kept(period: Period) -> Option<Commitment> {
        Commitments::<T>::get(period).map(|stored| stored.commitment)
    }

    /// Whether `commitment` is the one that was accepted at this place.
    pub(crate) fn was_accepted(commitment: &Commitment, ancestry: &MerkleProof) -> bool {
        let hash = commitment.payload_hash(&frame_system::Pallet::<T>::block_hash(0));
        Ancestry::<T>::get().contains(&hash, ancestry)
    }

    /// Whether `entry` is of the commitment's period and under its report.
    pub(crate) fn has_report(commitment: &Commitment, entry: &ReportEntry, proof: &MerkleProof) -> bool {
        entry.period == commitment.period && commitment.report.contains(entry, proof)
    }

    /// The instance's bit in a bitmap under the commitment.
    pub(crate) fn bit(
        commitment: &Commitment,
        leaf: &OperationBitmap,
        proof: &MerkleProof,
        instance: InstanceIndex,
    ) -> Option<bool> {
        // The bitmap first: what is too long is not even hashed.
        let happened = bitmap::contains(&leaf.bitmap, instance)?;
        commitment.bitmaps.contains(leaf, proof).then_some(happened)
    }
}
