//! What the calls have in common: who acts, what is read, what is written, and how long it matters.

use frame_support::pallet_prelude::{DispatchError, Get};
use smartlayer_primitives::{
    agreement::Agreement,
    quorum::QuorumError,
    traits::{Anchors, ServiceNodes, Snapshots},
    AccountId, Period,
};

use crate::{Agreements, Config, Error, LastTest, Pallet};

impl<T: Config> Pallet<T> {
    pub(crate) fn node_of(who: &AccountId) -> Result<AccountId, DispatchError> {
        Ok(T::ServiceNodes::acting_for(who).ok_or(Error::<T>::NotANode)?)
    }

    pub(crate) fn anchor_of(who: &AccountId) -> Result<AccountId, DispatchError> {
        Ok(T::Anchors::acting_for(who).ok_or(Error::<T>::NotAnAnchor)?)
    }

    pub(crate) fn agreement_of(node: &AccountId) -> Result<Agreement, DispatchError> {
        Ok(Agreements::<T>::get(node).ok_or(Error::<T>::NoAgreement)?)
    }

    /// Writes the agreement, or removes it with all that goes with it when nothing is left in it.
    pub(crate) fn store(node: &AccountId, agreement: Agreement) {
        // Maintenance alone means nothing: there are no terms that it could excuse from.
        if agreement.in_force.is_some() || agreement.negotiation.is_some() || agreement.former.is_some() {
            Agreements::<T>::insert(node, agreement);
        } else {
            Agreements::<T>::remove(node);
            Self::forget_test(node);
        }
    }

    /// Removes the period of the node's last test if no result of that period could be recorded again. Returns whether
    /// it did.
    pub(crate) fn forget_test(node: &AccountId) -> bool {
        let stale = LastTest::<T>::get(node).is_some_and(|last| !Self::is_recent(last));
        if stale {
            LastTest::<T>::remove(node);
        }
        stale
    }

    /// Whether a test result may be of this period: the running one or the one before.
    pub(crate) fn is_recent(period: Period) -> bool {
        let now = T::Snapshots::current_period();
        period == now || period.checked_add(1) == Some(now)
    }

    /// Whether a report of this period can lead to a slash now or later. False for a period means false for all before
    /// it, because periods are committed in order.
    pub(crate) fn is_reportable(period: Period) -> bool {
        match T::Snapshots::committed_at(period) {
            Some(block) => frame_system::Pallet::<T>::block_number() <= block.saturating_add(T::ReportWindow::get()),
            // Not committed yet, or not kept any more.
            None => T::Snapshots::current_period() <= period.saturating_add(T::History::get()),
        }
    }

    /// The next period: what is decided now holds from there on.
    pub(crate) fn next_period() -> Period {
        T::Snapshots::current_period().saturating_add(1)
    }
}

impl<T: Config> From<QuorumError> for Error<T> {
    fn from(error: QuorumError) -> Self {
        match error {
            QuorumError::OtherSet => Self::QuorumOtherSet,
            QuorumError::BadBitmap => Self::QuorumBadBitmap,
            QuorumError::SignatureCount => Self::QuorumSignatureCount,
            QuorumError::TooFew => Self::QuorumTooFew,
            QuorumError::BadSignature => Self::QuorumBadSignature,
        }
    }
}
