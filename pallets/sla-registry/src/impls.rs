//! What the calls do.

use frame_support::{
    ensure,
    pallet_prelude::{DispatchError, DispatchResult},
};
use smartlayer_primitives::{
    agreement::{Agreement, Stage},
    payload::Payload,
    quorum::{QuorumCertificate, QuorumError},
    sla::{Objectives, Terms, TestResult},
    traits::{self, Anchors, ServiceNodes, Snapshots},
    AccountId, TemplateId,
};

use crate::{Agreements, Config, Error, Event, LastTest, Pallet, Templates};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_propose(who: AccountId, template: TemplateId, objectives: Objectives) -> DispatchResult {
        let node = Self::node_of(&who)?;
        ensure!(T::ServiceNodes::is_bonded(&node), Error::<T>::NotBonded);
        let replaceable = match Agreements::<T>::get(&node).map(|a| a.stage) {
            None | Some(Stage::Proposed | Stage::Countered { .. }) => true,
            Some(Stage::Accepted | Stage::Tested | Stage::Active { .. }) => false,
        };
        ensure!(replaceable, Error::<T>::EndFirst);
        let terms = Self::terms(template, objectives)?;
        Agreements::<T>::insert(&node, Agreement { terms, stage: Stage::Proposed });
        Self::deposit_event(Event::Proposed { node, terms });
        Ok(())
    }

    pub(crate) fn do_counter(who: AccountId, node: AccountId, objectives: Objectives) -> DispatchResult {
        let by = Self::anchor_of(&who)?;
        let agreement = Self::agreement_of(&node)?;
        ensure!(agreement.stage == Stage::Proposed, Error::<T>::NotProposed);
        let terms = Self::terms(agreement.terms.template, objectives)?;
        Agreements::<T>::insert(&node, Agreement { terms, stage: Stage::Countered { by: by.clone() } });
        Self::deposit_event(Event::Countered { node, by, terms });
        Ok(())
    }

    pub(crate) fn do_accept_proposal(who: AccountId, node: AccountId) -> DispatchResult {
        Self::anchor_of(&who)?;
        let agreement = Self::agreement_of(&node)?;
        ensure!(agreement.stage == Stage::Proposed, Error::<T>::NotProposed);
        Self::accept(node, agreement);
        Ok(())
    }

    pub(crate) fn do_accept_counter(who: AccountId) -> DispatchResult {
        let node = Self::node_of(&who)?;
        let agreement = Self::agreement_of(&node)?;
        ensure!(matches!(agreement.stage, Stage::Countered { .. }), Error::<T>::NotCountered);
        Self::accept(node, agreement);
        Ok(())
    }

    pub(crate) fn do_record_test(result: TestResult, certificate: QuorumCertificate) -> DispatchResult {
        let hash = result.payload_hash(&frame_system::Pallet::<T>::block_hash(0));
        let TestResult { node, terms, period, passed } = result;
        let agreement = Self::agreement_of(&node)?;
        ensure!(agreement.stage == Stage::Accepted, Error::<T>::NotAccepted);
        ensure!(agreement.terms == terms, Error::<T>::OtherTerms);
        let now = T::Snapshots::current_period();
        ensure!(period == now || period.checked_add(1) == Some(now), Error::<T>::StaleResult);
        ensure!(LastTest::<T>::get(&node).is_none_or(|last| period > last), Error::<T>::AlreadyTested);
        T::Anchors::verify_quorum(hash, &certificate).map_err(Error::<T>::from)?;

        LastTest::<T>::insert(&node, period);
        if passed {
            Agreements::<T>::insert(&node, Agreement { terms, stage: Stage::Tested });
            Self::deposit_event(Event::TestPassed { node, period });
        } else {
            Agreements::<T>::remove(&node);
            Self::deposit_event(Event::TestFailed { node, period });
        }
        Ok(())
    }

    pub(crate) fn do_activate(who: AccountId) -> DispatchResult {
        let node = Self::node_of(&who)?;
        ensure!(T::ServiceNodes::is_bonded(&node), Error::<T>::NotBonded);
        let Agreement { terms, stage } = Self::agreement_of(&node)?;
        ensure!(stage == Stage::Tested, Error::<T>::NotTested);
        let since = frame_system::Pallet::<T>::block_number();
        Agreements::<T>::insert(&node, Agreement { terms, stage: Stage::Active { since } });
        Self::deposit_event(Event::Activated { node, terms });
        Ok(())
    }

    pub(crate) fn do_end(who: AccountId) -> DispatchResult {
        let node = Self::node_of(&who)?;
        Agreements::<T>::take(&node).ok_or(Error::<T>::NoAgreement)?;
        Self::deposit_event(Event::Ended { node });
        Ok(())
    }

    pub(crate) fn do_expire(node: AccountId) -> DispatchResult {
        ensure!(!T::ServiceNodes::is_bonded(&node), Error::<T>::StillBonded);
        Agreements::<T>::take(&node).ok_or(Error::<T>::NoAgreement)?;
        Self::deposit_event(Event::Expired { node });
        Ok(())
    }

    fn accept(node: AccountId, agreement: Agreement) {
        let terms = agreement.terms;
        Agreements::<T>::insert(&node, Agreement { terms, stage: Stage::Accepted });
        Self::deposit_event(Event::Accepted { node, terms });
    }

    fn terms(template: TemplateId, objectives: Objectives) -> Result<Terms, DispatchError> {
        let terms = Templates::<T>::get(template).ok_or(Error::<T>::NoSuchTemplate)?.terms(template, objectives);
        Ok(terms.ok_or(Error::<T>::TermsOutsideTemplate)?)
    }

    fn agreement_of(node: &AccountId) -> Result<Agreement, DispatchError> {
        Ok(Agreements::<T>::get(node).ok_or(Error::<T>::NoAgreement)?)
    }

    fn node_of(who: &AccountId) -> Result<AccountId, DispatchError> {
        Ok(T::ServiceNodes::acting_for(who).ok_or(Error::<T>::NotANode)?)
    }

    fn anchor_of(who: &AccountId) -> Result<AccountId, DispatchError> {
        Ok(T::Anchors::acting_for(who).ok_or(Error::<T>::NotAnAnchor)?)
    }
}

impl<T: Config> traits::Agreements for Pallet<T> {
    fn active_terms(node: &AccountId) -> Option<Terms> {
        Agreements::<T>::get(node).filter(|a| matches!(a.stage, Stage::Active { .. })).map(|a| a.terms)
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

#[cfg(any(feature = "try-runtime", test))]
impl<T: Config> Pallet<T> {
    /// Checks what must be true after every call.
    pub(crate) fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        let now = frame_system::Pallet::<T>::block_number();
        for (node, Agreement { terms, stage }) in Agreements::<T>::iter() {
            let template = Templates::<T>::get(terms.template).ok_or("terms of a template that is not there")?;
            ensure!(template.terms(terms.template, terms.objectives) == Some(terms), "terms outside their template");
            match stage {
                Stage::Tested => {
                    ensure!(LastTest::<T>::contains_key(&node), "tested without a test");
                }
                Stage::Active { since } => {
                    ensure!(LastTest::<T>::contains_key(&node), "active without a test");
                    ensure!(since <= now, "active since the future");
                }
                Stage::Proposed | Stage::Countered { .. } | Stage::Accepted => {}
            }
        }
        for period in LastTest::<T>::iter_values() {
            ensure!(period <= T::Snapshots::current_period(), "tested in the future");
        }
        Ok(())
    }
}
